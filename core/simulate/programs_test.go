package simulate

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// explicit is a program whose graph is stored: what the solver answers, without the solver.
type explicit struct {
	tasks    []Task // each after its parents
	reads    map[Task][]Tile
	writes   map[Task][]Tile
	writer   map[Tile]Task
	readers  map[Tile][]Task
	children map[Task][]Task
	depth    map[Task]int64 // distance to the end
	temp     func(Tile) bool
}

func newExplicit(temp func(Tile) bool) *explicit {
	return &explicit{reads: map[Task][]Tile{}, writes: map[Task][]Tile{}, writer: map[Tile]Task{}, readers: map[Tile][]Task{},
		children: map[Task][]Task{}, depth: map[Task]int64{}, temp: temp}
}

func tile(matrix int, i ...int64) (x Tile) {
	x.Matrix = int32(matrix)
	copy(x.I[:], i)
	return x
}

func tiles(xs ...Tile) []Tile { return xs }

// add names the next task; its parents were added before.
func (e *explicit) add(stmt int, i []int64, writes, reads []Tile) {
	t := Task{Stmt: int32(stmt)}
	copy(t.I[:], i)
	e.tasks = append(e.tasks, t)
	e.writes[t], e.reads[t] = writes, reads
	for _, x := range writes {
		if _, twice := e.writer[x]; twice {
			panic("written twice")
		}
		e.writer[x] = t
	}
	for _, x := range reads {
		if slices.Contains(e.readers[x], t) {
			continue
		}
		e.readers[x] = append(e.readers[x], t)
		if parent, ok := e.writer[x]; ok && !slices.Contains(e.children[parent], t) {
			e.children[parent] = append(e.children[parent], t)
		}
	}
}

// done computes the priorities.
func (e *explicit) done() *explicit {
	for _, t := range slices.Backward(e.tasks) {
		for _, c := range e.children[t] {
			e.depth[t] = max(e.depth[t], e.depth[c]+1)
		}
	}
	return e
}

func (e *explicit) Children(t Task) iter.Seq[Task] { return slices.Values(e.children[t]) }
func (e *explicit) Writes(t Task) iter.Seq[Tile]   { return slices.Values(e.writes[t]) }
func (e *explicit) Reads(t Task) iter.Seq[Tile]    { return slices.Values(e.reads[t]) }
func (e *explicit) Readers(x Tile) iter.Seq[Task]  { return slices.Values(e.readers[x]) }
func (e *explicit) NumReaders(x Tile) int64        { return int64(len(e.readers[x])) }
func (e *explicit) Priority(t Task) int64          { return e.depth[t] }
func (e *explicit) Temporary(x Tile) bool          { return e.temp(x) }
func (e *explicit) Tasks() iter.Seq[Task]          { return slices.Values(e.tasks) }
func (e *explicit) Input(x Tile) bool {
	_, ok := e.writer[x]
	return !ok
}
func (e *explicit) Roots() iter.Seq[Task] {
	return func(yield func(Task) bool) {
		for _, t := range e.tasks {
			if !slices.ContainsFunc(e.reads[t], func(x Tile) bool { return !e.Input(x) }) && !yield(t) {
				return
			}
		}
	}
}

const (
	mA = iota
	mB
	mL
	mS
	mZ
)

// cholesky is right-looking: S[i] is what is left of A after step i.
func cholesky(n int64) *explicit {
	e := newExplicit(func(x Tile) bool { return x.Matrix == mS })
	s := func(i, k, j int64) Tile {
		if i < 0 {
			return tile(mA, j, k)
		}
		return tile(mS, i, k, j)
	}
	for i := range n {
		e.add(0, []int64{i}, tiles(tile(mL, i, i)), tiles(s(i-1, i, i)))
		for j := i + 1; j < n; j++ {
			e.add(1, []int64{i, j}, tiles(tile(mL, j, i)), tiles(tile(mL, i, i), s(i-1, i, j)))
		}
		for k := i + 1; k < n; k++ {
			for j := k; j < n; j++ {
				e.add(2, []int64{i, k, j}, tiles(s(i, k, j)), tiles(s(i-1, k, j), tile(mL, j, i), tile(mL, k, i)))
			}
		}
	}
	return e.done()
}

// gemm sums split groups of products, then the groups in a tree.
func gemm(n, split int64) *explicit {
	e := newExplicit(func(x Tile) bool { return x.Matrix == mS })
	for i := range n {
		for j := range n {
			groups := (n + split - 1) / split
			for g := range groups {
				var reads []Tile
				for k := g * split; k < min(n, (g+1)*split); k++ {
					reads = append(reads, tile(mA, i, k), tile(mB, k, j))
				}
				e.add(0, []int64{i, j, g}, tiles(tile(mS, 0, i, j, g)), reads)
			}
			level := int64(0)
			for ; groups > 1; groups = (groups + 1) / 2 {
				for g := range (groups + 1) / 2 {
					reads := tiles(tile(mS, level, i, j, 2*g))
					if 2*g+1 < groups {
						reads = append(reads, tile(mS, level, i, j, 2*g+1))
					}
					e.add(1, []int64{i, j, g, level}, tiles(tile(mS, level+1, i, j, g)), reads)
				}
				level++
			}
			e.add(2, []int64{i, j}, tiles(tile(mZ, i, j)), tiles(tile(mS, level, i, j, 0)))
		}
	}
	return e.done()
}

// substitution is forward substitution, right-looking, for several columns.
func substitution(n, columns int64) *explicit {
	e := newExplicit(func(x Tile) bool { return x.Matrix == mS })
	w := func(i, k, j int64) Tile {
		if i < 0 {
			return tile(mB, k, j)
		}
		return tile(mS, i, k, j)
	}
	for j := range columns {
		for i := range n {
			e.add(0, []int64{i, j}, tiles(tile(mZ, i, j)), tiles(tile(mL, i, i), w(i-1, i, j)))
			for k := i + 1; k < n; k++ {
				e.add(1, []int64{i, j, k}, tiles(w(i, k, j)), tiles(tile(mL, k, i), tile(mZ, i, j), w(i-1, k, j)))
			}
		}
	}
	return e.done()
}

// tsqr is a tree of 2^levels leaves: three outputs a task, of which R goes up.
func tsqr(levels int64) *explicit {
	const v, t, r = mL, mZ, mS
	e := newExplicit(func(x Tile) bool { return x.Matrix == r && x.I[1] < levels })
	for i := range int64(1) << levels {
		e.add(0, []int64{i}, tiles(tile(v, i, 0), tile(t, i, 0), tile(r, i, 0)), tiles(tile(mA, i)))
	}
	for l := range levels {
		for i := int64(0); i < 1<<levels; i += 2 << l {
			e.add(1, []int64{i, l}, tiles(tile(v, i, l+1), tile(t, i, l+1), tile(r, i, l+1)), tiles(tile(r, i, l), tile(r, i+1<<l, l)))
		}
	}
	return e.done()
}

// random has tasks of up to three outputs that read up to four tiles, some of them twice; about half of its tiles are temporary.
func random(n int, seed uint64) *explicit {
	rng := rand.New(rand.NewPCG(seed, 3))
	e := newExplicit(func(x Tile) bool { return x.Matrix == mS })
	all := tiles(tile(mA, 0), tile(mA, 1))
	for i := range int64(n) {
		var reads, writes []Tile
		for range rng.IntN(5) {
			back := min(len(all), 1+rng.IntN(12))
			reads = append(reads, all[len(all)-back])
		}
		for o := range int64(1 + rng.IntN(3)) {
			writes = append(writes, tile(mL+rng.IntN(2), i, o))
		}
		e.add(0, []int64{i}, writes, reads)
		all = append(all, writes...)
	}
	return e.done()
}
