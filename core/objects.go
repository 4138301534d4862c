package core

import (
	"context"
	"io"
	"path"
	"strings"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/grid"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// Arrays come from URLs of objects and go to them, s3://bucket/key, as they do with paths of files.

const scheme = "s3://"

// isURL says whether a path is the URL of an object.
func isURL(path string) bool { return strings.HasPrefix(path, scheme) }

// stageBytes is the memory for what is read of an object, or written to it, at a time.
func (e *Executor) stageBytes() int64 { return min(16<<20, max(64<<10, e.space.Limit()/16)) }

// startFromNpyObject brings a .npy file of an object store in, groups of tiles at a time.
func (e *Executor) startFromNpyObject(url, name string, block []int64) (*Job, error) {
	store, key, err := e.buckets.find(e.ctx, url)
	if err != nil {
		return nil, err
	}
	f, err := matrix.OpenNpyObject(e.ctx, store, key, url)
	if err != nil {
		return nil, err
	}
	return e.startSource(source{dtype: f.DType, shape: f.Shape, npy: f}, name, block, nil)
}

// fillGroups reads all tiles of a matrix from an object, as many beside each other as the memory limit lets every worker have.
func (e *Executor) fillGroups(ctx context.Context, j *Job, f *matrix.Npy, m *matrix.BigMatrix) error {
	g, d, stage := m.Grid, m.DType, e.stageBytes()
	one := tile.SizeOf(d, g.Block())
	budget := max(one, (e.space.Limit()/2)/int64(e.cfg.Workers)-stage)
	groups, err := grid.New(g.Shape(), f.Group(g.Block(), d.Size(), budget))
	if err != nil {
		return err
	}
	return e.rt.EachTile(ctx, groups, tile.SizeOf(d, groups.Block())+stage, func(ctx context.Context, i matrix.Index) error {
		start, extent := groups.Starts(i[:len(g)]), groups.TileShape(i[:len(g)])
		memory, err := e.space.Alloc(ctx, tile.Uint8, []int64{stage})
		if err != nil {
			return err
		}
		defer e.space.Free(memory)
		var tiles []matrix.Placed
		var at []matrix.Index
		for idx := range within(g, start, extent) {
			t, err := e.space.Alloc(ctx, d, g.TileShape(idx[:len(g)]))
			if err != nil {
				e.freeAll(tiles)
				return err
			}
			tiles, at = append(tiles, matrix.Placed{Start: g.Starts(idx[:len(g)]), Tile: t}), append(at, idx)
		}
		if err := f.ReadTiles(ctx, start, extent, tiles, memory.Bytes()); err != nil {
			e.freeAll(tiles)
			return err
		}
		for k, t := range tiles {
			bytes := t.Tile.NBytes()
			e.space.Put(m, at[k], t.Tile, matrix.Kept)
			j.moved.Add(bytes)
		}
		return e.space.Err(m)
	})
}

func (e *Executor) freeAll(tiles []matrix.Placed) {
	for _, t := range tiles {
		e.space.Free(t.Tile)
	}
}

// within yields the tiles of a grid that a box touches.
func within(g grid.Grid, start, extent []int64) func(yield func(matrix.Index) bool) {
	return func(yield func(matrix.Index) bool) {
		block := g.Block()
		var lo, hi, at matrix.Index
		for k := range g {
			lo[k], hi[k] = start[k]/block[k], (start[k]+extent[k]-1)/block[k]
			if extent[k] == 0 {
				return
			}
		}
		for at = lo; ; {
			if !yield(at) {
				return
			}
			k := len(g) - 1
			for ; k >= 0; k-- {
				if at[k]++; at[k] <= hi[k] {
					break
				}
				at[k] = lo[k]
			}
			if k < 0 {
				return
			}
		}
	}
}

// saveObject writes a computed array to a .npy file in an object store, in the order of the file. The object appears whole or
// not at all.
func (e *Executor) saveObject(ctx context.Context, j *Job, n *expr.Node, d tile.DType, url string) error {
	store, key, err := e.buckets.find(ctx, url)
	if err != nil {
		return err
	}
	header, err := matrix.NpyHeader(d, n.Shape())
	if err != nil {
		return err
	}
	s, ok := storedOf(n)
	if !ok {
		return errs.New(errs.Internal, "%s was not computed", n.Label())
	}
	size := int64(len(header)) + n.Grid().Size()*int64(d.Size())
	slab := e.slab(size)
	bytes := slab + 2*s.m.TileBytes()
	if err := e.space.Reserve(ctx, bytes); err != nil {
		return err
	}
	defer e.space.Unreserve(bytes)
	memory, err := e.space.Alloc(ctx, tile.Uint8, []int64{slab})
	if err != nil {
		return err
	}
	defer e.space.Free(memory)
	w := &slabs{e: e, j: j, m: s.m, header: header, memory: memory.Bytes()}
	if size <= slab {
		// The bytes are all there before the store is asked to take them: it must not wait for us.
		return w.each(ctx, func(p []byte) error { return store.PutBytes(ctx, key, p, blob.PutOptions{}) })
	}
	return store.Put(ctx, key, size, func(to io.Writer) error {
		return w.each(ctx, func(p []byte) error { _, err := to.Write(p); return err })
	}, blob.PutOptions{})
}

// slab is how many bytes of a file are put together at a time: such as an object store takes as parts without keeping them,
// unless memory is short.
func (e *Executor) slab(size int64) int64 {
	const header = 64 << 10
	return min(size, max(header+64<<10, min(4*blob.PartSize(size), e.space.Limit()/4)))
}

// slabs puts tiles of a matrix together to pieces of a .npy file.
type slabs struct {
	e      *Executor
	j      *Job
	m      *matrix.BigMatrix
	header []byte
	memory []byte
}

// each calls f for each piece of the file, in order.
func (s *slabs) each(ctx context.Context, f func(p []byte) error) error {
	g, size := s.m.Grid, int64(s.m.DType.Size())
	order := make([]int, len(g))
	for k := range order {
		order[k] = k
	}
	head := copy(s.memory, s.header)
	if g.Size() == 0 {
		return f(s.memory[:head])
	}
	return tile.Bands(g.Shape(), order, int64(len(s.memory)-head)/size, func(start, extent []int64) error {
		length := size
		for _, x := range extent {
			length *= x
		}
		if err := s.fill(ctx, s.memory[head:][:length], start, extent); err != nil {
			return err
		}
		s.j.moved.Add(length)
		length += int64(head)
		head = 0
		return f(s.memory[:length])
	})
}

// fill puts a box of the matrix together, in C order.
func (s *slabs) fill(ctx context.Context, p []byte, start, extent []int64) error {
	clear(p) // tiles that do not exist are zeros
	g := s.m.Grid
	for i := range within(g, start, extent) {
		err := s.e.withTile(ctx, s.m, i, func(t *tile.Tile) error {
			if t != nil {
				matrix.Placed{Start: g.Starts(i[:len(g)]), Tile: t}.Give(p, start, extent)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// openZarrObject finds the folder of a Zarr array in an object store.
func (e *Executor) openZarrObject(url string) (*matrix.Chunks, string, error) {
	store, key, err := e.buckets.find(e.ctx, url)
	if err != nil {
		return nil, "", err
	}
	return &matrix.Chunks{Store: store, Prefix: key + "/"}, path.Base(key), nil
}
