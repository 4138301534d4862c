package affine

import (
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
)

// The loop nests of the programs that the package exists for.

var i, j, k = Var(0), Var(1), Var(2)

// lowRank is cholesky's: for i in range(n): for k in range(i + 1, n): for j in range(k, n); x is (i, k, j).
func lowRank(n int64) *Domain {
	return &Domain{Loops: []Loop{
		Range("i", Const(0), Const(n)),
		Range("k", i.Add(Const(1)), Const(n)),
		Range("j", j, Const(n)),
	}}
}

func colUpdate(n int64) *Domain {
	return &Domain{Loops: []Loop{Range("i", Const(0), Const(n)), Range("j", i.Add(Const(1)), Const(n))}}
}

// tree is a binary reduction: for l in range(levels): for i in range(0, n - (1 << l), 2 << l); x is (l, i).
func tree(n, levels int64) *Domain {
	return &Domain{Loops: []Loop{
		Range("l", Const(0), Const(levels)),
		{Name: "i", Lower: []Bound{{E: Const(0)}}, Upper: []Bound{{E: Const(n).Sub(Pow2(0))}}, Step: Pow2(0).Scale(2)},
	}}
}

// rechunk is for i in range(n): for k in range(i*b//c, (i*b + b - 1)//c + 1): the blocks k of side c that block i of
// side b needs.
func rechunk(n, b, c int64) *Domain {
	return &Domain{Loops: []Loop{
		Range("i", Const(0), Const(n)),
		{Name: "k", Lower: []Bound{{i.Scale(b), c}}, Upper: []Bound{{i.Scale(b).Add(Const(b - 1 + c)), c}}},
	}}
}

// huge is far more iterations a side than could be looked at one by one.
const huge = 1 << 38

func solutions(s *Solver, target ...int64) string { return fmt.Sprint(collect(s.All(target))) }

func TestCholeskyChildren(t *testing.T) {
	const n = huge
	reads := NewSolver(lowRank(n), []Expr{i.Add(Const(-1)), j, k}) // S[i-1, k, j]
	if got := solutions(reads, 3, 7, 9); got != "[[4 7 9]]" {
		t.Error(got)
	}
	if got := solutions(reads, 7, 8, 9); got != "[]" {
		t.Errorf("S[7, 8, 9] is no input of a low-rank update: %s", got)
	}
	chol := NewSolver(&Domain{Loops: []Loop{Range("i", Const(0), Const(n))}}, []Expr{i.Add(Const(-1)), i, i})
	if got := solutions(chol, 3, 4, 4) + solutions(chol, 3, 4, 5); got != "[[4]][]" {
		t.Error(got)
	}
	rowsOf := NewSolver(lowRank(n), []Expr{k, i}) // L[j, i]: for k in range(i + 1, j + 1)
	if got := solutions(rowsOf, 5, 2); got != "[[2 3 5] [2 4 5] [2 5 5]]" {
		t.Error(got)
	}
	colsOf := NewSolver(lowRank(n), []Expr{j, i}) // L[k, i]
	if got := solutions(colsOf, n-2, 2); got != fmt.Sprintf("[[2 %d %d] [2 %[1]d %[3]d]]", n-2, n-2, n-1) {
		t.Error(got)
	}
}

func TestTree(t *testing.T) {
	d := tree(huge, 38)
	left, right := NewSolver(d, []Expr{Var(1), Var(0)}), NewSolver(d, []Expr{Var(1).Add(Pow2(0)), Var(0)})
	if got := solutions(left, 8, 2) + solutions(left, 12, 2) + solutions(right, 12, 2) + solutions(left, 12, 3); got != "[[2 8]][][[2 8]][]" {
		t.Error(got)
	}
	anyLevel := NewSolver(d, []Expr{Var(1).Add(Pow2(0))}) // which merge takes block 12 away?
	if got := solutions(anyLevel, 12); got != "[[2 8]]" {
		t.Error(got)
	}
	if got := d.Count(); got != huge-1 {
		t.Errorf("a tree over n leaves has n - 1 merges, not %d", got)
	}
}

func TestRechunk(t *testing.T) {
	const b, c = 700, 512
	d := rechunk(huge>>10, b, c)
	readers := NewSolver(d, []Expr{Var(1)})
	for _, block := range []int64{0, 1, 5, 12345} {
		var want [][]int64
		for r := int64(0); r*b < (block+1)*c; r++ {
			if r*b+b > block*c {
				want = append(want, []int64{r, block})
			}
		}
		if got := collect(readers.All([]int64{block})); !samePoints(got, want) {
			t.Errorf("block %d: %v, want %v", block, got, want)
		}
	}
	n := int64(100_000)
	var want int64
	for r := range n {
		want += (r*b+b-1)/c - r*b/c + 1
	}
	if got := rechunk(n, b, c).Count(); got != want {
		t.Errorf("%d pairs, want %d", got, want)
	}
	if got := rechunk(huge>>10, 1000, 999).Count(); got <= huge>>10 {
		t.Errorf("%d pairs", got)
	}
}

func TestCountPrograms(t *testing.T) {
	cube := func(n int64) int64 { // n(n-1)(n+1)/6
		v := new(big.Int).Mul(big.NewInt(n), big.NewInt(n-1))
		return v.Div(v.Mul(v, big.NewInt(n+1)), big.NewInt(6)).Int64()
	}
	for _, n := range []int64{0, 1, 2, 10, 1e6} {
		if got := lowRank(n).Count(); got != cube(n) {
			t.Errorf("low_rank_update at n = %d: %d, want %d", n, got, cube(n))
		}
		if got := colUpdate(n).Count(); got != n*(n-1)/2 {
			t.Errorf("col_update at n = %d: %d", n, got)
		}
	}
	if got := lowRank(huge).Count(); got != 1<<63-1 {
		t.Errorf("Count must saturate: %d", got)
	}
	diagonal := lowRank(1e6)
	diagonal.Conds = []Cond{{j.Sub(k), NE}}
	if got, want := diagonal.Count(), cube(1e6)-1e6*(1e6-1)/2; got != want {
		t.Errorf("k != j: %d, want %d", got, want)
	}
	if (&Domain{}).Count() != 1 || !(&Domain{Loops: []Loop{Range("i", Const(3), Const(3))}}).IsEmpty() {
		t.Error("the domain without loops has one point; an empty range none")
	}
}

func TestImpliesPrograms(t *testing.T) {
	d := lowRank(1e6)
	for _, c := range []struct {
		e    Expr
		op   Cmp
		want bool
	}{
		{k.Sub(i), GE, true},                                 // j > i
		{k.Sub(i).Add(Const(-1)), GE, true},                  // j > i
		{k.Sub(i).Add(Const(-2)), GE, false},                 // j = k = i + 1 happens
		{k.Sub(i), NE, true},                                 //
		{k.Sub(j), NE, false},                                //
		{Const(1e6 - 2).Sub(i), GE, true},                    // the last i has no update
		{Const(1e6 - 3).Sub(i), GE, false},                   //
		{i.Add(j).Sub(k), EQ, false},                         //
		{i.Scale(2).Sub(j.Scale(4)), EQ, false},              //
		{i.Scale(2).Sub(j.Scale(4)).Add(Const(1)), NE, true}, // odd is not even
	} {
		if got := Implies(d, Cond{c.e, c.op}); got != c.want {
			t.Errorf("%s %v 0: %v", c.e.Format([]string{"i", "k", "j"}), c.op, got)
		}
	}
	if !Implies(tree(1e6, 20), Cond{Const(1e6 - 1).Sub(Var(1)).Sub(Pow2(0)), GE}) {
		t.Error("a merge's right block is inside")
	}
}

// TestNumbersOutOfRange: what the compiled forms cannot hold is enumerated, with the same answers.
func TestNumbersOutOfRange(t *testing.T) {
	d := &Domain{Loops: []Loop{
		Range("l", Const(50), Const(63)),
		{Name: "i", Lower: []Bound{{E: Const(-3)}}, Upper: []Bound{{E: Const(4)}}, Step: Pow2(0)},
		Range("j", Const(-3), Const(4)),
	}}
	wide := must(Var(2).Scale(1 << 12).Mul(Pow2(0)))
	d.Conds = []Cond{{wide.Add(Const(1)), GE}}
	points := brute(d)
	if got := d.Count(); got != int64(len(points)) {
		t.Errorf("Count %d, want %d", got, len(points))
	}
	got := collect(NewSolver(d, []Expr{Var(2)}).All([]int64{2}))
	want := slices.DeleteFunc(slices.Clone(points), func(x []int64) bool { return x[2] != 2 })
	if sortPoints(got); !samePoints(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if Implies(d, Cond{wide.Add(Const(2)), GE}) {
		t.Error("proved with numbers that do not fit")
	}
	far := NewSolver(lowRank(huge), []Expr{i, j, k})
	if far.First([]int64{1<<63 - 1, 1<<63 - 1, 1<<63 - 1}, make([]int64, 3)) || far.First([]int64{-1 << 63, 0, 0}, make([]int64, 3)) {
		t.Error("a target outside the hull has no solution")
	}
}

// TestManyShifts: more combinations of shifts than plans are kept for.
func TestManyShifts(t *testing.T) {
	d := &Domain{}
	var e Expr
	for v := range 5 {
		d.Loops = append(d.Loops, Range("l", Const(0), Const(14)))
		e = e.Add(Pow2(v))
	}
	if got := len(collect(NewSolver(d, []Expr{e}).All([]int64{5}))); got != 1 {
		t.Errorf("%d solutions of five powers summing to 5", got)
	}
	d.Conds = []Cond{{e.Sub(Const(6)), EQ}}
	if got := d.Count(); got != 5 {
		t.Errorf("%d solutions of five powers summing to 6", got)
	}
	if Implies(d, Cond{e.Sub(Const(6)), NE}) {
		t.Error("proved what is false")
	}
}

func TestConcurrentAndNested(t *testing.T) {
	s := NewSolver(tree(1000, 9), []Expr{Var(1).Add(Pow2(0)), Var(0)})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := range int64(200) {
				b := (n + int64(w)) % 500 * 2
				for range s.All([]int64{b + 1, 0}) {
					for x := range s.All([]int64{b + 1, 0}) {
						if x[0] != 0 || x[1] != b {
							t.Errorf("block %d: %v", b+1, x)
						}
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestSolverDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops frames under the race detector")
	}
	s := NewSolver(lowRank(1e6), []Expr{k, i})
	target := []int64{1000, 0}
	n := 0
	count := func() {
		for range s.All(target) {
			n++
		}
	}
	count()
	if n != 1000 {
		t.Fatalf("%d solutions", n)
	}
	if allocs := testing.AllocsPerRun(10, count); allocs > 3 {
		t.Errorf("%v allocations for 1000 solutions", allocs)
	}
}
