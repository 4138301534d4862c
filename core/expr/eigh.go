package expr

import "numpywren/core/grid"

// Sizes of symmetric eigenproblems.
const (
	eighPanel = 64    // columns of a panel: the programs' and the kernels'
	eighSmall = 1024  // up to this side a matrix is one task
	eighSide  = 512   // columns of a block that is brought to a band
	eighWide  = 1024  // columns of a block of eigenvectors
	eighMost  = 16384 // side of a matrix whose tridiagonal eigenproblem is one task, for eigenvectors
)

// symmetric is a square matrix whose lower triangle is to be read.
func (b *builder) symmetric(x *Node, uplo string) (*Node, error) {
	x, err := b.square(x)
	if err != nil {
		return nil, err
	}
	if uplo == "U" {
		x = b.transpose(x)
	}
	return b.cast(x, computed(x.dtype)), nil
}

// blockColumns cuts a matrix into tiles of so many columns and all rows.
func (b *builder) blockColumns(x *Node, side int64) *Node {
	n := x.grid[0].Len
	return b.rechunk(x, grid.Grid{{Len: n, Block: n}, {Len: n, Block: min(side, n)}})
}

// band calls eigh_band: U, R, the band and the factor.
func (b *builder) band(x *Node) ([]*Node, error) {
	return b.callWith("eigh_band", map[string]int64{"per": eighSide / eighPanel}, b.blockColumns(x, eighSide))
}

// applyEigvalsh is numpy.linalg.eigvalsh, for uplo "L" or "U".
func applyEigvalsh(b *builder, x *Node, p *params) (*Node, error) {
	uplo := p.text("uplo", "L")
	if p.err != nil {
		return nil, p.err
	}
	x, err := b.symmetric(x, uplo)
	if err != nil {
		return nil, err
	}
	n := x.grid[0].Len
	if n == 0 {
		return b.full(defaultAxes([]int64{0}, x.dtype), int64(0), x.dtype), nil
	}
	if n <= eighSmall {
		out, err := b.callAll("small_eigvalsh", b.oneTile(x))
		if err != nil {
			return nil, err
		}
		return b.squeeze(out[0], []int{1}), nil
	}
	first, err := b.band(x)
	if err != nil {
		return nil, err
	}
	out, err := b.callAll("eigh_values", first[2])
	if err != nil {
		return nil, err
	}
	return b.squeeze(b.unscaled(out[0], first[3]), []int{1}), nil
}

// applyEigh is numpy.linalg.eigh, for uplo "L" or "U": the eigenvalues, and the eigenvectors in blocks like the matrix's.
func applyEigh(b *builder, args []Operand, p *params) ([]*Node, error) {
	uplo := p.text("uplo", "L")
	if p.err != nil {
		return nil, p.err
	}
	x, err := b.array(args[0])
	if err != nil {
		return nil, err
	}
	if x, err = b.symmetric(x, uplo); err != nil {
		return nil, err
	}
	n := x.grid[0].Len
	switch {
	case n == 0:
		zeros := func(shape ...int64) *Node { return b.full(defaultAxes(shape, x.dtype), int64(0), x.dtype) }
		return []*Node{zeros(0), zeros(0, 0)}, nil
	case n > eighMost:
		return nil, b.refuse("a matrix of shape %s: it may have %d rows at most; eigvalsh computes the eigenvalues of larger ones", shapeText(x.Shape()), eighMost)
	case n <= eighSmall:
		out, err := b.callAll("small_eigh", b.oneTile(x))
		if err != nil {
			return nil, err
		}
		return []*Node{b.squeeze(out[0], []int{1}), b.rechunk(out[1], x.grid)}, nil
	}
	first, err := b.band(x)
	if err != nil {
		return nil, err
	}
	second, err := b.callAll("eigh_chase", first[2], first[0])
	if err != nil {
		return nil, err
	}
	third, err := b.callAll("eigh_tridiagonal", second[0])
	if err != nil {
		return nil, err
	}
	z, err := b.callAll("eigh_vectors", first[0], first[1], second[1], second[2], b.blockColumns(third[1], eighWide))
	if err != nil {
		return nil, err
	}
	return []*Node{b.squeeze(b.unscaled(third[0], first[3]), []int{1}), b.rechunk(z[0], x.grid)}, nil
}
