package expr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/programs"
)

// TestMessages: what NumPy refuses is refused in its words; what is refused beyond that says what is possible.
func TestMessages(t *testing.T) {
	m := func(shape ...int64) *Node { return matrix(t, "M", float64Type, shape, nil) }
	pos := dict{"assume_a": "pos"}
	for _, c := range []struct {
		op   string
		p    dict
		args []any
		kind errs.Kind
		want string
	}{
		{"matmul", nil, []any{m(2, 3), m(4, 5)}, errs.Value, "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 4 is different from 3)"},
		{"matmul", nil, []any{2.5, m(4, 5)}, errs.Value, "matmul: Input operand 0 does not have enough dimensions (has 0, gufunc core with signature (n?,k),(k,m?)->(n?,m?) requires 1)"},
		{"matmul", nil, []any{m(2, 2, 2), m(2, 2)}, errs.Unsupported, "matmul: operands of shapes (2,2,2) and (2,2): only matrices and vectors are supported, not stacks of them"},
		{"cholesky", nil, []any{m(2, 3)}, errs.LinAlg, "Last 2 dimensions of the array must be square"},
		{"cholesky", nil, []any{m(3)}, errs.LinAlg, "1-dimensional array given. Array must be at least two-dimensional"},
		{"solve", pos, []any{m(3, 3), m(4)}, errs.Value, "solve1: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (m,m),(m)->(m) (size 4 is different from 3)"},
		{"solve", pos, []any{m(3, 3), m(4, 2)}, errs.Value, "solve: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (m,m),(m,n)->(m,n) (size 4 is different from 3)"},
		{"solve", dict{"assume_a": "her"}, []any{m(3, 3), m(3)}, errs.Unsupported,
			`solve: assume_a="her": "gen", "sym" and "pos", a symmetric positive definite matrix, are supported`},
		{"solve", nil, []any{m(3, 3), m(4)}, errs.Value, "solve1: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (m,m),(m)->(m) (size 4 is different from 3)"},
		{"solve", nil, []any{m(3, 2), m(3)}, errs.LinAlg, "Last 2 dimensions of the array must be square"},
		{"det", nil, []any{m(3)}, errs.LinAlg, "1-dimensional array given. Array must be at least two-dimensional"},
		{"inv", nil, []any{m(2, 3, 3)}, errs.Unsupported, "inv: an array of shape (2,3,3): only one matrix is supported, not a stack of them"},
		{"lu_solve", dict{"trans": "H"}, []any{m(3, 3), m(3, 2), m(3)}, errs.Value, `lu_solve: trans is "H": "N" or "T" was expected`},
		{"lu_solve", nil, []any{m(3, 3), m(3, 3), m(3)}, errs.Value,
			"lu_solve: arrays of shapes (3,3) and (3,3) are no factors: give both results of lu_factor, as they are"},
		{"solve_triangular", nil, []any{m(3, 2), m(3)}, errs.Value, "expected square matrix"},
		{"solve_triangular", nil, []any{m(3, 3), m(2)}, errs.Value, "shapes of a (3,3) and b (2,) are incompatible"},
		{"solve_triangular", dict{"trans": "C"}, []any{m(3, 3), m(3)}, errs.Value, `solve_triangular: trans is "C": "N" or "T" was expected`},
		{"diag", nil, []any{m(3, 3, 3)}, errs.Value, "Input must be 1- or 2-d."},
		{"diag", dict{"k": int64(1)}, []any{m(3)}, errs.Unsupported, "diag: k=1: a matrix is made with k=0 only"},
		{"trace", nil, []any{m(3)}, errs.Value, "diag requires an array of at least two dimensions"},
		{"add", nil, []any{m(3), m(4)}, errs.Value, "operands could not be broadcast together with shapes (3,) (4,)"},
		{"add", nil, []any{matrix(t, "Z", "complex128", ints(3), ints(3)), m(3)}, errs.Type, "dtype complex128 is not supported: use float64, float32, int64, bool or another real type"},
		{"add", nil, []any{matrix(t, "B", "int8", ints(3), ints(3)), int64(300)}, errs.Value, "Python integer 300 out of bounds for int8"},
		{"sum", dict{"axis": int64(2)}, []any{m(3)}, errs.Index, "axis 2 is out of bounds for array of dimension 1"},
		{"sum", dict{"axes": int64(0)}, []any{m(3)}, errs.Type, `sum has no parameter "axes"; it has: axis, keepdims`},
		{"min", nil, []any{m(0)}, errs.Value, "zero-size array to reduction operation minimum which has no identity"},
		{"argmax", nil, []any{m(0)}, errs.Value, "attempt to get argmax of an empty sequence"},
		{"full", dict{"shape": ints(3), "value": "nan", "dtype": int64Type}, nil, errs.Value, "cannot convert float NaN to integer"},
		{"full", dict{"shape": ints(-3)}, nil, errs.Value, "negative dimensions are not allowed: shape [-3]"},
		{"full", dict{"shape": ints(3), "value": int64(-1), "dtype": "uint8"}, nil, errs.Value, "Python integer -1 out of bounds for uint8"},
		{"arange", dict{"stop": int64(3), "step": int64(0)}, nil, errs.Value, "arange: step must not be zero"},
		{"arange", dict{"start": int64(-1 << 63), "stop": int64(1<<63 - 1), "step": int64(1 << 62)}, nil, errs.Unsupported,
			"arange: start=-9223372036854775808 and step=4611686018427387904: -2**63 is not supported"},
		{"arange", dict{"stop": 1e300, "step": 1e-300}, nil, errs.Value, "Maximum allowed size exceeded"},
		{"normal", dict{"shape": ints(3), "scale": -1.0}, nil, errs.Value, "scale < 0"},
		{"uniform", dict{"shape": ints(3), "seed": "-1"}, nil, errs.Value, `uniform: seed="-1" is not an integer from 0 to 2**64-1`},
		{"schur", nil, []any{m(3)}, errs.Value, `there is no operation "schur"`},
	} {
		_, err := try(c.op, c.p, c.args...)
		require.EqualError(t, err, c.want)
		require.Equal(t, c.kind, errs.KindOf(err), c.want)
	}
}

// TestDirect: a program on stored inputs is not wrapped.
func TestDirect(t *testing.T) {
	x := matrix(t, "X", float64Type, ints(100, 100), ints(30, 30))
	p := check(t, apply(t, "cholesky", nil, x))
	source, ok := programs.Source("cholesky")
	require.True(t, ok)
	require.Equal(t, source, p.Text)
	require.Equal(t, "cholesky", p.Name)
	require.Equal(t, "chol(BigMatrix(X))", p.Outputs[0].Display)
	require.True(t, p.Outputs[0].Zero)

	y := matrix(t, "Y", float64Type, ints(100, 3), ints(30, 2))
	p = check(t, apply(t, "solve", dict{"assume_a": "pos"}, x, y))
	require.Equal(t, "solve_spd", p.Name)

	p = check(t, apply(t, "cholesky", nil, apply(t, "add", nil, x, 1.0)))
	require.Equal(t, "cholesky_of", p.Name)
	p, err := Lower([]*Node{apply(t, "cholesky", nil, x)}, []string{"L"})
	require.NoError(t, err)
	require.Equal(t, "BigMatrix(L)", p.Outputs[0].Display)
}

// TestMatmulBlocks: the blocks of a product follow from shapes and blocks.
func TestMatmulBlocks(t *testing.T) {
	tall := matrix(t, "T", float64Type, ints(1e6, 10), ints(65536, 10))
	wide := apply(t, "transpose", nil, tall)
	small, large := apply(t, "matmul", nil, wide, tall), apply(t, "matmul", nil, tall, wide)
	require.EqualValues(t, manyBlocks, small.op.(syrkOp).Split)
	require.Zero(t, large.op.(syrkOp).Split)
	require.LessOrEqual(t, tileSize(large.grid)*8, int64(maxTile))
	check(t, small, large)
	free := apply(t, "matmul", nil, apply(t, "eye", dict{"n": int64(2e6), "m": int64(1e6)}), tall)
	require.Equal(t, tall.grid[0], free.args[0].grid[1], "a generated operand is cut as the other is")
	check(t, free)
}

// TestArange counts as NumPy does.
func TestArange(t *testing.T) {
	for _, c := range []struct {
		start, stop, step any
		n                 int64
		dtype             string
	}{
		{int64(0), int64(10), int64(3), 4, int64Type},
		{int64(10), int64(0), int64(-3), 4, int64Type},
		{int64(0), int64(10), int64(-1), 0, int64Type},
		{int64(1 - 1<<63), int64(1<<63 - 1), int64(1 << 62), 4, int64Type},
		{0.0, 0.3, 0.1, 3, float64Type},
		{1.0, 1.3, 0.1, 4, float64Type},
		{int64(0), 2.5, int64(1), 3, float64Type},
	} {
		x := apply(t, "arange", dict{"start": c.start, "stop": c.stop, "step": c.step})
		require.Equal(t, ints(c.n), x.Shape(), "%v", c)
		require.Equal(t, c.dtype, x.dtype)
		check(t, x)
	}
}

// bound is the plan of a program.
func bound(t *testing.T, p *Program) *lambdapack.Plan {
	t.Helper()
	inputs := make([]lambdapack.Input, len(p.Inputs))
	for i, in := range p.Inputs {
		inputs[i] = lambdapack.Input{Name: in.Param, Grid: in.Node.Grid(), DType: in.Node.DType(), ZeroTiles: in.Zero}
	}
	plan, err := programs.Bind(p.Text, p.Name, inputs, lambdapack.Options{Fuse: true})
	require.NoError(t, err, p.Text)
	return plan
}

// TestTriangular: results that are triangular have no tiles of zeros, unless something in their program reads them.
func TestTriangular(t *testing.T) {
	tall, wide := matrix(t, "X", float64Type, ints(100, 70), ints(10, 10)), matrix(t, "Y", float64Type, ints(70, 100), ints(30, 20))
	turned := func(n *Node) *Node { return apply(t, "transpose", nil, n) }
	of := func(op string, k int64, x *Node) *Node { return apply(t, op, dict{"k": k}, x) }
	for _, c := range []struct {
		n     *Node
		tiles int64
	}{
		{of("tril", 0, tall), 7*8/2 + 3*7}, {of("triu", 0, tall), 70}, {of("tril", -1, tall), 7*8/2 + 3*7}, {of("triu", 1, turned(tall)), 7*8/2 + 3*7},
		{of("tril", 1, tall), 70}, {of("triu", -1, tall), 70}, {of("tril", 0, wide), 15}, {of("triu", 0, wide), 5 + 4 + 2},
		{apply(t, "qr", dict{"mode": "r"}, tall), 7 * 8 / 2},
	} {
		p, err := Lower([]*Node{c.n}, nil)
		require.NoError(t, err)
		plan := bound(t, p)
		tiles := int64(0)
		for task := range plan.Tasks() {
			for x := range plan.Writes(task) {
				if plan.Matrices[x.Matrix].Role == lambdapack.RoleOutput {
					tiles++
				}
			}
		}
		require.Equal(t, c.tiles, tiles, p.Text)
		require.Equal(t, tiles < c.n.grid.NumTiles(), p.Outputs[0].Zero)
		p.Release()
		both, err := Lower([]*Node{c.n, apply(t, "add", nil, c.n, 1.0)}, nil)
		require.NoError(t, err)
		require.False(t, both.Outputs[0].Zero)
		bound(t, both)
		both.Release()
	}
}

// TestSyrk: a product with the own transpose is recognised, whichever of the two it is, also of what was recut or converted.
func TestSyrk(t *testing.T) {
	isSyrk := func(n *Node) bool { _, ok := n.op.(syrkOp); return ok }
	x, other := matrix(t, "X", float64Type, ints(100, 70), ints(30, 20)), matrix(t, "Z", float64Type, ints(100, 70), ints(30, 20))
	whole, vector := matrix(t, "I", int64Type, ints(100, 70), ints(30, 20)), matrix(t, "v", float64Type, ints(100), ints(30))
	turned := func(n *Node) *Node { return apply(t, "transpose", nil, n) }
	sum := apply(t, "add", nil, x, other)
	for _, n := range []*Node{x, turned(x), sum, turned(sum), apply(t, "add", nil, whole, 0.5)} {
		product := apply(t, "matmul", nil, n, turned(n))
		require.True(t, isSyrk(product), n.label)
		check(t, product, apply(t, "add", nil, product, other.grid[1].Len))
	}
	product := apply(t, "matmul", nil, x, turned(x))
	for _, c := range []struct {
		nodes []*Node
		whole bool
		want  bool
	}{
		{[]*Node{product}, false, true}, {[]*Node{product}, true, false}, {[]*Node{product, x}, false, true},
		{[]*Node{product, turned(product)}, false, false}, {[]*Node{product, apply(t, "add", nil, product, 1.0)}, false, false},
	} {
		p, err := LowerWhole(c.nodes, nil, func(string) bool { return c.whole })
		require.NoError(t, err)
		require.Equal(t, c.want, p.Outputs[0].Half)
		require.Equal(t, !c.want, strings.Contains(p.Text, "mirror\","), p.Text)
		p.Release()
	}
	require.True(t, isSyrk(apply(t, "matmul", nil, apply(t, "add", nil, x, 1.0), turned(apply(t, "add", nil, x, 1.0)))), "equal is enough")
	for name, n := range map[string]*Node{
		"another":  apply(t, "matmul", nil, x, turned(other)),
		"integers": apply(t, "matmul", nil, whole, turned(whole)),
		"a vector": apply(t, "matmul", nil, vector, vector),
		"a row":    apply(t, "matmul", nil, turned(apply(t, "expand_dims", dict{"axis": int64(1)}, vector)), apply(t, "expand_dims", dict{"axis": int64(1)}, vector)),
	} {
		require.False(t, isSyrk(n), name)
	}
}
