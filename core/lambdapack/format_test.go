package lambdapack

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.starlark.net/syntax"
)

// dump is a tree as text without its positions.
func dump(v reflect.Value, out *strings.Builder) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			out.WriteString("nil")
			return
		}
		dump(v.Elem(), out)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[syntax.Position]() {
			return
		}
		out.WriteString(v.Type().Name() + "{")
		for n := range v.NumField() {
			if v.Type().Field(n).IsExported() {
				dump(v.Field(n), out)
				out.WriteString(" ")
			}
		}
		out.WriteString("}")
	case reflect.Slice:
		out.WriteString("[")
		for n := range v.Len() {
			dump(v.Index(n), out)
			out.WriteString(" ")
		}
		out.WriteString("]")
	default:
		fmt.Fprintf(out, "%s:%#v", v.Type(), v)
	}
}

func dumped(def *Def) string {
	var b strings.Builder
	d := *def
	d.Zeros = nil // not part of the text
	dump(reflect.ValueOf(d), &b)
	return b.String()
}

// requireRoundTrip formats and parses a program: the tree must be the same.
func requireRoundTrip(t testing.TB, def *Def) {
	t.Helper()
	text := Format(def)
	f, err := Parse("formatted", text)
	require.NoError(t, err, text)
	require.Len(t, f.Defs, 1, text)
	require.Equal(t, dumped(def), dumped(f.Defs[0]), text)
	require.Equal(t, text, Format(f.Defs[0]))
}

func TestFormatRoundTrips(t *testing.T) {
	lib := shipped(t)
	for _, f := range lib {
		for _, def := range f.Defs {
			requireRoundTrip(t, def)
			requireRoundTrip(t, fuse(inline(def, lib)))
		}
		text := ""
		for n, def := range f.Defs {
			if n > 0 {
				text += "\n\n"
			}
			text += Format(def)
		}
		require.Equal(t, f.Source, text, "the shipped texts are as Format writes them")
	}
	paths, err := filepath.Glob("../expr/testdata/*.lp")
	require.NoError(t, err)
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := Parse(path, source)
		require.NoError(t, err)
		for _, def := range f.Defs {
			requireRoundTrip(t, def)
			requireRoundTrip(t, fuse(inline(def, lib)))
		}
	}
	for _, text := range []string{choleskyText, mirroredText, gemmText, splitText, forwardText, backwardText, solveText, reduceText, treeText, windowText} {
		for _, def := range mustParse(t, text).Defs {
			requireRoundTrip(t, def)
		}
	}
}

const everything = `
def everything(A, B, n=3, m=-2):
    """Says "what" it is.

      Indented, and é."""
    a = -n + 2 * (m - 1) - (n - m) // 2 % 3
    b = (n + 1) << 2
    c = n + (1 << m)
    d = max(n, min(m, 4), levels(n))
    r = axis(A, 0)
    s = axis(1000, 64)
    Q, R = qr(A, B, k=n + 1)
    S[-1] = A
    W[0] = S[-1, 0, 0]
    for i in range(n - 1, -1, -1):
        pass
    for i in range(n):
        task("a \"quoted\" label", i=-i, j=2 * (i + 1))
        if i < n and not (i == 3 or i != m):
            V[i], T[i] = geqrt(A[i, 0].T, x=1.5, y=-0.0, z=1e+22, w=True, u=False, s="a\nb\\")
        elif i >= 2 or not i <= 1 and i > 0:
            X[i] = sum([gemm(A[i, k], B[k, j].T) for k in range(n) if k != i for j in range(k, n, 2) if j < 3 or j > 4], split=8)
        else:
            X[i] = full(1, r[i], s[0])
            Z[()] = copy(X[i])
        if (i < 2) == (n < 3):
            X[i] = Y[i]
    return Q, X
`

func TestFormatEverything(t *testing.T) {
	def := mustParse(t, everything).Defs[0]
	requireRoundTrip(t, def)
	require.Equal(t, strings.TrimPrefix(everything, "\n"), Format(def))
	for _, doc := range []string{"", "a", `a"`, `""" "`, `back\slash`, "new\nline", "\ttab", "carriage\r\nreturn", "'''"} {
		def.Doc = doc
		f, err := Parse("doc", Format(def))
		require.NoError(t, err, doc)
		require.Equal(t, doc, f.Defs[0].Doc)
	}
}

// FuzzFormat writes whatever parses and parses it again.
func FuzzFormat(f *testing.F) {
	f.Add(everything)
	for _, text := range []string{choleskyText, splitText, backwardText, treeText, windowText, randomProgram(1, 9)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("fuzz", text)
		if err != nil {
			return
		}
		for _, def := range file.Defs {
			requireRoundTrip(t, def)
			if _, err := quietly(func() *Def { return fuse(inline(def, nil)) }); err != nil {
				continue
			}
			fused := fuse(inline(def, nil))
			if again, err := Parse("fused", Format(fused)); err == nil {
				require.Equal(t, dumped(fused), dumped(again.Defs[0]))
			}
		}
	})
}

// quietly turns the panic of a pass into its error.
func quietly(f func() *Def) (def *Def, err error) {
	defer caught(&err)
	return f(), nil
}
