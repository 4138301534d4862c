package runtime

import (
	"context"
	"slices"

	"numpywren/core/errs"
	"numpywren/core/kernel"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// evaluation computes the body of one task, within the task's reservation. It is used by one goroutine at a time.
type evaluation struct {
	engine   *Engine
	ctx      context.Context
	task     lambdapack.Task
	body     *lambdapack.Call
	priority int64
	frugal   bool                         // it reads nothing ahead
	vars     []int64                      // the statement's loop variables, then those of the comprehensions around
	held     []held                       // tiles of the Space, pinned
	streams  map[*lambdapack.Comp]*stream // begun ahead, by prefetch
}

// held is a tile of the Space that the task has pinned.
type held struct {
	m *matrix.BigMatrix
	i matrix.Index
	t *tile.Tile
}

func newEvaluation(ctx context.Context, x *Engine, t lambdapack.Task, priority int64) *evaluation {
	s := x.plan.Statements[t.Stmt]
	body, _ := s.Body.(*lambdapack.Call)
	return &evaluation{engine: x, ctx: ctx, task: t, body: body, priority: priority, vars: slices.Clone(t.I[:len(s.Vars)])}
}

// close lets go of the tiles that the task holds.
func (e *evaluation) close() {
	for _, s := range e.streams {
		s.stop()
	}
	e.streams = nil
	e.unpin(0)
}

// value is a tile on its way through the kernels of a task.
type value struct {
	t     *tile.Tile // nil: zeros
	shape []int64    // as it lies in memory
	dtype tile.DType
	trans bool // it stands for its transpose
	owned bool // ours to overwrite and to free; otherwise it is pinned
}

// release frees what the task made itself; tiles of the Space stay pinned until the task ends.
func (e *evaluation) release(vs ...value) {
	for _, v := range vs {
		if v.owned && v.t != nil {
			e.engine.rt.space.Free(v.t)
		}
	}
}

// prefetch gets the task's operands into memory, and of each comprehension those of its first points.
func (e *evaluation) prefetch() error { return e.fetchOperands(e.body) }

func (e *evaluation) fetchOperands(c *lambdapack.Call) error {
	for _, arg := range c.Args {
		switch arg := arg.(type) {
		case *lambdapack.TileRef:
			if _, err := e.load(arg); err != nil {
				return err
			}
		case *lambdapack.Call:
			if err := e.fetchOperands(arg); err != nil {
				return err
			}
		case *lambdapack.Comp:
			if e.frugal {
				continue
			}
			if e.streams == nil {
				e.streams = map[*lambdapack.Comp]*stream{}
			}
			s := newStream(e, arg)
			e.streams[arg] = s
			if err := s.ready(); err != nil {
				return err
			}
		}
	}
	return nil
}

// outputs computes the task's output tiles, all owned by the caller then.
func (e *evaluation) outputs() ([]*tile.Tile, error) {
	if e.body == nil {
		return nil, errs.New(errs.Internal, "the body of a statement is no call")
	}
	values, err := e.call(e.body)
	if err != nil {
		return nil, err
	}
	tiles := make([]*tile.Tile, len(values))
	for k, v := range values {
		if v.t == nil || !v.owned {
			if v, err = e.own(v); err != nil {
				e.release(values...)
				return nil, err
			}
			values[k] = v
		}
		tiles[k] = v.t
	}
	return tiles, nil
}

// own copies a value that the task may only read, or gives memory to zeros.
func (e *evaluation) own(v value) (value, error) {
	t, err := e.engine.rt.space.Alloc(e.ctx, v.dtype, v.shape)
	if err != nil {
		return value{}, err
	}
	if v.t == nil {
		t.Zero()
	} else {
		copy(t.Bytes(), v.t.Bytes())
	}
	v.t, v.owned = t, true
	return v, nil
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

// load pins a tile of the Space, unless the task holds it already.
func (e *evaluation) load(ref *lambdapack.TileRef) (value, error) {
	x := e.engine.plan.Resolve(ref, e.vars)
	m, i, turned := e.engine.place(x)
	v := value{shape: m.TileShape(i), dtype: m.DType, trans: ref.Trans != turned}
	for n := range e.held {
		if h := &e.held[n]; h.m == m && h.i == i {
			v.t = h.t
			return v, nil
		}
	}
	t, ok := e.engine.rt.space.TryPin(m, i)
	if !ok {
		var err error
		if t, err = e.engine.rt.space.Pin(e.ctx, m, i); err != nil {
			return value{}, err
		}
	}
	if t != nil {
		e.held = append(e.held, held{m, i, t})
	} else if !e.engine.zeros(x) {
		return value{}, errs.New(errs.OS, "task %s reads %s: %w", e.engine.plan.TaskName(e.task), e.engine.plan.TileName(x), ErrGone)
	}
	v.t = t
	return v, nil
}

// unpin lets go of the tiles pinned since mark.
func (e *evaluation) unpin(mark int) {
	for _, h := range e.held[mark:] {
		e.engine.rt.space.Unpin(h.m, h.i)
	}
	e.held = e.held[:mark]
}

// call applies a kernel to its operands.
func (e *evaluation) call(c *lambdapack.Call) ([]value, error) {
	k, ok := kernel.Lookup(c.Sig.Name)
	if !ok {
		return nil, errs.New(errs.Internal, "there is no kernel %q", c.Sig.Name)
	}
	if k.Step != nil {
		v, err := e.reduce(k, c)
		return []value{v}, err
	}
	inner, fused := elementwise(c)
	operands, err := e.operands(inner)
	if err != nil {
		return nil, err
	}
	a := e.args(c)
	if fused {
		a.Ew = ewOf(inner)
	}
	return e.apply(k, a, operands, nil)
}

// elementwise is the call whose operands the kernel reads: for a reduction of an elementwise expression that of the
// expression, which the reduction computes itself, in strips.
func elementwise(c *lambdapack.Call) (inner *lambdapack.Call, fused bool) {
	if c.Sig.Name != "reduce" && c.Sig.Name != "argpart" {
		return c, false
	}
	if x, ok := c.Args[0].(*lambdapack.Call); ok && x.Sig.Name == "ew" {
		return x, true
	}
	return c, false
}

func ewOf(c *lambdapack.Call) *kernel.Ew {
	text, _ := c.Args[0].(*lambdapack.Str)
	d, _ := tile.ParseDType(c.DType)
	return &kernel.Ew{Expr: text.Value, DType: d}
}

// operands computes the tile operands of a call, in order.
func (e *evaluation) operands(c *lambdapack.Call) ([]value, error) {
	var operands []value
	for _, arg := range c.Args {
		switch arg.(type) {
		case *lambdapack.TileRef, *lambdapack.Call:
			v, err := e.expr(arg)
			if err != nil {
				e.release(operands...)
				return nil, err
			}
			operands = append(operands, v)
		}
	}
	return operands, nil
}

// args is the call's scalars at this point of the loops, without its tiles.
func (e *evaluation) args(c *lambdapack.Call) *kernel.Args {
	a := &kernel.Args{Attrs: c.Attrs, Share: e.engine.share, Idle: e.engine.idle}
	if block := e.engine.block; block != nil && c.Sig.Name == "pyblock" {
		a.Block = func(key string, in []*tile.Tile, out *tile.Tile) error { return block(e.ctx, key, in, out) }
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

// apply runs a kernel that is not a reducer, and releases the operands. acc, when given, is a tile that the result is added to.
func (e *evaluation) apply(k *kernel.Kernel, a *kernel.Args, operands []value, acc *tile.Tile) (outs []value, err error) {
	defer func() { e.release(operands...) }()
	a.In, a.Trans = make([]*tile.Tile, len(operands)), make([]bool, len(operands))
	for n := range operands {
		if operands[n], err = e.prepare(k, operands[n]); err != nil {
			return nil, err
		}
		a.In[n], a.Trans[n] = operands[n].t, operands[n].trans
	}
	specs, err := e.specs(k, a)
	if err != nil {
		return nil, err
	}
	tiles := make([]*tile.Tile, len(specs))
	for n, spec := range specs {
		switch reused := e.reusable(k, n, a, operands, spec); {
		case n == 0 && acc != nil:
			tiles[n] = acc
		case reused >= 0:
			tiles[n] = operands[reused].t
			operands[reused] = value{} // it is the result now
		default:
			if tiles[n], err = e.engine.rt.space.Alloc(e.ctx, spec.DType, spec.Shape); err != nil {
				e.release(outs...)
				return nil, err
			}
		}
		outs = append(outs, value{t: tiles[n], shape: spec.Shape, dtype: spec.DType, owned: n > 0 || acc == nil})
	}
	if err := e.engine.timed(func() error { return k.Run(a, tiles, acc != nil) }); err != nil {
		e.release(outs...)
		return nil, e.engine.failure(e.task, err)
	}
	return outs, nil
}

// specs is what the kernel will make of its operands. A panic in it is an error, as in timed.
func (e *evaluation) specs(k *kernel.Kernel, a *kernel.Args) (specs []kernel.Spec, err error) {
	defer func() {
		if err != nil {
			err = e.engine.failure(e.task, err)
		}
	}()
	defer Recovered(&err)
	return k.Out(a)
}

// prepare makes an operand one that the kernel takes: zeros get memory, and a transposed tile is transposed unless the
// kernel does it itself. It releases v when it gives another.
func (e *evaluation) prepare(k *kernel.Kernel, v value) (value, error) {
	if v.t == nil {
		owned, err := e.own(v)
		if err != nil {
			return v, err
		}
		v = owned
	}
	if !v.trans || k.HandlesTrans {
		return v, nil
	}
	shape := slices.Clone(v.shape)
	slices.Reverse(shape)
	t, err := e.engine.rt.space.Alloc(e.ctx, v.dtype, shape)
	if err != nil {
		return v, err
	}
	out := value{t: t, shape: shape, dtype: v.dtype, owned: true}
	transpose, _ := kernel.Lookup("copy")
	err = e.engine.timed(func() error {
		return transpose.Run(&kernel.Args{In: []*tile.Tile{v.t}, Trans: []bool{true}}, []*tile.Tile{t}, false)
	})
	e.release(v)
	return out, err
}

// reusable is the operand over which the kernel may write one of its results, or -1: one that is the task's own, or a tile whose
// only reader is this task, which it then takes from the Space.
func (e *evaluation) reusable(k *kernel.Kernel, out int, a *kernel.Args, operands []value, spec kernel.Spec) int {
	inPlace := k.InPlace
	if also, ok := k.Also[out]; out > 0 {
		if !ok {
			return -1
		}
		inPlace = also
	}
	for n := range operands {
		v := &operands[n]
		fits := n == inPlace || k.Name == "ew" && a.Ew == nil && kernel.EwCanReuse(a.Strs[0], spec.DType, v.t, spec)
		if !fits || v.trans || v.dtype != spec.DType || !slices.Equal(v.shape, spec.Shape) {
			continue
		}
		if v.owned || e.take(v) {
			return n
		}
	}
	return -1
}

// take makes a pinned tile the task's own, if no other task will read it.
func (e *evaluation) take(v *value) bool {
	for n, h := range e.held {
		if h.t != v.t {
			continue
		}
		if _, ok := e.engine.rt.space.Take(h.m, h.i); !ok {
			return false
		}
		e.held = slices.Delete(e.held, n, n+1)
		v.owned = true
		return true
	}
	return false
}
