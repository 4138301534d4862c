package lambdapack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuseAll fuses the last program of a text, with the library inlined.
func fuseAll(t testing.TB, text string) string {
	t.Helper()
	f := mustParse(t, text)
	return Format(fuse(inline(f.Defs[len(f.Defs)-1], shipped(t))))
}

// TestFuseGolden fuses the programs of testdata/fuse/*.lp. Each file is a program, a line of dashes, and what becomes of it.
func TestFuseGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/fuse/*.lp")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	const rule = "\n# ----\n"
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			text, want, _ := strings.Cut(string(data), rule)
			got := fuseAll(t, text)
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(text+rule+got), 0o644))
				return
			}
			require.Equal(t, want, got, "run the test with -update if this is what it should be")
			require.Equal(t, got, fuseAll(t, got), "fusing again finds more")
		})
	}
}

// TestFuseRefuses has programs in which nothing may be fused.
func TestFuseRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"several tasks read the tile": `
    for i in range(n):
        T[i, 0] = ew("exp(a)", X[i, 0])
    for i in range(n):
        for j in range(n):
            Y[i, j] = ew("a + b", X[i, j], T[i, 0])`,
		"a task reads it several times": `
    for i in range(n):
        T[i] = ew("exp(a)", X[i, 0])
    for i in range(n):
        Y[i] = sum([ew("a + b", X[i, k], T[i]) for k in range(n)])`,
		"another range": `
    for i in range(n):
        T[i] = ew("exp(a)", X[i, 0])
    for i in range(1, n):
        Y[i] = ew("a + 1", T[i])`,
		"another step": `
    for i in range(n):
        T[i] = ew("exp(a)", X[i, 0])
    for i in range(0, n, 2):
        Y[i] = ew("a + 1", T[i])`,
		"a neighbour": `
    for i in range(n + 1):
        T[i] = full(0.5, r[0], r[0])
    for i in range(n):
        Y[i] = ew("a + 1", T[i + 1])`,
		"the diagonal": `
    for i in range(n):
        for j in range(n):
            T[i, j] = ew("exp(a)", X[i, j])
    for i in range(n):
        Y[i] = ew("a + 1", T[i, i])`,
		"two readers": `
    for i in range(n):
        T[i] = ew("exp(a)", X[i, 0])
    for i in range(n):
        Y[i] = ew("a + 1", T[i])
        Z[i] = ew("a + 2", T[i])`,
		"one reader, in two places": `
    for i in range(n):
        T[i] = ew("exp(a)", X[i, 0])
    for i in range(n):
        Y[i] = ew("a + b", T[i], sum([T[i] for k in range(2)]))`,
		"two writers": `
    T[0] = ew("a + 0", X[0, 0])
    for i in range(1, n):
        T[i] = ew("exp(a)", X[i, 0])
    for i in range(n):
        Y[i] = ew("a + 1", T[i])`,
		"a conditional": `
    for i in range(n):
        if i < n:
            T[i] = ew("exp(a)", X[i, 0])
    for i in range(n):
        Y[i] = ew("a + 1", T[i])`,
		"another name": `
    for i in range(n):
        T[i] = ew("exp(a)", X[i, 0])
        U[i] = T[i]
    for i in range(n):
        Y[i] = ew("a + 1", U[i])`,
		"a recurrence": `
    T[0] = ew("exp(a)", X[0, 0])
    for i in range(1, n):
        T[i] = ew("a + b", X[i, 0], T[i - 1])
    Y[0] = ew("a + 1", T[n - 1])`,
		"asked for its blocks": `
    for i in range(n):
        T[i, 0] = ew("exp(a)", X[i, 0])
    for i in range(blocks(T, 0)):
        Y[i] = ew("a + 1", T[i, 0])`,
		"a factor into a product": `
    for i in range(n):
        T[i] = ew("exp(a)", X[i, 0])
    for i in range(n):
        Y[i] = gemm(T[i], X[i, i])`,
		"LAPACK into a reduction": `
    for i in range(n):
        T[i] = chol(X[i, i])
    for i in range(n):
        Y[i] = reduce(T[i], op="sum", axis="0")`,
		"partial results": `
    for i in range(n):
        for j in range(n):
            T[i, j] = reduce(X[i, j], op="sum", axis="1")
    for i in range(n):
        Y[i] = sum([T[i, k] for k in range(n)])`,
		"a transpose that costs": `
    for i in range(n):
        T[i] = tri(X[i, 0], r[i], r[0])
    for i in range(n):
        Y[i] = ew("a + 1", T[i].T)`,
		"a number inside of a loop": `
    for i in range(n):
        m = n - i
        for j in range(m):
            T[i, j] = ew("exp(a)", X[m - 1, j])
    for i in range(n):
        for j in range(n - i):
            Y[i, j] = ew("a + 1", T[i, j])`,
		"it is returned": `
    for i in range(n):
        R[i] = ew("exp(a)", X[i, 0])
    for i in range(n):
        Y[i] = ew("a + 1", R[i])`,
	} {
		t.Run(name, func(t *testing.T) {
			returns := "Y"
			for _, extra := range []string{"Z", "R"} {
				if strings.Contains(body, extra+"[") {
					returns += ", " + extra
				}
			}
			text := "def p(X):\n    n = blocks(X, 0)\n    r = axis(X, 0)" + body + "\n    return " + returns + "\n"
			f := mustParse(t, text)
			require.Equal(t, Format(f.Defs[0]), Format(fuse(f.Defs[0])))
		})
	}
}

// TestFuseBounds: long chains end in several tasks of bounded size.
func TestFuseBounds(t *testing.T) {
	var b strings.Builder
	b.WriteString("def p(X, Y):\n    for i in range(blocks(X, 0)):\n        T0[i] = copy(X[i, 0])\n")
	const length = 3000
	for k := range length {
		b.WriteString("    for i in range(blocks(X, 0)):\n        " + "T" + itoa(k+1) + "[i] = ew(\"sqrt(a) + b\", T" + itoa(k) + "[i], Y[i, " + itoa(k%20) + "])\n")
	}
	b.WriteString("    return T" + itoa(length) + "\n")
	f := mustParse(t, b.String())
	out := fuse(f.Defs[0])
	require.Less(t, len(out.Body), length/2)
	for _, s := range out.Body {
		value := s.(*For).Body[0].(*Assign).Value
		require.LessOrEqual(t, nesting(value), maxFusedDepth)
		require.LessOrEqual(t, len((&fuser{}).tiles(value)), maxFusedTiles)
	}
	_, err := Parse("again", Format(out))
	require.NoError(t, err)
}

func itoa(n int) string { return joinInts([]int64{int64(n)}, "") }

func TestMergeEw(t *testing.T) {
	for text, want := range map[string]string{
		`ew("a * 2", ew("a + 1", X[0]))`:                                                 `ew("float64(a + 1) * 2", X[0])`,
		`ew("a - b", Y[0], ew("a / b", X[0], Y[0]))`:                                     `ew("a - float64(b / a)", Y[0], X[0])`,
		`ew("a * a", ew("a + 1", X[0]))`:                                                 `ew("a * a", ew("a + 1", X[0]))`,
		`ew("a + 1e5", ew("-a", X[0], dtype="float32"), dtype="float32")`:                `ew("float32(-a) + 1e5", X[0], dtype="float32")`,
		`ew("exp(a)", ew("float32(a)", X[0], dtype="float32"))`:                          `ew("exp(float32(a))", X[0])`,
		`ew("exp(a)", ew("float32(a) + float32(b)", X[0], Y[0], dtype="float32"))`:       `ew("exp(float32(float32(a) + float32(b)))", X[0], Y[0])`,
		`ew("where(a, b, c)", ew("a < b", X[0], Y[0], dtype="bool"), Y[0], X[0])`:        `ew("where(bool(a < b), b, a)", X[0], Y[0])`,
		`ew("a", ew("a) + (b", X[0], Y[0]))`:                                             `ew("a", ew("a) + (b", X[0], Y[0]))`,
		`ew("a", ew("c", X[0], Y[0]))`:                                                   `ew("a", ew("c", X[0], Y[0]))`,
		`ew("b + 1", ew("a + 1", X[0]), Y[0])`:                                           `ew("b + 1", ew("a + 1", X[0]), Y[0])`,
		`ew("a + b", ew("exp(a)", sum([X[k] for k in range(3)])), ew("log(a)", X[0].T))`: `ew("float64(exp(a)) + float64(log(b))", sum([X[k] for k in range(3)]), X[0].T)`,
	} {
		f := mustParse(t, "def p(X, Y):\n    Z[0] = "+text+"\n    return Z\n")
		value := f.Defs[0].Body[0].(*Assign).Value
		require.Equal(t, want, nodeText(mergeEw(value)))
	}
}
