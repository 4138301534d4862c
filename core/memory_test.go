package core

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/expr"
	"numpywren/core/runtime"
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
