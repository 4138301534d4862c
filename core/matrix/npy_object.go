package matrix

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// A .npy file in an object store is read in few, large ranges: every request costs as much time as a megabyte does. Its rows are
// rows of many tiles, so tiles are filled together, those beside each other in the file, as many as there is memory for.

// objectFile is a .npy file in an object store.
type objectFile struct{ *blob.ReaderAt }

func (objectFile) Close() error { return nil }

// OpenNpyObject opens a .npy file of an object store; url is its name for people. ReadTiles is the way to read it.
func OpenNpyObject(ctx context.Context, store *blob.Store, key, url string) (*Npy, error) {
	r, err := store.ReaderAt(ctx, key)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, errs.New(errs.NotFound, "%s cannot be opened: there is no such object", url)
	}
	if err != nil {
		return nil, err
	}
	return openNpy(ctx, objectFile{r}, url)
}

// Group is the shape of a box of whole tiles that is best read at once, the bytes of its elements, size each, being at most
// budget: tiles beside each other in the file, and below each other as long as that is little.
func (n *Npy) Group(block []int64, size int, budget int64) []int64 {
	const enough = 16 << 20
	group := slices.Clone(block)
	bytes := int64(size)
	for _, b := range block {
		bytes *= b
	}
	order := fileOrder(len(n.Shape), n.FortranOrder)
	for k := len(order) - 1; k >= 0; k-- {
		d := order[k]
		most := budget
		if k == 0 {
			most = min(budget, enough)
		}
		tiles := max(1, (n.Shape[d]+block[d]-1)/block[d])
		fit := min(tiles, max(1, most/max(bytes, 1)))
		group[d] *= fit
		bytes *= fit
		if fit < tiles {
			break
		}
	}
	return group
}

// Placed is a tile and the place of its first element in the array.
type Placed struct {
	Start []int64
	Tile  *tile.Tile
}

// ReadTiles fills tiles that make up a box of the array. stage is memory for what is read at a time.
func (n *Npy) ReadTiles(ctx context.Context, start, extent []int64, tiles []Placed, stage []byte) error {
	if len(tiles) == 0 {
		return nil
	}
	d := tiles[0].Tile.DType
	if wide, err := tile.Widened(n.DType); d != n.DType && (err != nil || wide != d) {
		return errs.New(errs.Type, "%s holds %s: it cannot be read into tiles of %s", n.path, n.DType, d)
	}
	for _, t := range tiles {
		if err := within(n.Shape, t.Start, t.Tile); err != nil {
			return errs.New(errs.Internal, "%s: %w", n.path, err)
		}
	}
	size, wideSize := int64(n.DType.Size()), int64(0)
	if d != n.DType {
		wideSize = int64(d.Size())
	}
	most := int64(len(stage)) / (size + wideSize)
	if most < 1 {
		return errs.New(errs.Internal, "%s: a stage of %d bytes", n.path, len(stage))
	}
	order := fileOrder(len(n.Shape), n.FortranOrder)
	first := slices.Clone(start)
	return tile.Bands(extent, order, most, func(s, e []int64) error {
		for k := range first {
			first[k] = start[k] + s[k]
		}
		elements := int64(1)
		for _, x := range e {
			elements *= x
		}
		wide, part := stage[:elements*wideSize], stage[most*wideSize:][:elements*size]
		if err := n.readRuns(ctx, part, first, e, order); err != nil {
			return err
		}
		if n.big {
			tile.SwapBytes(part, int(size))
		}
		if d != n.DType {
			tile.Convert(wide, d, part, n.DType)
			part = wide
		}
		for _, t := range tiles {
			t.take(part, first, e, order)
		}
		return nil
	})
}

// take copies what the tile has of a box of the array, whose elements lie in p in the order of the file.
func (t Placed) take(p []byte, first, extent []int64, order []int) {
	d := t.Tile.DType
	from, to := tile.Strides(extent, order, d), tile.Strides(t.Tile.Shape, nil, d)
	shape := make([]int64, len(first))
	src, dst := int64(0), int64(0)
	for k := range shape {
		lo := max(first[k], t.Start[k])
		if shape[k] = min(first[k]+extent[k], t.Start[k]+t.Tile.Shape[k]) - lo; shape[k] <= 0 {
			return
		}
		src += (lo - first[k]) * from[k]
		dst += (lo - t.Start[k]) * to[k]
	}
	tile.Copy(t.Tile.Bytes()[dst:], to, p[src:], from, shape, d)
}

// Give copies what the tile has of a box of the array to p, whose elements lie in C order: the other way round.
func (t Placed) Give(p []byte, first, extent []int64) {
	d := t.Tile.DType
	to, from := tile.Strides(extent, fileOrder(len(extent), false), d), tile.Strides(t.Tile.Shape, nil, d)
	shape := make([]int64, len(first))
	src, dst := int64(0), int64(0)
	for k := range shape {
		lo := max(first[k], t.Start[k])
		if shape[k] = min(first[k]+extent[k], t.Start[k]+t.Tile.Shape[k]) - lo; shape[k] <= 0 {
			return
		}
		src += (lo - t.Start[k]) * from[k]
		dst += (lo - first[k]) * to[k]
	}
	tile.Copy(p[dst:], to, t.Tile.Bytes()[src:], from, shape, d)
}

// runsAtOnce is how many runs of a box are read at the same time.
const runsAtOnce = 8

// readRuns reads a box of the file into p.
func (n *Npy) readRuns(ctx context.Context, p []byte, first, extent []int64, order []int) error {
	size := int64(n.DType.Size())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	permits := make(chan struct{}, runsAtOnce)
	var all sync.WaitGroup
	for at, run := range runs(n.Shape, first, extent, order) {
		into := p[:run*size]
		p = p[run*size:]
		permits <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-permits }()
			defer func() {
				if x := recover(); x != nil {
					cancel(errs.New(errs.Internal, "internal error: %v\n%s", x, debug.Stack()))
				}
			}()
			if err := n.readAt(ctx, into, n.data+at*size); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
