package affine

import "testing"

func benchmarkSolver(b *testing.B, s *Solver, target ...int64) {
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for range s.All(target) {
			n++
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "solutions/op")
}

func BenchmarkChildOfUpdate(b *testing.B) {
	benchmarkSolver(b, NewSolver(lowRank(1e6), []Expr{i.Add(Const(-1)), j, k}), 1000, 5000, 7000)
}

func BenchmarkNoChild(b *testing.B) {
	benchmarkSolver(b, NewSolver(lowRank(1e6), []Expr{i.Add(Const(-1)), j, k}), 5000, 5000, 7000)
}

func BenchmarkReadersOfPanel(b *testing.B) {
	benchmarkSolver(b, NewSolver(lowRank(1e6), []Expr{k, i}), 2000, 1000)
}

func BenchmarkTreeRight(b *testing.B) {
	benchmarkSolver(b, NewSolver(tree(1e6, 20), []Expr{Var(1).Add(Pow2(0)), Var(0)}), 12, 2)
}

func BenchmarkTreeLevelUnknown(b *testing.B) {
	benchmarkSolver(b, NewSolver(tree(1e6, 20), []Expr{Var(1).Add(Pow2(0))}), 12)
}

func BenchmarkRechunkReaders(b *testing.B) {
	benchmarkSolver(b, NewSolver(rechunk(1e6, 700, 512), []Expr{Var(1)}), 12345)
}

func BenchmarkCompile(b *testing.B) {
	d, x := lowRank(1e6), make([]int64, 3)
	b.ReportAllocs()
	for b.Loop() {
		NewSolver(d, []Expr{i.Add(Const(-1)), j, k}).First([]int64{1000, 5000, 7000}, x)
	}
}

func BenchmarkCountUpdates(b *testing.B) {
	d := lowRank(1e6)
	b.ReportAllocs()
	for b.Loop() {
		d.Count()
	}
}

func BenchmarkCountTree(b *testing.B) {
	for b.Loop() {
		tree(1e6, 20).Count()
	}
}

func BenchmarkCountRechunk(b *testing.B) {
	for b.Loop() {
		rechunk(1e6, 1000, 999).Count()
	}
}

func BenchmarkImplies(b *testing.B) {
	d := lowRank(1e6)
	b.ReportAllocs()
	for b.Loop() {
		Implies(d, Cond{k.Sub(i), NE})
	}
}
