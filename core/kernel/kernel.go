// Package kernel computes tiles: LAPACK's kernels on OpenBLAS, elementwise expressions, reductions, generators and layouts.
// Which kernels there are, what operands they take and what shapes they give is told to programs by package lambdapack's
// catalogue; what they compute is here, under the same names. Package runtime calls it. A kernel allocates no tiles, knows
// nothing of matrices, and runs on its caller's thread, but for pieces of it that the caller has others compute (Args.Share).
package kernel

import (
	"fmt"

	"numpywren/core/tile"
)

// Kernel is one function from tiles to tiles.
type Kernel struct {
	Name string

	// Out is the dtypes and shapes of the results, from the operands' (Args.In may not be written yet, only dtype and shape
	// count).
	Out func(a *Args) ([]Spec, error)

	// Run computes the results. out[k] is as Out says, with unspecified content. When accumulate is set (only if CanAccumulate)
	// the first result is added to out[0] instead. When InPlace >= 0 out[0] may be the very tile a.In[InPlace], and out[k] the tile
	// a.In[Also[k]].
	Run func(a *Args, out []*tile.Tile, accumulate bool) error

	InPlace       int         // the operand whose memory out[0] may be, or -1
	Also          map[int]int // further results, each with the operand whose memory it may be
	HandlesTrans  bool        // Run looks at Args.Trans itself; otherwise no operand is transposed
	CanAccumulate bool

	// Step makes it a reducer, and Run is nil: acc = acc (op) x, or acc = x when first. a is the reducer's own call, whose tiles
	// are x and what stands beside the list; body is the call inside the comprehension when its name is "part" (its blocks say where x lies), else nil. acc is
	// as Out(a) says, or, when Out is nil, of x's dtype and shape.
	Step func(acc *tile.Tile, first bool, x *tile.Tile, a, body *Args) error
}

// Args is a call: the operands, and the scalars by kind, each in the order of the program's text.
type Args struct {
	In     []*tile.Tile
	Trans  []bool // In[k] stands for its transpose (the dimensions reversed); nil: none does
	Axes   []AxisBlock
	Ints   []int64
	Floats []float64
	Strs   []string
	Attrs  map[string]any // int64, float64, string or bool; defaults are filled in

	// Ew, for reduce and argpart alone: their operand is not In[0], but the elementwise expression Ew of all of In, which is
	// computed in strips and never stored.
	Ew *Ew

	// Share calls piece(0) … piece(n-1), each once, on any goroutines, and returns when all are done; nil: this goroutine does
	// them all. Only some kernels have pieces.
	Share func(n int, piece func(k int))

	// Idle is how many workers have nothing to do at the moment, and might help; nil: none. Where a kernel cuts may depend on it
	// only if no bit of the result does.
	Idle func() int

	// Block, for pyblock alone, applies a function of the user's, known by its key; nil where there are none.
	Block func(key string, in []*tile.Tile, out *tile.Tile) error
}

// Ew is an elementwise expression in place of an operand: what ew(Expr, …, dtype=DType) would give.
type Ew struct {
	Expr  string
	DType tile.DType
}

// AxisBlock is one block of an axis: elements Start … Start+Extent-1 of Len.
type AxisBlock struct{ Start, Extent, Len int64 }

// Spec is a tile to be made.
type Spec struct {
	DType tile.DType
	Shape []int64
}

// Numerical is a failure of arithmetic, not of the program: a matrix that is not positive definite.
type Numerical struct {
	Kernel string
	Row    int64  // within the tile
	Reason string // "not positive definite", "singular"
	Failed string // what failed, in NumPy's words, where it has some
}

func (e *Numerical) Error() string {
	if e.Failed != "" {
		return fmt.Sprintf("%s: %s: the matrix is %s (at row %d of the tile)", e.Failed, e.Kernel, e.Reason, e.Row)
	}
	return fmt.Sprintf("%s: the matrix is %s (at row %d of the tile)", e.Kernel, e.Reason, e.Row)
}

// Lookup finds a kernel by its name.
func Lookup(name string) (*Kernel, bool) {
	k, ok := kernels[name]
	return k, ok
}

// Names lists the kernels, in no order.
func Names() []string {
	var names []string
	for name := range kernels {
		names = append(names, name)
	}
	return names
}

var kernels = map[string]*Kernel{}

// register adds kernels; it is called from init.
func register(ks ...*Kernel) {
	for _, k := range ks {
		if kernels[k.Name] != nil {
			panic("kernel: two kernels are called " + k.Name)
		}
		kernels[k.Name] = k
	}
}
