package lambdapack

import (
	"testing"
)

// BenchmarkBind binds a program of three statements.
func BenchmarkBind(b *testing.B) {
	text := "def f(A, B):\n    for i in range(blocks(A, 0)):\n        for j in range(blocks(A, 1)):\n            T[i, j] = ew(\"a * b\", A[i, j], B[i, j])\n" +
		"    for i in range(blocks(A, 0)):\n        for j in range(blocks(A, 1)):\n            P[j, i, 0] = reduce(T[i, j], op=\"sum\", axis=\"1\")\n" +
		"    for i in range(blocks(A, 0)):\n        R[i, 0] = sum([P[q, i, 0] for q in range(blocks(A, 1))])\n    return R\n"
	for name, c := range map[string]struct {
		text   string
		inputs []Input
	}{
		"norms":    {text, []Input{in("A", square(1000, 250)), in("B", square(1000, 250))}},
		"cholesky": {choleskyText, []Input{in("A", square(1000, 250))}},
		"gemm":     {gemmText, []Input{in("A", square(1000, 250)), in("B", square(1000, 250))}},
		"solve":    {solveText, []Input{in("A", square(1000, 250)), in("B", rect(1000, 10, 250))}},
	} {
		b.Run(name, func(b *testing.B) {
			f := mustParse(b, c.text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Bind(f.Defs[len(f.Defs)-1], nil, c.inputs, nil, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCholesky asks about tasks of a factorisation with a million blocks a side.
func BenchmarkCholesky(b *testing.B) {
	const n = 1 << 20
	p := mustBind(b, choleskyText, in("A", square(n*16, 16)))
	update := taskAt(2, []int64{n / 3, n / 2, n - 5})
	ask := map[string]func() int{
		"children": func() int { return count(p.Children(update)) },
		"parents":  func() int { return count(p.Parents(update)) },
		"reads":    func() int { return count(p.Reads(update)) },
		"readers of one": func() int {
			for x := range p.Writes(update) {
				return int(p.NumReaders(x))
			}
			return 0
		},
		"readers of many": func() int {
			for x := range p.Writes(taskAt(1, []int64{n / 3, n / 2})) {
				return int(p.NumReaders(x))
			}
			return 0
		},
		"priority": func() int { return int(p.Priority(update)) },
		"cost":     func() int { return int(p.Cost(update).ReadBytes) },
		"root": func() int {
			for range p.Roots() {
				return 1
			}
			return 0
		},
		"tasks": func() int { return int(p.NumTasks()) },
	}
	for name, f := range ask {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f() == 0 {
					b.Fatal("no answer")
				}
			}
		})
	}
}

func count[T any](seq func(yield func(T) bool)) int {
	n := 0
	for range seq {
		n++
	}
	return n
}
