package kernel

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas/gonum"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// dense is a matrix to compare with: column-major, in float64.
type dense struct {
	rows, cols int
	x          []float64
}

func newDense(rows, cols int) *dense { return &dense{rows, cols, make([]float64, rows*cols)} }

func (m *dense) at(i, j int) float64     { return m.x[j*m.rows+i] }
func (m *dense) set(i, j int, x float64) { m.x[j*m.rows+i] = x }

func (m *dense) transposed() *dense {
	t := newDense(m.cols, m.rows)
	for j := range m.cols {
		for i := range m.rows {
			t.set(j, i, m.at(i, j))
		}
	}
	return t
}

// op is the matrix or its transpose.
func (m *dense) op(trans bool) *dense {
	if trans {
		return m.transposed()
	}
	return m
}

// triangle is one triangle of the matrix, with zeros elsewhere, and ones on the diagonal if unit.
func (m *dense) triangle(lower, unit bool) *dense {
	t := newDense(m.rows, m.cols)
	for j := range m.cols {
		for i := range m.rows {
			switch {
			case i == j && unit:
				t.set(i, j, 1)
			case i == j || i > j == lower:
				t.set(i, j, m.at(i, j))
			}
		}
	}
	return t
}

// norm is the largest magnitude, NaN if there is one.
func (m *dense) norm() float64 {
	most := 0.0
	for _, x := range m.x {
		most = math.Max(most, math.Abs(x))
	}
	return most
}

// combine is alpha a + beta b.
func combine(alpha float64, a *dense, beta float64, b *dense) *dense {
	c := newDense(a.rows, a.cols)
	for i := range c.x {
		c.x[i] = alpha*a.x[i] + beta*b.x[i]
	}
	return c
}

// multiply is by gonum, whose inner loops are not the race detector's to slow down.
func multiply(a, b *dense) *dense {
	c := newDense(a.rows, b.cols)
	for j := range b.cols {
		for l := range a.cols {
			gonum.Implementation{}.Daxpy(a.rows, b.x[j*b.rows+l], a.x[l*a.rows:], 1, c.x[j*a.rows:], 1)
		}
	}
	return c
}

// noise is uniform in [-1, 1).
func noise(rng *rand.Rand, rows, cols int) *dense {
	m := newDense(rows, cols)
	for i := range m.x {
		m.x[i] = 2*rng.Float64() - 1
	}
	return m
}

// definite is a symmetric positive definite matrix.
func definite(rng *rand.Rand, n int) *dense {
	g := noise(rng, n, n)
	a := multiply(g, g.transposed())
	for i := range n {
		a.set(i, i, a.at(i, i)+1)
	}
	return a
}

// workbench is a pool for one test.
type workbench struct {
	t    testing.TB
	pool *tile.Pool
}

func newWorkbench(t testing.TB) *workbench {
	w := &workbench{t, tile.NewPool(1 << 28)}
	t.Cleanup(w.pool.Close)
	return w
}

// empty makes a tile full of 0xff bytes: NaNs, for floats.
func (w *workbench) empty(d tile.DType, shape ...int64) *tile.Tile {
	w.t.Helper()
	t, err := w.pool.New(d, shape)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(t.Release)
	for i := range t.Bytes() {
		t.Bytes()[i] = 0xff
	}
	return t
}

// tile makes a tile of the matrix, rounded to the dtype, and rounds the matrix too.
func (w *workbench) tile(d tile.DType, m *dense) *tile.Tile {
	w.t.Helper()
	t := w.empty(d, int64(m.rows), int64(m.cols))
	for i, x := range m.x {
		if d == tile.Float32 {
			tile.Float32s(t)[i] = float32(x)
			m.x[i] = float64(float32(x))
		} else {
			tile.Float64s(t)[i] = x
		}
	}
	return t
}

// run applies a kernel to operands and gives its first result, in a tile of its own.
func (w *workbench) run(name string, a *Args) *tile.Tile {
	w.t.Helper()
	out, err := w.try(name, a)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return out
}

func (w *workbench) try(name string, a *Args) (*tile.Tile, error) {
	w.t.Helper()
	k, ok := Lookup(name)
	if !ok {
		w.t.Fatalf("there is no kernel %q", name)
	}
	specs, err := k.Out(a)
	if err != nil {
		return nil, err
	}
	out := w.empty(specs[0].DType, specs[0].Shape...)
	return out, k.Run(a, []*tile.Tile{out}, false)
}

// inPlace applies a kernel over its operand.
func (w *workbench) inPlace(name string, a *Args) (*tile.Tile, error) {
	w.t.Helper()
	k, _ := Lookup(name)
	out := a.In[k.InPlace]
	return out, k.Run(a, []*tile.Tile{out}, false)
}

// wantKind checks that an error is of the kind.
func wantKind(t *testing.T, err error, kind errs.Kind) {
	t.Helper()
	if err == nil || errs.KindOf(err) != kind {
		t.Errorf("the error is %v of kind %d, want one of kind %d", err, errs.KindOf(err), kind)
	}
}

// wantFailed checks that an error of arithmetic names the kernel, and says in NumPy's words what failed.
func wantFailed(t *testing.T, err error, kernel, failed string) {
	t.Helper()
	var numerical *Numerical
	if !errors.As(err, &numerical) || numerical.Kernel != kernel || numerical.Failed != failed {
		t.Errorf("the error is %v, want %q of %s", err, failed, kernel)
	}
}

// wantNumerical checks that an error is arithmetic's, and where.
func wantNumerical(t *testing.T, err error, row int64, reason string) {
	t.Helper()
	var numerical *Numerical
	if !errors.As(err, &numerical) || numerical.Row != row || numerical.Reason != reason {
		t.Errorf("the error is %v, want %q at row %d", err, reason, row)
	}
}

// read is a float tile as a matrix.
func read(t *tile.Tile) *dense {
	m := newDense(int(t.Shape[0]), int(t.Shape[1]))
	for i := range m.x {
		if t.DType == tile.Float32 {
			m.x[i] = float64(tile.Float32s(t)[i])
		} else {
			m.x[i] = tile.Float64s(t)[i]
		}
	}
	return m
}

// within checks a residual in units of the dtype's rounding error; a NaN is never small.
func within(t *testing.T, what string, d tile.DType, residual, bound float64) {
	t.Helper()
	eps := 0x1p-52
	if d == tile.Float32 {
		eps = 0x1p-23
	}
	if !(residual <= bound*eps) {
		t.Errorf("%s: the residual is %.3g rounding errors, want at most %.3g", what, residual/eps, bound)
	}
}

func seeded(n int) *rand.Rand { return rand.New(rand.NewPCG(20, uint64(n))) }

var (
	bothFloats = []tile.DType{tile.Float64, tile.Float32}
	oddSizes   = []int{0, 1, 2, 7, 64, 65, 200}
)
