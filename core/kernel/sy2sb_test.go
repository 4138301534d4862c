package kernel

import (
	"fmt"
	"math"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// banding is a symmetric matrix that the kernels bring to a band, in tiles of that side.
type banding struct {
	w       *workbench
	d       tile.DType
	n, side int
	tiles   [][]*tile.Tile // by row and column, up to the diagonal
	v, t    []*tile.Tile   // of each panel
	band    *dense
}

func (r *banding) block(k int) AxisBlock {
	return AxisBlock{Start: int64(k * r.side), Extent: int64(min(r.side, r.n-k*r.side)), Len: int64(r.n)}
}

func (r *banding) panel(t int) AxisBlock {
	return AxisBlock{Start: int64(t * bandSide), Extent: int64(min(bandSide, r.n-t*bandSide)), Len: int64(r.n)}
}

func (r *banding) run(shared bool) {
	share := func(a *Args) *Args {
		if shared {
			a.Share = scattered
		}
		return a
	}
	r.band = newDense(bandRows, r.n)
	for t := 0; t*bandSide < r.n; t++ {
		p := r.panel(t)
		out := r.w.all("sy2sb", share(&Args{In: []*tile.Tile{r.w.tile(r.d, r.columns(p))}, Axes: []AxisBlock{p}}), false)
		r.v, r.t = append(r.v, out[0]), append(r.t, out[1])
		copy(r.band.x[t*bandSide*bandRows:], read(out[2]).x)
		first := (t + 1) * bandSide / r.side
		sum := r.w.tile(r.d, newDense(r.n, int(p.Extent)))
		for i := first; i < len(r.tiles); i++ {
			for j := first; j <= i; j++ {
				product := share(&Args{In: []*tile.Tile{r.tiles[i][j], out[0]}, Axes: []AxisBlock{r.block(i), r.block(j), p}})
				if err := sybmulRun(product, []*tile.Tile{sum}, true); err != nil {
					r.w.t.Fatal(err)
				}
			}
		}
		pair := r.w.run("sybw", share(&Args{In: []*tile.Tile{sum, out[0], out[1]}, Axes: []AxisBlock{p}}))
		for i := first; i < len(r.tiles); i++ {
			for j := first; j <= i; j++ {
				if _, err := r.w.inPlace("sybr2", share(&Args{In: []*tile.Tile{r.tiles[i][j], pair}, Axes: []AxisBlock{r.block(i), r.block(j), p}})); err != nil {
					r.w.t.Fatal(err)
				}
			}
		}
	}
}

// columns is a panel, with zeros above the tiles that are there.
func (r *banding) columns(p AxisBlock) *dense {
	k := int(p.Start) / r.side
	out := newDense(r.n, int(p.Extent))
	for i := k; i < len(r.tiles); i++ {
		x := read(r.tiles[i][k])
		for j := range int(p.Extent) {
			for row := range x.rows {
				out.set(i*r.side+row, j, x.at(row, int(p.Start)-k*r.side+j))
			}
		}
	}
	return out
}

// q is the product of all reflections, by block columns.
func (r *banding) q() *dense {
	q := r.w.tile(r.d, identity(r.n))
	for k := len(r.tiles) - 1; k >= 0; k-- {
		cols := int(r.block(k).Extent)
		v, t := newDense(r.n, cols), newDense(bandSide, cols)
		for p := range (cols + bandSide - 1) / bandSide {
			copy(v.x[p*bandSide*r.n:], read(r.v[k*r.side/bandSide+p]).x)
			copy(t.x[p*bandSide*bandSide:], read(r.t[k*r.side/bandSide+p]).x)
		}
		all := r.w.tile(r.d, v)
		triangle := r.w.shared("larft", &Args{In: []*tile.Tile{all, r.w.tile(r.d, t)}})
		q = r.w.shared("larfb", &Args{In: []*tile.Tile{all, triangle, q}, Axes: []AxisBlock{r.block(k)}, Attrs: map[string]any{"trans": "N"}})
	}
	return read(q)
}

func TestSy2sb(t *testing.T) {
	for _, d := range bothFloats {
		for _, at := range []struct{ n, side int }{{1, 64}, {64, 64}, {65, 64}, {100, 64}, {128, 128}, {129, 128}, {200, 128}, {333, 192}, {250, 512}} {
			w := newWorkbench(t)
			label := fmt.Sprintf("%v n=%d side=%d", d, at.n, at.side)
			a := symmetricNoise(seeded(at.n), at.n)
			w.tile(d, a) // rounds it
			found := make([]*banding, 2)
			for shared := range found {
				r := &banding{w: w, d: d, n: at.n, side: at.side}
				for i := 0; i*at.side < at.n; i++ {
					r.tiles = append(r.tiles, nil)
					for j := range i + 1 {
						rows, cols := r.block(i), r.block(j)
						part := a.rectangle(int(rows.Start), int(rows.Extent), int(cols.Start), int(cols.Extent))
						for y := 0; i == j && y < part.cols; y++ { // what is above the diagonal is not read
							for x := range y {
								part.set(x, y, math.NaN())
							}
						}
						r.tiles[i] = append(r.tiles[i], w.tile(d, part))
					}
				}
				r.run(shared > 0)
				found[shared] = r
			}
			q := found[0].q()
			within(t, label+": A - Q B Qᵀ", d, combine(1, a, -1, multiply(q, multiply(unbanded(found[0].band), q.transposed()))).norm(), 10*float64(at.n+10))
			within(t, label+": I - Qᵀ Q", d, combine(1, identity(at.n), -1, multiply(q.transposed(), q)).norm(), 10*float64(at.n+10))
			if difference := combine(1, found[0].band, -1, found[1].band).norm(); difference != 0 {
				t.Errorf("%s: other bits when the pieces are shared: they differ by %g", label, difference)
			}
		}
	}
}

func TestSy2sbRefuses(t *testing.T) {
	w := newWorkbench(t)
	f := func(m, n int) *tile.Tile { return w.tile(tile.Float64, newDense(m, n)) }
	block, below, panel := AxisBlock{0, 128, 200}, AxisBlock{128, 72, 200}, AxisBlock{64, 64, 200}
	for _, bad := range []struct {
		name string
		in   []*tile.Tile
		axes []AxisBlock
	}{
		{"sy2sb", []*tile.Tile{f(200, 100)}, []AxisBlock{{0, 100, 200}}},
		{"sy2sb", []*tile.Tile{f(200, 64)}, []AxisBlock{{60, 64, 200}}},
		{"sy2sb", []*tile.Tile{f(100, 64)}, []AxisBlock{panel}},
		{"sybmul", []*tile.Tile{f(72, 128), f(200, 60)}, []AxisBlock{below, block, panel}},
		{"sybmul", []*tile.Tile{f(72, 128), f(200, 128)}, []AxisBlock{below, block, panel}},
		{"sybmul", []*tile.Tile{f(128, 72), f(200, 64)}, []AxisBlock{block, below, panel}},
		{"sybmul", []*tile.Tile{f(72, 128), f(200, 64)}, []AxisBlock{{100, 72, 200}, block, panel}},
		{"sybmul", []*tile.Tile{f(72, 128), f(190, 64)}, []AxisBlock{below, block, panel}},
		{"sybmul", []*tile.Tile{f(128, 128), f(200, 64)}, []AxisBlock{below, block, panel}},
		{"sybmul", []*tile.Tile{f(72, 128), f(200, 64)}, []AxisBlock{block}},
		{"sybmul", nil, nil},
		{"sybw", []*tile.Tile{f(200, 64), f(200, 64), f(60, 64)}, []AxisBlock{panel}},
		{"sybw", []*tile.Tile{f(200, 100), f(200, 100), f(64, 100)}, []AxisBlock{{0, 100, 200}}},
		{"sybw", []*tile.Tile{f(200, 60), f(200, 60), f(64, 60)}, []AxisBlock{{60, 60, 200}}},
		{"sybr2", []*tile.Tile{f(72, 128), f(200, 64)}, []AxisBlock{below, block, panel}},
		{"larft", []*tile.Tile{f(200, 128), f(60, 128)}, nil},
		{"larfb", []*tile.Tile{f(200, 128), f(128, 128), f(199, 5)}, []AxisBlock{block}},
		{"stedc", []*tile.Tile{f(64, 128)}, nil},
	} {
		_, err := w.try(bad.name, &Args{In: bad.in, Axes: bad.axes})
		wantKind(t, err, errs.Value)
	}
}
