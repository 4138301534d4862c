package expr

import (
	"fmt"
	"math"

	"numpywren/core/grid"
)

// banded is A = Q B Pᵀ / factor, for a square A: the reflections of both sides, and the band between them.
type banded struct {
	v, t, w, z, b *Node
	factor        *Node // a power of two
}

// toBand takes a square matrix to a band.
func (b *builder) toBand(x *Node) (*banded, error) {
	side := grid.Axis{Len: x.grid[0].Len, Block: min(bandTile, x.grid[0].Len)}
	x, factor := b.scaled(b.rechunk(x, grid.Grid{side, side}))
	out, err := b.callAll("svd_band", x)
	if err != nil {
		return nil, err
	}
	return &banded{out[0], out[1], out[2], out[3], out[4], factor}, nil
}

// scaled is a matrix times a power of two, and the power: 1 unless the largest element is so far from 1 that squares of its like
// have no room, as LAPACK's gesdd scales.
func (b *builder) scaled(x *Node) (*Node, *Node) {
	few, far := 350, 700
	if x.dtype == float32Type {
		few, far = 40, 80
	}
	power := func(k int) string { return number(math.Ldexp(1, k)) }
	most := b.reduce(b.unary("abs(a)", x), "max", []int{0, 1})
	factor := b.unary(fmt.Sprintf("where(a > %s, %s, where(a < %s, %s, 1.0))", power(few), power(-far), power(-few), power(far)), most)
	return b.ew("a * b", x.dtype, x.grid, x, factor), factor
}

// unscaled is singular values or eigenvalues, a column, from those of the matrix times a factor.
func (b *builder) unscaled(s, factor *Node) *Node {
	return b.ew("a / b", s.dtype, s.grid, s, factor)
}

// bandValues is the singular values of a square matrix, as a column.
func (b *builder) bandValues(x *Node) (*Node, error) {
	f, err := b.toBand(x)
	if err != nil {
		return nil, err
	}
	out, err := b.callAll("svd_values", f.b)
	if err != nil {
		return nil, err
	}
	return b.unscaled(out[0], f.factor), nil
}

// bandSVD decomposes a square matrix: A = Q B Pᵀ, B = Q' D P'ᵀ, D = U' diag(s) V'ᵀ, U = Q Q' U', V = P P' V'.
func (b *builder) bandSVD(x *Node) (decomposed, error) {
	f, err := b.toBand(x)
	if err != nil {
		return decomposed{}, err
	}
	chase, err := b.callAll("svd_chase", f.b)
	if err != nil {
		return decomposed{}, err
	}
	middle, err := b.bidiagonal(chase[0])
	if err != nil {
		return decomposed{}, err
	}
	u, err := b.back(f.v, f.t, chase[1], chase[2], middle.u)
	if err != nil {
		return decomposed{}, err
	}
	v, err := b.back(f.w, f.z, chase[3], chase[4], b.transpose(middle.vt))
	if err != nil {
		return decomposed{}, err
	}
	return decomposed{u, b.unscaled(middle.s, f.factor), b.transpose(v)}, nil
}

// bidiagonal decomposes the matrix of two diagonals. In tiles the vectors from the right are columns too.
func (b *builder) bidiagonal(d *Node) (decomposed, error) {
	n := d.grid[0].Len
	if n <= svdWhole {
		out, err := b.callAll("svd_bidiagonal", d)
		if err != nil {
			return decomposed{}, err
		}
		return decomposed{out[0], out[1], out[2]}, nil
	}
	out, err := b.callWith("svd_divide", map[string]int64{"side": divideSide(n)}, d)
	if err != nil {
		return decomposed{}, err
	}
	return decomposed{out[0], out[1], b.transpose(out[2])}, nil
}

// back multiplies by the reflections of the chase, and then by those of the panels.
func (b *builder) back(v, t, w, f, c *Node) (*Node, error) {
	rows, n := v.grid[0].Len, c.grid[1].Len
	c = b.rechunk(c, grid.Grid{{Len: rows, Block: rows}, {Len: n, Block: min(n, bandTile)}})
	out, err := b.callAll("svd_back", v, t, w, f, c)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}
