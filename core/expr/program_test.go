package expr

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
)

// A program as it stands in a Python function: decorated, indented, on few lines, with names that contain one another; and with
// the name of a function of the user's.
const indentedProgram = `    @npywren.lambdapack(
        option=1)
    def pairs(A):
        pair = mine(A); mines = mine(A)
        for i in range(blocks(A, 0)):
            S[i, 0] = ew("a + b", pair[i, 0], soft(mines[i, 0]))
        return S
    def mine(A): mine_[0, 0] = copy(A[0, 0]); return mine_

soft = pyblock("soft-00", dtype="float32")
`

const userProgram = `def cholesky(A):
    for i in range(blocks(A, 0)):
        task("mine", i=i)
        L[i, 0] = copy(A[i, 0])
    return L


def pair(A, B, shift=0):
    L = cholesky(A)
    for i in range(blocks(A, 0)):
        task("pair", i=i)
        P[i, 0] = ew("a + b", L[i, 0], B[i, 0])
        Q[i, 0] = ew("a - b", L[i, 0], B[i, 0])
    return P, Q
`

func applyUser(t *testing.T, p dict, args ...*Node) ([]*Node, error) {
	t.Helper()
	operands := make([]Operand, len(args))
	for i, a := range args {
		operands[i].Node = a
	}
	return Apply("program", operands, p)
}

// TestUserProgram: a user's program is called under a name of its own, once for all of its results.
func TestUserProgram(t *testing.T) {
	x, y := matrix(t, "X", float64Type, ints(10, 1), ints(4, 1)), matrix(t, "Y", float64Type, ints(10, 1), ints(4, 1))
	out, err := applyUser(t, dict{"source": userProgram, "filename": "mine.lp", "name": "pair"}, x, y)
	require.NoError(t, err)
	require.Len(t, out, 2)
	require.Equal(t, x.grid, out[0].grid)
	p := check(t, out...)
	require.Equal(t, userProgram, p.Text, "all of its results, and nothing else: not wrapped")
	require.Equal(t, "pair", p.Name)
	require.Equal(t, "P", p.Outputs[0].Matrix)
	require.Equal(t, "Q", p.Outputs[1].Matrix)

	square := apply(t, "matmul", nil, out[1], apply(t, "transpose", nil, x))
	p = check(t, square, apply(t, "cholesky", nil, square))
	require.Regexp(t, `(?m)^    t\d, t\d = pair_[0-9a-f]{8}\(x0, x1\)$`, p.Text)
	require.Regexp(t, `(?m)^def cholesky_[0-9a-f]{8}\(A\):$`, p.Text)
	require.Regexp(t, `(?m)^    L = cholesky_[0-9a-f]{8}\(A\)$`, p.Text)
	require.Regexp(t, `(?m)^    y1 = cholesky\(y0\)$`, p.Text)

	out, err = applyUser(t, dict{"source": userProgram, "scalars": dict{"shift": int64(3)}}, x, y)
	require.NoError(t, err)
	p = check(t, out...)
	require.Contains(t, p.Text, "(x0, x1, shift=3)")
}

func TestRenamed(t *testing.T) {
	f, err := lambdapack.Parse("x.py", []byte(indentedProgram))
	require.NoError(t, err)
	require.Equal(t, `def pairs_1(A):
    pair = mine_1(A)
    mines = mine_1(A)
    for i in range(blocks(A, 0)):
        S[i, 0] = ew("a + b", pair[i, 0], pyblock("soft-00", mines[i, 0], dtype="float32"))
    return S


def mine_1(A):
    mine_[0, 0] = copy(A[0, 0])
    return mine_


`, renamed(f, "_1"))
	x := matrix(t, "X", float64Type, ints(10, 1), ints(10, 1))
	out, err := applyUser(t, dict{"source": indentedProgram, "name": "pairs"}, x)
	require.NoError(t, err)
	check(t, apply(t, "exp", nil, out[0]))
	check(t, out[0])
}

func TestUserProgramRefused(t *testing.T) {
	x := matrix(t, "X", float64Type, ints(10, 1), ints(4, 1))
	for _, c := range []struct {
		p    dict
		args []*Node
		kind errs.Kind
		want string
	}{
		{dict{"source": userProgram}, []*Node{x}, errs.Type, "program pair takes 2 matrices, not 1"},
		{dict{"source": userProgram, "name": "other", "filename": "mine.lp"}, []*Node{x}, errs.Value, "mine.lp defines no program other"},
		{dict{"source": userProgram, "scalars": dict{"n": int64(1)}}, []*Node{x, x}, errs.Type,
			`program pair has no scalar "n": a scalar is a parameter with a default, n=1`},
		{dict{"source": userProgram, "scalars": dict{"shift": 1.5}}, []*Node{x, x}, errs.Type, "program pair: shift=1.5 is not an integer"},
		{dict{"source": "def f(A):\n    for i in range(2):\n        S[i, 0, 0] = copy(A[0, 0])\n    return S\n", "filename": "f.lp"}, []*Node{x}, errs.Value,
			"f.lp:1:1: program f returns S, whose indices are not those of the blocks of an array: return a matrix that is written as S[i, j]"},
	} {
		_, err := applyUser(t, c.p, c.args...)
		require.EqualError(t, err, c.want)
		require.Equal(t, c.kind, errs.KindOf(err))
	}
}
