package expr

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEmptyFactors: matrices without elements have factors, of the shapes that others' have.
func TestEmptyFactors(t *testing.T) {
	shapes := func(op string, p dict, args ...*Node) (out [][]int64) {
		operands := make([]Operand, len(args))
		for k, a := range args {
			operands[k].Node = a
		}
		nodes, err := Apply(op, operands, p)
		require.NoError(t, err)
		for _, n := range nodes {
			out = append(out, n.Shape())
			n.Release()
		}
		return out
	}
	for _, s := range [][]int64{{0, 0}, {0, 3}, {3, 0}} {
		m, n := s[0], s[1]
		x := matrix(t, "X", float32Type, s, nil)
		require.Equal(t, [][]int64{{m, n}, {m, 2}}, shapes("lu_factor", nil, x))
		exchanges := matrix(t, "P", int64Type, []int64{m, 2}, nil)
		require.Equal(t, [][]int64{{m, m}, {m, 0}, {0, n}}, shapes("lu_unpack", nil, x, exchanges))
		raw := shapes("qr", dict{"mode": "raw"}, x)
		require.Equal(t, [][]int64{{m, n}, {0, n}}, [][]int64{raw[0], raw[4]})
		if m == n {
			require.Equal(t, [][]int64{{0, 0}}, shapes("lu_inv", nil, x, exchanges))
			require.Len(t, shapes("lu_det", nil, x, exchanges), 3)
		}
	}
}

// TestDamped: what ridge divides singular values by is in one form for both types, whose parts stay within their range.
func TestDamped(t *testing.T) {
	require.Equal(t, "where(a > 0, a / maximum(a, 2) / (1 + square(minimum(a, 2) / maximum(a, 2))) / maximum(a, 2), 0)", damped(4))
	require.Contains(t, damped(math.SmallestNonzeroFloat64), "e-162")
}

// TestPromotedReflections: Q times a matrix has the type of both.
func TestPromotedReflections(t *testing.T) {
	x, c := matrix(t, "X", float32Type, ints(6, 6), ints(3, 3)), matrix(t, "C", float64Type, ints(6, 2), ints(3, 2))
	nodes, err := Apply("qr", []Operand{{Node: x}}, dict{"mode": "raw"})
	require.NoError(t, err)
	operands := []Operand{{Node: nodes[0]}, {Node: nodes[1]}, {Node: nodes[2]}, {Node: nodes[3]}, {Node: c}}
	out, err := Apply("qr_multiply", operands, nil)
	require.NoError(t, err)
	require.Equal(t, float64Type, out[0].DType())
	for _, n := range append(nodes, out...) {
		n.Release()
	}
}
