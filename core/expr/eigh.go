package expr

import "numpywren/core/grid"

// Sizes of symmetric eigenproblems.
const (
	eighPanel = 64   // columns of a panel: the programs' and the kernels'
	eighSmall = 1024 // up to this side a matrix is one task
	eighSide  = 512  // of a tile of a matrix that is brought to a band
	eighLarge = 6144 // from this side on twice as much, for fewer and longer tasks
	eighWide  = 1024 // columns of a block of eigenvectors
	eighWhole = 2048 // up to this side the tridiagonal eigenproblem is one task
	eighPart  = 2048 // rows of a part of it, and sides of a tile of its eigenvectors, at most
	eighParts = 4    // no fewer parts
)

// divideSide is the length of the parts of a tridiagonal eigenproblem of n rows: as many as a power of two, so that joins are of parts
// that are about equal.
func divideSide(n int64) int64 {
	parts := int64(eighParts)
	for (n+parts-1)/parts > eighPart {
		parts *= 2
	}
	return (n + parts - 1) / parts
}

// tridiagonal calls the program for the tridiagonal eigenproblem: the eigenvalues as a column, and the eigenvectors in block columns.
func (b *builder) tridiagonal(t *Node) ([]*Node, error) {
	n := t.grid[1].Len
	if n <= eighWhole {
		out, err := b.callAll("eigh_tridiagonal", t)
		if err == nil {
			out[1] = b.blockColumns(out[1], eighWide)
		}
		return out, err
	}
	side := divideSide(n)
	out, err := b.callWith("eigh_divide", map[string]int64{"side": side}, t)
	if err != nil {
		return nil, err
	}
	if side > eighWide {
		side = (side + 1) / 2
	}
	out[1] = b.blockColumns(out[1], side)
	return out, nil
}

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
	side := int64(eighSide)
	if x.grid[0].Len >= eighLarge {
		side *= 2
	}
	return b.callWith("eigh_band", map[string]int64{"per": side / eighPanel}, x)
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
	third, err := b.tridiagonal(second[0])
	if err != nil {
		return nil, err
	}
	z, err := b.callAll("eigh_vectors", first[0], first[1], second[1], second[2], third[1])
	if err != nil {
		return nil, err
	}
	return []*Node{b.squeeze(b.unscaled(third[0], first[3]), []int{1}), b.rechunk(z[0], x.grid)}, nil
}
