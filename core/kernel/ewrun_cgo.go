//go:build !purego

package kernel

// #cgo LDFLAGS: -lm
// #include "ew.h"
// #include "reduce.h"
// #include "argpart.h"
import "C"

import (
	"unsafe"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The layouts and numbers that Go and C share.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(ewInstr{})-C.sizeof_npw_instr]
	_ = [1]struct{}{}[unsafe.Sizeof(ewConstant{})-C.sizeof_npw_constant]
	_ = [1]struct{}{}[unsafe.Sizeof(pair{})-C.sizeof_npw_pair]
	_ = [1]struct{}{}[ewOps-C.NPW_OPS]
	_ = [1]struct{}{}[tile.Float64-C.NPW_F64]
	_ = [1]struct{}{}[reduceMax-C.NPW_GREATEST]
)

// stripBytes is the size of a register: a handful of them fit the first level of cache.
const stripBytes = 8 << 10

// ewMachine is what the C functions take.
type ewMachine struct {
	space  C.npw_space
	in     []C.npw_operand
	consts *C.npw_constant
	code   *C.npw_instr
}

func (c *ewCall) machine() (*ewMachine, error) {
	m := &ewMachine{
		in:     make([]C.npw_operand, len(c.in)),
		consts: (*C.npw_constant)(unsafe.Pointer(unsafe.SliceData(c.consts))),
		code:   (*C.npw_instr)(unsafe.Pointer(unsafe.SliceData(c.code))),
	}
	s := &m.space
	s.len = C.int64_t(c.len())
	s.operands, s.constants = C.int64_t(len(c.in)), C.int64_t(len(c.consts))
	s.temps, s.instrs = C.int64_t(c.temps), C.int64_t(len(c.code))
	s.result, s.widest, s.size = C.int64_t(c.result), C.int64_t(c.widest), C.int64_t(c.out.Size())
	s.strip = max(1, min(stripBytes/s.widest, s.len))
	for k, t := range c.in {
		if c.operand[k] {
			m.in[k].at, m.in[k].size = t.Ptr(), C.int64_t(t.DType.Size())
			m.in[k].whole = 1
		}
	}
	return m, m.layout(c)
}

// layout describes the space in as few dimensions as possible: neighbours become one where they are one for all operands.
func (m *ewMachine) layout(c *ewCall) error {
	s, n := &m.space, 0
	steps := make([]C.int64_t, 2*len(c.in))
	step, next := steps[:len(c.in)], steps[len(c.in):]
	for k := range next {
		next[k] = 1
	}
	for d, extent := range c.shape {
		if extent == 1 {
			continue
		}
		merge := n > 0
		for k, t := range c.in {
			step[k] = 0
			if t.Shape[d] == 1 {
				m.in[k].whole = 0
			} else {
				step[k] = next[k]
				next[k] *= C.int64_t(t.Shape[d])
			}
			merge = merge && (m.in[k].at == nil || step[k] == m.in[k].stride[n-1]*s.extent[n-1])
		}
		if merge {
			s.extent[n-1] *= C.int64_t(extent)
			continue
		}
		if n == C.NPW_DIMS {
			return errs.New(errs.Unsupported, "ew of tiles of shape %v has too many dimensions to broadcast: %d is the most", c.shape, n)
		}
		for k := range c.in {
			m.in[k].stride[n] = step[k]
		}
		s.extent[n] = C.int64_t(extent)
		n++
	}
	if n == 0 {
		s.extent[0], n = 1, 1
	}
	s.ndim = C.int64_t(n)
	return nil
}

// failure is the error of a C function's result.
func failure(code C.int) error {
	switch code {
	case C.NPW_OK:
		return nil
	case C.NPW_NEGATIVE_POWER:
		return errs.New(errs.Value, "%s", negativePower)
	}
	return errs.New(errs.Memory, "there is no memory for the strips of an elementwise expression")
}

// run computes the expression into out, which may be the memory of an operand of its size.
func (c *ewCall) run(out *tile.Tile) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	return failure(C.npw_ew_run(&m.space, unsafe.SliceData(m.in), m.consts, m.code, out.Ptr()))
}

// reduce folds the expression over the marked dimensions.
func (c *ewCall) reduce(op reduction, axes []bool, out *tile.Tile) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	g := C.npw_groups{op: C.int64_t(op), t: C.int64_t(c.out)}
	last := false
	for d, extent := range c.shape {
		switch {
		case extent == 1:
		case g.n > 0 && axes[d] == last:
			g.extent[g.n-1] *= C.int64_t(extent)
		case g.n == C.NPW_DIMS:
			return errs.New(errs.Unsupported, "reduce of a tile of shape %v: reduced and kept dimensions alternate too often", c.shape)
		default:
			if g.n == 0 && axes[d] {
				g.first_reduced = 1
			}
			g.extent[g.n], last = C.int64_t(extent), axes[d]
			g.n++
		}
	}
	for ; g.n < 2; g.n++ {
		g.extent[g.n] = 1
	}
	return failure(C.npw_reduce(&m.space, unsafe.SliceData(m.in), m.consts, m.code, &g, out.Ptr()))
}

// argpart finds the places of the extremes of the expression.
func (c *ewCall) argpart(search *argSearch, out *tile.Tile) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	a := C.npw_arg{t: C.int64_t(c.out), start: C.int64_t(search.start), before: 1, along: 1, after: 1}
	if search.greatest {
		a.greatest = 1
	}
	if search.axis < 0 {
		a.flat = 1
		for d, extent := range c.shape {
			if extent == 1 {
				continue
			}
			if a.n == C.NPW_DIMS {
				return errs.New(errs.Unsupported, "argpart of a tile of shape %v: %d dimensions are the most", c.shape, C.NPW_DIMS)
			}
			a.extent[a.n], a.weight[a.n] = C.int64_t(extent), C.int64_t(search.weight[d])
			a.n++
		}
		if a.n == 0 {
			a.extent[0], a.n = 1, 1
		}
	}
	for d, extent := range c.shape {
		switch {
		case d < search.axis:
			a.before *= C.int64_t(extent)
		case d == search.axis:
			a.along = C.int64_t(extent)
		default:
			a.after *= C.int64_t(extent)
		}
	}
	return failure(C.npw_argpart(&m.space, unsafe.SliceData(m.in), m.consts, m.code, &a, (*C.npw_pair)(out.Ptr())))
}

// applyEw is acc = acc op x, for tiles that are alike.
func applyEw(op ewOp, acc, x *tile.Tile) error {
	if acc.Len() == 0 {
		return nil
	}
	at := acc.Ptr()
	return failure(C.npw_ew_apply(C.int(op), C.int(acc.DType), C.int64_t(acc.Len()), at, at, x.Ptr()))
}
