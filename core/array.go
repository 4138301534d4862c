package core

import (
	"encoding/json"
	"sync"

	"numpywren/core/errs"
	"numpywren/core/expr"
)

// Array is a handle of a lazy expression of an executor.
type Array struct {
	e    *Executor
	node *expr.Node
	once sync.Once
}

// newArray makes a handle; it takes over the caller's reference of the node.
func (e *Executor) newArray(n *expr.Node) *Array { return &Array{e: e, node: n} }

// Close gives back the handle's reference; a job that uses the array goes on.
func (a *Array) Close() { a.once.Do(a.node.Release) }

// Operand is an array, or, when it is nil, a Python scalar: float64, int64 or bool.
type Operand struct {
	Array  *Array
	Scalar any
}

// Apply makes the results of an operation, lazily. The names are NumPy's, the parameters as decoded from JSON.
func (e *Executor) Apply(op string, operands []Operand, params map[string]any) ([]*Array, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	args := make([]expr.Operand, len(operands))
	for k, o := range operands {
		args[k].Scalar = o.Scalar
		if o.Array != nil {
			if o.Array.e != e {
				return nil, errs.New(errs.Value, "%s: operand %d belongs to another executor: bring it over with matrix_init(array.numpy())", op, k)
			}
			args[k].Node = o.Array.node
		}
	}
	nodes, err := expr.Apply(op, args, params)
	if err != nil {
		return nil, err
	}
	arrays := make([]*Array, len(nodes))
	for k, n := range nodes {
		arrays[k] = e.newArray(n)
	}
	return arrays, nil
}

// info is what is told of an array.
type info struct {
	Shape    []int64 `json:"shape"`
	DType    string  `json:"dtype"`
	Block    []int64 `json:"block_shape"`
	Blocks   []int64 `json:"blocks"`
	Tiles    int64   `json:"ntiles"`
	Bytes    int64   `json:"nbytes"`
	Name     *string `json:"name"`
	Display  string  `json:"display"`
	Computed bool    `json:"computed"`
	Where    string  `json:"where"`
}

// Info is what is known of the array, as JSON.
func (a *Array) Info() string {
	text, _ := json.Marshal(a.info())
	return string(text)
}

func (a *Array) info() info {
	g := a.node.Grid()
	i := info{Shape: g.Shape(), DType: a.node.DType(), Block: g.Block(), Blocks: g.Blocks(), Tiles: g.NumTiles(),
		Display: a.node.Label(), Where: "lazy"}
	i.Bytes = g.Size() * sizeOf(i.DType)
	if s, ok := storedOf(a.node); ok {
		i.Display, i.Computed, i.Where = s.m.Display, true, s.where
		if s.name != "" {
			i.Name = &s.name
		}
	}
	return i
}

// storedOf is where the node's value is, if it is computed.
func storedOf(n *expr.Node) (*stored, bool) {
	switch s := n.Stored().(type) {
	case *stored:
		return s, true
	case keyed:
		return s.stored, true
	}
	return nil, false
}
