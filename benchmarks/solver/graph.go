package main

import (
	"iter"
	"runtime"
	"slices"
	"time"

	"numpywren/core/lambdapack"
)

// graph is every task with its number, and the numbers of its children, one after the other: as small as a graph is that can
// be asked for a task's children.
type graph struct {
	number map[lambdapack.Task]int32
	first  []int64 // of each task's children, where they begin
	child  []int32

	seconds float64
	bytes   int64
}

func (g *graph) edges() int64 { return int64(len(g.child)) }

// children are the numbers of a task's children, looked up.
func (g *graph) children(task lambdapack.Task) iter.Seq[int32] {
	n := g.number[task]
	return slices.Values(g.child[g.first[n]:g.first[n+1]])
}

// buildGraph numbers the tasks and lists everyone's children.
func buildGraph(plan *lambdapack.Plan) *graph {
	before, started := heap(), time.Now()
	tasks := plan.NumTasks()
	g := &graph{number: make(map[lambdapack.Task]int32, tasks), first: make([]int64, 0, tasks+1)}
	for task := range plan.Tasks() {
		g.number[task] = int32(len(g.number))
	}
	for task := range plan.Tasks() {
		g.first = append(g.first, int64(len(g.child)))
		for child := range plan.Children(task) {
			g.child = append(g.child, g.number[child])
		}
	}
	g.first = append(g.first, int64(len(g.child)))
	g.seconds = time.Since(started).Seconds()
	g.bytes = heap() - before
	return g
}

// walked is what asking for every task's children took.
type walked struct {
	edges   int64
	seconds float64
	bytes   int64 // live at the end, beyond the plan
}

func walk(plan *lambdapack.Plan) (w walked) {
	before, started := heap(), time.Now()
	for task := range plan.Tasks() {
		for range plan.Children(task) {
			w.edges++
		}
	}
	w.seconds = time.Since(started).Seconds()
	w.bytes = max(0, heap()-before)
	return w
}

// heap is the bytes that live on the Go heap.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
