package lambdapack

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
)

// graph is a plan's task graph, drawn by looking at every task.
type graph struct {
	p        *Plan
	order    []Task
	position map[Task]int
	writer   map[Tile]Task
	reads    map[Task][]Tile // each once
	readers  map[Tile]map[Task]bool
	parents  map[Task]map[Task]bool
	children map[Task]map[Task]bool
}

// draw draws the graph from the statements' domains and the aliases as they are written.
func draw(t *testing.T, p *Plan) *graph {
	t.Helper()
	g := &graph{p: p, position: map[Task]int{}, writer: map[Tile]Task{}, reads: map[Task][]Tile{}, readers: map[Tile]map[Task]bool{},
		parents: map[Task]map[Task]bool{}, children: map[Task]map[Task]bool{}}
	same := map[Tile]Tile{} // aliases
	for _, list := range p.aliases {
		for _, a := range list {
			for x := range a.dom.All() {
				target := tileAt(a.target.Matrix, a.target.Index, x)
				if _, twice := same[target]; twice {
					t.Fatalf("%v has two meanings", target)
				}
				same[target] = tileAt(a.source.Matrix, a.source.Index, x)
			}
		}
	}
	for _, st := range p.Statements {
		for x := range st.Domain.All() {
			task := taskAt(st.ID, x)
			for n := range st.Outputs {
				tile := tileAt(st.Outputs[n].Matrix, st.Outputs[n].Index, x)
				if other, twice := g.writer[tile]; twice {
					t.Fatalf("%s is written by %s and %s", p.TileName(tile), p.TaskName(other), p.TaskName(task))
				}
				if _, twice := same[tile]; twice {
					t.Fatalf("%s is written and another name", p.TileName(tile))
				}
				g.writer[tile] = task
			}
		}
	}
	for task := range p.Tasks() {
		g.position[task] = len(g.order)
		g.order = append(g.order, task)
	}
	for _, st := range p.Statements {
		for x := range st.Domain.All() {
			task := taskAt(st.ID, x)
			if _, ok := g.position[task]; !ok {
				t.Fatalf("%s is not among the tasks", p.TaskName(task))
			}
			g.parents[task] = map[Task]bool{}
			if g.children[task] == nil {
				g.children[task] = map[Task]bool{}
			}
			p.readsOf(st, st.Body, x, func(r *TileRef, y []int64) bool {
				tile := tileAt(r.Matrix, r.Index, y)
				for {
					to, ok := same[tile]
					if !ok {
						break
					}
					tile = to
				}
				if slices.Contains(g.reads[task], tile) {
					return true
				}
				g.reads[task] = append(g.reads[task], tile)
				if g.readers[tile] == nil {
					g.readers[tile] = map[Task]bool{}
				}
				g.readers[tile][task] = true
				m := &p.Matrices[tile.Matrix]
				if w, ok := g.writer[tile]; ok {
					g.parents[task][w] = true
					if g.children[w] == nil {
						g.children[w] = map[Task]bool{}
					}
					g.children[w][task] = true
					if g.position[w] >= g.position[task] {
						t.Fatalf("%s comes after %s, which reads it", p.TaskName(w), p.TaskName(task))
					}
				} else if m.Role != RoleInput && !m.ZeroDefault {
					t.Fatalf("%s is read by %s and never written", p.TileName(tile), p.TaskName(task))
				}
				return true
			})
		}
	}
	return g
}

// compare holds the plan's answers against the graph.
func (g *graph) compare(t *testing.T) {
	t.Helper()
	p := g.p
	if int64(len(g.order)) != p.NumTasks() || len(g.position) != len(g.order) || len(g.parents) != len(g.order) {
		t.Fatalf("%d tasks, %d distinct, %d in domains, counted %d", len(g.order), len(g.position), len(g.parents), p.NumTasks())
	}
	roots := map[Task]bool{}
	for _, task := range g.order {
		name := p.TaskName(task)
		sameTasks(t, p, "parents of "+name, p.Parents(task), g.parents[task])
		sameTasks(t, p, "children of "+name, p.Children(task), g.children[task])
		got := slices.Collect(p.Reads(task))
		want := slices.Clone(g.reads[task])
		slices.SortFunc(got, compareTiles)
		slices.SortFunc(want, compareTiles)
		if !slices.Equal(got, want) {
			t.Fatalf("reads of %s: %v, want %v", name, got, want)
		}
		for x := range p.Writes(task) {
			if w, ok := p.Writer(x); !ok || w != task {
				t.Fatalf("writer of %s: %v %v, want %s", p.TileName(x), w, ok, name)
			}
			sameTasks(t, p, "readers of "+p.TileName(x), p.Readers(x), g.readers[x])
			if n := p.NumReaders(x); n != int64(len(g.readers[x])) {
				t.Fatalf("%s has %d readers, want %d", p.TileName(x), n, len(g.readers[x]))
			}
		}
		if len(g.parents[task]) == 0 {
			roots[task] = true
		}
		again, err := ParseTask(task.String())
		if err != nil || again != task {
			t.Fatalf("%v is %q, which is %v, %v", task, task.String(), again, err)
		}
	}
	for x, readers := range g.readers {
		sameTasks(t, p, "readers of "+p.TileName(x), p.Readers(x), readers)
	}
	sameTasks(t, p, "roots", p.Roots(), roots)
	if _, ok := p.Writer(Tile{}); ok && p.Matrices[0].Role == RoleInput {
		t.Fatal("an input's tile has a writer")
	}
}

func compareTiles(a, b Tile) int {
	if a.Matrix != b.Matrix {
		return int(a.Matrix - b.Matrix)
	}
	return slices.Compare(a.I[:], b.I[:])
}

func sameTasks(t *testing.T, p *Plan, what string, got iter.Seq[Task], want map[Task]bool) {
	t.Helper()
	seen := map[Task]bool{}
	for task := range got {
		if seen[task] {
			t.Fatalf("%s: %s comes twice", what, p.TaskName(task))
		}
		seen[task] = true
	}
	if !maps.Equal(seen, want) {
		t.Fatalf("%s: got %s, want %s", what, taskNames(p, seen), taskNames(p, want))
	}
}

func taskNames(p *Plan, tasks map[Task]bool) string {
	var out []string
	for task := range tasks {
		out = append(out, fmt.Sprintf("%d:%s", task.Stmt, p.TaskName(task)))
	}
	slices.Sort(out)
	return "{" + strings.Join(out, " ") + "}"
}

func TestGraphs(t *testing.T) {
	for n := int64(1); n <= 4; n++ {
		for name, p := range programs(t, n) {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) { draw(t, p).compare(t) })
		}
	}
}
