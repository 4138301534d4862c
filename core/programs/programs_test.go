package programs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"numpywren/core/grid"
	"numpywren/core/lambdapack"
)

func TestLibrary(t *testing.T) {
	names := Names()
	require.Equal(t, []string{
		"backward_substitution", "backward_substitution_upper", "cholesky", "eigh_band", "eigh_chase", "eigh_divide",
		"eigh_tridiagonal", "eigh_values", "eigh_vectors", "forward_substitution", "forward_substitution_transposed", "gemm", "lower_inverse",
		"lu_det", "lu_factor", "lu_factor_tournament", "lu_inverse", "lu_lower", "lu_places", "lu_rows", "lu_solve",
		"lu_solve_transposed", "qr", "qr_generate", "qr_multiply", "qr_multiply_transposed", "qr_r", "small_eigh",
		"small_eigvalsh", "small_svd", "small_svdvals", "solve_spd", "svd_back", "svd_band", "svd_bidiagonal", "svd_chase",
		"svd_divide", "svd_padded", "svd_values", "tsqr", "tsqr_generate", "tsqr_r",
	}, names)
	for _, name := range names {
		def, ok := Library.Lookup(name)
		require.True(t, ok)
		require.Equal(t, name, def.Name)
		source, ok := Source(name)
		require.True(t, ok)
		require.Contains(t, source, "def "+name+"(")
		file, err := lambdapack.Parse(name, source)
		require.NoError(t, err)
		require.NoError(t, lambdapack.Check(file))
	}
	_, ok := Library.Lookup("qr_of_nothing")
	require.False(t, ok)
	_, ok = Source("qr_of_nothing")
	require.False(t, ok)
}

// machine runs plans on gonum's matrices.
type machine struct {
	t      *testing.T
	p      *lambdapack.Plan
	inputs map[string]*mat.Dense
	tiles  map[lambdapack.Tile]*mat.Dense
}

// run binds a program and gives its result.
func run(t *testing.T, name string, block int, inputs map[string]*mat.Dense, scalars map[string]int64) *mat.Dense {
	t.Helper()
	def, ok := Library.Lookup(name)
	require.True(t, ok)
	var in []lambdapack.Input
	for _, p := range def.Params {
		if p.Scalar {
			continue
		}
		r, c := inputs[p.Name].Dims()
		g, err := grid.New([]int64{int64(r), int64(c)}, []int64{int64(block), int64(block)})
		require.NoError(t, err)
		in = append(in, lambdapack.Input{Name: p.Name, Display: "BigMatrix(" + p.Name + ")", Grid: g, DType: "float64"})
	}
	p, err := lambdapack.Bind(def, Library, in, scalars, lambdapack.Options{Fuse: true})
	require.NoError(t, err)
	m := &machine{t, p, inputs, map[lambdapack.Tile]*mat.Dense{}}
	for task := range p.Tasks() {
		x := task.I[:len(p.Statements[task.Stmt].Vars)]
		v := m.value(p.Statements[task.Stmt].Body, x)
		for w := range p.Writes(task) {
			r, c := v.Dims()
			require.Equal(t, []int64{int64(r), int64(c)}, p.TileShape(w), p.TileName(w))
			m.tiles[w] = v
		}
	}
	return m.result()
}

// result puts the tiles of the output together; those that are not there are zeros.
func (m *machine) result() *mat.Dense {
	at := slices.IndexFunc(m.p.Matrices, func(x lambdapack.Matrix) bool { return x.Role == lambdapack.RoleOutput })
	g := m.p.Matrices[at].Grid
	out := mat.NewDense(int(g[0].Len), int(g[1].Len), nil)
	for idx := range g.All() {
		tile := lambdapack.Tile{Matrix: int32(at)}
		copy(tile.I[:], idx)
		if v, ok := m.tiles[tile]; ok {
			r, c := v.Dims()
			r0, c0 := int(g[0].Start(idx[0])), int(g[1].Start(idx[1]))
			out.Slice(r0, r0+r, c0, c0+c).(*mat.Dense).Copy(v)
		}
	}
	return out
}

func (m *machine) load(ref *lambdapack.TileRef, x []int64) *mat.Dense {
	tile := m.p.Resolve(ref, x)
	v := m.tiles[tile]
	if matrix := &m.p.Matrices[tile.Matrix]; matrix.Role == lambdapack.RoleInput {
		g := matrix.Grid
		r0, c0 := int(g[0].Start(tile.I[0])), int(g[1].Start(tile.I[1]))
		v = mat.DenseCopyOf(m.inputs[matrix.Name].Slice(r0, r0+int(g[0].Extent(tile.I[0])), c0, c0+int(g[1].Extent(tile.I[1]))))
	}
	require.NotNil(m.t, v, "%s is not written", m.p.TileName(tile))
	if ref.Trans {
		return mat.DenseCopyOf(v.T())
	}
	return v
}

func (m *machine) value(e lambdapack.Expr, x []int64) *mat.Dense {
	switch e := e.(type) {
	case *lambdapack.TileRef:
		return m.load(e, x)
	case *lambdapack.Call:
		return m.call(e, x)
	}
	panic(fmt.Sprintf("%T", e))
}

func (m *machine) call(c *lambdapack.Call, x []int64) *mat.Dense {
	var in []*mat.Dense
	for _, a := range c.Args {
		comp, ok := a.(*lambdapack.Comp)
		if !ok {
			in = append(in, m.value(a, x))
			continue
		}
		l := &comp.Loops[0]
		for k := l.Start(x); k < l.Stop(x); k++ {
			in = append(in, m.value(comp.Body, append(slices.Clone(x), k)))
		}
	}
	out := new(mat.Dense)
	switch c.Sig.Name {
	case "chol":
		n, _ := in[0].Dims()
		sym := mat.NewSymDense(n, nil)
		for i := range n {
			for j := range i + 1 { // the lower triangle alone is read
				sym.SetSym(i, j, in[0].At(i, j))
			}
		}
		var f mat.Cholesky
		require.True(m.t, f.Factorize(sym))
		var l mat.TriDense
		f.LTo(&l)
		out.CloneFrom(&l)
	case "trsm":
		return m.trsm(c, in[0], in[1])
	case "syrk":
		out.Mul(in[1], in[2].T())
		out.Sub(in[0], out)
	case "gemm":
		out.Mul(in[0], in[1])
		out.Scale(c.Attrs["alpha"].(float64), out)
		if len(in) == 3 {
			out.Add(out, in[2])
		}
	case "sum":
		out.CloneFrom(in[0])
		for _, v := range in[1:] {
			out.Add(out, v)
		}
	default:
		panic(c.Sig.Name)
	}
	return out
}

// trsm solves with one triangle of t alone.
func (m *machine) trsm(c *lambdapack.Call, t, b *mat.Dense) *mat.Dense {
	n, _ := t.Dims()
	tri := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			if c.Attrs["uplo"] == "L" && j < i || c.Attrs["uplo"] == "U" && j > i {
				tri.Set(i, j, t.At(i, j))
			}
		}
		tri.Set(i, i, 1)
		if c.Attrs["diag"] == "N" {
			tri.Set(i, i, t.At(i, i))
		}
	}
	if c.Attrs["trans"] == "T" {
		tri = mat.DenseCopyOf(tri.T())
	}
	out := new(mat.Dense)
	if c.Attrs["side"] == "L" {
		require.NoError(m.t, out.Solve(tri, b))
		return out
	}
	require.NoError(m.t, out.Solve(tri.T(), b.T()))
	return mat.DenseCopyOf(out.T())
}

func random(r *rand.Rand, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range rows {
		for j := range cols {
			m.Set(i, j, r.NormFloat64())
		}
	}
	return m
}

// requireClose wants two matrices to be equal but for rounding.
func requireClose(t *testing.T, want, got mat.Matrix, msg string) {
	t.Helper()
	require.True(t, mat.EqualApprox(want, got, 1e-9), "%s: want\n%v\ngot\n%v", msg, mat.Formatted(want), mat.Formatted(got))
}

// sides are on both sides of the tiles' edges.
var sides = []int{1, 3, 4, 5, 8, 11}

const block = 4

func TestGemm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, m := range sides {
		for _, k := range sides {
			a, b := random(r, m, k), random(r, k, 6)
			var want mat.Dense
			want.Mul(a, b)
			requireClose(t, &want, run(t, "gemm", block, map[string]*mat.Dense{"A": a, "B": b}, nil), fmt.Sprint(m, k))
		}
	}
}

// positive is a symmetric positive definite matrix, and the same with nonsense above its diagonal.
func positive(r *rand.Rand, n int) (a, lower *mat.Dense) {
	x := random(r, n, n)
	a = new(mat.Dense)
	a.Mul(x, x.T())
	for i := range n {
		a.Set(i, i, a.At(i, i)+float64(n))
	}
	lower = mat.DenseCopyOf(a)
	for i := range n {
		for j := i + 1; j < n; j++ {
			lower.Set(i, j, 1e6)
		}
	}
	return a, lower
}

func TestCholesky(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, n := range sides {
		a, lower := positive(r, n)
		l := run(t, "cholesky", block, map[string]*mat.Dense{"A": lower}, nil)
		for i := range n {
			for j := i + 1; j < n; j++ {
				require.Zero(t, l.At(i, j))
			}
		}
		var product mat.Dense
		product.Mul(l, l.T())
		requireClose(t, a, &product, fmt.Sprint(n))
	}
}

func TestSolve(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range sides {
		for _, columns := range []int{1, 4, 9} {
			a, lower := positive(r, n)
			b := random(r, n, columns)
			x := run(t, "solve_spd", block, map[string]*mat.Dense{"A": lower, "B": b}, nil)
			var product mat.Dense
			product.Mul(a, x)
			requireClose(t, b, &product, fmt.Sprint(n, columns))
		}
	}
}

// TestSubstitution solves with each kind of triangle, the other triangle and, with unit=1, the diagonal being nonsense.
func TestSubstitution(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for name, kind := range map[string]struct{ upper, trans bool }{
		"forward_substitution":            {},
		"backward_substitution":           {trans: true},
		"backward_substitution_upper":     {upper: true},
		"forward_substitution_transposed": {upper: true, trans: true},
	} {
		for _, n := range sides {
			for unit := range int64(2) {
				given, tri := mat.NewDense(n, n, nil), mat.NewDense(n, n, nil)
				for i := range n {
					for j := range n {
						given.Set(i, j, 1e6)
						if i == j && unit == 0 || i != j && (j > i) == kind.upper {
							given.Set(i, j, r.Float64()-0.5)
							if i == j {
								given.Set(i, i, 2)
							}
							tri.Set(i, j, given.At(i, j))
						} else if i == j {
							tri.Set(i, i, 1)
						}
					}
				}
				def, _ := Library.Lookup(name)
				b := random(r, n, 6)
				x := run(t, name, block, map[string]*mat.Dense{def.Params[0].Name: given, "B": b}, map[string]int64{"unit": unit})
				var product mat.Dense
				if kind.trans {
					product.Mul(tri.T(), x)
				} else {
					product.Mul(tri, x)
				}
				requireClose(t, b, &product, fmt.Sprint(name, n, unit))
			}
		}
	}
}
