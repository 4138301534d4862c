package lambdapack

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// value stands for a tile: 2 × 2 numbers, whatever its shape. Elementwise kernels, sums, products and transposes are computed;
// of all others the result is a hash of the call.
type value [4]float64

func (v value) t() value { return value{v[0], v[2], v[1], v[3]} }

func hashed(format string, args ...any) (v value) {
	for n := range v {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d ", n)
		fmt.Fprintf(h, format, args...)
		v[n] = 1 + float64(h.Sum64()%1000)/1000
	}
	return v
}

// evaluator runs a plan task by task.
type evaluator struct {
	t      testing.TB
	p      *Plan
	stored map[string]value
	work   int // calls of kernels that cost something
}

// evaluate gives the tiles of the plan's outputs by name, and how many kernels it took.
func evaluate(t testing.TB, p *Plan) (out map[string]value, work int) {
	e := &evaluator{t: t, p: p, stored: map[string]value{}}
	out = map[string]value{}
	for task := range p.Tasks() {
		v := e.expr(p.Statements[task.Stmt].Body, p.vars(&task))
		for x := range p.Writes(task) {
			name := e.name(x)
			require.NotContains(t, e.stored, name)
			e.stored[name] = v
			if p.Matrices[x.Matrix].Role == RoleOutput {
				out[name] = v
			}
		}
	}
	return out, e.work
}

func (e *evaluator) name(x Tile) string { return fmt.Sprint(e.p.Matrices[x.Matrix].Name, x.I) }

func (e *evaluator) tile(r *TileRef, x []int64) value {
	tile := e.p.Resolve(r, x)
	v, ok := e.stored[e.name(tile)]
	if !ok {
		m := &e.p.Matrices[tile.Matrix]
		if m.Role != RoleInput {
			require.True(e.t, m.ZeroDefault, "%s is not written\n%s", e.name(tile), e.p.Text())
			return value{}
		}
		v = hashed("%s", e.name(tile))
	}
	if r.Trans {
		return v.t()
	}
	return v
}

func (e *evaluator) expr(n Expr, x []int64) value {
	switch n := n.(type) {
	case *TileRef:
		return e.tile(n, x)
	case *Call:
		return e.call(n, x)
	}
	panic(fmt.Sprintf("%T is not a tile", n))
}

func (e *evaluator) call(c *Call, x []int64) value {
	var tiles []value
	var rest []string
	for _, a := range c.Args {
		switch a := a.(type) {
		case *Comp:
			walk(a.Loops, a.Conds, x, func(y []int64) bool {
				tiles = append(tiles, e.expr(a.Body, slices.Clone(y)))
				return true
			})
		case *TileRef, *Call:
			tiles = append(tiles, e.expr(a, x))
		case *AxisRef:
			rest = append(rest, fmt.Sprint(a.Axis, a.Index.Eval(x)))
		case *Int:
			rest = append(rest, fmt.Sprint(a.E.Eval(x)))
		case *Num:
			rest = append(rest, fmt.Sprint(a.Value))
		case *Str:
			rest = append(rest, a.Value)
		}
	}
	if c.Sig.Name != "copy" && c.Sig.Name != "full" {
		e.work++
	}
	switch c.Sig.Name {
	case "copy":
		return tiles[0]
	case "full":
		return hashed("full %s", rest[0]).constant()
	case "sum":
		var sum value
		for _, v := range tiles {
			for n := range sum {
				sum[n] += v[n]
			}
		}
		return sum
	case "gemm":
		a, b := tiles[0], tiles[1]
		return value{a[0]*b[0] + a[1]*b[2], a[0]*b[1] + a[1]*b[3], a[2]*b[0] + a[3]*b[2], a[2]*b[1] + a[3]*b[3]}
	case "ew":
		return e.elementwise(rest[0], tiles)
	}
	return hashed("%s %v %v %v", c.Sig.Name, tiles, rest, c.Attrs)
}

func (v value) constant() value { return value{v[0], v[0], v[0], v[0]} }

// elementwise computes the expression with Starlark, to which this subset of Python belongs.
func (e *evaluator) elementwise(text string, tiles []value) (out value) {
	for n := range out {
		env := starlark.StringDict{}
		for k, v := range tiles {
			env[string(rune('a'+k))] = starlark.Float(v[n])
		}
		for name, f := range map[string]func(float64) float64{
			"sqrt": func(x float64) float64 { return math.Sqrt(math.Abs(x)) }, "exp": func(x float64) float64 { return math.Exp(-math.Abs(x)) },
			"float64": func(x float64) float64 { return x }, "float32": func(x float64) float64 { return float64(float32(x)) },
		} {
			env[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
				x, _ := starlark.AsFloat(args[0])
				return starlark.Float(f(x)), nil
			})
		}
		v, err := starlark.EvalOptions(&syntax.FileOptions{}, &starlark.Thread{}, "ew", text, env)
		require.NoError(e.t, err, text)
		out[n], _ = starlark.AsFloat(v)
	}
	return out
}

// author writes random programs of elementwise operations, products, reductions, copies and constants.
type author struct {
	*rand.Rand
	out     strings.Builder
	full    []string // matrices of n × n tiles
	columns []string // of n × 1
	matrix  int
}

var variables = []string{"i", "j", "k", "p", "q"}

func pickOne[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// square is a tile of an n × n matrix at (u, v), possibly of the transpose.
func (m *author) square(u, v string) string {
	name := pickOne(m.Rand, m.full)
	if len(m.full) > 3 && m.IntN(2) == 0 { // more often a recent one, which nothing else may read
		name = m.full[len(m.full)-1]
	}
	if m.IntN(4) == 0 {
		return fmt.Sprintf("%s[%s, %s].T", name, v, u)
	}
	return fmt.Sprintf("%s[%s, %s]", name, u, v)
}

func (m *author) column(u string) string {
	return fmt.Sprintf("%s[%s, 0]", pickOne(m.Rand, m.columns), u)
}

var elementTexts = []string{"a + b", "a * b - 2", "sqrt(a) / (1 + b * b)", "exp(a - b)", "1e-3 * a - -b", "(a - b) * (a + b)", "a + 0 * b"}

func (m *author) ew(operands ...string) string {
	dtype := pickOne(m.Rand, []string{"", "", `, dtype="float64"`})
	if len(operands) == 1 {
		return fmt.Sprintf("ew(%q, %s%s)", pickOne(m.Rand, []string{"a * -2", "sqrt(a)", "a * a + 1", "float32(a)"}), operands[0], dtype)
	}
	return fmt.Sprintf("ew(%q, %s%s)", pickOne(m.Rand, elementTexts), strings.Join(operands, ", "), dtype)
}

// squareValue computes the tile (u, v) of an n × n matrix; w is another variable.
func (m *author) squareValue(u, v, w string) string {
	switch m.IntN(7) {
	case 0:
		return fmt.Sprintf("sum([gemm(%s, %s) for %s in range(n)])", m.square(u, w), m.square(w, v), w)
	case 1:
		return "copy(" + m.square(u, v) + ")"
	case 2:
		return m.ew(m.square(u, v), m.column(u))
	case 3:
		return fmt.Sprintf("full(%v, r[%s], r[%s])", m.IntN(5), u, v)
	case 4:
		return m.ew(m.square(u, v))
	}
	return m.ew(m.square(u, v), m.square(u, v))
}

func (m *author) columnValue(u, w string) string {
	switch m.IntN(4) {
	case 0:
		return fmt.Sprintf(`sum([reduce(%s, op="sum", axis="1") for %s in range(n)])`, m.square(u, w), w)
	case 1:
		return fmt.Sprintf(`reduce(sum([%s for %s in range(n)]), op="max", axis="1")`, m.square(u, w), w)
	case 2:
		return m.ew(m.column(u), m.column(u))
	}
	return m.ew(m.column(u))
}

func (m *author) statement() string {
	order := m.Perm(len(variables))
	u, v, w := variables[order[0]], variables[order[1]], variables[order[2]]
	name := fmt.Sprintf("T%d", m.matrix)
	m.matrix++
	if m.IntN(3) == 0 {
		fmt.Fprintf(&m.out, "    for %s in range(n):\n        %s[%s, 0] = %s\n", u, name, u, m.columnValue(u, w))
		m.columns = append(m.columns, name)
		return name
	}
	outer, inner := u, v
	if m.IntN(2) == 0 {
		outer, inner = v, u
	}
	fmt.Fprintf(&m.out, "    for %s in range(n):\n        for %s in range(blocks(X, 0)):\n", outer, inner)
	if m.IntN(2) == 0 {
		fmt.Fprintf(&m.out, "            task(\"t%d\", %s=%s)\n", m.IntN(3), u, u)
	}
	fmt.Fprintf(&m.out, "            %s[%s, %s] = %s\n", name, u, v, m.squareValue(u, v, w))
	m.full = append(m.full, name)
	return name
}

// randomProgram is a program of X and N, a square matrix and a column.
func randomProgram(seed uint64, statements int) string {
	m := &author{Rand: rand.New(rand.NewPCG(seed, 3)), full: []string{"X"}, columns: []string{"N"}}
	m.out.WriteString("def random(X, N):\n    n = blocks(X, 0)\n    r = axis(X, 0)\n")
	last := ""
	for range statements {
		last = m.statement()
	}
	returns := []string{last}
	if other := fmt.Sprintf("T%d", m.IntN(m.matrix)); other != last {
		returns = append(returns, other)
	}
	fmt.Fprintf(&m.out, "    return %s\n", strings.Join(returns, ", "))
	return m.out.String()
}

// TestFusionKeepsValues runs random programs as they are and fused.
func TestFusionKeepsValues(t *testing.T) {
	fewer := 0
	for seed := range uint64(400) {
		text := randomProgram(seed, 2+int(seed%9))
		f := mustParse(t, text)
		inputs := []Input{in("X", square(6, 2)), in("N", rect(6, 1, 2))}
		plain, err := Bind(f.Defs[0], nil, inputs, nil, Options{})
		require.NoError(t, err, "seed %d\n%s", seed, text)
		fused, err := Bind(f.Defs[0], nil, inputs, nil, Options{Fuse: true})
		require.NoError(t, err, "seed %d\n%s\nfused\n%s", seed, text, Format(fuse(f.Defs[0])))
		want, most := evaluate(t, plain)
		got, work := evaluate(t, fused)
		require.Equal(t, want, got, "seed %d\n%s\nfused\n%s", seed, text, fused.Text())
		require.LessOrEqual(t, work, most, "seed %d\n%s\nfused\n%s", seed, text, fused.Text())
		require.LessOrEqual(t, fused.NumTasks(), plain.NumTasks())
		if fused.NumTasks() < plain.NumTasks() {
			fewer++
		}
		requireRoundTrip(t, f.Defs[0])
		requireRoundTrip(t, fuse(f.Defs[0]))
	}
	require.Greater(t, fewer, 200, "nothing is tested if nothing is fused")
}
