package expr

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
)

// FuzzApply gives every operation parameters from JSON and operands of all shapes: what it does not refuse lowers to a program
// that parses, and nothing is left behind.
func FuzzApply(f *testing.F) {
	for _, seed := range []struct {
		op, params  string
		rows, cols  uint8
		ndim, count uint8
	}{
		{"sum", `{"axis": [0, -1], "keepdims": true}`, 5, 7, 2, 1},
		{"norm", `{"ord": "inf", "axis": 1}`, 5, 7, 3, 1},
		{"rechunk", `{"block_shape": [3, 9]}`, 5, 7, 2, 1},
		{"slice", `{"start": [1, 2], "stop": [3, 2]}`, 5, 7, 2, 1},
		{"broadcast_to", `{"shape": [4, 5, 7]}`, 5, 7, 2, 1},
		{"full", `{"shape": [4, 5], "value": 1e3, "dtype": "int8", "block_shape": null}`, 0, 0, 0, 0},
		{"arange", `{"start": 0.5, "stop": -7, "step": -0.25, "dtype": "float32"}`, 0, 0, 0, 0},
		{"eye", `{"n": 4, "m": 9, "k": -2}`, 0, 0, 0, 0},
		{"uniform", `{"shape": 9, "seed": "12", "low": -1}`, 0, 0, 0, 0},
		{"solve", `{"assume_a": "pos"}`, 6, 6, 2, 2},
		{"solve_triangular", `{"lower": true, "trans": "T", "unit_diagonal": true}`, 6, 6, 2, 2},
		{"matmul", `{}`, 6, 6, 2, 2},
		{"where", `null`, 1, 6, 2, 3},
		{"diag", `{"k": 3}`, 7, 5, 2, 1},
		{"program", `{"source": "def f(A, n=2):\n    for i in range(blocks(A, 0)):\n        B[i, 0] = copy(A[i, 0])\n    return B\n", "scalars": {"n": 3}}`, 7, 5, 2, 1},
	} {
		f.Add(seed.op, seed.params, seed.rows, seed.cols, seed.ndim, seed.count)
	}
	f.Add("program", `{"source": "def g(A): B[0, 0] = copy(A[0, 0]); return B\r\ndef f(A):\r\n    B = g(A); C = g(A)\r\n    return B, C\n"}`, uint8(5), uint8(6), uint8(2), uint8(1))
	f.Fuzz(func(t *testing.T, op, params string, rows, cols, ndim, count uint8) {
		decoder := json.NewDecoder(bytes.NewBufferString(params))
		decoder.UseNumber()
		var values map[string]any
		if decoder.Decode(&values) != nil {
			return
		}
		d := &data{name: "D"}
		shape := []int64{int64(rows), int64(cols), 3, 1, 2, 1}[:ndim%7]
		block := []int64{1 + int64(cols)/3, 1 + int64(rows)/2, 2, 1, 1, 1}[:ndim%7]
		x := NewStored(d, gridFor(t, shape, block), []string{float64Type, float32Type, int64Type, boolType}[count/4%4], "D", false)
		operands := make([]Operand, count%4)
		for i := range operands {
			operands[i].Node = x
		}
		out, err := Apply(op, operands, values)
		if err != nil {
			require.NotEqual(t, errs.Internal, errs.KindOf(err), "%v", err)
		} else {
			lower(t, out)
			more, err := Apply("exp", []Operand{{Node: out[0]}}, nil)
			require.NoError(t, err)
			lower(t, more)
			more[0].Release()
		}
		for _, n := range out {
			n.Release()
		}
		require.EqualValues(t, 1, d.refs.Load())
		x.Release()
	})
}

func lower(t *testing.T, nodes []*Node) {
	p, err := Lower(nodes, nil)
	require.NoError(t, err)
	defer p.Release()
	_, err = lambdapack.Parse("fuzz.lp", []byte(p.Text))
	require.NoError(t, err, p.Text)
}
