package kernel

import (
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(&Kernel{Name: "gemm", Out: gemmOut, Run: gemmRun, InPlace: 2, HandlesTrans: true, CanAccumulate: true})
}

func gemmOut(a *Args) ([]Spec, error) {
	if err := checkMatrices("gemm", a, 2, 3); err != nil {
		return nil, err
	}
	m, k := sides(a, 0)
	inner, n := sides(a, 1)
	if k != inner {
		return nil, errs.New(errs.Value, "gemm of a %d×%d and a %d×%d tile: the inner sides differ", m, k, inner, n)
	}
	if len(a.In) == 3 {
		if rows, cols := sides(a, 2); rows != m || cols != n {
			return nil, errs.New(errs.Value, "gemm adds a %d×%d tile to a product of %d×%d", rows, cols, m, n)
		}
	}
	d := a.In[0].DType
	switch d {
	case tile.Float32, tile.Float64:
	case tile.Complex64, tile.Complex128, tile.Pair:
		return nil, errs.New(errs.Unsupported, "gemm of %s tiles is not supported: use float64, float32, integers or bool", d)
	default:
		for _, name := range []string{"alpha", "beta"} {
			if x := attrFloat(a, name, 1); x != math.Trunc(x) || math.Abs(x) > 1<<53 {
				return nil, errs.New(errs.Type, "gemm of %s tiles wants an integer as %s, not %v", d, name, x)
			}
		}
	}
	return []Spec{{DType: d, Shape: []int64{m, n}}}, nil
}

func gemmRun(a *Args, out []*tile.Tile, accumulate bool) error {
	p := newProduct(a, accumulate)
	switch out[0].DType {
	case tile.Float64:
		gemm[float64](a, p, out[0])
	case tile.Float32:
		gemm[float32](a, p, out[0])
	default:
		gemmExact(p, a.In, out[0])
	}
	return nil
}

// product is alpha op(A) op(B) + beta C, op(A) being m×k and op(B) k×n.
type product struct {
	m, n, k                int
	transA, transB, transC bool
	hasC, accumulate       bool
	alpha, beta            float64
}

func newProduct(a *Args, accumulate bool) *product {
	m, k := sides(a, 0)
	_, n := sides(a, 1)
	return &product{
		m: int(m), n: int(n), k: int(k), transA: trans(a, 0), transB: trans(a, 1), transC: trans(a, 2),
		hasC: len(a.In) == 3, accumulate: accumulate, alpha: attrFloat(a, "alpha", 1), beta: attrFloat(a, "beta", 1),
	}
}

func gemm[T float](args *Args, p *product, out *tile.Tile) {
	in := args.In
	a, b, c := tile.View[T](in[0]), tile.View[T](in[1]), tile.View[T](out)
	beta := T(0) // times what out holds
	switch {
	case p.accumulate:
		beta = 1
		if p.hasC {
			addScaled(p, c, T(p.beta), tile.View[T](in[2]))
		}
	case p.hasC && p.beta != 0:
		beta = T(p.beta)
		p.copyC(out, in[2])
	}
	switch {
	case len(c) == 0:
	case p.k == 0:
		scale(c, beta)
	case p.n == 1: // a product with a vector: gemm would pack A first, which takes longer
		blasGemv(p.transA, int(in[0].Shape[0]), int(in[0].Shape[1]), T(p.alpha), a, ld(in[0]), b, beta, c)
	case p.m == 1:
		blasGemv(!p.transB, int(in[1].Shape[0]), int(in[1].Shape[1]), T(p.alpha), b, ld(in[1]), a, beta, c)
	default:
		parts, step := columnCuts(p.m, p.n, p.k, args.hands()), ld(in[1])
		if p.transB {
			step = 1
		}
		args.each(parts.count(), func(k int) {
			lo, size := parts.at(k)
			blasGemm(p.transA, p.transB, p.m, size, p.k, T(p.alpha), a, ld(in[0]), b[lo*step:], ld(in[1]), beta, c[lo*ld(out):], ld(out))
		})
	}
}

// copyC copies op(C) to out, unless it is there already.
func (p *product) copyC(out, c *tile.Tile) {
	if !same(out, c) {
		transposeTo(out, c, p.transC)
	}
}

// scale multiplies by beta; zero times NaN is zero, as in BLAS.
func scale[T realNumber](x []T, beta T) {
	switch beta {
	case 1:
	case 0:
		clear(x)
	default:
		for i := range x {
			x[i] *= beta
		}
	}
}

// addScaled is out += beta op(C), for accumulated products with an addend.
func addScaled[T realNumber](p *product, out []T, beta T, c []T) {
	if beta == 0 {
		return
	}
	byRow, byColumn := 1, p.m
	if p.transC {
		byRow, byColumn = p.n, 1
	}
	for j := range p.n {
		for i := range p.m {
			out[j*p.m+i] += beta * c[i*byRow+j*byColumn]
		}
	}
}
