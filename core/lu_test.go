package core

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

// applyAll is apply for an operation with several results.
func applyAll(t *testing.T, e *Executor, op string, params map[string]any, args ...*Array) []*Array {
	t.Helper()
	operands := make([]Operand, len(args))
	for k, a := range args {
		operands[k].Array = a
	}
	out, err := e.Apply(op, operands, params)
	require.NoError(t, err)
	for _, a := range out {
		t.Cleanup(a.Close)
	}
	return out
}

// luShapes are on both sides of tile edges.
var luShapes = [][2]int{{1, 1}, {2, 2}, {1, 40}, {40, 1}, {15, 15}, {16, 16}, {17, 17}, {33, 33}, {48, 48}, {70, 70}, {70, 33}, {33, 70},
	{65, 64}, {100, 16}, {16, 100}, {35, 37}, {37, 35}}

// TestLU: P L U is the matrix, L is unit lower triangular with entries of at most one, U is upper triangular.
func TestLU(t *testing.T) {
	e := session(t, Config{Workers: 2})
	for _, shape := range luShapes {
		m, n := shape[0], shape[1]
		A := randomDense(m, n, uint64(m*1000+n))
		for _, block := range []int64{16, 23, 200} {
			t.Run(fmt.Sprintf("%d×%d by %d", m, n, block), func(t *testing.T) {
				out := applyAll(t, e, "lu", nil, A.in(t, e, min(block, int64(m)), min(block, int64(n))))
				P, L, U := read(t, e, out[0]), read(t, e, out[1]), read(t, e, out[2])
				k := min(m, n)
				require.Equal(t, []int{m, m, m, k, k, n}, []int{P.rows, P.cols, L.rows, L.cols, U.rows, U.cols})
				for i := range L.rows {
					for j := range L.cols {
						switch x := L.at(i, j); {
						case i == j:
							require.Equal(t, 1.0, x)
						case i < j:
							require.Zero(t, x)
						default:
							require.LessOrEqual(t, math.Abs(x), 1.0)
						}
					}
				}
				for i := range U.rows {
					for j := range min(i, U.cols) {
						require.Zero(t, U.at(i, j))
					}
				}
				require.Equal(t, float64(m), P.mul(P.t()).norm1()*float64(m), "P is a permutation")
				near(t, A, P.mul(L).mul(U), 30)
			})
		}
	}
}

// TestLUSolves: solutions from A, from its factors, and with its transpose; the inverse and the determinant.
func TestLUSolves(t *testing.T) {
	e := session(t, Config{Workers: 2})
	for _, n := range []int{1, 2, 15, 16, 17, 33, 70, 101} {
		A, B := randomDense(n, n, uint64(n)), randomDense(n, 19, 3)
		for _, block := range []int64{16, 23, 200} {
			a, b := A.in(t, e, block, block), B.in(t, e, block, 7)
			scale := A.norm1()
			residual := func(x *dense, from *dense) float64 {
				return from.mul(x).minus(B).norm1() / (float64(n) * scale * x.norm1() * eps)
			}
			require.LessOrEqual(t, residual(read(t, e, apply(t, e, "solve", nil, a, b)), A), 30.0)
			f := applyAll(t, e, "lu_factor", nil, a)
			require.LessOrEqual(t, residual(read(t, e, apply(t, e, "lu_solve", nil, f[0], f[1], b)), A), 30.0)
			x := read(t, e, apply(t, e, "lu_solve", map[string]any{"trans": "T"}, f[0], f[1], b))
			require.LessOrEqual(t, A.t().mul(x).minus(B).norm1()/(float64(n)*A.t().norm1()*x.norm1()*eps), 30.0)
			inverse := read(t, e, apply(t, e, "inv", nil, a))
			unit := newDense(n, n)
			for i := range n {
				unit.v[i*n+i] = 1
			}
			require.LessOrEqual(t, inverse.mul(A).minus(unit).norm1()/(float64(n)*scale*inverse.norm1()*eps), 30.0)
			sign := applyAll(t, e, "slogdet", nil, a)
			det := read(t, e, apply(t, e, "det", nil, a)).v[0]
			require.InEpsilon(t, det, read(t, e, sign[0]).v[0]*math.Exp(read(t, e, sign[1]).v[0]), 1e-11)
			require.InEpsilon(t, determinantOf(A), det, 1e-9)
		}
	}
}

// determinantOf is by elimination, one row after the other.
func determinantOf(A *dense) float64 {
	n, d := A.rows, 1.0
	x := append([]float64(nil), A.v...)
	for k := range n {
		best := k
		for i := k; i < n; i++ {
			if math.Abs(x[i*n+k]) > math.Abs(x[best*n+k]) {
				best = i
			}
		}
		if best != k {
			d = -d
			for j := range n {
				x[k*n+j], x[best*n+j] = x[best*n+j], x[k*n+j]
			}
		}
		d *= x[k*n+k]
		for i := k + 1; i < n; i++ {
			f := x[i*n+k] / x[k*n+k]
			for j := k; j < n; j++ {
				x[i*n+j] -= f * x[k*n+j]
			}
		}
	}
	return d
}

// TestLUPivotsAcrossTiles: pivots that are only in other tiles, and a leading tile that is nearly singular.
func TestLUPivotsAcrossTiles(t *testing.T) {
	e := session(t, Config{Workers: 2})
	const n, half = 64, 32
	swap := newDense(n, n)
	for i := range half {
		swap.v[i*n+half+i], swap.v[(half+i)*n+i] = 1, 1
	}
	nearly := randomDense(n, n, 5)
	for i := range half { // the leading tile is of rank one, but for 1e-12
		for j := range half {
			nearly.v[i*n+j] = 1 + 1e-12*nearly.v[i*n+j]
		}
	}
	for name, A := range map[string]*dense{"[[0, I], [I, 0]]": swap, "nearly singular": nearly} {
		B := randomDense(n, 3, 9)
		x := read(t, e, apply(t, e, "solve", nil, A.in(t, e, half, half), B.in(t, e, half, 3)))
		require.LessOrEqual(t, A.mul(x).minus(B).norm1()/(n*A.norm1()*x.norm1()*eps), 30.0, name)
	}
}

func TestSingular(t *testing.T) {
	e := session(t, Config{Workers: 2})
	A := randomDense(70, 70, 1)
	for i := range 70 {
		A.v[i*70+40] = 0
	}
	a := A.in(t, e, 16, 16)
	for _, op := range []string{"solve", "inv"} {
		args := []*Array{a, A.in(t, e, 16, 16)}
		if op == "inv" {
			args = args[:1]
		}
		_, err := tryRead(t, e, apply(t, e, op, nil, args...))
		require.Equal(t, errs.LinAlg, errs.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "singular (at row 40")
	}
	require.Zero(t, read(t, e, apply(t, e, "det", nil, a)).v[0])
	out := applyAll(t, e, "slogdet", nil, a)
	require.Zero(t, read(t, e, out[0]).v[0])
	require.Equal(t, math.Inf(-1), read(t, e, out[1]).v[0])
	lu := applyAll(t, e, "lu", nil, a) // a singular matrix has factors
	near(t, A, read(t, e, lu[0]).mul(read(t, e, lu[1])).mul(read(t, e, lu[2])), 30)
}

// TestLUBits: the same bits with any number of workers, with and without memory to spare.
func TestLUBits(t *testing.T) {
	A, B := randomDense(200, 200, 1), randomDense(200, 40, 2)
	var want [][]float64
	for _, c := range []Config{{Workers: 1}, {Workers: 4}, {Workers: 2, MemoryLimit: 1 << 20}, {Workers: 3, PipelineWidth: 4, Path: t.TempDir()}} {
		e := session(t, c)
		a := A.in(t, e, 32, 32)
		got := [][]float64{read(t, e, apply(t, e, "solve", nil, a, B.in(t, e, 32, 32))).v, read(t, e, apply(t, e, "inv", nil, a)).v}
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, "%+v", c)
	}
}

// TestLUOutOfCore solves with matrices several times the memory limit.
func TestLUOutOfCore(t *testing.T) {
	e := session(t, Config{Workers: 2, MemoryLimit: 2 << 20})
	const n = 1024
	A, B := randomDense(n, n, 1), randomDense(n, 2, 2)
	x := read(t, e, apply(t, e, "solve", nil, A.in(t, e, 64, 64), B.in(t, e, 64, 2)))
	require.LessOrEqual(t, A.mul(x).minus(B).norm1()/(n*A.norm1()*x.norm1()*eps), 30.0)
	used, spilled, _ := e.space.Usage()
	require.LessOrEqual(t, used, int64(2<<20))
	require.Positive(t, spilled)
}
