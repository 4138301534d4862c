package runtime

import (
	"sync"

	"numpywren/core/affine"
	"numpywren/core/lambdapack"
)

// bitset is a set of numbers, in pages that are made when they are needed: a job of a billion tasks of which few are done costs
// what those few cost.
type bitset struct{ pages map[int64]*[pageWords]uint64 }

const (
	pageWords = 64
	pageBits  = pageWords * 64
)

func (b *bitset) has(n int64) bool {
	p := b.pages[n/pageBits]
	return p != nil && p[n%pageBits/64]>>(n%64)&1 == 1
}

// add says whether n is new.
func (b *bitset) add(n int64) bool {
	if b.pages == nil {
		b.pages = map[int64]*[pageWords]uint64{}
	}
	p := b.pages[n/pageBits]
	if p == nil {
		p = new([pageWords]uint64)
		b.pages[n/pageBits] = p
	}
	word, mask := &p[n%pageBits/64], uint64(1)<<(n%64)
	fresh := *word&mask == 0
	*word |= mask
	return fresh
}

// box numbers the points of an integer box, the last coordinate fastest.
type box struct{ low, size [lambdapack.MaxIndex]int64 }

func newBox(low, high []int64) box {
	var b box
	for d := range b.size {
		b.size[d] = 1
	}
	for d := range low {
		b.low[d], b.size[d] = low[d], max(1, high[d]-low[d])
	}
	return b
}

func (b *box) number(i *[lambdapack.MaxIndex]int64) int64 {
	n := int64(0)
	for d, size := range b.size {
		n = n*size + i[d] - b.low[d]
	}
	return n
}

// marked is a set of tiles or of tasks: one box and its bits for each matrix or statement.
type marked struct {
	boxes []box
	bits  []bitset
}

func tilesOf(p *lambdapack.Plan) *marked {
	m := &marked{bits: make([]bitset, len(p.Matrices))}
	for k := range p.Matrices {
		m.boxes = append(m.boxes, newBox(p.Matrices[k].Low, p.Matrices[k].High))
	}
	return m
}

func tasksOf(p *lambdapack.Plan) *marked {
	m := &marked{bits: make([]bitset, len(p.Statements))}
	for _, s := range p.Statements {
		low, high := make([]int64, len(s.Vars)), make([]int64, len(s.Vars))
		for v := range s.Vars {
			lo, hi := hull(s, v)
			low[v], high[v] = lo, hi+1
		}
		m.boxes = append(m.boxes, newBox(low, high))
	}
	return m
}

func (m *marked) has(of int32, i *[lambdapack.MaxIndex]int64) bool {
	return m.bits[of].has(m.boxes[of].number(i))
}

func (m *marked) add(of int32, i *[lambdapack.MaxIndex]int64) bool {
	return m.bits[of].add(m.boxes[of].number(i))
}

// hull is the interval in which a loop variable stays.
func hull(s *lambdapack.Statement, v int) (lo, hi int64) {
	lo, hi = s.Domain.Hull(affine.Var(v))
	if lo > hi {
		return 0, 0
	}
	return lo, hi
}

// Marks is a set of tiles of a plan: those that are known to exist. It is safe for concurrent use.
type Marks struct {
	mu  sync.Mutex
	set *marked
}

// NewMarks makes an empty set.
func NewMarks(p *lambdapack.Plan) *Marks { return &Marks{set: tilesOf(p)} }

// Has says whether the tile is in the set.
func (m *Marks) Has(x lambdapack.Tile) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set.has(x.Matrix, &x.I)
}

// Add puts the tile into the set.
func (m *Marks) Add(x lambdapack.Tile) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set.add(x.Matrix, &x.I)
}
