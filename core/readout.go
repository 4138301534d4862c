package core

import (
	"context"
	"fmt"
	"slices"

	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// ReadInto computes arrays as one program, if they are not computed yet, and copies them into buffers of their shapes and
// dtypes. The caller's memory is not touched after Job.Close.
func (e *Executor) ReadInto(arrays []*Array, buffers []Buffer) (*Job, error) {
	nodes, err := e.nodes(arrays)
	if err != nil {
		return nil, err
	}
	if len(buffers) != len(nodes) {
		return nil, errs.New(errs.Value, "%d buffers for %d arrays", len(buffers), len(nodes))
	}
	for k, b := range buffers {
		if n := nodes[k]; b.DType != n.DType() || !slices.Equal(b.Shape, n.Shape()) {
			return nil, errs.New(errs.Value, "buffer %d is of shape %s and dtype %s, the array of %s and %s", k,
				tuple(b.Shape), b.DType, tuple(n.Shape()), n.DType())
		}
	}
	retained := retain(nodes)
	return e.start(func(ctx context.Context, j *Job) error {
		defer releaseAll(retained)
		for _, n := range nodes {
			j.toMove.Add(n.Grid().Size() * sizeOf(n.DType()))
		}
		if err := e.compute(ctx, j, nodes, make([]string, len(nodes))); err != nil {
			return err
		}
		for k, n := range nodes {
			if err := e.readOut(ctx, j, n, &buffers[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Executor) readOut(ctx context.Context, j *Job, n *expr.Node, b *Buffer) error {
	return e.eachStored(ctx, n, func(i matrix.Index, t *tile.Tile) error {
		g := n.Grid()
		shape, at := g.TileShape(i[:len(g)]), b.offset(g.Starts(i[:len(g)]))
		d, err := tile.ParseDType(n.DType())
		if err != nil {
			return err
		}
		if t == nil {
			zeros, err := e.space.Alloc(ctx, d, shape)
			if err != nil {
				return err
			}
			defer e.space.Free(zeros)
			zeros.Zero()
			t = zeros
		}
		tile.Copy(b.bytes(at), b.Strides, t.Bytes(), tile.Strides(shape, nil, d), shape, d)
		j.moved.Add(t.NBytes())
		return nil
	})
}

// transferTiles is how many tiles reading, saving and renaming hold for each that they move.
const transferTiles = 2

// eachStored calls f for each tile of a computed node; nil stands for zeros. f must not keep the tile.
func (e *Executor) eachStored(ctx context.Context, n *expr.Node, f func(i matrix.Index, t *tile.Tile) error) error {
	s, ok := storedOf(n)
	if !ok {
		return errs.New(errs.Internal, "%s was not computed", n.Label())
	}
	return e.rt.EachTile(ctx, s.m.Grid, transferTiles*s.m.TileBytes(), func(ctx context.Context, i matrix.Index) error {
		return e.withTile(ctx, s.m, i, func(t *tile.Tile) error { return f(i, t) })
	})
}

// withTile calls f with a tile, within a reservation of transferTiles; nil stands for zeros. f must not keep it.
func (e *Executor) withTile(ctx context.Context, m *matrix.BigMatrix, i matrix.Index, f func(t *tile.Tile) error) error {
	base, turned := m.Base(i)
	t, err := e.space.Pin(ctx, m, base)
	if err != nil {
		return err
	}
	if t != nil {
		defer e.space.Unpin(m, base)
	}
	if t == nil || !turned {
		return f(t)
	}
	twin, err := e.space.Alloc(ctx, t.DType, []int64{t.Shape[1], t.Shape[0]})
	if err != nil {
		return err
	}
	defer e.space.Free(twin)
	strides := tile.Strides(t.Shape, nil, t.DType)
	slices.Reverse(strides)
	tile.Copy(twin.Bytes(), tile.Strides(twin.Shape, nil, t.DType), t.Bytes(), strides, twin.Shape, t.DType)
	return f(twin)
}

// SaveNpy computes an array and writes it to a .npy file, which appears whole or not at all; path is a file's, or the URL of an
// object.
func (e *Executor) SaveNpy(a *Array, path string) (*Job, error) {
	nodes, err := e.nodes([]*Array{a})
	if err != nil {
		return nil, err
	}
	n := nodes[0]
	d, err := tile.ParseDType(n.DType())
	if err != nil {
		return nil, err
	}
	retained := retain(nodes)
	return e.start(func(ctx context.Context, j *Job) error {
		defer releaseAll(retained)
		j.toMove.Store(n.Grid().Size() * sizeOf(n.DType()))
		if err := e.compute(ctx, j, nodes, []string{""}); err != nil {
			return err
		}
		if isURL(path) {
			return e.saveObject(ctx, j, n, d, path)
		}
		w, err := matrix.CreateNpy(path, d, n.Shape())
		if err != nil {
			return err
		}
		err = e.eachStored(ctx, n, func(i matrix.Index, t *tile.Tile) error {
			if t == nil {
				return nil // the file is zeros where nothing is written
			}
			j.moved.Add(t.NBytes())
			return w.WriteTile(n.Grid().Starts(i[:len(n.Grid())]), t)
		})
		if err != nil {
			w.Abort()
			return err
		}
		return w.Commit()
	})
}

// rename gives a computed matrix a name: a second one in memory, a copy under that name in a durable store.
func (e *Executor) rename(ctx context.Context, j *Job, n *expr.Node, s *stored, name string) error {
	if e.durable == nil {
		e.mu.Lock()
		second := s.name != ""
		if !second {
			s.name = name
		}
		e.mu.Unlock()
		if second {
			return errs.New(errs.Exists, "the matrix has the name %q already", s.name)
		}
		s.m.Display = fmt.Sprintf("BigMatrix(%s)", name)
		e.remember(s)
		return nil
	}
	out, err := e.newNamed(ctx, name, s.key, s.m.DType, s.m.Grid)
	if err != nil {
		return err
	}
	defer out.Unref()
	j.toMove.Add(n.Grid().Size() * sizeOf(n.DType()))
	err = e.eachStored(ctx, n, func(i matrix.Index, t *tile.Tile) error {
		if t == nil {
			return nil
		}
		twin, err := e.space.Alloc(ctx, t.DType, t.Shape)
		if err != nil {
			return err
		}
		copy(twin.Bytes(), t.Bytes())
		e.space.Put(out.m, i, twin, matrix.Kept)
		j.moved.Add(t.NBytes())
		return e.space.Err(out.m)
	})
	if err == nil {
		err = e.finish(ctx, out)
	}
	if err == nil {
		n.SetStored(out.asStored(), out.m.Display, true)
	}
	return err
}

// sizeOf is the bytes of an element.
func sizeOf(dtype string) int64 {
	d, err := tile.ParseDType(dtype)
	if err != nil {
		return 0
	}
	return int64(d.Size())
}
