package lambdapack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/grid"
)

// eighInputs is the matrices of the programs for symmetric eigenproblems of that side, in blocks of 1 + unit panels; A's are others.
func eighInputs(def *Def, side, unit int64) (inputs []Input, scalars map[string]int64) {
	all, per := grid.Axis{Len: side, Block: max(side, 1)}, 1+unit
	cols := grid.Axis{Len: side, Block: per * bandSide}
	fixed := func(n int64) grid.Axis { return grid.Axis{Len: n, Block: n} }
	grids := map[string]grid.Grid{
		"A": {{Len: side, Block: max(side/3, 1)}, {Len: side, Block: 150 * per}}, "C": {all, cols}, "U": {all, cols}, "R": {cols, cols}, "B": {fixed(2 * bandSide), all}, "T": {fixed(2 * bandSide), all},
		"V": {all, cols}, "H": {fixed((side + bandSide - 1) / bandSide), cols}, "Z": {all, {Len: side, Block: min(100, side)}},
	}
	scalars = map[string]int64{}
	for _, q := range def.Params {
		if q.Name == "side" {
			scalars[q.Name] = max((side+per-1)/per, 1)
		} else if q.Scalar {
			scalars[q.Name] = per
		} else {
			inputs = append(inputs, Input{Name: q.Name, Display: q.Name, Grid: grids[q.Name], DType: "float32"})
		}
	}
	return inputs, scalars
}

// TestFlopsOfEigh holds the arithmetic of all tasks against what the programs' headers say.
func TestFlopsOfEigh(t *testing.T) {
	const n = 8192
	for name, want := range map[string]float64{
		"eigh_band": 4.0 / 3 * n * n * n, "eigh_chase": 6 * bandSide * n * n, "eigh_values": 6 * bandSide * n * n, "eigh_vectors": 4 * n * n * n,
		"eigh_divide": 4.0 / 3 * n * n * n,
	} {
		def, _ := shipped(t).Lookup(name)
		inputs, scalars := eighInputs(def, n, 3)
		p, err := Bind(def, shipped(t), inputs, scalars, Options{Fuse: true})
		require.NoError(t, err)
		flops := 0.0
		for task := range p.Tasks() {
			flops += p.Cost(task).Flops
		}
		require.InEpsilon(t, want, flops, 0.12, name)
	}
}
