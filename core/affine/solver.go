package affine

import (
	"iter"
	"slices"
)

// Solver answers, for a domain and a list of index expressions, which points x have idx(x) == target.
type Solver struct {
	d   *Domain
	idx []Expr
}

// NewSolver prepares the question for any number of targets.
func NewSolver(d *Domain, idx []Expr) *Solver { return &Solver{d, idx} }

// All visits the points x of the domain with idx(x) == target, each once. x is reused: clone it to keep it.
func (s *Solver) All(target []int64) iter.Seq[[]int64] {
	return func(yield func([]int64) bool) {
		for x := range s.d.All() {
			if slices.EqualFunc(s.idx, target, func(e Expr, t int64) bool { return e.Eval(x) == t }) && !yield(x) {
				return
			}
		}
	}
}

// First stores one such point in into; false when there is none.
func (s *Solver) First(target []int64, into []int64) bool {
	for x := range s.All(target) {
		copy(into, x)
		return true
	}
	return false
}
