package runtime

import (
	"math/bits"

	"numpywren/core/lambdapack"
)

// rankBits is how many bits of a message's priority order the tasks of one priority.
const rankBits = 24

// ranking numbers the tasks of a statement along Morton's curve through its first loops: tasks that are near each other in the
// order read the same tiles. Run row by row, a product of matrices that do not fit in memory reads its right operand anew for
// each row of tiles; along the curve it reads about as little as the best order of its size (G. M. Morton, A computer oriented
// geodetic data base, IBM 1966).
type ranking struct {
	vars  int
	low   [3]int64
	shift [3]int
	width int // bits of each variable
}

func newRanking(s *lambdapack.Statement) ranking {
	r := ranking{vars: min(len(s.Vars), 3)}
	if r.vars == 0 {
		return r
	}
	r.width = rankBits / r.vars
	for v := range r.vars {
		lo, hi := hull(s, v)
		r.low[v], r.shift[v] = lo, max(0, bits.Len64(uint64(hi-lo))-r.width)
	}
	return r
}

func (r *ranking) rank(t *lambdapack.Task) int64 {
	n := int64(0)
	for b := r.width - 1; b >= 0; b-- {
		for v := range r.vars {
			n = n<<1 | (t.I[v]-r.low[v])>>r.shift[v]>>b&1
		}
	}
	return n
}
