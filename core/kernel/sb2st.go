package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// From a symmetric band to three diagonals by a bulge chase (LAPACK's sb2st; the way of the blocks is that of A. Haidar, H. Ltaief,
// J. Dongarra, Parallel reduction to condensed forms for symmetric eigenvalue problems using aggregated fine-grained and
// memory-aware kernels, SC 2011). Sweep s takes column s to zero below its second element, which fills a block below the band; its step
// k takes the first column of that block to zero, and so moves the bulge down by bandSide rows. Its reflections are as chased.go says.
//
// Step k of a sweep needs step k+1 of the sweep before. A group of sweeps goes side by side, each a step behind the one before it, so
// that what they change stays in the second-level cache: at its time t sweep j of a group makes step t - j. Of the groups' times
// chaseTimes make a piece of work. Piece p of group i needs pieces up to p+1 of group i-1, so that at turn 2i + p they are independent.

const (
	bandSide   = 64            // diagonals below the main one of the band: sb2st.c's SIDE
	bandRows   = 2 * bandSide  // diagonals with the bulges, which sweeps leave behind for those after them
	bandLD     = bandRows + 16 // between columns of a band at work, and as much before the first
	chaseGroup = 8             // sweeps of a group
	chaseTimes = chaseGroup    // no fewer, for pieces to be independent
)

func init() {
	register(
		&Kernel{Name: "sb2st", Out: sb2stOut, Run: sb2stRun, InPlace: 0},
		&Kernel{Name: "sb2td", Out: sb2tdOut, Run: sb2stRun, InPlace: 0},
	)
}

// sb2stOut: sb2st(B, r[g]) makes the sweeps of block g of B, a band as sy2sb makes it: the rows of B are its diagonals, from the main one
// down, and as many below them for bulges. The results are the band after them, and the reflections V and tau.
func sb2stOut(a *Args) ([]Spec, error) {
	b, err := bandSpec("sb2st", a)
	if err != nil {
		return nil, err
	}
	if len(a.Axes) != 1 || a.Axes[0].Len != b.Shape[1] {
		return nil, errs.New(errs.Value, "sb2st of a band of %d columns wants a block of them", b.Shape[1])
	}
	n, sweeps := b.Shape[1], a.Axes[0].Extent
	return []Spec{b, {DType: b.DType, Shape: []int64{n, sweeps}}, {DType: b.DType, Shape: []int64{(n + bandSide - 1) / bandSide, sweeps}}}, nil
}

// sb2tdOut: sb2td(B) makes all sweeps, and keeps no reflections.
func sb2tdOut(a *Args) ([]Spec, error) {
	b, err := bandSpec("sb2td", a)
	return []Spec{b}, err
}

// bandSpec checks the one operand, a band.
func bandSpec(name string, a *Args) (Spec, error) {
	if err := checkMatrices(name, a, 1, 1); err != nil {
		return Spec{}, err
	}
	b := a.In[0]
	if b.Shape[0] != bandRows {
		return Spec{}, errs.New(errs.Value, "%s of a tile of the shape %v: a band of %d diagonals was expected", name, b.Shape, bandRows)
	}
	return like(b)[0], checkFloat(name, b)
}

func sb2stRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		sb2st[float32](a, out)
	} else {
		sb2st[float64](a, out)
	}
	return nil
}

func sb2st[T float](a *Args, out []*tile.Tile) {
	n := int(a.In[0].Shape[1])
	first, count := 0, n
	if len(out) > 1 {
		first, count = int(a.Axes[0].Start), int(a.Axes[0].Extent)
		out[1].Zero()
		out[2].Zero()
	}
	count = min(count, n-2-first) // the last two have nothing to do
	band, to := tile.View[T](a.In[0]), tile.View[T](out[0])
	if count <= 0 {
		copy(to, band)
		return
	}
	c := newChase[T](n, first, count, band)
	if len(out) > 1 {
		c.v, c.ldv, c.tau, c.ldtau = tile.View[T](out[1]), ld(out[1]), tile.View[T](out[2]), ld(out[2])
	}
	c.run(a, first, count)
	for j := range n {
		copy(to[j*bandRows:(j+1)*bandRows], c.column(j))
	}
}

// chase is a band on its way: element (i, j), j <= i, at band[bandLD (j+1) + i - j], with zeros before and after the columns.
type chase[T float] struct {
	n, first   int
	band       []T
	vs, taus   []T // of each sweep from first on, the reflection that it found last
	v, tau     []T // all reflections, unless nil
	ldv, ldtau int
}

func newChase[T float](n, first, count int, band []T) *chase[T] {
	c := &chase[T]{n: n, first: first, band: make([]T, (n+2*bandSide+1)*bandLD), vs: make([]T, count*bandSide), taus: make([]T, count)}
	for j := range n {
		copy(c.column(j), band[j*bandRows:j*bandRows+min(bandRows, n-j)])
	}
	return c
}

func (c *chase[T]) column(j int) []T { return c.band[(j+1)*bandLD : (j+2)*bandLD] }

// steps is how many a sweep makes.
func (c *chase[T]) steps(sweep int) int { return (c.n - 1 - sweep + bandSide - 1) / bandSide }

// run makes count sweeps from first on, turn by turn.
func (c *chase[T]) run(a *Args, first, count int) {
	type piece struct{ sweep, count, from, to int }
	groups, done := (count+chaseGroup-1)/chaseGroup, 0
	for turn := 0; done < groups; turn++ {
		var list []piece
		for i := done; i < groups && 2*i <= turn; i++ {
			p := piece{sweep: first + i*chaseGroup, count: min(chaseGroup, count-i*chaseGroup), from: (turn - 2*i) * chaseTimes}
			times := c.steps(p.sweep) + p.count - 1
			if p.to = min(p.from+chaseTimes, times); p.to == times && i == done {
				done++ // later groups end later
			}
			list = append(list, p)
		}
		a.each(len(list), func(k int) { c.advance(list[k].sweep, list[k].count, list[k].from, list[k].to) })
	}
}
