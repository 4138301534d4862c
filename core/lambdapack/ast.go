package lambdapack

import "go.starlark.net/syntax"

// The syntax tree. Parse makes it from Starlark's; the inliner, the fusion and the expansion of split sums turn it into
// another of the same kind; the binder gives it numbers.
//
// A tree is immutable once it is built: a pass that changes a node copies it, and shares the rest.
//
// The fusion (fuse.go) is
//
//	func fuse(def *Def) *Def
//
// Bind calls it when Options.Fuse is set, after inlining, so the body has no CallProgram left, and a matrix, scalar or axis has a
// name that nothing else has (the inliner renames those of inlined programs; loops may share the names of their variables with
// other loops). What blocks, axis, size or block name must go on being assigned. Def.Zeros and Def.Returns say which unwritten
// tiles read as zeros.

// Pos is a place in a program's text.
type Pos = syntax.Position

// File is a parsed text: one or more program definitions.
type File struct {
	Name   string
	Source string // as parsed
	Defs   []*Def

	functions map[string]*function // names of functions of the user's
}

// Def is a program.
type Def struct {
	Pos     Pos
	Name    string
	Doc     string
	Params  []Param
	Body    []Stmt
	Returns []string // the matrices it returns, at least one
	Zeros   []string // set by the inliner: matrices that an inlined program returned; their unwritten tiles read as zeros

	file *File // where calls of other programs, and names of functions, are looked up first
}

// Param is a parameter: a matrix, or an integer when it has a default.
type Param struct {
	Pos    Pos
	Name   string
	Scalar bool
	Value  int64 // the default
}

// Stmt is one of *Let, *Assign, *Alias, *For, *If, *TaskLabel, *CallProgram.
type Stmt interface{ stmt() }

// Let names an integer (affine in the loop variables around) or an axis: n = blocks(A, 0); r = axis(1000, 256).
type Let struct {
	Pos   Pos
	Name  string
	Value Node
}

// Assign computes tiles: V[i], T[i] = geqrt(A[i, 0]). Each instance is a task.
type Assign struct {
	Pos     Pos
	Targets []*Ref
	Value   *Apply
}

// Alias gives tiles another name: S[-1, k, j] = A[j, k]; or, with no index on the source, all tiles of a matrix: S[-1] = A,
// which means S[-1, i, j] = A[i, j] for all i, j.
type Alias struct {
	Pos    Pos
	Target *Ref
	Source *Ref // Trans is false
}

// For is for Var in range(Lower, Upper, Step).
type For struct {
	Pos                Pos
	Var                string
	Lower, Upper, Step Node // never nil
	Body               []Stmt
}

// If is a conditional; an elif is an If alone in Else.
type If struct {
	Pos  Pos
	Cond Node // comparisons, and, or, not
	Then []Stmt
	Else []Stmt
}

// TaskLabel is task("label", iter=i): it names the statements that follow it in its block.
type TaskLabel struct {
	Pos   Pos
	Label string
	Args  []Attr
}

// CallProgram calls another program: L, V = qr(A). The inliner replaces it.
type CallProgram struct {
	Pos     Pos
	Targets []string
	Program string
	Args    []Node // *Name for matrices
	Attrs   []Attr // scalars by name
}

func (*Let) stmt()         {}
func (*Assign) stmt()      {}
func (*Alias) stmt()       {}
func (*For) stmt()         {}
func (*If) stmt()          {}
func (*TaskLabel) stmt()   {}
func (*CallProgram) stmt() {}

// Node is an expression: one of *Name, *Ref, *Apply, *Comprehension, *Literal, *Binary, *Unary.
type Node interface{ Start() Pos }

// Name is a loop variable, a scalar, an axis, or (as an argument of a program, blocks, axis, …) a matrix.
type Name struct {
	Pos  Pos
	Name string
}

// Ref is a tile, A[i, j] or A[i, j].T, or, when Matrix names an axis, one of its blocks, r[i]. Only in Alias.Source may
// Index be nil: the whole matrix.
type Ref struct {
	Pos    Pos
	Matrix string
	Index  []Node
	Trans  bool
}

// Apply is a call: of a kernel where a tile is wanted; of blocks, axis, size, block, levels, min or max where a number is.
type Apply struct {
	Pos   Pos
	Func  string
	Args  []Node
	Attrs []Attr
}

// Attr is a keyword argument.
type Attr struct {
	Pos   Pos
	Name  string
	Value Node
}

// Comprehension is [Body for … in range(…) if …]: the operand of a reducer.
type Comprehension struct {
	Pos     Pos
	Body    Node
	Clauses []Clause
}

// Clause is for Var in range(Lower, Upper, Step), or if Cond when Var is empty.
type Clause struct {
	Pos                Pos
	Var                string
	Lower, Upper, Step Node
	Cond               Node
}

// Literal is an int64, a float64, a string or a bool.
type Literal struct {
	Pos   Pos
	Value any
}

// Binary is X Op Y; Op is one of + - * / // % << and the comparisons, and "and", "or".
type Binary struct {
	Pos  Pos // of the operator
	Op   string
	X, Y Node
}

// Unary is Op X; Op is - or "not".
type Unary struct {
	Pos Pos
	Op  string
	X   Node
}

// Start is where the expression is, for messages.
func (n *Name) Start() Pos          { return n.Pos }
func (n *Ref) Start() Pos           { return n.Pos }
func (n *Apply) Start() Pos         { return n.Pos }
func (n *Comprehension) Start() Pos { return n.Pos }
func (n *Literal) Start() Pos       { return n.Pos }
func (n *Binary) Start() Pos        { return n.X.Start() }
func (n *Unary) Start() Pos         { return n.Pos }
