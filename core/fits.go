package core

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/lambdapack"
	"numpywren/core/runtime"
	"numpywren/core/tile"
)

// What cannot fit in memory is refused before anything runs, with blocks that would.

// fits refuses a program of which a task's tiles are larger than the memory, or a result's two, which reading it takes.
func (e *Executor) fits(plan *lambdapack.Plan) error {
	most, what, fixed := int64(0), "", false
	for k, s := range plan.Statements {
		t := lambdapack.Task{Stmt: int32(k)}
		if s.Domain.First(t.I[:len(s.Vars)]) {
			if _, bytes := runtime.Needs(plan, s); bytes > most {
				most, what, fixed = bytes, fmt.Sprintf("task %s needs", plan.TaskName(t)), s.Cuts()
			}
		}
	}
	for k := range plan.Matrices {
		if m := &plan.Matrices[k]; m.Role == lambdapack.RoleOutput {
			if bytes := transferTiles * tileBytes(m); bytes > most {
				most, what, fixed = bytes, fmt.Sprintf("reading tiles of shape %s needs", tuple(m.Grid.Block())), false
			}
		}
	}
	if most <= e.taskLimit() {
		return nil
	}
	if fixed || e.oneTile(plan) {
		return errs.New(errs.Memory, "%s %s of tiles at once, memory_limit is %s: other blocks change nothing, raise memory_limit to %d MiB",
			what, humanBytes(most), humanBytes(e.taskLimit()), wholeMiB(most))
	}
	m := largestMatrix(plan)
	d, err := tile.ParseDType(m.DType)
	if err != nil {
		return err
	}
	return e.tooLarge(what, most, m.Grid, d)
}

// oneTile says whether the program itself makes one tile of a whole matrix that does not fit, larger than any that a caller has cut.
func (e *Executor) oneTile(plan *lambdapack.Plan) bool {
	cut := tileBytes(largestMatrix(plan))
	return slices.ContainsFunc(plan.Matrices, func(m lambdapack.Matrix) bool {
		bytes := tileBytes(&m)
		return m.Role == lambdapack.RoleTemp && m.Grid.NumTiles() == 1 && bytes > cut && bytes > e.taskLimit()
	})
}

// wholeMiB is a memory limit that so many bytes fit in.
func wholeMiB(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }

// tileBytes is the size of a matrix's tiles.
func tileBytes(m *lambdapack.Matrix) int64 {
	n := sizeOf(m.DType)
	for _, b := range m.Grid.Block() {
		n *= b
	}
	return n
}

// largestMatrix is, of the matrices that a caller has cut or will see, the one of the largest tiles.
func largestMatrix(plan *lambdapack.Plan) *lambdapack.Matrix {
	best := &plan.Matrices[0]
	for k := range plan.Matrices {
		m := &plan.Matrices[k]
		if m.Role != lambdapack.RoleTemp && (best.Role == lambdapack.RoleTemp || tileBytes(m) > tileBytes(best)) {
			best = m
		}
	}
	return best
}

// usualTiles is how many tiles the tasks of most operations hold at most.
const usualTiles = 6

// tooLarge is the error about tiles that do not fit, with blocks that would: so many bytes are needed at once where a matrix of
// type d is cut as g says.
func (e *Executor) tooLarge(what string, bytes int64, g grid.Grid, d tile.DType) error {
	limit := e.taskLimit()
	room := limit - min(limit/5, 1<<20) // a task asks for no more than this beyond its tiles, since they are rounded up
	// Other blocks may match each other less well than these, and then a task holds more of them.
	tiles := max(float64(bytes)/float64(max(1, tile.SizeOf(d, g.Block()))), usualTiles)
	block := squareBlock(g, float64(room)/tiles/float64(d.Size()))
	return errs.New(errs.Memory, "%s %s of tiles at once, memory_limit is %s: pass block_shape=%s to matrix_init, or raise memory_limit to %d MiB",
		what, humanBytes(bytes), humanBytes(limit), tuple(block), wholeMiB(bytes))
}

// squareBlock is a block of so many elements at most with equal sides, but those that are as long as g. Such blocks match, be
// their matrices transposed or multiplied.
func squareBlock(g grid.Grid, elements float64) []int64 {
	block := g.Shape()
	order := make([]int, len(g))
	for d := range g {
		order[d] = d
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(block[a], block[b]) })
	for k, d := range order {
		side := int64(math.Pow(elements, 1/float64(len(order)-k)))
		if side >= 64 {
			side = side / 32 * 32
		}
		block[d] = max(1, min(block[d], side))
		elements /= float64(block[d])
	}
	return block
}
