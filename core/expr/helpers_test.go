package expr

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/grid"
)

// data is a Stored that counts its users.
type data struct {
	name string
	refs atomic.Int64
}

func (d *data) Ref()        { d.refs.Add(1) }
func (d *data) Unref()      { d.refs.Add(-1) }
func (d *data) Key() string { return d.name }

// matrix is a stored node; block nil is the default.
func matrix(t testing.TB, name, dtype string, shape, block []int64) *Node {
	t.Helper()
	g, err := gridOf(shape, block, dtype)
	require.NoError(t, err)
	return NewStored(&data{name: name}, g, dtype, "BigMatrix("+name+")", false)
}

type dict = map[string]any

// apply applies an operation with one result to nodes and scalars.
func apply(t testing.TB, op string, p dict, args ...any) *Node {
	t.Helper()
	n, err := try(op, p, args...)
	require.NoError(t, err, op)
	return n
}

func try(op string, p dict, args ...any) (*Node, error) {
	operands := make([]Operand, len(args))
	for i, a := range args {
		if n, ok := a.(*Node); ok {
			operands[i].Node = n
		} else {
			operands[i].Scalar = a
		}
	}
	out, err := Apply(op, operands, p)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func ints(n ...int64) []int64 { return n }

func gridFor(t testing.TB, shape, block []int64) grid.Grid {
	t.Helper()
	g, err := grid.New(shape, block)
	require.NoError(t, err)
	return g
}
