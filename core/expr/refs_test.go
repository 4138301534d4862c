package expr

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReferences: what an expression needs lives as long as it, or its program, and no longer.
func TestReferences(t *testing.T) {
	d := &data{name: "D"}
	x := NewStored(d, gridFor(t, ints(100, 100), ints(30, 40)), float64Type, "BigMatrix(D)", false)
	xt := apply(t, "transpose", nil, x)
	y := apply(t, "matmul", nil, xt, x)
	xt.Release()
	z := apply(t, "cholesky", nil, y)
	x.Release()
	require.EqualValues(t, 1, d.refs.Load(), "inner nodes keep it")
	p, err := Lower([]*Node{z, y}, nil)
	require.NoError(t, err)
	require.Len(t, p.Inputs, 1)
	y.Release()
	z.Release()
	require.Positive(t, d.refs.Load(), "the program keeps it")
	p.Release()
	require.Zero(t, d.refs.Load())
}

// TestReferencesOfEveryOperation: nothing that Apply makes on its way is left behind.
func TestReferencesOfEveryOperation(t *testing.T) {
	names := slices.Sorted(maps.Keys(operations))
	names = append(names, slices.Sorted(maps.Keys(ufuncs))...)
	for seed := range uint64(200) {
		d := &data{name: "D"}
		x := NewStored(d, gridFor(t, ints(6, 6), ints(4, 3)), float64Type, "D", false)
		op := names[int(seed)%len(names)]
		out, err := Apply(op, []Operand{{Node: x}}, nil)
		if err != nil {
			out, _ = Apply(op, []Operand{{Node: x}, {Node: x}}, nil)
		}
		if len(out) > 0 {
			p, err := Lower(out, nil)
			require.NoError(t, err)
			p.Release()
		}
		for _, n := range out {
			n.Release()
		}
		require.EqualValues(t, 1, d.refs.Load(), op)
		x.Release()
		require.Zero(t, d.refs.Load(), op)
	}
}

// TestSetStored: a computed node gives up its operands; equal nodes that are not computed are read from it.
func TestSetStored(t *testing.T) {
	d := &data{name: "D"}
	x := NewStored(d, gridFor(t, ints(10), ints(3)), float64Type, "BigMatrix(D)", false)
	one, two := apply(t, "exp", nil, x), apply(t, "exp", nil, x)
	require.Equal(t, one.Hash(), two.Hash())
	square := apply(t, "square", nil, one)
	sum := apply(t, "add", nil, square, two)
	square.Release()
	e := &data{name: "E"}
	two.SetStored(e, "exp(D)", false)
	p := check(t, sum)
	require.NotContains(t, p.Text, "exp(a)")
	require.EqualValues(t, 1, e.refs.Load())
	require.EqualValues(t, 1, d.refs.Load())
	for _, n := range []*Node{x, one, two, sum} {
		n.Release()
	}
	require.Zero(t, e.refs.Load())
	require.Zero(t, d.refs.Load())
}

// TestRace lowers, computes and releases shared nodes at once; run with -race.
func TestRace(t *testing.T) {
	d := &data{name: "D"}
	x := NewStored(d, gridFor(t, ints(10, 10), ints(3, 3)), float64Type, "D", false)
	xt := apply(t, "transpose", nil, x)
	shared := apply(t, "exp", nil, xt)
	xt.Release()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				product := apply(t, "matmul", nil, shared, x)
				y := apply(t, "add", nil, shared, product)
				product.Release()
				p, err := Lower([]*Node{y, shared}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for _, in := range p.Inputs {
					if in.Stored.(*data).refs.Load() < 1 {
						t.Error("an input is gone")
					}
				}
				computed := &data{name: "S"}
				shared.SetStored(computed, "", false)
				p.Release()
				y.Release()
			}
		})
	}
	all.Wait()
	shared.Release()
	x.Release()
	require.Zero(t, d.refs.Load())
}

// TestLongChain: a loop of in-place additions is freed without a deep recursion, and refused when it is too long for a program.
func TestLongChain(t *testing.T) {
	d := &data{name: "D"}
	x := NewStored(d, gridFor(t, ints(10), ints(3)), float64Type, "D", false)
	for range 100000 {
		y := apply(t, "add", nil, x, 1.0)
		x.Release()
		x = y
	}
	_, err := Lower([]*Node{x}, nil)
	require.ErrorContains(t, err, "compute a part first, with persist()")
	require.EqualValues(t, 1, d.refs.Load())
	x.Release()
	require.Zero(t, d.refs.Load())
}
