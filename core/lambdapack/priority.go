package lambdapack

import (
	"math"
)

// The priority of a task is how far it is from the end of the program: the length of the longest way from it through the tasks
// that wait for it. In a program of any size that is nearly affine in a task's loop variables and the bounds of its loops. So it
// is measured where the whole graph is easily drawn, on the program with axes of a few blocks, and fitted; the fit serves the
// real program.

const (
	fewTasks     = 256   // up to which the graph of the program itself is drawn
	sampleTasks  = 20000 // and of a small instance of it
	priorityUnit = 16    // of Task priorities: a step on the longest way
)

// Priority says which of two tasks should run sooner: that with the larger number.
func (p *Plan) Priority(t Task) int64 {
	p.priority.once.Do(func() { p.priority.of = p.measure() })
	return p.priority.of(&t)
}

func (p *Plan) measure() func(t *Task) int64 {
	if p.NumTasks() <= fewTasks {
		heights := p.heights()
		return func(t *Task) int64 { return priorityUnit * heights[*t] }
	}
	for _, caps := range [][]int64{{4, 5, 7}, {2, 3, 4}} {
		fits := p.fit(caps)
		if fits == nil {
			continue
		}
		if !p.covers(fits) { // a tree over domains of eight tiles has no level yet
			if larger := p.fit([]int64{5, 11, 19}); larger != nil {
				fits = larger
			}
		}
		return func(t *Task) int64 { return fits[t.Stmt].at(p, t) }
	}
	last := int64(len(p.Statements))
	return func(t *Task) int64 { return priorityUnit * (last - int64(t.Stmt)) }
}

// heights is the number of tasks on the longest way from each task to the end.
func (p *Plan) heights() map[Task]int64 {
	var order []Task
	for t := range p.Tasks() {
		order = append(order, t)
	}
	heights := make(map[Task]int64, len(order))
	for n := len(order) - 1; n >= 0; n-- {
		h := int64(0)
		for c := range p.Children(order[n]) {
			h = max(h, heights[c])
		}
		heights[order[n]] = h + 1
	}
	return heights
}

// heightFit is a statement's height as a linear function of its features.
type heightFit struct {
	blocks float64 // the program's largest number of blocks along an axis
	coef   []float64
	tasks  int // that were measured
}

// numFeatures is 1, the number of blocks, and for each loop its variable and its end.
func numFeatures(st *Statement) int { return 2 + 2*len(st.Vars) }

func features(st *Statement, x []int64, blocks float64, into []float64) {
	into[0], into[1] = 1, blocks
	for v := range x {
		into[2+2*v] = float64(x[v])
		into[3+2*v] = float64(st.Domain.Loops[v].Stop(x))
	}
}

func (f *heightFit) at(p *Plan, t *Task) int64 {
	var values [2 + 2*MaxIndex]float64
	st := p.Statements[t.Stmt]
	features(st, p.vars(t), f.blocks, values[:])
	h := 0.0
	for n, c := range f.coef {
		h += c * values[n]
	}
	return int64(math.Round(priorityUnit * h))
}

// largestGrid is the largest number of blocks along any axis.
func (p *Plan) largestGrid() float64 {
	n := int64(1)
	for _, m := range p.Matrices {
		for _, a := range m.Grid {
			n = max(n, a.Blocks())
		}
	}
	return float64(n)
}

// fit measures instances of the program whose axes have at most so many blocks; nil when they are not like the program.
func (p *Plan) fit(caps []int64) []heightFit {
	fits := make([]heightFit, len(p.Statements))
	sums := make([]*normal, len(p.Statements))
	for n, st := range p.Statements {
		fits[n].blocks = p.largestGrid()
		sums[n] = newNormal(numFeatures(st))
	}
	for _, limit := range caps {
		how := *p.shrink
		how.blocks = func(n int64) int64 { return min(n, limit) }
		small, err := bind(p.def, &how)
		if err != nil || !alike(p, small) || small.NumTasks() > sampleTasks {
			return nil
		}
		blocks := small.largestGrid()
		for t, h := range small.heights() {
			st := small.Statements[t.Stmt]
			row := make([]float64, numFeatures(st))
			features(st, small.vars(&t), blocks, row)
			sums[t.Stmt].add(row, float64(h))
		}
	}
	for n := range fits {
		fits[n].coef, fits[n].tasks = sums[n].solve(), sums[n].rows
	}
	return fits
}

// covers says whether every statement that has tasks had some among those that were measured.
func (p *Plan) covers(fits []heightFit) bool {
	for n, st := range p.Statements {
		if fits[n].tasks == 0 && st.Domain.Count() > 0 {
			return false
		}
	}
	return true
}

// alike says whether two plans have the same statements, but for the sizes.
func alike(p, q *Plan) bool {
	if len(p.Statements) != len(q.Statements) {
		return false
	}
	for n, st := range p.Statements {
		if o := q.Statements[n]; st.Pos != o.Pos || len(st.Vars) != len(o.Vars) {
			return false
		}
	}
	return true
}

// normal is the normal equations of a least-squares problem.
type normal struct {
	n    int
	a    []float64 // n×n
	b    []float64
	rows int
}

func newNormal(n int) *normal { return &normal{n: n, a: make([]float64, n*n), b: make([]float64, n)} }

func (s *normal) add(row []float64, value float64) {
	s.rows++
	for i, x := range row {
		for j, y := range row {
			s.a[i*s.n+j] += x * y
		}
		s.b[i] += x * value
	}
}

// solve is the least-squares solution, by elimination with pivots on the diagonal; features that the others determine get 0.
func (s *normal) solve() []float64 {
	n := s.n
	used := make([]bool, n)
	scale := make([]float64, n)
	for i := range n {
		scale[i] = s.a[i*n+i]
	}
	for range n {
		k := -1
		for i := range n {
			if !used[i] && s.a[i*n+i] > 1e-9*scale[i] && (k < 0 || s.a[i*n+i]*scale[k] > s.a[k*n+k]*scale[i]) {
				k = i
			}
		}
		if k < 0 {
			break
		}
		used[k] = true
		pivot := s.a[k*n+k]
		for i := range n {
			if i == k || s.a[i*n+k] == 0 {
				continue
			}
			f := s.a[i*n+k] / pivot
			for j := range n {
				s.a[i*n+j] -= f * s.a[k*n+j]
			}
			s.b[i] -= f * s.b[k]
		}
	}
	x := make([]float64, n)
	for i := range n {
		if used[i] {
			x[i] = s.b[i] / s.a[i*n+i]
		}
	}
	return x
}
