package kernel

import "numpywren/core/tile"

// Products of integers and of bools, which BLAS does not have. Integers wrap around as NumPy's do; a product of bools is true
// where any pair is.

// integer is the integers, and the bytes of bools.
type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// realNumber is what can be multiplied and compared with zero.
type realNumber interface{ integer | float }

func gemmExact(p *product, in []*tile.Tile, out *tile.Tile) {
	switch out.DType {
	case tile.Bool:
		gemmBool(p, in, out)
	case tile.Int8:
		gemmInt[int8](p, in, out)
	case tile.Int16:
		gemmInt[int16](p, in, out)
	case tile.Int32:
		gemmInt[int32](p, in, out)
	case tile.Int64:
		gemmInt[int64](p, in, out)
	case tile.Uint8:
		gemmInt[uint8](p, in, out)
	case tile.Uint16:
		gemmInt[uint16](p, in, out)
	case tile.Uint32:
		gemmInt[uint32](p, in, out)
	case tile.Uint64:
		gemmInt[uint64](p, in, out)
	}
}

func gemmInt[T integer](p *product, in []*tile.Tile, out *tile.Tile) {
	c, beta := tile.View[T](out), T(int64(p.beta))
	switch {
	case p.accumulate && p.hasC:
		addScaled(p, c, beta, tile.View[T](in[2]))
	case p.accumulate:
	case p.hasC:
		p.copyC(out, in[2])
		scale(c, beta)
	default:
		clear(c)
	}
	gemmBlocked(p, c, tile.View[T](in[0]), tile.View[T](in[1]), T(int64(p.alpha)), addColumns, addDots)
}

// gemmBool computes with the bytes of bools, which are 0 or 1.
func gemmBool(p *product, in []*tile.Tile, out *tile.Tile) {
	c := tile.View[uint8](out)
	switch {
	case p.hasC && p.beta != 0:
		byRow, byColumn := 1, p.m
		if p.transC {
			byRow, byColumn = p.n, 1
		}
		addend := tile.View[uint8](in[2])
		for j := range p.n {
			for i := range p.m {
				x := addend[i*byRow+j*byColumn]
				if p.accumulate {
					x |= c[j*p.m+i]
				}
				c[j*p.m+i] = x
			}
		}
	case !p.accumulate:
		clear(c)
	}
	if p.alpha != 0 {
		gemmBlocked(p, c, tile.View[uint8](in[0]), tile.View[uint8](in[1]), 1, orColumns, orDots)
	}
}

// gemmBlocked adds alpha op(A) op(B) to out in blocks: a block of A stays in the second-level cache while all columns of B
// pass, and a piece of a column in the first. columns adds a block's columns to y, each times its element of x; dots
// adds to each element of y the product of a column with x. Both read A along its columns.
func gemmBlocked[T integer](p *product, out, a, b []T, alpha T, columns, dots func(y, a []T, lda int, x []T)) {
	const long, short = 1024, 64
	rows, depth, add := long, short, columns
	lda, byRow, byDepth := p.m, 1, p.m
	if p.transA {
		rows, depth, add = short, long, dots
		lda, byRow, byDepth = p.k, p.k, 1
	}
	bRow, bColumn := 1, p.k
	if p.transB {
		bRow, bColumn = p.n, 1
	}
	piece := make([]T, long)
	for l := 0; l < p.k; l += depth {
		x := piece[:min(depth, p.k-l)]
		for i := 0; i < p.m; i += rows {
			block := a[i*byRow+l*byDepth:]
			for j := range p.n {
				for q := range x {
					x[q] = alpha * b[(l+q)*bRow+j*bColumn]
				}
				add(out[j*p.m+i:j*p.m+min(i+rows, p.m)], block, lda, x)
			}
		}
	}
}

func addColumns[T integer](y, a []T, lda int, x []T) {
	n := len(y)
	for len(x) >= 4 {
		a0, a1, a2, a3 := a[:n], a[lda:lda+n], a[2*lda:2*lda+n], a[3*lda:3*lda+n]
		x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
		for i := range y {
			y[i] += a0[i]*x0 + a1[i]*x1 + a2[i]*x2 + a3[i]*x3
		}
		if x = x[4:]; len(x) > 0 {
			a = a[4*lda:]
		}
	}
	for q, xq := range x {
		aq := a[q*lda : q*lda+n]
		for i := range y {
			y[i] += aq[i] * xq
		}
	}
}

func addDots[T integer](y, a []T, lda int, x []T) {
	for i := range y {
		column, sum := a[i*lda:i*lda+len(x)], T(0)
		for q, xq := range x {
			sum += column[q] * xq
		}
		y[i] += sum
	}
}

func orColumns(y, a []uint8, lda int, x []uint8) {
	for q, xq := range x {
		if xq == 0 {
			continue
		}
		aq := a[q*lda : q*lda+len(y)]
		for i := range y {
			y[i] |= aq[i]
		}
	}
}

func orDots(y, a []uint8, lda int, x []uint8) {
	for i := range y {
		column := a[i*lda : i*lda+len(x)]
		for q := 0; q < len(x) && y[i] == 0; q++ {
			y[i] = column[q] & x[q]
		}
	}
}
