package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/grid"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// Buffer is an array in the caller's memory; strides in bytes, which may be negative or 0.
type Buffer struct {
	Ptr            unsafe.Pointer
	DType          string
	Shape, Strides []int64
}

// bytes is the buffer's memory from the first element on, of which tile.Copy uses only the address: strides lead out of any
// slice.
func (b *Buffer) bytes(offset int64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(b.Ptr, offset)), 1)
}

// offset is where the element at an index lies.
func (b *Buffer) offset(index []int64) int64 {
	n := int64(0)
	for d, i := range index {
		n += i * b.Strides[d]
	}
	return n
}

// source makes the tiles of a matrix, one at a time.
type source struct {
	dtype tile.DType // of what is read
	shape []int64
	// read fills t, whose dtype is the one of the matrix, with the elements from start on.
	read func(ctx context.Context, start []int64, t *tile.Tile) error
	npy  *matrix.Npy // instead of read: an object, of which many tiles are read at once
}

// StartFromBuffer brings an array in. The caller's memory is not touched after Job.Close.
func (e *Executor) StartFromBuffer(b Buffer, name string, block []int64) (*Job, error) {
	d, err := tile.ParseDType(b.DType)
	if err != nil {
		return nil, err
	}
	wide, err := matrix.Widened(d)
	if err != nil {
		return nil, err
	}
	s := source{dtype: d, shape: b.Shape, read: func(ctx context.Context, start []int64, t *tile.Tile) error {
		if d == wide {
			tile.Copy(t.Bytes(), tile.Strides(t.Shape, nil, d), b.bytes(b.offset(start)), b.Strides, t.Shape, d)
			return nil
		}
		return e.widen(ctx, d, t, func(narrow *tile.Tile) error {
			tile.Copy(narrow.Bytes(), tile.Strides(t.Shape, nil, d), b.bytes(b.offset(start)), b.Strides, t.Shape, d)
			return nil
		})
	}}
	return e.startSource(s, name, block, nil)
}

// widen fills t by way of a tile of the narrower type d.
func (e *Executor) widen(ctx context.Context, d tile.DType, t *tile.Tile, fill func(narrow *tile.Tile) error) error {
	narrow, err := e.space.Alloc(ctx, d, t.Shape)
	if err != nil {
		return err
	}
	defer e.space.Free(narrow)
	if err := fill(narrow); err != nil {
		return err
	}
	return matrix.Widen(t, narrow)
}

// StartFromNpy brings a .npy file in, tile by tile; path is a file's, or the URL of an object.
func (e *Executor) StartFromNpy(path, name string, block []int64) (*Job, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	if isURL(path) {
		return e.startFromNpyObject(path, name, block)
	}
	f, err := matrix.OpenNpy(path)
	if err != nil {
		return nil, err
	}
	job, err := e.startSource(source{dtype: f.DType, shape: f.Shape, read: f.ReadTile}, name, block, func() { _ = f.Close() })
	if err != nil {
		_ = f.Close()
	}
	return job, err
}

// startSource makes a matrix from a source. last is called when the job has ended.
func (e *Executor) startSource(s source, name string, block []int64, last func()) (*Job, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	d, err := matrix.Widened(s.dtype)
	if err != nil {
		return nil, err
	}
	g, err := e.gridFor(s.shape, block, d)
	if err != nil {
		return nil, err
	}
	if name != "" {
		if err := checkName(name); err != nil {
			return nil, err
		}
		if err := e.free(name); err != nil {
			return nil, err
		}
	}
	return e.start(func(ctx context.Context, j *Job) error {
		if last != nil {
			defer last()
		}
		out, err := e.newNamed(ctx, name, "", d, g)
		if err != nil {
			return err
		}
		defer out.Unref()
		j.toMove.Store(g.Size() * int64(d.Size()))
		if s.npy != nil {
			err = e.fillGroups(ctx, j, s.npy, out.m)
		} else {
			err = e.fillTiles(ctx, j, s, out.m)
		}
		if err == nil {
			err = e.finish(ctx, out)
		}
		if err == nil {
			j.result = e.arrayOf(out)
		}
		return err
	})
}

// fillTiles reads all tiles of a matrix, each by itself.
func (e *Executor) fillTiles(ctx context.Context, j *Job, s source, m *matrix.BigMatrix) error {
	g, d := m.Grid, m.DType
	tileBytes := tile.SizeOf(d, g.Block()) + tile.SizeOf(s.dtype, g.Block())
	return e.rt.EachTile(ctx, g, tileBytes, func(ctx context.Context, i matrix.Index) error {
		idx := i[:len(g)]
		t, err := e.space.Alloc(ctx, d, g.TileShape(idx))
		if err != nil {
			return err
		}
		if err := s.read(ctx, g.Starts(idx), t); err != nil {
			e.space.Free(t)
			return err
		}
		e.space.Put(m, i, t, matrix.Kept)
		j.moved.Add(t.NBytes())
		return e.space.Err(m)
	})
}

// gridFor cuts a matrix, and refuses tiles that could not be computed with: three must fit.
func (e *Executor) gridFor(shape, block []int64, d tile.DType) (grid.Grid, error) {
	if len(shape) > matrix.MaxIndex {
		return nil, errs.New(errs.Value, "an array of %d dimensions: at most %d are possible", len(shape), matrix.MaxIndex)
	}
	if block == nil {
		block = grid.DefaultBlock(shape, d.Size())
	}
	g, err := grid.New(shape, block)
	if err != nil {
		return nil, err
	}
	if bytes := 3 * tile.SizeOf(d, g.Block()); bytes > e.taskLimit() {
		return nil, e.tooLarge(fmt.Sprintf("three tiles of shape %s need", tuple(g.Block())), bytes, g, d)
	}
	return g, nil
}

func tuple(v []int64) string {
	text := "("
	for k, x := range v {
		if k > 0 {
			text += ", "
		}
		text += fmt.Sprint(x)
	}
	if len(v) == 1 {
		text += ","
	}
	return text + ")"
}

// newNamed makes a matrix to be filled, in the durable store if it has a name and there is one.
func (e *Executor) newNamed(ctx context.Context, name, key string, d tile.DType, g grid.Grid) (*stored, error) {
	display, prefix := fmt.Sprintf("BigMatrix(m%d)", e.serial.Add(1)), ""
	if name != "" {
		display = "BigMatrix(" + name + ")"
		if e.durable != nil {
			prefix = name + "/"
			if err := e.claim(ctx, prefix, ""); err != nil {
				return nil, err
			}
		}
	}
	if name == "" && e.fleet != nil { // workers must find it
		if key == "" {
			key = randomKey()
		}
		prefix = derivedPrefix + key + "/"
	}
	m := e.newMatrix(display, prefix, d, g, nil, nil)
	if name != "" || e.fleet != nil {
		key = e.newKey(m, key)
	}
	return e.adopt(m, key, name, e.where(prefix)), nil
}

// finish makes a filled matrix whole, and known by its name.
func (e *Executor) finish(ctx context.Context, s *stored) error {
	if s.m.Durable {
		if err := e.whole(ctx, s.m, s.prefix()); err != nil {
			return err
		}
	}
	if s.name != "" {
		e.remember(s)
	}
	return nil
}

// StartFromZarr opens the folder of a Zarr v3 array, of files or of objects below a URL. Its chunks are read when they are needed,
// and never written; with a name the array is copied.
func (e *Executor) StartFromZarr(path, name string, block []int64) (*Job, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	chunks, base, err := e.openZarr(path)
	if err != nil {
		return nil, err
	}
	m, err := openMatrix(e.ctx, chunks, base)
	if errs.KindOf(err) == errs.Key {
		return nil, errs.New(errs.NotFound, "%s is no Zarr v3 array: it has no zarr.json", path)
	}
	if err != nil {
		return nil, err
	}
	d, err := matrix.Widened(m.DType)
	if err != nil {
		return nil, err
	}
	if block == nil {
		block = m.Grid.Block()
	}
	if _, err := e.gridFor(m.Grid.Shape(), block, d); err != nil {
		return nil, err
	}
	if name != "" {
		if err := checkName(name); err != nil {
			return nil, err
		}
		if err := e.free(name); err != nil {
			return nil, err
		}
	}
	return e.start(func(ctx context.Context, j *Job) error {
		s := e.adopt(m, "", "", path)
		defer s.Unref()
		a := e.arrayOf(s)
		if d != m.DType {
			a, err = e.replace(a, "astype", map[string]any{"dtype": d.String()})
		}
		if err == nil {
			a, err = e.replace(a, "rechunk", map[string]any{"block_shape": anySlice(block)})
		}
		if err == nil && name != "" {
			err = e.compute(ctx, j, []*expr.Node{a.node}, []string{name})
		}
		if err != nil {
			a.Close()
			return err
		}
		j.result = a
		return nil
	})
}

// openZarr finds the folder of a Zarr array, and the name that it has there.
func (e *Executor) openZarr(path string) (*matrix.Chunks, string, error) {
	if isURL(path) {
		return e.openZarrObject(path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, "", errs.New(errs.NotFound, "%s cannot be opened: %w", path, err)
	}
	return &matrix.Chunks{Store: blob.NewFile(path)}, filepath.Base(path), nil
}

// replace applies an operation to an array, and lets go of the array.
func (e *Executor) replace(a *Array, op string, params map[string]any) (*Array, error) {
	nodes, err := expr.Apply(op, []expr.Operand{{Node: a.node}}, params)
	if err != nil {
		return a, err
	}
	a.Close()
	return e.newArray(nodes[0]), nil
}

func anySlice(v []int64) []any {
	out := make([]any, len(v))
	for k, x := range v {
		out[k] = x
	}
	return out
}
