package expr

import (
	"maps"
	"slices"
	"strings"

	"numpywren/core/errs"
)

// Operand is an array or a Python scalar (float64, int64 or bool).
type Operand struct {
	Node   *Node
	Scalar any
}

// operation makes the nodes of one call. Its operands are checked in number only.
type operation struct {
	min, max int // number of operands
	make     func(b *builder, args []Operand, p *params) ([]*Node, error)
}

// one wraps an operation with one result.
func one(min, max int, f func(b *builder, args []Operand, p *params) (*Node, error)) operation {
	return operation{min, max, func(b *builder, args []Operand, p *params) ([]*Node, error) {
		n, err := f(b, args, p)
		return []*Node{n}, err
	}}
}

// onArray wraps an operation on one array.
func onArray(f func(b *builder, x *Node, p *params) (*Node, error)) operation {
	return one(1, 1, func(b *builder, args []Operand, p *params) (*Node, error) {
		x, err := b.array(args[0])
		if err != nil {
			return nil, err
		}
		return f(b, x, p)
	})
}

// onArrays wraps an operation on several arrays.
func onArrays(n int, f func(b *builder, x []*Node, p *params) (*Node, error)) operation {
	return one(n, n, func(b *builder, args []Operand, p *params) (*Node, error) {
		xs := make([]*Node, len(args))
		for i, a := range args {
			var err error
			if xs[i], err = b.array(a); err != nil {
				return nil, err
			}
		}
		return f(b, xs, p)
	})
}

// create wraps an operation without operands.
func create(f func(b *builder, p *params) (*Node, error)) operation {
	return one(0, 0, func(b *builder, _ []Operand, p *params) (*Node, error) { return f(b, p) })
}

// operations is everything that Apply knows but the elementwise functions, which are in ufuncs.
var operations map[string]operation

func init() { // not in the declaration: the makers use Apply's table through the builder
	operations = map[string]operation{
		"where": one(3, 3, applyWhere), "astype": onArray(applyAstype),
		"transpose": onArray(applyTranspose), "squeeze": onArray(applySqueeze), "expand_dims": onArray(applyExpandDims),
		"rechunk": onArray(applyRechunk), "pad": onArray(applyPad), "slice": onArray(applySlice), "broadcast_to": onArray(applyBroadcastTo),
		"sum": onArray(applySum), "prod": onArray(applySum), "mean": onArray(applyMean), "min": onArray(applyExtreme),
		"max": onArray(applyExtreme), "any": onArray(applyTruth), "all": onArray(applyTruth), "argmin": onArray(applyArg),
		"argmax": onArray(applyArg), "norm": onArray(applyNorm), "vector_norm": onArray(applyVectorNorm),
		"full": create(applyFull), "eye": create(applyEye), "uniform": create(applyUniform), "normal": create(applyNormal),
		"arange": create(applyArange),
		"diag":   onArray(applyDiag), "diagonal": onArray(applyDiagonal), "trace": onArray(applyTrace), "tril": onArray(applyTri), "triu": onArray(applyTri),
		"matmul": onArrays(2, applyMatmul), "cholesky": onArray(applyCholesky),
		"solve_triangular": onArrays(2, applySolveTriangular), "solve": onArrays(2, applySolve),
		"lu_factor": {1, 1, applyLuFactor}, "lu": {1, 1, applyLu}, "lu_solve": onArrays(3, applyLuSolve), "lu_inv": onArrays(2, applyLuInv),
		"lu_det": {2, 2, applyLuDet}, "lu_unpack": {2, 2, applyLuUnpack}, "det": onArray(applyDet), "slogdet": {1, 1, applySlogdet}, "inv": onArray(applyInv),
		"lower_inverse": onArray(applyLowerInverse),
		"qr":            {1, 1, applyQR}, "qr_multiply": onArrays(5, applyQRMultiply), "svd": {1, 1, applySVD}, "lstsq": {2, 2, applyLstsq},
		"eigh": {1, 1, applyEigh}, "eigvalsh": onArray(applyEigvalsh),
		"program": {1, 64, applyProgram}, "map_blocks": one(1, maxMapped, applyMapBlocks),
	}
}

// Apply makes the nodes of an operation's results, each with a reference that is the caller's. The names are NumPy's; the
// parameters are those of the operation, absent or nil for the default. It refuses what NumPy refuses, in NumPy's words.
func Apply(name string, args []Operand, values map[string]any) ([]*Node, error) {
	o, ok := operations[name]
	if f, elementwise := ufuncs[name]; elementwise {
		o, ok = one(f.nin, f.nin, f.apply), true
	}
	if !ok {
		return nil, errs.New(errs.Value, "there is no operation %q", name)
	}
	if len(args) < o.min || len(args) > o.max {
		return nil, errs.New(errs.Type, "%s takes %d operands, not %d", name, o.min, len(args))
	}
	b := &builder{op: name}
	defer b.close()
	p := &params{op: name, values: values}
	out, err := o.make(b, args, p)
	if err != nil {
		return nil, err
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	for _, n := range out {
		n.Retain()
	}
	return out, nil
}

// Operations lists the names that Apply knows.
func Operations() []string {
	names := slices.Collect(maps.Keys(operations))
	names = slices.AppendSeq(names, maps.Keys(ufuncs))
	slices.Sort(names)
	return names
}

// builder makes the nodes of one call of Apply. It keeps them alive until close; those that are part of the results live on.
type builder struct {
	op   string // what the call is named, for messages and labels
	made []*Node
}

func (b *builder) close() {
	for _, n := range b.made {
		n.Release()
	}
}

// keep takes over the reference of a node that was made.
func (b *builder) keep(n *Node) *Node {
	b.made = append(b.made, n)
	return n
}

// array is an operand that must be an array. A scalar becomes an array without dimensions.
func (b *builder) array(a Operand) (*Node, error) {
	if a.Node != nil {
		return a.Node, checkDType(a.Node.dtype)
	}
	k, err := weakKind(a.Scalar)
	if err != nil {
		return nil, err
	}
	return b.full(nil, a.Scalar, weak("", k)), nil
}

// refuse says what an operation cannot do yet.
func (b *builder) refuse(format string, args ...any) error {
	e := errs.New(errs.Unsupported, format, args...)
	e.Msg = strings.Join([]string{b.op, e.Msg}, ": ")
	return e
}
