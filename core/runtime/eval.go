package runtime

import (
	"context"
	"errors"

	"numpywren/core/errs"
	"numpywren/core/kernel"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// evaluation computes the body of one task. It runs on one goroutine, within the task's reservation.
type evaluation struct {
	job  *Job
	ctx  context.Context
	task lambdapack.Task
	vars []int64 // the statement's loop variables, then those of the comprehensions around
	pins []pinned
}

type pinned struct {
	m *matrix.BigMatrix
	i matrix.Index
}

// value is a tile on its way through the kernels of a task.
type value struct {
	t     *tile.Tile // nil: zeros of the given shape
	shape []int64
	dtype tile.DType
	trans bool
	owned bool   // ours to overwrite and to free
	from  pinned // where it is pinned, unless owned
}

// release frees what the task made itself; tiles from the Space stay pinned until the task ends.
func (e *evaluation) release(v value) {
	if v.owned && v.t != nil {
		e.job.rt.space.Free(v.t)
	}
}

// outputs computes the task's output tiles, all owned.
func (e *evaluation) outputs(body lambdapack.Expr) ([]*tile.Tile, error) {
	call, ok := body.(*lambdapack.Call)
	if !ok {
		return nil, errs.New(errs.Internal, "the body of a statement is a %T", body)
	}
	values, err := e.call(call)
	if err != nil {
		return nil, err
	}
	tiles := make([]*tile.Tile, len(values))
	for k, v := range values {
		if v.owned && v.t != nil {
			tiles[k] = v.t
			continue
		}
		if tiles[k], err = e.own(v); err != nil {
			return nil, err
		}
	}
	return tiles, nil
}

// own copies a value that the task may only read.
func (e *evaluation) own(v value) (*tile.Tile, error) {
	t, err := e.job.rt.space.Alloc(e.ctx, v.dtype, v.shape)
	if err != nil {
		return nil, err
	}
	if v.t == nil {
		t.Zero()
		return t, nil
	}
	copy(t.Bytes(), v.t.Bytes())
	return t, nil
}

// expr computes one operand that is a tile.
func (e *evaluation) expr(x lambdapack.Expr) (value, error) {
	switch x := x.(type) {
	case *lambdapack.TileRef:
		return e.load(x)
	case *lambdapack.Call:
		values, err := e.call(x)
		if err != nil {
			return value{}, err
		}
		return values[0], nil
	}
	return value{}, errs.New(errs.Internal, "%T is not a tile", x)
}

// load pins a tile of the Space; the task's reads were begun before, so it is there as a rule.
func (e *evaluation) load(ref *lambdapack.TileRef) (value, error) {
	m, i := e.job.place(ref, e.vars)
	t, ok := e.job.rt.space.TryPin(m, i)
	if !ok {
		var err error
		if t, err = e.waitFor(m, i); err != nil {
			return value{}, err
		}
	}
	v := value{t: t, shape: m.TileShape(i), dtype: m.DType, trans: ref.Trans, from: pinned{m, i}}
	if t != nil {
		e.pins = append(e.pins, v.from)
	}
	return v, nil
}

// waitFor reads a tile that is not in memory, and lets another task compute meanwhile.
func (e *evaluation) waitFor(m *matrix.BigMatrix, i matrix.Index) (*tile.Tile, error) {
	e.job.rt.release()
	t, err := e.job.rt.space.Pin(e.ctx, m, i)
	if again := e.job.rt.acquireAlways(); err == nil {
		err = again
	}
	return t, err
}

// unpin lets go of the tiles pinned since mark.
func (e *evaluation) unpin(mark int) {
	for _, p := range e.pins[mark:] {
		e.job.rt.space.Unpin(p.m, p.i)
	}
	e.pins = e.pins[:mark]
}

// call applies a kernel to its operands.
func (e *evaluation) call(c *lambdapack.Call) ([]value, error) {
	k, ok := kernel.Lookup(c.Sig.Name)
	if !ok {
		return nil, errs.New(errs.Internal, "no kernel %q", c.Sig.Name)
	}
	if k.Step != nil {
		v, err := e.reduce(k, c)
		return []value{v}, err
	}
	operands, err := e.operands(c)
	if err != nil {
		return nil, err
	}
	outs, err := e.apply(k, c, operands, nil)
	return outs, err
}

// operands computes the tile operands of a call, in order.
func (e *evaluation) operands(c *lambdapack.Call) ([]value, error) {
	var operands []value
	for _, arg := range c.Args {
		switch arg.(type) {
		case *lambdapack.TileRef, *lambdapack.Call:
			v, err := e.expr(arg)
			if err != nil {
				e.releaseAll(operands)
				return nil, err
			}
			operands = append(operands, v)
		}
	}
	return operands, nil
}

func (e *evaluation) releaseAll(vs []value) {
	for _, v := range vs {
		e.release(v)
	}
}

// args is what the kernel gets: the operands, and the call's scalars at this point of the loops.
func (e *evaluation) args(c *lambdapack.Call, operands []value) *kernel.Args {
	a := &kernel.Args{Attrs: c.Attrs, In: make([]*tile.Tile, 0, len(operands)), Trans: make([]bool, 0, len(operands))}
	for _, v := range operands {
		a.In, a.Trans = append(a.In, v.t), append(a.Trans, v.trans)
	}
	for _, arg := range c.Args {
		switch arg := arg.(type) {
		case *lambdapack.AxisRef:
			i := arg.Index.Eval(e.vars)
			a.Axes = append(a.Axes, kernel.AxisBlock{Start: arg.Axis.Start(i), Extent: arg.Axis.Extent(i), Len: arg.Axis.Len})
		case *lambdapack.Int:
			a.Ints = append(a.Ints, arg.E.Eval(e.vars))
		case *lambdapack.Num:
			a.Floats = append(a.Floats, arg.Value)
		case *lambdapack.Str:
			a.Strs = append(a.Strs, arg.Value)
		}
	}
	return a
}

// apply runs a kernel that is not a reducer. acc, when given, is a tile that the result is added to.
func (e *evaluation) apply(k *kernel.Kernel, c *lambdapack.Call, operands []value, acc *tile.Tile) (outs []value, err error) {
	for n := range operands {
		if err := e.prepare(k, &operands[n]); err != nil {
			e.releaseAll(operands)
			return nil, err
		}
	}
	a := e.args(c, operands)
	specs, err := k.Out(a)
	if err != nil {
		e.releaseAll(operands)
		return nil, e.job.failure(e.task, err)
	}
	tiles := make([]*tile.Tile, len(specs))
	reused := -1
	for n, spec := range specs {
		switch {
		case n == 0 && acc != nil:
			tiles[n] = acc
		case n == 0 && e.reusable(k, operands, spec):
			reused = k.InPlace
			tiles[n] = operands[reused].t
			a.In[reused] = tiles[n]
		default:
			if tiles[n], err = e.job.rt.space.Alloc(e.ctx, spec.DType, spec.Shape); err != nil {
				e.releaseAll(operands)
				return nil, err
			}
		}
	}
	err = k.Run(a, tiles, acc != nil)
	for n, v := range operands {
		if n != reused {
			e.release(v)
		}
	}
	for n, spec := range specs {
		outs = append(outs, value{t: tiles[n], shape: spec.Shape, dtype: spec.DType, owned: acc == nil || n > 0})
	}
	if err != nil {
		e.releaseAll(outs)
		return nil, e.job.failure(e.task, err)
	}
	return outs, nil
}

// prepare makes an operand one that the kernel takes: zeros get memory, and a transposed tile is transposed unless the
// kernel does it itself.
func (e *evaluation) prepare(k *kernel.Kernel, v *value) error {
	if v.t == nil {
		t, err := e.own(*v)
		if err != nil {
			return err
		}
		*v = value{t: t, shape: v.shape, dtype: v.dtype, trans: v.trans, owned: true}
	}
	if !v.trans || k.HandlesTrans {
		return nil
	}
	shape := make([]int64, len(v.shape))
	for d := range shape {
		shape[d] = v.shape[len(shape)-1-d]
	}
	t, err := e.job.rt.space.Alloc(e.ctx, v.dtype, shape)
	if err != nil {
		return err
	}
	transpose, _ := kernel.Lookup("copy")
	err = transpose.Run(&kernel.Args{In: []*tile.Tile{v.t}, Trans: []bool{true}}, []*tile.Tile{t}, false)
	e.release(*v)
	*v = value{t: t, shape: shape, dtype: v.dtype, owned: true}
	return err
}

// reusable says whether the kernel may write its result over its operand: the operand is the task's own, or a tile whose
// only reader is this task, which it then takes from the Space.
func (e *evaluation) reusable(k *kernel.Kernel, operands []value, spec kernel.Spec) bool {
	if k.InPlace < 0 || k.InPlace >= len(operands) {
		return false
	}
	v := &operands[k.InPlace]
	if v.trans || v.dtype != spec.DType || !equalShapes(v.shape, spec.Shape) {
		return false
	}
	if v.owned {
		return true
	}
	t, ok := e.job.rt.space.Take(v.from.m, v.from.i)
	if !ok {
		return false
	}
	for n, p := range e.pins {
		if p == v.from {
			e.pins = append(e.pins[:n], e.pins[n+1:]...)
			break
		}
	}
	v.t, v.owned = t, true
	return true
}

func equalShapes(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for d := range a {
		if a[d] != b[d] {
			return false
		}
	}
	return true
}

// failure gives an arithmetic failure the task's name.
func (j *Job) failure(t lambdapack.Task, err error) error {
	var numerical *kernel.Numerical
	if errors.As(err, &numerical) {
		return errs.New(errs.LinAlg, "%s in task %s of %s", numerical.Error(), j.plan.TaskName(t), j.plan.Name)
	}
	return errs.New(errs.KindOf(err), "task %s of %s: %w", j.plan.TaskName(t), j.plan.Name, err)
}
