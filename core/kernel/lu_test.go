package kernel

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// results applies a kernel that is not a reducer, and gives all that it makes.
func (w *workbench) results(name string, a *Args) ([]*tile.Tile, error) {
	w.t.Helper()
	k, ok := Lookup(name)
	if !ok {
		w.t.Fatalf("there is no kernel %q", name)
	}
	specs, err := k.Out(a)
	if err != nil {
		return nil, err
	}
	var out []*tile.Tile
	for _, s := range specs {
		out = append(out, w.empty(s.DType, s.Shape...))
	}
	return out, k.Run(a, out, false)
}

// ints makes an int64 tile.
func (w *workbench) ints(shape []int64, x ...int64) *tile.Tile {
	w.t.Helper()
	t := w.empty(tile.Int64, shape...)
	copy(tile.View[int64](t), x)
	return t
}

// rows is a matrix with its rows in another order: row k is row of[k].
func (m *dense) taken(of []int64) *dense {
	out := newDense(len(of), m.cols)
	for j := range m.cols {
		for i, row := range of {
			out.set(i, j, m.at(int(row), j))
		}
	}
	return out
}

// rowOrder is what an exchange of the rows from start on does to all rows, in the order of lu's result.
func rowOrder(t *testing.T, p *tile.Tile, start, rows int) []int64 {
	t.Helper()
	all := make([]int64, rows)
	for i := range all {
		all[i] = int64(i)
	}
	for k, row := range lines(p, cameFrom, false) {
		all[start+k] = row
	}
	for k, place := range lines(p, wentTo, false) {
		if place >= int64(start)+p.Shape[0] {
			all[place] = int64(start + k)
		}
	}
	if sorted := slices.Sorted(slices.Values(all)); !slices.Equal(slices.Compact(sorted), sorted) {
		t.Fatalf("the exchange is no permutation: %v", all)
	}
	return all
}

// panels are shapes, and where the block of pivots begins and ends; some are on both sides of what LAPACK gets.
var panels = []struct{ rows, cols, start, block int }{
	{1, 1, 0, 1}, {5, 1, 0, 1}, {5, 3, 0, 4}, {9, 3, 4, 4}, {9, 4, 5, 4}, {4, 9, 0, 4}, {7, 9, 4, 3}, {8, 8, 8, 0},
	{200, panelLeaf, 30, panelLeaf}, {200, panelLeaf + 1, 30, 100}, {300, 150, 0, 150}, {150, 300, 20, 130}, {pieceSide + 300, 130, 100, 130},
}

func TestLU(t *testing.T) {
	for _, d := range bothFloats {
		for _, c := range panels {
			t.Run(fmt.Sprintf("%s/%v", d, c), func(t *testing.T) {
				w := newWorkbench(t)
				m := noise(seeded(c.rows*1000+c.cols), c.rows, c.cols)
				a := &Args{In: []*tile.Tile{w.tile(d, m)}, Axes: []AxisBlock{{int64(c.start), int64(c.block), int64(c.rows)}}}
				out, err := w.results("lu", a)
				if err != nil {
					t.Fatal(err)
				}
				a.Share = scattered
				if shared, err := w.results("lu", a); err != nil || !bytes.Equal(shared[0].Bytes(), out[0].Bytes()) || !bytes.Equal(shared[1].Bytes(), out[1].Bytes()) {
					t.Errorf("other bits when the pieces are shared (%v)", err)
				}
				checkFactors(t, d, m, read(out[0]), rowOrder(t, out[1], c.start, c.rows), c.start)
				if over, err := w.inPlaceWith("lu", a, out[1:]); err != nil || !bytes.Equal(over.Bytes(), out[0].Bytes()) {
					t.Errorf("in place the factors have other bits (%v)", err)
				}
			})
		}
	}
}

// inPlaceWith is inPlace for a kernel with more results.
func (w *workbench) inPlaceWith(name string, a *Args, more []*tile.Tile) (*tile.Tile, error) {
	w.t.Helper()
	k, _ := Lookup(name)
	out := a.In[k.InPlace]
	return out, k.Run(a, append([]*tile.Tile{out}, more...), false)
}

// checkFactors: L U is the part of the matrix from row start on, in its new order, and no element of L exceeds one.
func checkFactors(t *testing.T, d tile.DType, m, f *dense, of []int64, start int) {
	t.Helper()
	rows, k := m.rows-start, min(m.rows-start, m.cols)
	l, u := newDense(rows, k), newDense(k, m.cols)
	for j := range m.cols {
		for i := range m.rows {
			switch x := f.at(i, j); {
			case i < start:
				if x != m.at(i, j) {
					t.Errorf("row %d, above the panel, was changed", i)
				}
			case i-start > j:
				l.set(i-start, j, x)
				if math.Abs(x) > 1 {
					t.Errorf("L[%d, %d] is %v", i, j, x)
				}
			default:
				u.set(i-start, j, x)
			}
		}
	}
	for i := range k {
		l.set(i, i, 1)
	}
	if rows == 0 {
		return
	}
	want := m.taken(of[start:])
	within(t, "P A - L U", d, combine(1, want, -1, multiply(l, u)).norm()/math.Max(m.norm(), 1), float64(k+1))
}

func TestLUOfHardPanels(t *testing.T) {
	zeros := newDense(70, 70)
	column := noise(seeded(1), 70, 70)
	nan := noise(seeded(2), 70, 70)
	for i := range 70 {
		column.set(i, 66, 0)
	}
	nan.set(40, 3, math.NaN())
	for name, m := range map[string]*dense{"zeros": zeros, "a zero column": column, "NaN": nan} {
		for _, d := range bothFloats {
			w := newWorkbench(t)
			a := &Args{In: []*tile.Tile{w.tile(d, m)}, Axes: []AxisBlock{{0, 70, 70}}}
			out, err := w.results("lu", a)
			if err != nil {
				t.Fatal(err)
			}
			of := rowOrder(t, out[1], 0, 70)
			if name != "NaN" {
				checkFactors(t, d, m, read(out[0]), of, 0)
				a.Attrs = map[string]any{"strict": int64(1)}
				_, err := w.results("lu", a)
				row := int64(0)
				if name == "a zero column" {
					row = 66
				}
				wantNumerical(t, err, row, "singular")
			}
		}
	}
}

// TestExchanges: what lu says of its exchanges, others do to other columns, and undo.
func TestExchanges(t *testing.T) {
	for _, d := range bothFloats {
		w := newWorkbench(t)
		const rows, block, start = 23, 5, 5
		m := noise(seeded(3), rows, block)
		r := func(k int) AxisBlock { return AxisBlock{int64(k * block), int64(min(block, rows-k*block)), rows} }
		out, err := w.results("lu", &Args{In: []*tile.Tile{w.tile(d, m)}, Axes: []AxisBlock{r(1)}})
		if err != nil {
			t.Fatal(err)
		}
		p, of := out[1], rowOrder(t, out[1], start, rows)
		other := noise(seeded(4), rows, 3)
		w.tile(d, other) // rounded
		part := func(m *dense, k int) *dense {
			b := r(k)
			of := make([]int64, b.Extent)
			for i := range of {
				of[i] = b.Start + int64(i)
			}
			return m.taken(of)
		}
		from := other
		for _, inverse := range []int64{0, 1} {
			want := other.taken(of)
			if inverse == 1 {
				from, want = want, from
			}
			attrs := map[string]any{"inverse": inverse, "axis": int64(0)}
			take := &Args{Axes: []AxisBlock{r(1), {0, 3, 3}}, Attrs: attrs}
			got := w.taken(take, p, []*tile.Tile{w.tile(d, part(from, 1)), w.tile(d, part(from, 2)), w.tile(d, part(from, 3)), w.tile(d, part(from, 4))},
				[]AxisBlock{r(1), r(2), r(3), r(4)})
			if !slices.Equal(read(got).x, part(want, 1).x) {
				t.Errorf("inverse=%d: other rows are taken", inverse)
			}
			for k := 2; k < 5; k++ {
				a := &Args{In: []*tile.Tile{w.tile(d, part(from, k)), w.tile(d, part(from, 1)), p}, Axes: []AxisBlock{r(k), r(1)}, Attrs: attrs}
				if got := w.run("exchange", a); !slices.Equal(read(got).x, part(want, k).x) {
					t.Errorf("inverse=%d: other rows are displaced to tile %d", inverse, k)
				}
				if got, err := w.inPlace("exchange", a); err != nil || !slices.Equal(read(got).x, part(want, k).x) {
					t.Errorf("inverse=%d: in place tile %d has other rows (%v)", inverse, k, err)
				}
			}
		}
		places := w.ints([]int64{4}, 5, 6, 20, 2)
		labels := tile.View[int64](w.run("relabel", &Args{In: []*tile.Tile{places, p}, Axes: []AxisBlock{r(1)}}))
		for i, place := range []int64{5, 6, 20, 2} {
			if labels[i] != of[place] {
				t.Errorf("at place %d was row %d, not %d", place, of[place], labels[i])
			}
		}
		back := &Args{In: []*tile.Tile{w.ints([]int64{4}, labels...), p}, Axes: []AxisBlock{r(1)}, Attrs: map[string]any{"inverse": int64(1)}}
		if got := tile.View[int64](w.run("relabel", back)); !slices.Equal(got, []int64{5, 6, 20, 2}) {
			t.Errorf("relabel back gives %v", got)
		}
	}
}

// taken gives parts to a reducer of rows or columns.
func (w *workbench) taken(a *Args, index *tile.Tile, parts []*tile.Tile, at []AxisBlock) *tile.Tile {
	w.t.Helper()
	k, _ := Lookup("take")
	var acc *tile.Tile
	for n, x := range parts {
		a.In = []*tile.Tile{x, index}
		if n == 0 {
			specs, err := k.Out(a)
			if err != nil {
				w.t.Fatal(err)
			}
			acc = w.empty(specs[0].DType, specs[0].Shape...)
		}
		axes := []AxisBlock{at[n], a.Axes[1]}
		if attrInt(a, "axis") == 1 {
			axes = []AxisBlock{a.Axes[0], at[n]}
		}
		if err := k.Step(acc, n == 0, x, a, &Args{Axes: axes}); err != nil {
			w.t.Fatal(err)
		}
	}
	return acc
}

func TestTakeColumns(t *testing.T) {
	for _, d := range []tile.DType{tile.Float64, tile.Int8, tile.Int16, tile.Float32, tile.Complex128} {
		w := newWorkbench(t)
		parts := []*tile.Tile{w.empty(d, 2, 3), w.empty(d, 2, 2)}
		for n, p := range parts {
			for i := range p.Bytes() {
				p.Bytes()[i] = byte(100*n + i)
			}
		}
		a := &Args{Axes: []AxisBlock{{0, 2, 2}, {0, 4, 5}}, Attrs: map[string]any{"axis": int64(1)}}
		got := w.taken(a, w.ints([]int64{4}, 4, 0, 2, 3), parts, []AxisBlock{{0, 3, 5}, {3, 2, 5}})
		column := 2 * d.Size()
		want := slices.Concat(parts[1].Bytes()[column:], parts[0].Bytes()[:column], parts[0].Bytes()[2*column:], parts[1].Bytes()[:column])
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: other columns", d)
		}
	}
}

func TestDeterminants(t *testing.T) {
	w := newWorkbench(t)
	value := func(of string, in ...*tile.Tile) float64 {
		out, err := w.results("detpart", &Args{In: in, Axes: []AxisBlock{{0, in[1].Shape[0], 99}}})
		if err != nil {
			t.Fatal(err)
		}
		got := w.run("detvalue", &Args{In: out, Attrs: map[string]any{"of": of}})
		return tile.Float64s(got)[0]
	}
	diagonal := func(x ...float64) *tile.Tile {
		m := newDense(len(x), len(x))
		for i, v := range x {
			m.set(i, i, v)
		}
		return w.tile(tile.Float64, m)
	}
	stay := w.ints([]int64{2, 2}, 0, 1, 0, 1)
	swap := w.ints([]int64{2, 2}, 1, 0, 1, 0)
	below := w.ints([]int64{2, 2}, 7, 1, 7, 1)
	cycle := w.ints([]int64{2, 2}, 7, 0, 1, 7) // 0 has 7's row, 1 has 0's, 7 has 1's
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		f              *tile.Tile
		p              *tile.Tile
		det, sign, log float64
	}{
		{diagonal(2, 3), stay, 6, 1, math.Log(6)},
		{diagonal(2, -3), stay, -6, -1, math.Log(6)},
		{diagonal(2, 3), swap, -6, -1, math.Log(6)},
		{diagonal(2, 3), below, -6, -1, math.Log(6)},
		{diagonal(2, 3), cycle, 6, 1, math.Log(6)},
		{diagonal(1e300, 1e300), stay, inf, 1, 600 * math.Ln10},
		{diagonal(1e-300, 1e-300), swap, math.Copysign(0, -1), -1, -600 * math.Ln10},
		{diagonal(0, 3), stay, 0, 0, -inf},
		{diagonal(0, nan), stay, 0, 0, -inf},
		{diagonal(nan, 1), swap, nan, -1, nan},
		{diagonal(inf, -1), stay, -inf, -1, inf},
	} {
		for of, want := range map[string]float64{"det": c.det, "sign": c.sign, "log": c.log} {
			if got := value(of, c.f, c.p); !(math.Abs(got-want) <= 1e-14*math.Abs(want) || got == want || got != got && want != want) {
				t.Errorf("%s of %v is %v, want %v", of, read(c.f).x, got, want)
			}
		}
	}
	for _, p := range []*tile.Tile{w.ints([]int64{2, 2}, -5, 1, 0, 1), w.ints([]int64{2, 2}, 9, 1, 0, 1)} {
		_, err := w.results("detpart", &Args{In: []*tile.Tile{diagonal(1, 1), p}, Axes: []AxisBlock{{0, 2, 99}}})
		wantKind(t, err, errs.Value)
	}
	first, err := w.results("detpart", &Args{In: []*tile.Tile{diagonal(1e300, 1e300), stay}, Axes: []AxisBlock{{0, 2, 99}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := value("det", diagonal(1e-300, 1e-300), swap, first[0]); math.Abs(got+1) > 1e-14 {
		t.Errorf("the product of two parts is %v, want -1", got)
	}
}

func TestTriangularInverse(t *testing.T) {
	eachFloat(t, func(t *testing.T, d tile.DType, n int) {
		w := newWorkbench(t)
		for _, isLower := range []bool{true, false} {
			for _, isUnit := range []bool{true, false} {
				m := noise(seeded(n), n, n)
				for i := range n {
					for j := range n {
						switch {
						case i == j:
							m.set(i, j, 2+m.at(i, j))
						case i > j == isLower:
							m.set(i, j, m.at(i, j)/float64(n))
						default:
							m.set(i, j, math.NaN()) // is not read
						}
					}
				}
				attrs := map[string]any{"uplo": "U", "diag": "N"}
				if isLower {
					attrs["uplo"] = "L"
				}
				if isUnit {
					attrs["diag"] = "U"
				}
				x := read(w.shared("trinv", &Args{In: []*tile.Tile{w.tile(d, m)}, Attrs: attrs}))
				tri := m.triangle(isLower, isUnit)
				unit := newDense(n, n)
				for i := range n {
					unit.set(i, i, 1)
				}
				within(t, fmt.Sprint(attrs), d, combine(1, multiply(tri, x), -1, unit).norm()/math.Max(tri.norm()*x.norm(), 1), float64(n+1))
				if other := combine(1, x, -1, x.triangle(isLower, false)); other.norm() != 0 {
					t.Errorf("%v: the other triangle of the inverse is not zero", attrs)
				}
			}
		}
	})
}

func TestLUKernelsRefuse(t *testing.T) {
	w := newWorkbench(t)
	f := func(rows, cols int64) *tile.Tile { return w.empty(tile.Float64, rows, cols) }
	p := w.ints([]int64{2, 2}, 0, 1, 0, 1)
	two := AxisBlock{0, 2, 8}
	for _, c := range []struct {
		kernel string
		a      *Args
		kind   errs.Kind
	}{
		{"lu", &Args{In: []*tile.Tile{f(8, 3)}, Axes: []AxisBlock{two}}, errs.Value}, // three pivots, two rows
		{"lu", &Args{In: []*tile.Tile{f(8, 2)}}, errs.Value},
		{"lu", &Args{In: []*tile.Tile{w.empty(tile.Int64, 2, 2)}, Axes: []AxisBlock{two}}, errs.Type},
		{"exchange", &Args{In: []*tile.Tile{f(2, 3), f(2, 4), p}, Axes: []AxisBlock{two, two}}, errs.Value},
		{"exchange", &Args{In: []*tile.Tile{f(2, 3), f(2, 3), f(2, 2)}, Axes: []AxisBlock{two, two}}, errs.Value},
		{"relabel", &Args{In: []*tile.Tile{f(2, 2), p}, Axes: []AxisBlock{two}}, errs.Type},
		{"take", &Args{In: []*tile.Tile{f(2, 2), f(2, 2)}, Axes: []AxisBlock{two, two}}, errs.Value},
		{"take", &Args{In: []*tile.Tile{f(2, 2), p}, Axes: []AxisBlock{two, two}, Attrs: map[string]any{"axis": int64(2)}}, errs.Value},
		{"take", &Args{In: []*tile.Tile{f(2, 2), p}, Axes: []AxisBlock{two, two}, Attrs: map[string]any{"axis": int64(-1)}}, errs.Value},
		{"take", &Args{In: []*tile.Tile{f(2, 2), w.ints([]int64{2, 1}, 0, 1)}, Axes: []AxisBlock{two, two}}, errs.Value},
		{"take", &Args{In: []*tile.Tile{f(2, 2), w.ints([]int64{2, 2, 1}, 0, 1, 0, 1)}, Axes: []AxisBlock{two, two}}, errs.Value},
		{"detpart", &Args{In: []*tile.Tile{f(2, 2), p, f(2, 2)}, Axes: []AxisBlock{two}}, errs.Value},
		{"detvalue", &Args{In: []*tile.Tile{f(2, 2)}}, errs.Value},
		{"trinv", &Args{In: []*tile.Tile{f(2, 3)}}, errs.Value},
		{"subtract", &Args{In: []*tile.Tile{f(2, 3), f(3, 2)}}, errs.Value},
	} {
		k, _ := Lookup(c.kernel)
		_, err := k.Out(c.a)
		wantKind(t, err, c.kind)
	}
}

// TestSeatRefuses: numbers of rows that elect cannot have made.
func TestSeatRefuses(t *testing.T) {
	for _, numbers := range [][]int64{{2, 5}, {5, 5}, {9, 9}} { // counted from 1: a row above the block, one twice in it, one twice below
		w := newWorkbench(t)
		a := &Args{In: []*tile.Tile{w.tile(tile.Float64, identity(2)), w.ints([]int64{2}, numbers...)}, Axes: []AxisBlock{{4, 2, 12}}}
		_, err := w.results("seat", a)
		wantKind(t, err, errs.Value)
	}
}

// TestTournament: two groups elect rows, and those that are seated are good pivots for all.
func TestTournament(t *testing.T) {
	for _, d := range bothFloats {
		for _, c := range []struct{ rows, cols, start int }{{8, 4, 0}, {8, 4, 4}, {7, 4, 4}, {8, 3, 0}, {2, 4, 0}, {150, 70, 0}, {150, 70, 70}} {
			w := newWorkbench(t)
			m := noise(seeded(c.rows), c.rows, c.cols)
			w.tile(d, m) // rounded
			block := max(c.cols, 4)
			r := AxisBlock{int64(c.start), int64(min(block, c.rows-c.start)), int64(c.rows)}
			var tiles, numbers []*tile.Tile
			half := (c.rows + 1) / 2
			for g := range 2 {
				lo, hi := g*half, min(c.rows, g*half+half)
				of := make([]int64, hi-lo)
				for i := range of {
					of[i] = int64(lo + i)
				}
				a := &Args{In: []*tile.Tile{w.tile(d, m.taken(of))}, Axes: []AxisBlock{{int64(lo), int64(hi - lo), int64(c.rows)}, r, {0, int64(block), 99}}}
				out, err := w.results("elect", a)
				if err != nil {
					t.Fatal(err)
				}
				for k, number := range tile.View[int64](out[1]) {
					switch {
					case number == 0 && read(out[0]).at(k, 0) != 0, number > 0 && read(out[0]).at(k, 0) != m.at(int(number-1), 0), number > 0 && number <= r.Start:
						t.Errorf("%v: group %d elects number %d as %d", c, g, number, k)
					}
				}
				tiles, numbers = append(tiles, out[0]), append(numbers, out[1])
			}
			stacked, all := newDense(2*block, c.cols), w.ints([]int64{int64(2 * block)})
			for g := range 2 {
				x := read(tiles[g])
				for i := range block {
					for j := range c.cols {
						stacked.set(g*block+i, j, x.at(i, j))
					}
				}
				copy(tile.View[int64](all)[g*block:], tile.View[int64](numbers[g]))
			}
			out, err := w.results("seat", &Args{In: []*tile.Tile{w.tile(d, stacked), all}, Axes: []AxisBlock{r}})
			if err != nil {
				t.Fatal(err)
			}
			of := rowOrder(t, out[0], c.start, c.rows)
			permuted := m.taken(of[c.start:])
			f, err := w.results("luplain", &Args{In: []*tile.Tile{w.tile(d, permuted)}})
			if err != nil {
				t.Fatal(err)
			}
			l, u := newDense(permuted.rows, min(permuted.rows, c.cols)), newDense(min(permuted.rows, c.cols), c.cols)
			x := read(f[0])
			for j := range c.cols {
				for i := range permuted.rows {
					if i > j {
						l.set(i, j, x.at(i, j))
					} else {
						u.set(i, j, x.at(i, j))
					}
				}
			}
			for i := range l.cols {
				l.set(i, i, 1)
			}
			if l.norm() > 3 {
				t.Errorf("%v: an element of L is %v", c, l.norm())
			}
			within(t, fmt.Sprint(c), d, combine(1, permuted, -1, multiply(l, u)).norm(), float64(4*c.rows))
		}
	}
}

// TestTrsmOfZeroPivots: with zeros=1 what a pivot of zero would divide is zero.
func TestTrsmOfZeroPivots(t *testing.T) {
	w := newWorkbench(t)
	m := newDense(2, 2)
	m.set(0, 0, 2)
	m.set(0, 1, 1)
	b := newDense(1, 2)
	b.set(0, 0, 4)
	b.set(0, 1, 7)
	u := w.tile(tile.Float64, m)
	a := &Args{In: []*tile.Tile{u, w.tile(tile.Float64, b)}, Attrs: map[string]any{"side": "R", "uplo": "U", "trans": "N", "diag": "N", "zeros": int64(1)}}
	if x := read(w.run("trsm", a)).x; x[0] != 2 || x[1] != 0 || read(u).at(1, 1) != 0 {
		t.Errorf("the solution is %v, the triangle %v", x, read(u).x)
	}
}
