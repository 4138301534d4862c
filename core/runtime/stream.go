package runtime

import (
	"numpywren/core/affine"
	"numpywren/core/errs"
	"numpywren/core/kernel"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// A reducer over a comprehension streams: at any time the task holds the accumulator, the operands of this step, and those
// of the next, which are read while this one computes.

// reduce computes sum([body for …]) and its kin.
func (e *evaluation) reduce(k *kernel.Kernel, c *lambdapack.Call) (value, error) {
	comp, ok := c.Args[0].(*lambdapack.Comp)
	if !ok {
		return value{}, errs.New(errs.Internal, "%s wants a comprehension", k.Name)
	}
	s := &stream{e: e, comp: comp, points: points(comp, e.vars)}
	defer s.stop()
	acc := value{}
	for n := range s.points {
		mark := len(e.pins)
		if err := s.step(n); err != nil {
			e.release(acc)
			return value{}, err
		}
		err := e.fold(k, c, comp.Body, &acc)
		e.unpin(mark)
		e.vars = e.vars[:len(e.vars)-len(comp.Loops)]
		s.done(n)
		if err != nil {
			e.release(acc)
			return value{}, err
		}
	}
	if acc.shape == nil { // nothing to reduce: the identity of a sum, in the shape of the task's output
		out := e.job.firstWrite(e.task)
		m, i := e.job.placeOf(out)
		acc = value{shape: m.TileShape(i), dtype: m.DType}
	}
	if k.Finish != nil {
		return e.finish(k, c, acc)
	}
	return acc, nil
}

// fold adds the body's value at this point to the accumulator.
func (e *evaluation) fold(k *kernel.Kernel, c *lambdapack.Call, body lambdapack.Expr, acc *value) error {
	if call, ok := body.(*lambdapack.Call); ok && k.Name == "sum" {
		if inner, ok := kernel.Lookup(call.Sig.Name); ok && inner.CanAccumulate {
			return e.accumulate(inner, call, acc)
		}
	}
	v, err := e.expr(body)
	if err != nil {
		return err
	}
	return e.step(k, c, v, acc)
}

// accumulate lets the kernel add its product to the accumulator itself. A product with a tile of zeros is left out.
func (e *evaluation) accumulate(k *kernel.Kernel, call *lambdapack.Call, acc *value) error {
	operands, err := e.operands(call)
	if err != nil {
		return err
	}
	for _, v := range operands {
		if v.t == nil && len(operands) == 2 {
			if acc.shape == nil {
				acc.shape, acc.dtype = productShape(operands), v.dtype
			}
			e.releaseAll(operands)
			return nil
		}
	}
	into := acc.t
	outs, err := e.apply(k, call, operands, into)
	if err == nil && into == nil {
		*acc = outs[0]
	}
	return err
}

func productShape(operands []value) []int64 {
	rows := func(v value) int64 {
		if v.trans {
			return v.shape[1]
		}
		return v.shape[0]
	}
	cols := func(v value) int64 { return v.shape[0] + v.shape[1] - rows(v) }
	return []int64{rows(operands[0]), cols(operands[1])}
}

// step gives one value to the reducer. The first value that the task owns becomes the accumulator.
func (e *evaluation) step(k *kernel.Kernel, c *lambdapack.Call, v value, acc *value) error {
	defer e.releaseUnless(&v, acc)
	if err := e.prepare(k, &v); err != nil {
		return err
	}
	first := acc.t == nil
	if first {
		shape, dtype := v.shape, v.dtype
		if k.Out != nil {
			specs, err := k.Out(e.args(c, nil))
			if err != nil {
				return e.job.failure(e.task, err)
			}
			shape, dtype = specs[0].Shape, specs[0].DType
		} else if v.owned {
			*acc = v
			return nil
		}
		t, err := e.job.rt.space.Alloc(e.ctx, dtype, shape)
		if err != nil {
			return err
		}
		*acc = value{t: t, shape: shape, dtype: dtype, owned: true}
	}
	if err := k.Step(acc.t, first, v.t, e.args(c, nil)); err != nil {
		return e.job.failure(e.task, err)
	}
	return nil
}

func (e *evaluation) releaseUnless(v, acc *value) {
	if v.t != acc.t {
		e.release(*v)
	}
}

// points lists where the comprehension's loops go, at the statement's place in its own.
func points(comp *lambdapack.Comp, vars []int64) [][]int64 {
	var all [][]int64
	x := append([]int64(nil), vars...)
	var walk func(d int)
	walk = func(d int) {
		if d == len(comp.Loops) {
			for _, cond := range comp.Conds {
				if !cond.Holds(x) {
					return
				}
			}
			all = append(all, append([]int64(nil), x[len(vars):]...))
			return
		}
		lo, hi, step := comp.Loops[d].Range(x)
		for v := lo; v < hi; v += step {
			x = append(x[:len(vars)+d], v)
			walk(d + 1)
		}
	}
	walk(0)
	return all
}

// stream reads the operands of the comprehension's points one point ahead.
type stream struct {
	e      *evaluation
	comp   *lambdapack.Comp
	points [][]int64
	ahead  []*fetch // of the points from the current one on, at most two
}

// fetch is the tiles of one point, being pinned.
type fetch struct {
	pins []pinned
	done chan struct{} // nil when all were in memory
	err  error
}

// step enters point n: its tiles are in memory when it returns, those of the next are on their way.
func (s *stream) step(n int) error {
	for len(s.ahead) < 2 && n+len(s.ahead) < len(s.points) {
		s.ahead = append(s.ahead, s.begin(s.points[n+len(s.ahead)]))
	}
	if f := s.ahead[0]; f.done != nil {
		select {
		case <-f.done:
		default:
			s.e.job.rt.release()
			<-f.done
			s.e.job.rt.permits <- struct{}{}
		}
	}
	s.e.vars = append(s.e.vars, s.points[n]...)
	return s.ahead[0].err
}

func (s *stream) done(int) { s.drop() }

// drop lets go of the oldest fetch.
func (s *stream) drop() {
	f := s.ahead[0]
	if f.done != nil {
		<-f.done
	}
	for _, p := range f.pins {
		s.e.job.rt.space.Unpin(p.m, p.i)
	}
	s.ahead = s.ahead[1:]
}

func (s *stream) stop() {
	for len(s.ahead) > 0 {
		s.drop()
	}
}

// begin pins the tiles of a point: at once those in memory, the others on a goroutine.
func (s *stream) begin(point []int64) *fetch {
	f := &fetch{}
	var missing []pinned
	space := s.e.job.rt.space
	vars := append(append([]int64(nil), s.e.vars...), point...)
	refs(s.comp.Body, func(ref *lambdapack.TileRef) {
		m, i := s.e.job.place(ref, vars)
		if t, ok := space.TryPin(m, i); !ok {
			missing = append(missing, pinned{m, i})
		} else if t != nil {
			f.pins = append(f.pins, pinned{m, i})
		}
	})
	if len(missing) > 0 {
		f.done = make(chan struct{})
		go func() {
			defer close(f.done)
			defer recovered(&f.err)
			for _, p := range missing {
				var t *tile.Tile
				if t, f.err = space.Pin(s.e.ctx, p.m, p.i); f.err != nil {
					return
				} else if t != nil {
					f.pins = append(f.pins, p)
				}
			}
		}()
	}
	return f
}

// refs calls f for the tile references of an expression, but those inside a comprehension.
func refs(x lambdapack.Expr, f func(*lambdapack.TileRef)) {
	switch x := x.(type) {
	case *lambdapack.TileRef:
		f(x)
	case *lambdapack.Call:
		for _, arg := range x.Args {
			refs(arg, f)
		}
	}
}

var _ = affine.Const
var _ matrix.Index
