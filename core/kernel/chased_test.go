package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// someChase is random reflections of all sweeps, as V and tau.
func someChase(rng *rand.Rand, n, side, shift int) (v, tau *dense) {
	v, tau = newDense(n, n), newDense((n+side-1)/side, n)
	for s := range n {
		for k := 0; s+shift+k*side < n; k++ {
			row, squares := s+shift+k*side, 1.0
			v.set(row, s, 1)
			for i := row + 1; i < min(row+side, n); i++ {
				x := 2*rng.Float64() - 1
				v.set(i, s, x)
				squares += x * x
			}
			if tau.set(k, s, 2/squares); rng.IntN(8) == 0 {
				tau.set(k, s, 0) // as when there is nothing to take to zero
			}
		}
	}
	return v, tau
}

// chaseProduct is Q from its definition.
func chaseProduct(v, tau *dense, side, shift int) *dense {
	q := identity(v.rows)
	for s := v.cols - 1; s >= 0; s-- {
		for k := 0; s+shift+k*side < v.rows; k++ {
			lo := s + shift + k*side
			hi := min(lo+side, v.rows)
			for j := range q.cols {
				sum := 0.0
				for i := lo; i < hi; i++ {
					sum += v.at(i, s) * q.at(i, j)
				}
				for i := lo; i < hi; i++ {
					q.set(i, j, q.at(i, j)-tau.at(k, s)*sum*v.at(i, s))
				}
			}
		}
	}
	return q
}

// columns is n columns of a matrix from lo on.
func (m *dense) columns(lo, n int) *dense {
	return &dense{m.rows, n, m.x[lo*m.rows : (lo+n)*m.rows]}
}

func TestOrmsb(t *testing.T) {
	rng := seeded(71)
	for _, d := range bothFloats {
		for _, at := range []struct{ n, side, shift, group, cols int }{
			{1, 64, 1, 1, 1}, {5, 64, 1, 5, 3}, {66, 64, 1, 64, 9}, {130, 64, 0, 70, 65}, {200, 64, 1, 64, 130}, {97, 8, 1, 33, 31}, {40, 3, 2, 7, 5}, {61, 5, 0, 61, 0},
		} {
			w := newWorkbench(t)
			v, tau := someChase(rng, at.n, at.side, at.shift)
			q := chaseProduct(v, tau, at.side, at.shift)
			c := noise(rng, at.n, at.cols)
			for _, trans := range []string{"N", "T"} {
				x := w.tile(d, c)
				groups := (at.n + at.group - 1) / at.group
				for s := range groups {
					lo := order(s, groups, trans == "T") * at.group
					size := min(at.group, at.n-lo)
					a := &Args{
						In:    []*tile.Tile{w.tile(d, v.columns(lo, size)), w.tile(d, tau.columns(lo, size)), x},
						Axes:  []AxisBlock{{Start: int64(lo), Extent: int64(size), Len: int64(at.n)}},
						Attrs: map[string]any{"side": int64(at.side), "shift": int64(at.shift), "trans": trans},
					}
					x = w.shared("ormsb", a)
				}
				label := fmt.Sprintf("%+v %v trans=%s", at, d, trans)
				within(t, label, d, combine(1, read(x), -1, multiply(q.op(trans == "T"), c)).norm(), 30*float64(at.n))
			}
		}
	}
}

// TestOrmsbOfAnySide: a side beyond the rows is as long as they are, and takes no more memory; no reflection begins at a shift beyond them.
func TestOrmsbOfAnySide(t *testing.T) {
	const n = 9
	v, tau := someChase(seeded(72), n, n, 1)
	for _, at := range []struct {
		side, shift int64
		q           *dense
	}{{1 << 40, 1, chaseProduct(v, tau, n, 1)}, {math.MaxInt64, 1, chaseProduct(v, tau, n, 1)}, {n, math.MaxInt64, identity(n)}} {
		w := newWorkbench(t)
		c := noise(seeded(73), n, 3)
		got := w.run("ormsb", &Args{
			In:    []*tile.Tile{w.tile(tile.Float64, v), w.tile(tile.Float64, tau), w.tile(tile.Float64, c)},
			Axes:  []AxisBlock{{0, n, n}},
			Attrs: map[string]any{"side": at.side, "shift": at.shift, "trans": "N"},
		})
		within(t, fmt.Sprintf("side=%d shift=%d", at.side, at.shift), tile.Float64, combine(1, read(got), -1, multiply(at.q, c)).norm(), 30*n)
	}
}

func TestOrmsbRefuses(t *testing.T) {
	w := newWorkbench(t)
	zeros := func(m, n int) *tile.Tile { return w.tile(tile.Float64, newDense(m, n)) }
	for _, a := range []*Args{
		{In: []*tile.Tile{zeros(9, 4), zeros(2, 4), zeros(9, 1)}, Axes: []AxisBlock{{0, 5, 9}}, Attrs: map[string]any{"side": int64(8), "shift": int64(1)}},
		{In: []*tile.Tile{zeros(9, 4), zeros(1, 4), zeros(9, 1)}, Axes: []AxisBlock{{0, 4, 9}}, Attrs: map[string]any{"side": int64(8), "shift": int64(1)}},
		{In: []*tile.Tile{zeros(9, 4), zeros(2, 4), zeros(8, 1)}, Axes: []AxisBlock{{0, 4, 9}}, Attrs: map[string]any{"side": int64(8), "shift": int64(1)}},
		{In: []*tile.Tile{zeros(9, 4), zeros(2, 4), zeros(9, 1)}, Axes: []AxisBlock{{0, 4, 9}}, Attrs: map[string]any{"side": int64(0), "shift": int64(1)}},
	} {
		_, err := w.try("ormsb", a)
		wantKind(t, err, errs.Value)
	}
}
