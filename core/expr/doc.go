// Package expr is lazy array expressions: NumPy's rules for shapes, dtypes and broadcasting on the way in, one LAmbdaPACK
// program on the way out. It computes nothing itself and knows nothing of stores and workers; package core calls it.
//
// Apply makes nodes, Lower turns a set of them into the text of one program, in which everything that they share is written
// once. Fusion is not done here: the program says one operation a statement, and package lambdapack inlines.
//
// # Decisions
//
//   - Blocks follow from shapes and from the operands' blocks, never from the machine, so that the same expression is the
//     same program, and the same bits, everywhere. Operands of an elementwise operation whose grids differ are cut again to
//     the grid of the largest; where broadcasting would make a tile larger than maxTile, to the default blocks of the result.
//   - A view (transpose, expand_dims, squeeze) has no tiles: it is a different way to index its operand. Views are kept in
//     the order expand or squeeze over transpose over an array with tiles.
//   - Reductions write one partial result for each tile, then combine these in trees of fan-in 32. Products with few tiles
//     in the result and a long contraction are trees of sums of partial products.
//   - What has a program in package programs is a call of it. When that is all there is, it is not wrapped: cholesky(X) is
//     printed as cholesky.lp has it.
//   - Python's scalars are weak, as in NumPy 2 (NEP 50). float16 does not exist here: where NumPy gives it (exp of int8),
//     the result is float64.
//   - A dimension of length 1 is indexed with 0 in the text, any other with a loop variable: so the text is right for every
//     number of blocks.
//   - A node's Hash names its value: operation, parameters, blocks, and the hashes of its operands. Two nodes with one hash
//     are lowered once. The hash of stored data is its Key, if the Stored has one, and otherwise unique in the process.
package expr
