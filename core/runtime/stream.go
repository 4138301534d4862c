package runtime

import (
	"iter"
	"slices"

	"numpywren/core/errs"
	"numpywren/core/kernel"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// A reducer over a comprehension streams: at any time the task holds the accumulator, the operands of this step, and those
// of the next, which are read while this one computes. A frugal task reads them when their step comes.

// reduce computes sum([body for …]) and its kin.
func (e *evaluation) reduce(k *kernel.Kernel, c *lambdapack.Call) (acc value, err error) {
	comp, ok := c.Args[0].(*lambdapack.Comp)
	if !ok {
		return value{}, errs.New(errs.Internal, "%s wants a comprehension", k.Name)
	}
	f := &folding{k: k, c: c}
	if f.with, err = e.beside(c); err != nil {
		return value{}, err
	}
	defer func() { e.release(f.with...) }()
	s := e.streams[comp]
	if s == nil {
		s = newStream(e, comp)
	} else {
		delete(e.streams, comp)
	}
	defer s.stop()
	defer func() {
		if err != nil {
			e.release(acc)
			acc = value{}
		}
	}()
	for {
		mark, outer := len(e.held), len(e.vars)
		more, err := s.next()
		if err != nil || !more {
			if err == nil && acc.shape == nil {
				acc, err = e.nothing(k, c)
			}
			return acc, err
		}
		err = e.fold(f, comp.Body, &acc)
		e.vars = e.vars[:outer]
		e.unpin(mark)
		if err != nil {
			return acc, err
		}
	}
}

// folding is a reducer at work: its call, and the tiles that it has beside its list.
type folding struct {
	k    *kernel.Kernel
	c    *lambdapack.Call
	with []value
}

// beside computes the operands of a reducer that are not its list.
func (e *evaluation) beside(c *lambdapack.Call) ([]value, error) {
	with, err := e.operands(c)
	for n := range with {
		if err == nil && with[n].t == nil {
			with[n], err = e.own(with[n])
		}
	}
	return with, err
}

// nothing is the reduction of no tiles: zeros in the shape of the task's output.
func (e *evaluation) nothing(k *kernel.Kernel, c *lambdapack.Call) (value, error) {
	if k.Name != "sum" && k.Name != "assemble" && k.Name != "take" {
		return value{}, errs.New(errs.Value, "task %s: %s of nothing", e.engine.plan.TaskName(e.task), k.Name)
	}
	if k.Out != nil {
		if d, err := tile.ParseDType(c.DType); err == nil {
			shape := make([]int64, 0, len(c.Args))
			for _, a := range e.args(c).Axes {
				shape = append(shape, a.Extent)
			}
			return value{shape: shape, dtype: d}, nil
		}
	}
	for x := range e.engine.plan.Writes(e.task) {
		m, i := e.engine.Place(x)
		return value{shape: m.TileShape(i), dtype: m.DType}, nil
	}
	return value{}, errs.New(errs.Internal, "task %s writes nothing", e.engine.plan.TaskName(e.task))
}

// fold adds the body's value at this point to the accumulator.
func (e *evaluation) fold(f *folding, body lambdapack.Expr, acc *value) error {
	call, isCall := body.(*lambdapack.Call)
	switch {
	case isCall && f.k.Name == "sum":
		if inner, ok := kernel.Lookup(call.Sig.Name); ok && inner.CanAccumulate {
			return e.accumulate(inner, call, acc)
		}
	case isCall && call.Sig.Name == "part":
		v, err := e.expr(call.Args[0])
		if err != nil {
			return err
		}
		return e.step(f, v, e.args(call), acc)
	}
	v, err := e.expr(body)
	if err != nil {
		return err
	}
	return e.step(f, v, nil, acc)
}

// accumulate lets the kernel add its product to the accumulator itself. A product with a tile of zeros is left out.
func (e *evaluation) accumulate(k *kernel.Kernel, call *lambdapack.Call, acc *value) error {
	operands, err := e.operands(call)
	if err != nil {
		return err
	}
	product := k.Name == "gram" || k.Name == "gemm" && len(operands) == 2
	if product && slices.ContainsFunc(operands, func(v value) bool { return v.t == nil }) {
		if acc.shape == nil {
			acc.shape, acc.dtype = productShape(operands), operands[0].dtype
		}
		e.release(operands...)
		return nil
	}
	if acc.t == nil && len(operands) > 2 && acc.shape != nil { // zeros so far
		if *acc, err = e.own(*acc); err != nil {
			e.release(operands...)
			return err
		}
	}
	outs, err := e.apply(k, e.args(call), operands, acc.t)
	if err == nil && acc.t == nil {
		*acc = outs[0]
	}
	return err
}

func productShape(operands []value) []int64 {
	side := func(v value, d int) int64 {
		if v.trans {
			d = 1 - d
		}
		return v.shape[d]
	}
	if len(operands) == 1 { // times its own transpose
		return []int64{side(operands[0], 0), side(operands[0], 0)}
	}
	return []int64{side(operands[0], 0), side(operands[1], 1)}
}

// step gives one value to the reducer. The first value that the task owns becomes the accumulator.
func (e *evaluation) step(f *folding, v value, body *kernel.Args, acc *value) error {
	k := f.k
	v, err := e.prepare(k, v)
	if err != nil {
		e.release(v)
		return err
	}
	first := acc.t == nil
	if first && k.Out == nil && v.owned {
		*acc = v
		return nil
	}
	defer func() { e.release(v) }()
	a := e.args(f.c)
	a.In = []*tile.Tile{v.t}
	for _, w := range f.with {
		a.In = append(a.In, w.t)
	}
	if first {
		spec := kernel.Spec{DType: v.dtype, Shape: v.shape}
		if k.Out != nil {
			specs, err := e.specs(k, a)
			if err != nil {
				return err
			}
			spec = specs[0]
		}
		t, err := e.engine.rt.space.Alloc(e.ctx, spec.DType, spec.Shape)
		if err != nil {
			return err
		}
		*acc = value{t: t, shape: spec.Shape, dtype: spec.DType, owned: true}
	}
	if err := e.engine.timed(func() error { return k.Step(acc.t, first, v.t, a, body) }); err != nil {
		return e.engine.failure(e.task, err)
	}
	return nil
}

// stream enters the points of a comprehension one after the other, the tiles of the next being read meanwhile, unless the task has
// no memory for them.
type stream struct {
	e     *evaluation
	comp  *lambdapack.Comp
	point func() ([]int64, bool)
	end   func()
	now   *fetch // of the point that was entered last
	ahead *fetch // of the next point; nil at the end
}

// fetch is the tiles of one point, being pinned.
type fetch struct {
	vars []int64 // of the comprehension
	held []held
	done chan struct{} // nil when all were in memory
	err  error
}

// newStream begins to read the first point's tiles. It looks at the evaluation's variables now, not later.
func newStream(e *evaluation, comp *lambdapack.Comp) *stream {
	s := &stream{e: e, comp: comp}
	s.point, s.end = iter.Pull(points(comp, slices.Clone(e.vars)))
	s.advance()
	return s
}

// points visits the points of the comprehension's loops around which the statement's variables are vars.
func points(comp *lambdapack.Comp, vars []int64) iter.Seq[[]int64] {
	return func(yield func([]int64) bool) {
		var walk func(x []int64) bool
		walk = func(x []int64) bool {
			d := len(x) - len(vars)
			if d == len(comp.Loops) {
				for _, cond := range comp.Conds {
					if !cond.Holds(x) {
						return true
					}
				}
				return yield(slices.Clone(x[len(vars):]))
			}
			l := &comp.Loops[d]
			stop, step := l.Stop(x), max(1, l.Step.Eval(x))
			for v := l.Start(x); v < stop; v += step {
				if !walk(append(x, v)) {
					return false
				}
			}
			return true
		}
		walk(vars)
	}
}

// ready waits until the first point's tiles are in memory. Called without a permit.
func (s *stream) ready() error {
	if s.ahead == nil || s.ahead.done == nil {
		return nil
	}
	<-s.ahead.done
	return s.ahead.err
}

// next enters the next point: its tiles are in memory when it returns, and those of the one after it on their way.
func (s *stream) next() (more bool, err error) {
	s.now.drop(s.e)
	if s.e.frugal {
		if s.now != nil {
			s.advance()
		}
		s.now, s.ahead = s.ahead, nil
	} else {
		s.now = s.ahead
	}
	if s.now == nil {
		return false, nil
	}
	if !s.e.frugal {
		s.advance()
	}
	if s.now.done != nil {
		select {
		case <-s.now.done:
		default: // let another task compute meanwhile
			r := s.e.engine.rt
			r.release()
			<-s.now.done
			if err := r.acquire(s.e.ctx, s.e.priority); err != nil {
				r.mustAcquire()
				return false, err
			}
		}
	}
	s.e.vars = append(s.e.vars, s.now.vars...)
	return true, s.now.err
}

// advance begins to read the tiles of the next point: those in memory are pinned at once, the others on a goroutine.
func (s *stream) advance() {
	s.ahead = nil
	point, ok := s.point()
	if !ok {
		return
	}
	f := &fetch{vars: point}
	s.ahead = f
	var missing []held
	space := s.e.engine.rt.space
	vars := append(slices.Clone(s.e.vars[:s.comp.First]), point...)
	eachRef(s.comp.Body, func(ref *lambdapack.TileRef) {
		m, i := s.e.engine.Place(s.e.engine.plan.Resolve(ref, vars))
		if t, ok := space.TryPin(m, i); !ok {
			missing = append(missing, held{m: m, i: i})
		} else if t != nil {
			f.held = append(f.held, held{m, i, t})
		}
	})
	if len(missing) > 0 {
		f.done = make(chan struct{})
		go f.read(s.e, space, missing)
	}
}

func (f *fetch) read(e *evaluation, space *matrix.Space, missing []held) {
	defer close(f.done)
	defer Recovered(&f.err)
	for _, h := range missing {
		t, err := space.Pin(e.ctx, h.m, h.i)
		if err != nil {
			f.err = err
			return
		}
		if t != nil {
			h.t = t
			f.held = append(f.held, h)
		}
	}
}

// drop lets go of the tiles. There may be nothing to drop.
func (f *fetch) drop(e *evaluation) {
	if f == nil {
		return
	}
	if f.done != nil {
		<-f.done
	}
	for _, h := range f.held {
		e.engine.rt.space.Unpin(h.m, h.i)
	}
}

// stop lets go of everything.
func (s *stream) stop() {
	s.end()
	s.now.drop(s.e)
	s.ahead.drop(s.e)
	s.now, s.ahead = nil, nil
}

// eachRef calls f for the tile references of an expression, but those inside a comprehension.
func eachRef(x lambdapack.Expr, f func(*lambdapack.TileRef)) {
	switch x := x.(type) {
	case *lambdapack.TileRef:
		f(x)
	case *lambdapack.Call:
		for _, arg := range x.Args {
			eachRef(arg, f)
		}
	}
}
