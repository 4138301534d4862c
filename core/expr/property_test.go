package expr

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/lambdapack"
	"numpywren/core/programs"
)

// check holds a program against its nodes: it binds, with and without fusion, and returns the grids and dtypes that were said.
func check(t testing.TB, nodes ...*Node) *Program {
	t.Helper()
	p, err := Lower(nodes, nil)
	require.NoError(t, err)
	defer p.Release()
	f, err := lambdapack.Parse("test.lp", []byte(p.Text))
	require.NoError(t, err, p.Text)
	def, ok := f.Lookup(p.Name)
	require.True(t, ok)
	inputs := make([]lambdapack.Input, len(p.Inputs))
	for i, in := range p.Inputs {
		inputs[i] = lambdapack.Input{Name: in.Param, Display: in.Display, Grid: in.Node.Grid(), DType: in.Node.DType(), ZeroTiles: in.Zero}
	}
	for _, fuse := range []bool{false, true} {
		plan, err := lambdapack.Bind(def, programs.Library, inputs, nil, lambdapack.Options{Fuse: fuse})
		require.NoError(t, err, "fuse %v\n%s", fuse, p.Text)
		for _, out := range p.Outputs {
			at := slices.IndexFunc(plan.Matrices, func(m lambdapack.Matrix) bool { return m.Name == out.Matrix })
			require.GreaterOrEqual(t, at, 0, "%s is not in the plan\n%s", out.Matrix, p.Text)
			m := &plan.Matrices[at]
			require.Equal(t, lambdapack.RoleOutput, m.Role, p.Text)
			require.Equal(t, out.Node.dtype, m.DType, "%s\n%s", out.Matrix, p.Text)
			require.Empty(t, m.VersionLow, "%s\n%s", out.Matrix, p.Text)
			require.Truef(t, slices.EqualFunc(out.Node.grid, m.Grid, sameAxis), "%s: grid %v, the plan has %v\n%s",
				out.Matrix, out.Node.grid, m.Grid, p.Text)
		}
	}
	return p
}

// TestGoldensBind binds the programs of the golden files.
func TestGoldensBind(t *testing.T) {
	for name, make := range goldens {
		t.Run(name, func(t *testing.T) { check(t, make(t)...) })
	}
}

// maker makes random expressions.
type maker struct {
	*testing.T
	*rand.Rand
	count int
}

var someTypes = []string{float64Type, float32Type, int64Type, "int8", "uint16", boolType}

// stored is a random stored array of a shape.
func (m *maker) stored(shape []int64) *Node {
	block := make([]int64, len(shape))
	for d, n := range shape {
		block[d] = 1 + m.Int64N(n+2)
	}
	m.count++
	return matrix(m, fmt.Sprintf("M%d", m.count), someTypes[m.IntN(len(someTypes))], shape, block)
}

func (m *maker) shape(ndim int) []int64 {
	shape := make([]int64, ndim)
	for d := range shape {
		shape[d] = []int64{0, 1, 1, 2, 3, 5, 40}[m.IntN(7)]
	}
	return shape
}

// expression is a random expression over x. What NumPy refuses is x itself again.
func (m *maker) expression(x *Node) *Node {
	unary := []string{"exp", "negative", "square", "isnan", "transpose", "sum", "prod", "max", "argmin", "any", "mean", "norm", "squeeze",
		"tril", "trace", "diag", "cholesky", "expand_dims", "slice", "rechunk", "argmax_all"}
	op, p := unary[m.IntN(len(unary))], dict{}
	args := []any{x}
	switch op {
	case "sum", "prod", "max", "argmin", "any", "mean", "norm":
		p["keepdims"] = m.IntN(2) == 0
		if x.ndim() > 0 && m.IntN(3) > 0 {
			p["axis"] = m.Int64N(int64(x.ndim()))
		}
	case "argmax_all":
		op = "argmax"
	case "expand_dims":
		p["axis"] = m.Int64N(int64(x.ndim() + 1))
	case "slice":
		start, stop := make([]int64, x.ndim()), make([]int64, x.ndim())
		for d, a := range x.grid {
			start[d] = m.Int64N(a.Len + 1)
			stop[d] = start[d] + m.Int64N(a.Len-start[d]+1)
		}
		p["start"], p["stop"] = start, stop
	case "rechunk":
		block := make([]int64, x.ndim())
		for d, a := range x.grid {
			block[d] = 1 + m.Int64N(a.Len+2)
		}
		p["block_shape"] = block
	case "tril", "diag":
		p["k"] = m.Int64N(7) - 3
	}
	switch m.IntN(4) {
	case 0: // with another operand that broadcasts
		shape := x.Shape()
		for d := range shape {
			if m.IntN(3) == 0 {
				shape[d] = 1
			}
		}
		op, p, args = []string{"add", "divide", "less", "power"}[m.IntN(4)], nil, []any{x, m.stored(shape[m.IntN(len(shape)+1):])}
	case 1:
		if x.ndim() > 0 {
			shape := m.shape(1 + m.IntN(2))
			shape[0] = x.grid[x.ndim()-1].Len
			op, p, args = "matmul", nil, []any{x, m.stored(shape)}
		}
	case 2:
		if x.ndim() > 0 && m.IntN(3) == 0 {
			n := x.grid[0].Len
			a := m.stored(ints(n, n))
			op, args = "solve_triangular", []any{a, x}
			p = dict{"lower": m.IntN(2) == 0, "trans": []string{"N", "T"}[m.IntN(2)], "unit_diagonal": m.IntN(2) == 0}
			switch m.IntN(5) {
			case 0:
				op, p = "solve", dict{"assume_a": "pos"}
			case 1:
				op, p = "solve", nil
			case 2:
				op, p, args = []string{"inv", "det", "lower_inverse"}[m.IntN(3)], nil, []any{a}
			}
		}
	}
	if y, err := try(op, p, args...); err == nil {
		return y
	}
	return x
}

// TestEveryExpressionBinds makes random expressions over shapes and blocks of all kinds, and holds what Lower writes against
// what the nodes say.
func TestEveryExpressionBinds(t *testing.T) {
	n := uint64(2000)
	if testing.Short() {
		n = 200
	}
	for seed := range n {
		m := &maker{T: t, Rand: rand.New(rand.NewPCG(seed, 3))}
		var nodes []*Node
		for range 1 + m.IntN(2) {
			x := m.stored(m.shape(m.IntN(5)))
			for range 1 + m.IntN(5) {
				x = m.expression(x)
			}
			nodes = append(nodes, x)
		}
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { check(t, nodes...) }) {
			break
		}
	}
}

// TestSixDimensions: elementwise operations and reductions of the most dimensions that there are.
func TestSixDimensions(t *testing.T) {
	x := matrix(t, "X", float64Type, ints(3, 4, 5, 2, 3, 1), ints(2, 3, 2, 1, 1, 1))
	y := apply(t, "add", nil, x, matrix(t, "Y", float64Type, ints(3), ints(2)))
	check(t, y, apply(t, "sum", nil, y), apply(t, "prod", dict{"axis": int64(1)}, y), apply(t, "argmax", nil, y),
		apply(t, "max", dict{"axis": ints(0, 2, 3)}, y), apply(t, "transpose", nil, y))
	_, err := try("expand_dims", dict{"axis": int64(0)}, x)
	require.Error(t, err)
}
