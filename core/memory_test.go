package core

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/kernel"
	"numpywren/core/runtime"
	"numpywren/core/tile"
)

// TestTightMemory runs programs with just the memory that one task asks for: a task that takes more than it reserved would
// wait for itself.
func TestTightMemory(t *testing.T) {
	const n, block = 700, 128
	A, B := spd(n, 1), randomDense(n, 300, 2)
	type maker func(e *Executor, a, b *Array) *Array
	do := func(op string, params map[string]any) maker {
		return func(e *Executor, a, _ *Array) *Array { return apply(t, e, op, params, a) }
	}
	for name, make := range map[string]maker{
		"matmul": func(e *Executor, a, b *Array) *Array { return apply(t, e, "matmul", nil, a, b) },
		"at a": func(e *Executor, a, b *Array) *Array {
			return apply(t, e, "matmul", nil, apply(t, e, "transpose", nil, b), b)
		},
		"cholesky": do("cholesky", nil),
		"solve": func(e *Executor, a, b *Array) *Array {
			return apply(t, e, "solve", map[string]any{"assume_a": "pos"}, a, b)
		},
		"norm": do("norm", map[string]any{"axis": int64(1), "keepdims": true}),
		"argmin": func(e *Executor, a, b *Array) *Array {
			return apply(t, e, "astype", map[string]any{"dtype": "float64"}, apply(t, e, "argmin", map[string]any{"axis": int64(0)}, a))
		},
		"rechunk": do("rechunk", map[string]any{"block_shape": []any{int64(200), int64(90)}}),
		"transpose": func(e *Executor, a, b *Array) *Array {
			return apply(t, e, "add", nil, a, apply(t, e, "transpose", nil, a))
		},
		"long": func(e *Executor, a, b *Array) *Array {
			c := apply(t, e, "matmul", nil, a, b)
			d := apply(t, e, "exp", nil, apply(t, e, "add", nil, c, b))
			return apply(t, e, "mean", nil, apply(t, e, "multiply", nil, d, apply(t, e, "norm", map[string]any{"axis": int64(0), "keepdims": true}, c)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			wide := session(t, Config{Workers: 2})
			want := read(t, wide, make(wide, A.in(t, wide, block, block), B.in(t, wide, block, block)))
			p, err := wide.lower(nodesOf(make(wide, A.in(t, wide, block, block), B.in(t, wide, block, block))), nil)
			require.NoError(t, err)
			p.text.Release()
			most := int64(3 * block * block * 8)
			for _, s := range p.plan.Statements {
				_, least := runtime.Needs(p.plan, s)
				most = max(most, least)
			}
			tight := session(t, Config{Workers: 1, PipelineWidth: 1, MemoryLimit: max(most, smallestMemory)})
			got := read(t, tight, make(tight, A.in(t, tight, block, block), B.in(t, tight, block, block)))
			require.Equal(t, want.v, got.v)
		})
	}
}

func nodesOf(arrays ...*Array) (nodes []*expr.Node) {
	for _, a := range arrays {
		nodes = append(nodes, a.node)
	}
	return nodes
}

// TestPanics: what a task held when one of its kernels panicked is given back, and a later job has the whole limit. The error keeps the
// kind with which it was thrown.
func TestPanics(t *testing.T) {
	const n, block = 512, 128
	A, B := randomDense(n, n, 1), randomDense(n, n, 2)
	for name, fault := range map[string]struct {
		kernel string
		call   int // that fails
		thrown any
		kind   errs.Kind
	}{
		"first product":    {"gemm", 1, "a bug", errs.Internal},
		"a product to add": {"gemm", 2, "a bug", errs.Internal},
		"no memory":        {"gemm", 3, errs.New(errs.Memory, "the system gives no memory"), errs.Memory},
		"step":             {"hypot", 2, "a bug", errs.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			k, found := kernel.Lookup(fault.kernel)
			require.True(t, found)
			whole, calls := *k, 0
			mended := func() { *k = whole }
			defer mended()
			count := func() {
				if calls++; calls == fault.call {
					panic(fault.thrown)
				}
			}
			if whole.Run != nil {
				k.Run = func(a *kernel.Args, out []*tile.Tile, accumulate bool) error {
					count()
					return whole.Run(a, out, accumulate)
				}
			} else {
				k.Step = func(acc *tile.Tile, first bool, x *tile.Tile, a, body *kernel.Args) error {
					count()
					return whole.Step(acc, first, x, a, body)
				}
			}
			const tiles = 2*(n/block)*(n/block) + 8 // the operands, and what a few tasks hold
			e := session(t, Config{Workers: 1, PipelineWidth: 1, MemoryLimit: tiles * block * block * 8})
			a, b := A.in(t, e, block, block), B.in(t, e, block, block)
			job := func() *Array {
				if fault.kernel == "gemm" {
					return apply(t, e, "matmul", nil, a, b)
				}
				return apply(t, e, "norm", map[string]any{"axis": int64(1), "keepdims": true}, a)
			}
			before, _, _ := e.space.Usage()
			for range tiles {
				calls = 0
				_, err := tryRead(t, e, job())
				require.ErrorContains(t, err, fmt.Sprint(fault.thrown))
				require.Equal(t, fault.kind, errs.KindOf(err))
				after, _, _ := e.space.Usage()
				require.Equal(t, before, after)
			}
			mended()
			read(t, e, job())
		})
	}
}

// TestPeakOfFirst: the first task of a statement needs as much as any, which fits relies on.
func TestPeakOfFirst(t *testing.T) {
	e := session(t, Config{Workers: 1})
	a := spd(330, 1).in(t, e, 64, 64)
	for _, op := range []string{"cholesky", "exp", "argmin", "sum"} {
		p, err := e.lower(nodesOf(apply(t, e, op, nil, a)), nil)
		require.NoError(t, err)
		p.text.Release()
		first := map[int32]int64{}
		for task := range p.plan.Tasks() {
			bytes := p.plan.Cost(task).PeakBytes
			if _, seen := first[task.Stmt]; !seen {
				first[task.Stmt] = bytes
			}
			require.LessOrEqual(t, bytes, first[task.Stmt], fmt.Sprint(op, p.plan.TaskName(task)))
		}
	}
}
