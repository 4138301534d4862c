package main

import (
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"numpywren/core/lambdapack"
)

// answer is what a question about a random task took, on average.
type answer struct {
	text       string
	neighbours float64 // found
	seconds    float64
	bytes      float64 // allocated
}

// most is after how many neighbours an enumeration stops: the first diagonal block of a huge matrix has a million children.
const most = 16

// questions asks for children and parents of random tasks of each kind: the plan, and the graph when there is one.
func questions(plan *lambdapack.Plan, g *graph, side int64, samples int) []answer {
	rng := rand.New(rand.NewPCG(1, 2))
	var answers []answer
	for id, s := range plan.Statements {
		tasks := make([]lambdapack.Task, min(samples, 100_000))
		for n := range tasks {
			tasks[n] = randomTask(rng, id, s.Vars, side)
		}
		answers = append(answers,
			ask(s.Label+": its first children", tasks, samples, plan.Children),
			ask(s.Label+": its parents", tasks, samples, plan.Parents))
		if g != nil {
			answers = append(answers, ask(s.Label+": its first children, looked up in the graph", tasks, samples, g.children))
		}
	}
	return answers
}

// randomTask is a random instance of one of cholesky's statements: its loops stand in each other so that the first variable is
// the smallest, i < k <= j or i < j.
func randomTask(rng *rand.Rand, statement int, vars []string, side int64) lambdapack.Task {
	for {
		t := lambdapack.Task{Stmt: int32(statement)}
		point := t.I[:len(vars)]
		for d := range point {
			point[d] = rng.Int64N(side)
		}
		slices.Sort(point)
		if len(point) < 2 || point[0] < point[1] {
			return t
		}
	}
}

func ask[T any](text string, tasks []lambdapack.Task, samples int, of func(lambdapack.Task) iter.Seq[T]) answer {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started, found := time.Now(), 0
	for n := range samples {
		seen := 0
		for range of(tasks[n%len(tasks)]) {
			if seen++; seen == most {
				break
			}
		}
		found += seen
	}
	seconds := time.Since(started).Seconds()
	runtime.ReadMemStats(&after)
	per := 1 / float64(samples)
	return answer{text, float64(found) * per, seconds * per, float64(after.TotalAlloc-before.TotalAlloc) * per}
}
