package lambdapack

import (
	"slices"
	"testing"

	"numpywren/core/grid"
)

const choleskyText = `
def cholesky(A):
    S[-1] = A
    n = blocks(A, 0)
    for i in range(n):
        task("cholesky", iter=i)
        L[i, i] = chol(S[i - 1, i, i])
        for j in range(i + 1, n):
            task("col_update", row=j, col=i)
            L[j, i] = trsm(L[i, i], S[i - 1, j, i])
        for k in range(i + 1, n):
            for j in range(k, n):
                task("low_rank_update", iter=i, row=k, col=j)
                S[i, j, k] = syrk(S[i - 1, j, k], L[j, i], L[k, i])
    return L
`

const mirroredText = `
def cholesky(A):
    n = blocks(A, 0)
    for j in range(n):
        for k in range(j + 1):
            S[-1, k, j] = A[j, k]
    for i in range(n):
        task("cholesky", iter=i)
        L[i, i] = chol(S[i - 1, i, i])
        for j in range(i + 1, n):
            task("col_update", row=j, col=i)
            L[j, i] = trsm(L[i, i], S[i - 1, i, j])
        for k in range(i + 1, n):
            for j in range(k, n):
                task("low_rank_update", iter=i, row=k, col=j)
                S[i, k, j] = syrk(S[i - 1, k, j], L[j, i], L[k, i])
    return L
`

const gemmText = `
def matmul(A, B):
    for i in range(blocks(A, 0)):
        for j in range(blocks(B, 1)):
            C[i, j] = sum([gemm(A[i, k], B[k, j]) for k in range(blocks(A, 1))])
    return C
`

const splitText = `
def matmul(A, B):
    for i in range(blocks(A, 0)):
        for j in range(blocks(B, 1)):
            C[i, j] = sum([gemm(A[i, k], B[k, j]) for k in range(blocks(A, 1))], split=2)
    return C
`

const forwardText = `
def forward_substitution(L, B):
    S[-1] = B
    n = blocks(L, 0)
    for i in range(n):
        for j in range(blocks(B, 1)):
            X[i, j] = trsm(L[i, i], S[i - 1, i, j], side="L", trans="N")
            for k in range(i + 1, n):
                S[i, k, j] = gemm(L[k, i], X[i, j], S[i - 1, k, j], alpha=-1.0)
    return X
`

const backwardText = `
def backward_substitution(L, B):
    n = blocks(L, 0)
    for j in range(blocks(B, 1)):
        for i in range(n - 1, -1, -1):
            if i == n - 1:
                X[i, j] = trsm(L[i, i], B[i, j], side="L", trans="T")
            else:
                X[i, j] = trsm(L[i, i], gemm(L[i + 1, i].T, X[i + 1, j], B[i, j], alpha=-1.0), side="L", trans="T")
    return X
`

const solveText = choleskyText + forwardText + `
def solve(A, B):
    L = cholesky(A)
    X = forward_substitution(L, B)
    return X
`

const reduceText = `
def norms(X):
    n0 = blocks(X, 0)
    n1 = blocks(X, 1)
    for i in range(n0):
        for j in range(n1):
            Y[i, j] = ew("square(a)", X[i, j])
    for i in range(n0):
        for j in range(n1):
            P[j, i, 0] = reduce(Y[i, j], op="sum", axis="1")
    for i in range(n0):
        for q in range((n1 + 1)//2):
            Q[q, i, 0] = sum([P[k, i, 0] for k in range(2*q, min(2*q + 2, n1))])
    for i in range(n0):
        R[i, 0] = ew("sqrt(a)", sum([Q[q0, i, 0] for q0 in range((n1 + 1)//2)]))
    return R
`

const treeText = `
def tree(A):
    n = levels(blocks(A, 0))
    for i in range(blocks(A, 0)):
        R[i, 0] = copy(A[i, 0])
    for l in range(n):
        for i in range(0, 1 << n, 2 << l):
            R[i, l + 1] = gemm(R[i, l].T, R[i + (1 << l), l])
    X[0, 0] = copy(R[0, n])
    return X
`

// untreeText counts down, and shifts by what counts down.
const untreeText = `
def untree(A):
    n = levels(blocks(A, 0))
    R[0, n] = copy(A[0, 0])
    for l in range(n - 1, -1, -1):
        for i in range(0, 1 << n, 2 << l):
            R[i, l], Q[i + (1 << l), l], P[i, l] = tpqrt(R[i, l + 1], A[i + (1 << l), 0])
            R[i + (1 << l), l] = copy(Q[i + (1 << l), l])
    for i in range(1 << n):
        X[i, 0] = copy(R[i, 0])
    return X
`

const windowText = `
def window(X):
    r = axis(70, 16)
    c = axis(X, 1)
    s = axis(X, 0)
    for i in range(blocks(r)):
        for j in range(blocks(c)):
            Y[i, j] = assemble([part(X[s0, s1], s[s0], c[s1]) for s0 in range((16*i + 10)//32, min((16*i + 57)//32, 4)) for s1 in range(j, j + 1)], r[i], c[j], offset="10,0")
    return Y
`

func square(n, b int64) grid.Grid { return rect(n, n, b) }

func rect(m, n, b int64) grid.Grid {
	g, err := grid.New([]int64{m, n}, []int64{b, b})
	if err != nil {
		panic(err)
	}
	return g
}

func mustParse(t testing.TB, text string) *File {
	t.Helper()
	f, err := Parse("test.lp", text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// mustBind binds the last program of a text.
func mustBind(t testing.TB, text string, inputs ...Input) *Plan {
	t.Helper()
	f := mustParse(t, text)
	p, err := Bind(f.Defs[len(f.Defs)-1], nil, inputs, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func in(name string, g grid.Grid) Input {
	return Input{Name: name, Display: "BigMatrix(" + name + ")", Grid: g, DType: "float64"}
}

// programs are the texts above on matrices of about n blocks a side.
func programs(t testing.TB, n int64) map[string]*Plan {
	b := int64(32)
	l := n*b - 8
	one := rect(l, 10, b)
	tall := rect(int64(1)<<n*8, 8, 8)
	f, p := in("F", square(l, b)), Input{Name: "P", Display: "BigMatrix(P)", Grid: grid.Grid{{Len: l, Block: b}, {Len: 2, Block: 2}}, DType: "int64"}
	return map[string]*Plan{
		"cholesky": mustBind(t, choleskyText, in("A", square(l, b))),
		"mirrored": mustBind(t, mirroredText, in("A", square(l, b))),
		"gemm":     mustBind(t, gemmText, in("A", rect(l, l+40, b)), in("B", rect(l+40, l-20, b))),
		"split":    mustBind(t, splitText, in("A", rect(l, l+40, b)), in("B", rect(l+40, l-20, b))),
		"forward":  mustBind(t, forwardText, in("L", square(l, b)), in("B", one)),
		"backward": mustBind(t, backwardText, in("L", square(l, b)), in("B", rect(l, l, b))),
		"solve":    mustBind(t, solveText, in("A", square(l, b)), in("B", one)),
		"norms":    mustBind(t, reduceText, in("X", rect(l, l+100, b))),
		"tree":     mustBind(t, treeText, in("A", tall)),
		"untree":   mustBind(t, untreeText, in("A", tall)),
		"window":   mustBind(t, windowText, in("X", rect(128, l, 32))),

		"lu":            bindShipped(t, "lu_factor", in("A", rect(l+40, l, b))),
		"tournament":    bindShipped(t, "lu_factor_tournament", in("A", square(l, b))),
		"lu_solve":      bindShipped(t, "lu_solve", f, p, in("B", one)),
		"lu_transposed": bindShipped(t, "lu_solve_transposed", f, p, in("B", one)),
		"lu_inverse":    bindShipped(t, "lu_inverse", f, p),
	}
}

func TestPrograms(t *testing.T) {
	for name, p := range programs(t, 3) {
		t.Logf("%s: %d tasks", name, p.NumTasks())
		for _, m := range p.Matrices {
			t.Logf("  %s %s %s rank %d low %v high %v grid %v versions %v..%v place %v", m.Name, m.Display, m.Role, m.Rank, m.Low, m.High, m.Grid, m.VersionLow, m.VersionHigh, m.place)
		}
		if n := len(slices.Collect(p.Tasks())); int64(n) != p.NumTasks() {
			t.Errorf("%s: %d tasks, counted %d", name, n, p.NumTasks())
		}
	}
}
