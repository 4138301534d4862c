// Package lambdapack is the intermediate representation that every computation becomes: a program of statements in loops
// over tile indices, each of which applies kernels to tiles and writes tiles, every tile once.
//
// The way of a program through the package:
//
//	Parse   Starlark text → syntax tree              (parse.go, on go.starlark.net/syntax)
//	Bind    inline the programs it calls             (inline.go)
//	        fuse producers into their readers        (fuse.go)
//	        give names their numbers, statements     (bind*.go, domain.go)
//	        their domains, operands their affine     (alias.go)
//	        indices, matrices their grids and dtypes (infer.go, signature.go)
//	        check                                    (reads.go, check.go)
//	Plan    who writes, who reads, who comes next:   (deps.go)
//	        solved when asked, never stored
//	        priorities, costs                        (priority.go, cost.go)
//	Text, Blocks, Explain                            (format.go, print.go)
//
// It is not the place where tiles are computed (package runtime) nor where the next task is chosen (package scheduler).
//
// # What a text may say
//
// Beyond what the syntax tree lists: the numbers blocks(A, d), blocks(r), size(A, d), size(r), block(A, d), block(r) (how many
// blocks an axis has, its length, the length of a block), levels(n) (the smallest l with 1<<l >= n), min and max. A scalar may
// be set inside a loop, but every name only once. Conditions may use and, or, not. A bare tile on the right of = is an alias,
// unless it is transposed: X[i, j] = A[j, i].T is copy(A[j, i].T). sum([…], split=8) becomes a tree of tasks, each of which
// sums at most 8 operands. At most six loops stand around a statement.
//
// # Matrices and their tiles
//
// A matrix has as many indices as the text writes. Which of them select blocks along an axis, and which are mere versions,
// is inferred: dimension d of a tile is the block of an axis at the index in some position, or a constant. So in
// S[i, k, j] the tile may have rows j and columns k. Matrix.Grid is that of the tile's dimensions, and Matrix.Place turns the
// index of the text into the place in it: versions first, then one index for each dimension of the grid.
package lambdapack
