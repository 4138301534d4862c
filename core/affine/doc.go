// Package affine answers integer questions about loop nests whose bounds and tile indices are affine: which iterations
// touch a given tile, how many iterations are there, does a condition always hold. The dependencies of a task are such
// questions, so no task graph is ever stored.
//
// It knows nothing of tiles, kernels or programs: lambdapack translates its statements into a Domain (the loops around a
// statement) and lists of Expr (the indices of a tile reference), and asks.
//
//   - Expr is an affine expression of the loop variables, which are numbered from the outermost, 0, inwards. Beyond the
//     textbook it may multiply a variable, or a constant, by 1 << l of another variable l: tree reductions need it.
//   - Domain is a loop nest with conditions: for each variable the maximum of its lower bounds, the minimum of its upper
//     bounds, a step, and floor divisions in the bounds.
//   - Solver is a precompiled inverse: given idx and target it enumerates the points x with idx(x) == target.
//   - Domain.Count counts by summing polynomials; Implies proves by refutation.
//
// # Numbers
//
// Coordinates and values are exact as long as they stay below 2^40 in magnitude and coefficients below 2^20; the largest
// matrix that anybody stores is far from that. Beyond it Eval saturates at the ends of int64 instead of wrapping, and
// Count at math.MaxInt64. A variable that is used as a shift must stay within 0..62 on the domain (Domain.Hull tells).
//
// On the 2-core development machine, cholesky with a million blocks a side: 90 ns for the child of a low-rank update and
// 9 ns for each of many, 5 µs to compile a Solver, 22 µs to count the 1.7e17 tasks, 3 µs for a proof.
//
// The way through the files: expr.go and domain.go are the vocabulary; system.go turns a domain into linear equations and
// inequalities, lattice.go solves the equations, fourier.go projects the inequalities; solver.go (with plan.go), count.go
// (with poly.go) and implies.go are the three questions.
//
// Everything here is immutable after construction and safe for concurrent use.
package affine
