package core

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProgramsOfOneText: two programs of one text, for the same inputs, are two: in the plans that are kept and in the tiles that a
// store keeps.
func TestProgramsOfOneText(t *testing.T) {
	const source = `
def doubled(A):
    for i in range(blocks(A, 0)):
        task("first", row=i)
        T[i, 0] = ew("a + a", A[i, 0])
    for i in range(blocks(A, 0)):
        task("second", row=i)
        B[i, 0] = ew("a + 0 * b", T[i, 0], sum([T[k, 0] for k in range(blocks(A, 0))]))
    return B


def negated(A):
    for i in range(blocks(A, 0)):
        task("first", row=i)
        T[i, 0] = ew("-a", A[i, 0])
    for i in range(blocks(A, 0)):
        task("second", row=i)
        B[i, 0] = ew("a + 0 * b", T[i, 0], sum([T[k, 0] for k in range(blocks(A, 0))]))
    return B
`
	place := t.TempDir()
	A := randomDense(48, 3, 1)
	scale := map[string]float64{"doubled": 2, "negated": -1}
	check := func(e *Executor, names ...string) {
		in, err := e.OpenMatrix("A")
		require.NoError(t, err)
		t.Cleanup(in.Close)
		for _, name := range names {
			got := read(t, e, apply(t, e, "program", map[string]any{"source": source, "name": name}, in))
			for k, v := range A.v {
				require.Equal(t, scale[name]*v, got.v[k], name)
			}
		}
	}
	e := session(t, Config{Workers: 2, Path: place})
	A.named(t, e, "A", 16, 3)
	check(e, "doubled", "negated")
	check(session(t, Config{Workers: 2, Path: place}), "negated", "doubled")
}
