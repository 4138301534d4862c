package kernel

import (
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The reflections of a bulge chase, which takes a band of b diagonals to two or three (C. Bischof, B. Lang, X. Sun, A framework for
// symmetric band reduction, ACM Transactions on Mathematical Software 26, 2000). Sweep s = 0, 1, … finds one for each k = 0, 1, …,
//
//	H(s, k) = I - tau v vᵀ, which acts on rows s + shift + k b … s + shift + (k+1) b - 1
//
// of n, on fewer at the end, and there is none where no row is left. Those of a sweep act on rows that follow each other, so that one
// column V[:, s] has them all, the ones with which each begins among them; what is above row s + shift is zeros. Column s of another
// matrix has their tau: row k that of H(s, k). Q is the product over the sweeps of H(s, 0) H(s, 1) ….
//
// H(s, k) commutes with all H(s', k') but those with k' = k, and with k' = k+1 for s' < s. So the reflections k of many sweeps, whose
// rows are like a diamond, can be applied together, and then those of k+1.

// chased is the reflections of sweeps first … first + sweeps - 1.
type chased[T float] struct {
	n             int // rows
	first, sweeps int
	side, shift   int
	v, tau        []T
	ldv, ldtau    int
}

func init() { register(&Kernel{Name: "ormsb", Out: ormsbOut, Run: ormsbRun, InPlace: 2}) }

// ormsbOut: ormsb(V, tau, C, r[g], side=64, shift=1, trans="N") is Q C, or Qᵀ C, for the Q of the sweeps of block g.
func ormsbOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("ormsb", a, 3, 3); err != nil {
		return nil, err
	}
	v, tau, c := a.In[0], a.In[1], a.In[2]
	if err := checkFloat("ormsb", v); err != nil {
		return nil, err
	}
	if side, shift := attrInt(a, "side"), attrInt(a, "shift"); side < 1 || shift < 0 {
		return nil, errs.New(errs.Value, "ormsb with side=%d, shift=%d: a side of at least 1 and no negative shift were expected", side, shift)
	}
	side := chasedAttr(a, "side")
	steps := (v.Shape[0] + side - 1) / side
	if len(a.Axes) != 1 || a.Axes[0].Extent != v.Shape[1] || tau.Shape[0] != steps || tau.Shape[1] != v.Shape[1] || c.Shape[0] != v.Shape[0] {
		return nil, errs.New(errs.Value, "ormsb with side=%d of tiles of the shapes %v, %v and %v: V and the last must have as many rows, and tau %d, and a column for each sweep of the block",
			side, v.Shape, tau.Shape, c.Shape, steps)
	}
	return like(c), nil
}

// chasedAttr is ormsb's side or shift. More than there are rows is as much: no reflection is longer, and none begins below them.
func chasedAttr(a *Args, name string) int64 { return min(attrInt(a, name), max(a.In[0].Shape[0], 1)) }

func ormsbRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[2], out[0]) {
		copy(out[0].Bytes(), a.In[2].Bytes())
	}
	if out[0].DType == tile.Float32 {
		ormsb[float32](a, out[0])
	} else {
		ormsb[float64](a, out[0])
	}
	return nil
}

func ormsb[T float](a *Args, c *tile.Tile) {
	v, tau := a.In[0], a.In[1]
	q := chased[T]{
		n: int(v.Shape[0]), first: int(a.Axes[0].Start), sweeps: int(v.Shape[1]), side: int(chasedAttr(a, "side")), shift: int(chasedAttr(a, "shift")),
		v: tile.View[T](v), tau: tile.View[T](tau), ldv: ld(v), ldtau: ld(tau),
	}
	q.apply(a, attrString(a, "trans") == "T", int(c.Shape[1]), tile.View[T](c), ld(c))
}

// Columns of a piece of a matrix that is multiplied: more of them share the work on V, fewer stay in the cache.
const (
	chasedSide = 128
	chasedRows = 12288 // from so many rows on, half as many
)

// apply is X = Q X, or with trans X = Qᵀ X, for an X of p columns.
func (q *chased[T]) apply(a *Args, trans bool, p int, x []T, ldx int) {
	most := chasedSide
	if q.n > chasedRows {
		most /= 2
	}
	if q.n == 0 || q.sweeps == 0 {
		return
	}
	cols := newCuts(p, most)
	a.each(cols.count(), func(k int) {
		lo, size := cols.at(k)
		q.applyTo(trans, size, x[lo*ldx:], ldx)
	})
}
