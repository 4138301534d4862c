package lambdapack

import (
	"math"
	"slices"
	"testing"
)

// TestPriority: on programs too large to draw, the fit orders tasks as the longest way to the end does.
func TestPriority(t *testing.T) {
	for name, p := range programs(t, 4) {
		exact := p.heights()
		for task, h := range exact {
			if p.Priority(task) != priorityUnit*h && p.NumTasks() <= fewTasks {
				t.Fatalf("%s: %s is %d from the end, its priority is %d", name, p.TaskName(task), h, p.Priority(task))
			}
		}
	}
	p := mustBind(t, choleskyText, in("A", square(13*8, 8)))
	if p.NumTasks() <= fewTasks {
		t.Fatalf("only %d tasks", p.NumTasks())
	}
	for task, h := range p.heights() {
		if got := p.Priority(task); math.Abs(float64(got-priorityUnit*h)) > priorityUnit {
			t.Errorf("%s is %d from the end, its priority is %d", p.TaskName(task), h, got)
		}
		for c := range p.Children(task) {
			if p.Priority(c) >= p.Priority(task) {
				t.Errorf("%s has priority %d, its child %s %d", p.TaskName(task), p.Priority(task), p.TaskName(c), p.Priority(c))
			}
		}
	}
}

// TestPriorityOfOtherPrograms: a program that small inputs do not show is ordered as it is written.
func TestPriorityOfOtherPrograms(t *testing.T) {
	p := mustBind(t, "def f(A):\n    for i in range(1000):\n        T[i] = copy(A[0, 0])\n    for i in range(200):\n        for j in range(200):\n"+
		"            X[i, j] = copy(T[i])\n    return X\n", in("A", square(10, 10)))
	if first, last := p.Priority(taskAt(0, []int64{5})), p.Priority(taskAt(1, []int64{5, 6})); first <= last {
		t.Errorf("the first statement has priority %d, the last %d", first, last)
	}
}

// TestMillion: a factorisation with a million blocks a side is counted and asked about like a small one.
func TestMillion(t *testing.T) {
	const n = 1 << 20
	p := mustBind(t, choleskyText, in("A", square(n*16, 16)))
	want := int64(n) + n*(n-1)/2 + (n-1)*n*(n+1)/6
	if p.NumTasks() != want {
		t.Errorf("%d tasks, want %d", p.NumTasks(), want)
	}
	update := taskAt(2, []int64{7, 100, 200})
	if got := slices.Collect(p.Children(update)); len(got) != 1 || got[0] != taskAt(2, []int64{8, 100, 200}) {
		t.Errorf("children %v", got)
	}
	if got := slices.Collect(p.Parents(update)); len(got) != 3 {
		t.Errorf("parents %v", got)
	}
	for x := range p.Writes(taskAt(1, []int64{3, 9})) {
		if got := p.NumReaders(x); got != n-4 {
			t.Errorf("%s has %d readers, want %d", p.TileName(x), got, n-4)
		}
	}
	if got := slices.Collect(p.Roots()); len(got) != 1 || got[0] != taskAt(0, []int64{0}) {
		t.Errorf("roots %v", got)
	}
	if a, b := p.Priority(taskAt(0, []int64{5})), p.Priority(taskAt(2, []int64{5, n - 1, n - 1})); a <= b {
		t.Errorf("a diagonal block has priority %d, an update that waits for it %d", a, b)
	}
}

// TestCost holds the costs against sums by hand.
func TestCost(t *testing.T) {
	p := mustBind(t, choleskyText, in("A", square(90, 32))) // blocks of 32, 32, 26
	const b, r = 32, 26
	for _, c := range []struct {
		task Task
		want Cost
	}{
		{taskAt(0, []int64{0}), Cost{Flops: b * b * b / 3.0, ReadBytes: 8 * b * b, WriteBytes: 8 * b * b, PeakBytes: 2 * 8 * b * b}},
		{taskAt(1, []int64{0, 2}), Cost{Flops: r * b * b, ReadBytes: 8 * (b*b + r*b), WriteBytes: 8 * r * b, PeakBytes: 3 * 8 * b * b}},
		{taskAt(2, []int64{0, 1, 2}), Cost{Flops: 2 * r * b * b, ReadBytes: 8 * (r*b + r*b + b*b), WriteBytes: 8 * r * b, PeakBytes: 4 * 8 * b * b}},
		{taskAt(2, []int64{0, 1, 1}), Cost{Flops: 2 * b * b * b, ReadBytes: 2 * 8 * b * b, WriteBytes: 8 * b * b, PeakBytes: 4 * 8 * b * b}},
	} {
		if got := p.Cost(c.task); got != c.want {
			t.Errorf("%s: %+v, want %+v", p.TaskName(c.task), got, c.want)
		}
	}
	// Long sums stream: the result, two tiles of this step, two of the next.
	p = mustBind(t, gemmText, in("A", square(32*2000, 32)), in("B", square(32*2000, 32)))
	want := Cost{Flops: 2 * b * b * b * 2000, ReadBytes: 2000 * 2 * 8 * b * b, WriteBytes: 8 * b * b, PeakBytes: 5 * 8 * b * b}
	if got := p.Cost(taskAt(0, []int64{3, 4})); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestWorkSpace: what LAPACK works in, and copies, are part of what a task holds.
func TestWorkSpace(t *testing.T) {
	const n, m = 128, 40
	whole := in("A", square(n, n))
	for _, c := range []struct {
		text   string
		inputs []Input
		want   int64 // elements
	}{
		{"def f(A):\n    U[0, 0], S[0, 0], VT[0, 0] = gesdd(A[0, 0])\n    return U, S, VT", []Input{whole}, 3*n*n + 5*(n*n+n)}, // A, a copy, U; VT, S, and four times them
		{"def f(A):\n    S[0, 0] = svals(A[0, 0])\n    return S", []Input{whole}, 2*n*n + n},
		{"def f(K):\n    r = axis(size(K, 0), size(K, 0))\n    E[0, 0], U[0, 0], V[0, 0] = bdleaf(K[0, 0], r[0])\n    return E, U, V",
			[]Input{in("K", rect(n, 2, n))}, 2*n + 4*n + 8*n*n}, // the part; U and V, and three times them
		{"def f(V, H, C):\n    c = axis(V, 1)\n    X[0, 0] = ormsb(V[0, 0], H[0, 0], C[0, 0], c[0])\n    return X",
			[]Input{in("V", square(n, n)), in("H", rect(2, n, n)), in("C", rect(n, m, n))}, n*n + 2*n + 3*n*m}, // C, the result, and its strips
	} {
		p := mustBind(t, c.text, c.inputs...)
		if got := p.Cost(taskAt(0, nil)).PeakBytes; got != 8*c.want {
			t.Errorf("%s holds %d elements, want %d", p.TaskName(taskAt(0, nil)), got/8, c.want)
		}
	}
}

// TestInlined: what a called program returns reads as zeros where it was not written, as the results of the whole do, and names
// of both programs do not mix.
func TestInlined(t *testing.T) {
	p := mustBind(t, choleskyText+`
def whole(A, n=1):
    S[0, 0] = copy(A[0, 0])
    L = cholesky(A)
    for i in range(blocks(L, 0)):
        for j in range(blocks(L, 1)):
            X[i, j] = ew("a + b", L[i, j], A[i, j])
    Y[0, 0] = copy(S[0, 0])
    return X, Y
`, in("A", square(100, 25)))
	roles := map[string]string{"A": "input", "S": "temporary", "cholesky_S": "temporary", "L": "temporary zeros", "X": "output zeros", "Y": "output zeros"}
	for _, m := range p.Matrices {
		got := m.Role.String()
		if m.ZeroDefault {
			got += " zeros"
		}
		if got != roles[m.Name] {
			t.Errorf("%s is %s, want %s", m.Name, got, roles[m.Name])
		}
	}
	if name := p.Matrices[p.Statements[1].Outputs[0].Matrix].Display; name != "chol(BigMatrix(A))" {
		t.Errorf("L is shown as %s", name)
	}
	draw(t, p).compare(t)
}

// TestBlocksOfTheTalk: the names and places of the talk's tiles.
func TestBlocksOfTheTalk(t *testing.T) {
	p := mustBind(t, mirroredText, in("A", square(100, 25)))
	update := taskAt(2, []int64{0, 1, 2})
	if name := p.TaskName(update); name != "low_rank_update(iter=0, row=1, col=2)" {
		t.Error(name)
	}
	for x := range p.Writes(update) {
		if name := p.TileName(x); name != "temp(BigMatrix(A))[0, 1, 2]" {
			t.Error(name)
		}
		if place := p.Matrices[x.Matrix].Place(x.I); place != [MaxIndex]int64{0, 2, 1} {
			t.Errorf("the tile of row 2 and column 1 is at %v", place)
		}
	}
	var reads []string
	for x := range p.Reads(update) {
		reads = append(reads, p.TileName(x))
	}
	if !slices.Equal(reads, []string{"BigMatrix(A)[2, 1]", "chol(BigMatrix(A))[2, 0]", "chol(BigMatrix(A))[1, 0]"}) {
		t.Error(reads)
	}
}
