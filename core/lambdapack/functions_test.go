package lambdapack

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const functionsText = `
late = pyblock("late-01")

def f(A):
    X[0, 0] = soft(A[0, 0], late(A[0, 1]))
    Y[0, 0] = soft(A[1, 0], dtype="int64")
    return X, Y

soft = pyblock("soft-00", dtype="float32")
never = pyblock("never-02")
`

// TestFunctions: in the tree the names of functions are gone; what a call says goes before what the name says.
func TestFunctions(t *testing.T) {
	f := mustParse(t, functionsText)
	require.Equal(t, []string{"late", "soft"}, f.Functions())
	require.Equal(t, `def f(A):
    X[0, 0] = pyblock("soft-00", A[0, 0], pyblock("late-01", A[0, 1]), dtype="float32")
    Y[0, 0] = pyblock("soft-00", A[1, 0], dtype="int64")
    return X, Y
`, Format(f.Defs[0]))
	requireRoundTrip(t, f.Defs[0])
	a := in("A", square(100, 25))
	a.DType = "int64"
	p, err := Bind(f.Defs[0], nil, []Input{a}, nil, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"float32"}, p.Statements[0].Body.(*Call).DTypes)
	require.Equal(t, []string{"int64"}, p.Statements[0].Body.(*Call).Args[2].(*Call).DTypes, "the first operand's")
	require.Equal(t, []string{"int64"}, p.Statements[1].Body.(*Call).DTypes)
}

func TestFunctionsRefused(t *testing.T) {
	const def = "def f(A):\n    X[0, 0] = copy(A[0, 0])\n    return X\n"
	for declared, want := range map[string]string{
		`gemm = pyblock("k-00")`:                  "p.lp:4:1: a function cannot be called gemm: that is a kernel",
		`blocks = pyblock("k-00")`:                "a function cannot be called blocks: that is a word of the language",
		"a = pyblock(\"k-00\")\na = pyblock('l')": "p.lp:5:1: function a is named twice, first at p.lp:4:1",
		`a = pyblock()`:                           `a function's name stands for its key alone: a = pyblock("key")`,
		`a = pyblock("k", "l")`:                   "stands for its key alone",
		`a = pyblock(3)`:                          "stands for its key alone",
		`a = copy("k")`:                           "only program definitions",
		`a, b = pyblock("k")`:                     "only program definitions",
		`a += pyblock("k")`:                       "only program definitions",
		`a = 1`:                                   "only program definitions",
	} {
		_, err := Parse("p.lp", def+declared+"\n")
		require.Error(t, err, declared)
		require.True(t, strings.Contains(err.Error(), want), "%v\nwant %s", err, want)
	}
}
