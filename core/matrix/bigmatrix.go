package matrix

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/tile"
)

// MaxIndex is the largest number of indices of a tile: its dimensions, and the versions before them that a temporary of a
// program has (S[iter, row, col]).
const MaxIndex = 6

// Index is a tile's place in its matrix; what a matrix does not use is zero.
type Index [MaxIndex]int64

// BigMatrix is a matrix cut into tiles that live in a Space and in an object store. It holds no lock of its own: its tiles
// map belongs to the Space's.
type BigMatrix struct {
	Name    string // unique in its executor; the folder's name in the store
	Display string // where it came from: "BigMatrix(X)", "chol(BigMatrix(X))"
	DType   tile.DType
	Grid    grid.Grid // of the last len(Grid) indices
	Low     []int64   // the first value of each leading, version index; they are stored counted from it
	Half    bool      // it is symmetric, and a tile above the diagonal is the transpose of the one at Base

	// Durable: every tile is written to the store, behind the computation, and may be there from an earlier run. Otherwise tiles
	// go there only when memory is short, and do not outlive their matrix.
	Durable bool
	// Complete: the tiles are in the store already (an opened matrix).
	Complete bool

	chunks *Chunks
	tiles  map[Index]*entry
	refs   atomic.Int64

	// Under the Space's lock:
	writes    int   // tiles that are being written, or queued for it
	err       error // of a durable matrix, the first failure of a write
	forgotten bool  // by Forget
	deleted   bool  // by Delete: nothing is written any more
}

// looksUp says whether a tile that memory does not know may be in the store.
func (m *BigMatrix) looksUp() bool { return m.Complete || m.Durable }

// NewBigMatrix describes a matrix that has no tiles yet.
func NewBigMatrix(name, display string, d tile.DType, g grid.Grid, low, high []int64, chunks *Chunks) *BigMatrix {
	m := &BigMatrix{Name: name, Display: display, DType: d, Grid: g, Low: low, chunks: chunks, tiles: map[Index]*entry{}}
	if chunks.Meta == nil {
		chunks.Meta = m.meta(high)
	}
	m.refs.Store(1)
	return m
}

// meta is the Zarr metadata of a matrix of ours: versions come first, one to a chunk.
func (m *BigMatrix) meta(high []int64) *Meta {
	var shape, chunk []int64
	for d, low := range m.Low {
		shape, chunk = append(shape, high[d]-low), append(chunk, 1)
	}
	meta := NewMeta(append(shape, m.Grid.Shape()...), append(chunk, m.Grid.Block()...), m.DType)
	meta.Attrs = map[string]any{"numpywren": map[string]any{"display": m.Display}}
	return meta
}

// TileShape is the shape of a tile; tiles at the edges are smaller than the block.
func (m *BigMatrix) TileShape(i Index) []int64 {
	return m.Grid.TileShape(i[len(m.Low) : len(m.Low)+len(m.Grid)])
}

// TileBytes is the memory that a full tile takes.
func (m *BigMatrix) TileBytes() int64 { return tile.SizeOf(m.DType, m.Grid.Block()) }

// Prefix is where its objects lie in its store, Store which that is.
func (m *BigMatrix) Prefix() string     { return m.chunks.Prefix }
func (m *BigMatrix) Store() *blob.Store { return m.chunks.Store }

// Marker is beside the tiles of a matrix that is not whole yet, and names what computes it; zarr.json comes in its place.
const Marker = ".computing"

// attribute is where zarr.json says what it says beyond Zarr.
const attribute = "numpywren"

// Identify gives a matrix the key that others know its content by.
func (m *BigMatrix) Identify(key string) {
	m.say(map[string]any{"display": m.Display, "key": key})
}

// Halve says of a new matrix that it is symmetric, and gets no tiles above its diagonal.
func (m *BigMatrix) Halve() {
	m.Half = true
	m.say(map[string]any{"display": m.Display})
}

// say sets what zarr.json says of the matrix beyond Zarr.
func (m *BigMatrix) say(what map[string]any) {
	if m.Half {
		what[symmetric] = lowerHalf
	}
	m.Meta().Attrs = map[string]any{attribute: what}
}

// What zarr.json says of a symmetric matrix: which half of its tiles there is.
const symmetric, lowerHalf = "symmetric", "lower"

// IsHalf says whether a zarr.json of ours is that of a symmetric matrix without the tiles above its diagonal.
func IsHalf(meta *Meta) bool {
	ours, _ := meta.Attrs[attribute].(map[string]any)
	return ours[symmetric] == lowerHalf
}

// Base is the tile that has the content of tile i, and whether that is its transpose.
func (m *BigMatrix) Base(i Index) (Index, bool) {
	if !m.Half || i[0] >= i[1] {
		return i, false
	}
	i[0], i[1] = i[1], i[0]
	return i, true
}

// Attributes are what a zarr.json of ours says of its matrix; "" when it is somebody else's.
func Attributes(meta *Meta) (display, key string) {
	ours, _ := meta.Attrs[attribute].(map[string]any)
	display, _ = ours["display"].(string)
	key, _ = ours["key"].(string)
	return display, key
}

// Meta is the matrix's Zarr metadata.
func (m *BigMatrix) Meta() *Meta { return m.chunks.Meta }

// Key is the tile's chunk in the store.
func (m *BigMatrix) Key(i Index) string {
	idx := make([]int64, len(m.Low)+len(m.Grid))
	for d := range idx {
		idx[d] = i[d]
		if d < len(m.Low) {
			idx[d] -= m.Low[d]
		}
	}
	return m.chunks.Prefix + m.chunks.Meta.ChunkKey(idx)
}

func (m *BigMatrix) where(i Index) string {
	return fmt.Sprintf("tile %v of %s", i[:len(m.Low)+len(m.Grid)], m.Display)
}

// chunk is the shape of a stored tile, without versions. Others' chunks may be larger than the matrix, a block is not.
func (m *BigMatrix) chunk() []int64 { return m.chunks.Meta.Chunk[len(m.Low):] }

// read fills t from the store; ok is false when there is no such chunk.
func (m *BigMatrix) read(ctx context.Context, i Index, t *tile.Tile) (ok bool, err error) {
	err = m.chunks.read(ctx, m.Key(i), m.chunk(), t)
	if errors.Is(err, blob.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, errs.New(kindOr(err, errs.OS), "%s cannot be read: %w", m.where(i), err)
	}
	return true, nil
}

func (m *BigMatrix) write(ctx context.Context, i Index, t *tile.Tile) error {
	if err := m.chunks.write(ctx, m.Key(i), m.chunk(), t); err != nil {
		return errs.New(kindOr(err, errs.OS), "%s cannot be written: %w", m.where(i), err)
	}
	return nil
}

func (m *BigMatrix) exists(ctx context.Context, i Index) (bool, error) {
	_, err := m.chunks.Store.Stat(ctx, m.Key(i))
	if errors.Is(err, blob.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// kindOr is err's own kind, or the one given when it has none.
func kindOr(err error, kind errs.Kind) errs.Kind {
	var e *errs.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return kind
}
