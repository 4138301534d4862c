package kernel

import (
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// An upper band becomes bidiagonal by bulge chasing (B. Lang, A parallel algorithm for reducing symmetric banded matrices to
// tridiagonal form, SIAM J. Sci. Comput. 14, 1993, for two sides; A. Haidar, H. Ltaief, P. Luszczek, J. Dongarra, A comprehensive
// study of task coalescing for selecting parallelism granularity in a two-stage bidiagonal reduction, IPDPS 2012). Sweep s takes row s
// to one element beside the diagonal by a reflection of b columns. That fills a triangle below the diagonal, of which only the
// first column is taken away, by a reflection of b rows; which fills a triangle b columns further on, of which only the first row is
// taken away; and so on to the end. The rest of the bulges is where the next sweep's are.
//
// The reflections of a sweep, from each side, act on rows s + 1 + k b … s + (k + 1) b, k = 0, 1 …: their vectors stand one below the
// other in a column, their factors are tau[k].

func init() {
	register(
		&Kernel{Name: "gbpack", Out: gbpackOut, Step: gbpackStep, InPlace: -1},
		&Kernel{Name: "gbchase", Out: gbchaseOut, Run: gbchaseRun, InPlace: 0},
		&Kernel{Name: "gbchased", Out: gbchasedOut, Run: gbchasedRun, InPlace: 0},
		&Kernel{Name: "gbdiagonals", Out: gbdiagonalsOut, Run: gbdiagonalsRun, InPlace: -1},
	)
}

// packedRows is how many rows a packed band of b diagonals beside its own has, with room for bulges on both sides: element (i, j) is
// in row 2 b + i - j of column j. So the elements of a row are an even number of vectors apart.
func packedRows(b int) int { return 3*b + 1 }

// mostBand is the widest band that is chased: npw_gbchase has room for so much.
const mostBand = 256

// bandwidthOf is the b of a packed band.
func bandwidthOf(t *tile.Tile) int { return int(t.Shape[0]-1) / 3 }

// gbpackOut: gbpack([part(B[i, j], p[i], p[j]) …], p[0], w[0]) is a band of as many diagonals beside its own as p[0] has rows, and as
// many columns as w[0] has, packed.
func gbpackOut(a *Args) ([]Spec, error) {
	if len(a.In) != 1 || len(a.Axes) != 2 {
		return nil, errs.New(errs.Value, "gbpack wants a list of parts, a block as long as the band is wide, and one of all columns")
	}
	if err := checkFloat("gbpack", a.In[0]); err != nil {
		return nil, err
	}
	return []Spec{{DType: a.In[0].DType, Shape: []int64{int64(packedRows(int(a.Axes[0].Extent))), a.Axes[1].Extent}}}, nil
}

func gbpackStep(acc *tile.Tile, first bool, x *tile.Tile, _, body *Args) error {
	if body == nil || len(body.Axes) != 2 || len(x.Shape) != 2 || x.DType != acc.DType {
		return errs.New(errs.Value, "gbpack wants parts of two dimensions and one dtype, such as part(B[i, j], p[i], p[j])")
	}
	if body.Axes[1].end() > acc.Shape[1] {
		return errs.New(errs.Value, "gbpack: columns up to %d are not in a band of %d", body.Axes[1].end(), acc.Shape[1])
	}
	if first {
		acc.Zero()
	}
	if acc.DType == tile.Float32 {
		pack[float32](acc, x, body.Axes)
	} else {
		pack[float64](acc, x, body.Axes)
	}
	return nil
}

func pack[T float](acc, x *tile.Tile, at []AxisBlock) {
	h, e, b := tile.View[T](acc), tile.View[T](x), bandwidthOf(acc)
	for j := range int(at[1].Extent) {
		col := int(at[1].Start) + j
		for i := range int(at[0].Extent) {
			if row := int(at[0].Start) + i; row <= col && col <= row+b {
				h[col*ld(acc)+2*b+row-col] = e[j*ld(x)+i]
			}
		}
	}
}

// gbchaseOut: gbchase(H, r[g]) does the sweeps r[g] of a packed band. It gives the band, and the reflections from the left and from the
// right: vectors and factors.
func gbchaseOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gbchase", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if err := checkBand("gbchase", a); err != nil {
		return nil, err
	}
	b, n := bandwidthOf(t), t.Shape[1]
	v := Spec{t.DType, []int64{n, a.Axes[0].Extent}}
	tau := Spec{t.DType, []int64{(n + int64(b) - 1) / int64(b), a.Axes[0].Extent}}
	return append(like(t), v, tau, v, tau), nil
}

func checkBand(name string, a *Args) error {
	t := a.In[0]
	b := bandwidthOf(t)
	if len(a.Axes) != 1 || b < 1 || b > mostBand || t.Shape[0] != int64(packedRows(b)) || a.Axes[0].end() > t.Shape[1] {
		return errs.New(errs.Value, "%s of a tile of the shape %v wants what gbpack gives, of %d diagonals at most, and a block of its columns", name, t.Shape, mostBand)
	}
	return checkFloat(name, t)
}

func gbchaseRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	for _, t := range out[1:] {
		t.Zero()
	}
	if out[0].DType == tile.Float32 {
		gbchase[float32](a, out)
	} else {
		gbchase[float64](a, out)
	}
	return nil
}

func gbchase[T float](a *Args, out []*tile.Tile) {
	first, count := int(a.Axes[0].Start), int(a.Axes[0].Extent)
	v, tauV, w, tauW := tile.View[T](out[1]), tile.View[T](out[2]), tile.View[T](out[3]), tile.View[T](out[4])
	chaseSweeps(int(out[0].Shape[1]), bandwidthOf(out[0]), tile.View[T](out[0]), first, count, v, tauV, w, tauW, ld(out[2]))
}

// gbchasedOut: gbchased(H, r[g]) is the band alone.
func gbchasedOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gbchased", a, 1, 1); err != nil {
		return nil, err
	}
	return like(a.In[0]), checkBand("gbchased", a)
}

func gbchasedRun(a *Args, out []*tile.Tile, _ bool) error {
	if !same(a.In[0], out[0]) {
		copy(out[0].Bytes(), a.In[0].Bytes())
	}
	if out[0].DType == tile.Float32 {
		gbchased[float32](a, out[0])
	} else {
		gbchased[float64](a, out[0])
	}
	return nil
}

// gbchased forgets the reflections of a few sweeps before it does the next.
func gbchased[T float](a *Args, out *tile.Tile) {
	const few = 64
	first, count, n, b := int(a.Axes[0].Start), int(a.Axes[0].Extent), int(out.Shape[1]), bandwidthOf(out)
	v, w, ldt := make([]T, n*few), make([]T, n*few), (n+b-1)/b
	tauV, tauW := make([]T, ldt*few), make([]T, ldt*few)
	for g := 0; g < count; g += few {
		chaseSweeps(n, b, tile.View[T](out), first+g, min(few, count-g), v, tauV, w, tauW, ldt)
	}
}

// chaseSlowly is what npw_gbchase does, step by step.
func chaseSlowly[T float](n, b int, h []T, first, count int, v, tauV, w, tauW []T, ldt int) {
	at := func(i, j int) *T { return &h[j*packedRows(b)+2*b+i-j] }
	for s := first; s < first+count; s++ {
		c := s - first
		for k, lo := 0, s+1; lo < n; k, lo = k+1, lo+b {
			end, row := min(lo+b, n), s
			if k > 0 {
				row = lo - b
			}
			right := w[c*n+lo : c*n+end]
			for j := range right {
				right[j] = *at(row, lo+j)
				*at(row, lo+j) = 0
			}
			*at(row, lo), tauW[c*ldt+k] = householder(right)
			for i := row + 1; i < end; i++ {
				if k == 0 && i < lo {
					continue
				}
				dot := T(0)
				for j, x := range right {
					dot += *at(i, lo+j) * x
				}
				for j, x := range right {
					*at(i, lo+j) -= tauW[c*ldt+k] * dot * x
				}
			}
			left := v[c*n+lo : c*n+end]
			for i := range left {
				left[i] = *at(lo+i, lo)
				*at(lo+i, lo) = 0
			}
			*at(lo, lo), tauV[c*ldt+k] = householder(left)
			for j := lo + 1; j < min(end+b, n); j++ {
				dot := T(0)
				for i, x := range left {
					dot += *at(lo+i, j) * x
				}
				for i, x := range left {
					*at(lo+i, j) -= tauV[c*ldt+k] * dot * x
				}
			}
		}
	}
}

// negligible is house.h's.
const negligible = 1e-280

// householder is LAPACK's larfg, of all elements; the first of the vector is one.
func householder[T float](x []T) (beta, tau T) {
	beta, x[0] = x[0], 1
	sum := 0.0
	for _, e := range x[1:] {
		sum += float64(e) * float64(e)
	}
	if sum <= negligible {
		clear(x[1:])
		return beta, 0
	}
	alpha := float64(beta)
	b := -math.Copysign(math.Sqrt(alpha*alpha+sum), alpha)
	for i := range x[1:] {
		x[1+i] = T(float64(x[1+i]) / (alpha - b))
	}
	return T(b), T((b - alpha) / b)
}

// gbdiagonalsOut: the diagonal of a packed band and the one above it, as columns, the second ending in a zero.
func gbdiagonalsOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gbdiagonals", a, 1, 1); err != nil {
		return nil, err
	}
	t := a.In[0]
	if b := bandwidthOf(t); b < 1 || t.Shape[0] != int64(packedRows(b)) {
		return nil, errs.New(errs.Value, "gbdiagonals of a tile of the shape %v: it wants what gbpack gives", t.Shape)
	}
	return []Spec{{DType: t.DType, Shape: []int64{t.Shape[1], 2}}}, checkFloat("gbdiagonals", t)
}

func gbdiagonalsRun(a *Args, out []*tile.Tile, _ bool) error {
	if out[0].DType == tile.Float32 {
		gbdiagonals[float32](a.In[0], out[0])
	} else {
		gbdiagonals[float64](a.In[0], out[0])
	}
	return nil
}

func gbdiagonals[T float](in, out *tile.Tile) {
	h, d, n, b := tile.View[T](in), tile.View[T](out), int(out.Shape[0]), bandwidthOf(in)
	clear(d)
	for j := range n {
		d[j] = h[j*ld(in)+2*b]
		if j > 0 {
			d[n+j-1] = h[j*ld(in)+2*b-1]
		}
	}
}
