package expr

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"numpywren/core/grid"
)

// Stored is data that exists, or is being computed: a matrix, counted by its users. It is opaque to this package. When it
// has a method Key() string, that is what the hashes of expressions know it by.
type Stored interface {
	Ref()
	Unref()
}

// Node is an array that may not have been computed. Its shape, dtype and grid never change; SetStored replaces what it is
// computed from by what was computed. A node is counted: it keeps its operands, and its Stored, until its last Release.
// All methods may be called from any goroutine.
type Node struct {
	op    op
	label string // what its tasks are called
	grid  grid.Grid
	dtype string
	hash  string

	// Under graph's lock.
	refs    int
	args    []*Node
	stored  Stored
	display string
	zero    bool // tiles that the Stored lacks are zeros
}

// graph guards the references of all nodes: they are few and the work under the lock is small.
var graph sync.Mutex

// op is what a node does: a small struct of strings, numbers and slices of them, which fmt prints in full, since the hash is
// made from that.
type op interface {
	// emit writes the statements that compute node n into the matrix called name.
	emit(l *lowering, n *Node, name string)
}

// storedOp is a node that begins as stored data.
type storedOp struct{ key string }

func (storedOp) emit(*lowering, *Node, string) {}

var storedCount atomic.Int64

// NewStored is a node for data that exists; it takes a reference of m. display says where it came from ("BigMatrix(X)");
// zero says that tiles that m lacks are zeros.
func NewStored(m Stored, g grid.Grid, dtype, display string, zero bool) *Node {
	var key string
	if k, ok := m.(interface{ Key() string }); ok {
		key = k.Key()
	} else {
		key = "#" + strconv.FormatInt(storedCount.Add(1), 10)
	}
	m.Ref()
	n := makeNode(storedOp{key}, "", g, dtype, nil)
	n.stored, n.display, n.zero = m, display, zero
	return n
}

// makeNode makes a node with one reference, the caller's. It takes a reference of each operand.
func makeNode(o op, label string, g grid.Grid, dtype string, args []*Node) *Node {
	n := &Node{op: o, label: label, grid: slices.Clone(g), dtype: dtype, args: args, refs: 1}
	h := sha256.New()
	fmt.Fprintf(h, "%T%v %v %s", o, o, g, dtype)
	graph.Lock()
	defer graph.Unlock()
	for _, a := range args {
		a.refs++
		fmt.Fprintf(h, " %s", a.hash)
	}
	n.hash = hex.EncodeToString(h.Sum(nil)[:16])
	return n
}

// Shape is the array's shape.
func (n *Node) Shape() []int64 { return n.grid.Shape() }

// DType is the NumPy name of the array's type.
func (n *Node) DType() string { return n.dtype }

// Grid is how the array is cut into tiles.
func (n *Node) Grid() grid.Grid { return n.grid }

// Hash names the array's value: equal hashes, equal bits.
func (n *Node) Hash() string { return n.hash }

// Label is the operation that makes the array, "" for stored data.
func (n *Node) Label() string { return n.label }

// Retain takes a reference and returns n.
func (n *Node) Retain() *Node {
	graph.Lock()
	defer graph.Unlock()
	n.refs++
	return n
}

// Release gives a reference back; with the last one the node lets go of its operands and its Stored.
func (n *Node) Release() {
	graph.Lock()
	var dead []Stored
	n.release(&dead)
	graph.Unlock()
	unref(dead)
}

// unref runs outside the lock: what a Stored does when its last user goes is not ours to know.
func unref(dead []Stored) {
	for _, m := range dead {
		m.Unref()
	}
}

// release is Release under the lock; it collects what is to be unreferenced after it. A list instead of recursion, because
// a loop of a million in-place additions is a chain of a million nodes.
func (n *Node) release(dead *[]Stored) {
	todo := []*Node{n}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if m.refs--; m.refs > 0 {
			continue
		}
		todo = append(todo, m.args...)
		m.args = nil
		if m.stored != nil {
			*dead = append(*dead, m.stored)
			m.stored = nil
		}
	}
}

// SetStored makes the node a source: m holds its value, or will. The node takes a reference of m and gives up its operands.
// display, when it is not empty, says where the value came from; zero as in NewStored.
func (n *Node) SetStored(m Stored, display string, zero bool) {
	m.Ref()
	var dead []Stored
	graph.Lock()
	if n.stored != nil {
		dead = append(dead, n.stored)
	}
	n.stored, n.display, n.zero = m, display, zero
	args := n.args
	n.args = nil
	for _, a := range args {
		a.release(&dead)
	}
	graph.Unlock()
	unref(dead)
}

// Stored is where the value is; nil when the node has yet to be computed. The node keeps its reference.
func (n *Node) Stored() Stored {
	graph.Lock()
	defer graph.Unlock()
	return n.stored
}

// ndim is the number of dimensions, size that of elements.
func (n *Node) ndim() int { return len(n.grid) }

func (n *Node) size() int64 { return n.grid.Size() }
