package lambdapack

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"numpywren/core/affine"
	"numpywren/core/errs"
	"numpywren/core/grid"
)

// MaxIndex is how many loops may stand around a statement, and how many indices a matrix may have.
const MaxIndex = 6

// Library finds programs by name.
type Library interface {
	Lookup(name string) (*Def, bool)
}

// Input is what Bind knows of a parameter's matrix.
type Input struct {
	Name      string // the parameter's
	Display   string // "BigMatrix(X)"
	Grid      grid.Grid
	DType     string // NumPy's name
	ZeroTiles bool   // tiles that were never written are zeros, and may be missing
}

// Options say how a program is bound.
type Options struct {
	Fuse bool // substitute producers into their only readers
}

// Plan is a program with its inputs bound: all that can be asked about its tasks. It is immutable but for what it computes
// once when first asked, and may be used from any goroutine.
type Plan struct {
	Name       string
	Matrices   []Matrix
	Statements []*Statement

	def     *Def // after inlining and fusion
	root    *block
	aliases [][]*alias   // by the matrix that has them
	writers [][]*writing // by matrix
	readers [][]*read    // by the matrix that holds the tiles
	shrink  *shrinking   // how to bind the program with smaller inputs

	priority struct {
		once sync.Once
		of   func(t *Task) int64
	}
	tasks struct {
		once sync.Once
		n    int64
	}
}

// block is a loop, a conditional or, at the root, the program: its items are statements and blocks, in the order of the text.
type block struct {
	loop  *affine.Loop // nil: none
	down  bool         // it goes from its last value to the first
	conds []affine.Cond
	items []item
}

// item is a statement or a block.
type item struct {
	st    *Statement
	block *block
}

// Role says where a matrix comes from and goes to.
type Role uint8

const (
	RoleInput Role = iota
	RoleOutput
	RoleTemp
)

func (r Role) String() string { return [...]string{"input", "output", "temporary"}[r] }

// Matrix is one matrix of a plan. Its tiles have the indices that the text writes; Place turns them into storage's.
type Matrix struct {
	ID      int
	Name    string // in the program
	Display string // for people
	Role    Role
	DType   string
	Rank    int // dimensions of a tile, and of Grid

	// Low and High bound the indices of the tiles that the matrix stores, one for each index of the text; High is exclusive.
	Low, High []int64

	// Grid is of the tile's dimensions. A dimension that no index selects along is one block.
	Grid grid.Grid

	// VersionLow and VersionHigh bound the indices that select no block, in the order of the text: S[iter, row, col].
	VersionLow, VersionHigh []int64

	ZeroDefault bool // a tile that was never written reads as zeros
	Stored      bool // it has tiles of its own: it is an input, or tasks write it; otherwise it is all aliases

	place []int // for each version, then each dimension of Grid: the index of the text, or -1 for a constant 0
	add   []int64
	dims  []dimension
}

// Place is where storage keeps the tile: the version indices, then the index in Grid.
func (m *Matrix) Place(idx [MaxIndex]int64) (out [MaxIndex]int64) {
	for s, p := range m.place {
		if p >= 0 {
			out[s] = idx[p] + m.add[s]
		}
	}
	return out
}

// Arg is a named number in a task's label.
type Arg struct {
	Name  string
	Value affine.Expr
}

// Statement is one assignment in its loops: each point of Domain is a task.
type Statement struct {
	ID        int
	Label     string
	LabelArgs []Arg
	Vars      []string // the names of Domain's variables
	Domain    affine.Domain
	Outputs   []TileRef
	Body      Expr // a *Call
	Pos       Pos

	names   []string // of all variables, those of comprehensions included, for messages
	path    []*block // the loops around
	numUses int      // references in the body, comprehensions counted once
	reads   []*read
	start   struct {
		once   sync.Once
		pieces []affine.Domain // together they hold every instance without a parent
	}
	peak struct {
		once  sync.Once
		bytes int64
	}
}

// Cuts says whether the library cuts the matrices of these tasks itself, whatever blocks the caller has: into block columns, bands or one
// tile, for decompositions.
func (s *Statement) Cuts() bool { return cuts(s.Body) }

func cuts(e Expr) bool {
	switch e := e.(type) {
	case *Call:
		return e.Sig.cuts || slices.ContainsFunc(e.Args, cuts)
	case *Comp:
		return cuts(e.Body)
	}
	return false
}

// Expr is a node of a statement's body: *Call, *TileRef, *Comp, *AxisRef, *Int, *Num or *Str.
type Expr interface{ expr() }

// Call applies a kernel.
type Call struct {
	Pos    Pos
	Sig    *Signature
	Args   []Expr
	Attrs  map[string]any // int64, float64, string or bool; defaults are filled in
	DType  string         // of the first result
	DTypes []string       // of all results
}

// TileRef is a tile of a matrix; Index is affine in the loop variables around.
type TileRef struct {
	Pos    Pos
	Matrix int
	Index  []affine.Expr
	Trans  bool
	DType  string

	use int // which reference of the statement's body it is
}

// Comp is the operand of a reducer: Body at every point of Loops where all Conds hold. Its variables are numbered after those
// of the statement and of the comprehensions around.
type Comp struct {
	Pos   Pos
	Body  Expr
	Loops []affine.Loop
	Conds []affine.Cond
	Names []string
	First int // the number of its first variable
}

// AxisRef is a block of an axis: where it starts and how long it is.
type AxisRef struct {
	Name  string
	Axis  grid.Axis
	Index affine.Expr
}

// Int is an integer that may depend on the loop variables.
type Int struct{ E affine.Expr }

// Num is a floating-point number.
type Num struct{ Value float64 }

// Str is a string.
type Str struct{ Value string }

func (*Call) expr()    {}
func (*TileRef) expr() {}
func (*Comp) expr()    {}
func (*AxisRef) expr() {}
func (*Int) expr()     {}
func (*Num) expr()     {}
func (*Str) expr()     {}

// Task is one instance of a statement: the values of its loop variables, zeros behind.
type Task struct {
	Stmt int32
	I    [MaxIndex]int64
}

// Tile is one tile; indices that its matrix does not have are zero.
type Tile struct {
	Matrix int32
	I      [MaxIndex]int64
}

// String is the task as text, "3:0,1,2,0,0,0" without the trailing zeros' variables: ParseTask reads it.
func (t Task) String() string {
	n := MaxIndex
	for n > 0 && t.I[n-1] == 0 {
		n--
	}
	return strconv.Itoa(int(t.Stmt)) + ":" + joinInts(t.I[:n], ",")
}

func joinInts(v []int64, sep string) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = strconv.FormatInt(x, 10)
	}
	return strings.Join(parts, sep)
}

// ParseTask reads what Task.String wrote.
func ParseTask(s string) (t Task, err error) {
	bad := func() (Task, error) {
		return Task{}, errs.New(errs.Value, "%q is not a task: want statement:i,j,…", s)
	}
	stmt, rest, ok := strings.Cut(s, ":")
	id, err := strconv.ParseInt(stmt, 10, 32)
	if !ok || err != nil {
		return bad()
	}
	t.Stmt = int32(id)
	if rest == "" {
		return t, nil
	}
	parts := strings.Split(rest, ",")
	if len(parts) > MaxIndex {
		return bad()
	}
	for n, part := range parts {
		if t.I[n], err = strconv.ParseInt(part, 10, 64); err != nil {
			return bad()
		}
	}
	return t, nil
}

// vars is the task's point in its statement's domain.
func (p *Plan) vars(t *Task) []int64 { return t.I[:len(p.Statements[t.Stmt].Vars)] }

func taskAt(stmt int, x []int64) Task {
	t := Task{Stmt: int32(stmt)}
	copy(t.I[:], x)
	return t
}

func tileAt(matrix int, idx []affine.Expr, x []int64) Tile {
	t := Tile{Matrix: int32(matrix)}
	for d, e := range idx {
		t.I[d] = e.Eval(x)
	}
	return t
}

// TaskName is the task as people read it: low_rank_update(iter=0, row=1, col=2).
func (p *Plan) TaskName(t Task) string {
	s := p.Statements[t.Stmt]
	args := make([]string, len(s.LabelArgs))
	for n, a := range s.LabelArgs {
		args[n] = fmt.Sprintf("%s=%d", a.Name, a.Value.Eval(p.vars(&t)))
	}
	return s.Label + "(" + strings.Join(args, ", ") + ")"
}

// TileName is the tile as people read it: temp(BigMatrix(X))[0, 1, 2].
func (p *Plan) TileName(t Tile) string {
	m := &p.Matrices[t.Matrix]
	return m.Display + "[" + joinInts(t.I[:len(m.Low)], ", ") + "]"
}

// TileShape is the shape of a tile, whichever name it goes by.
func (p *Plan) TileShape(t Tile) []int64 {
	m := &p.Matrices[t.Matrix]
	shape := make([]int64, m.Rank)
	for d, dim := range m.dims {
		shape[d] = dim.extent(t.I[:])
	}
	return shape
}
