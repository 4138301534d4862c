package core

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// session is an executor for a test, closed with it.
func session(t *testing.T, c Config) *Executor {
	t.Helper()
	if c.Scratch == "" {
		c.Scratch = t.TempDir()
	}
	e, err := Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// dense is a matrix in C order.
type dense struct {
	rows, cols int
	v          []float64
}

func newDense(rows, cols int) *dense { return &dense{rows, cols, make([]float64, rows*cols)} }

func randomDense(rows, cols int, seed uint64) *dense {
	d, rng := newDense(rows, cols), rand.New(rand.NewPCG(seed, 1))
	for k := range d.v {
		d.v[k] = rng.NormFloat64()
	}
	return d
}

// spd is symmetric and diagonally dominant.
func spd(n int, seed uint64) *dense {
	d := randomDense(n, n, seed)
	for i := range n {
		for j := range i {
			d.v[i*n+j] = d.v[j*n+i]
		}
		d.v[i*n+i] = 4 * float64(n)
	}
	return d
}

func (d *dense) at(i, j int) float64 { return d.v[i*d.cols+j] }

func (d *dense) t() *dense {
	out := newDense(d.cols, d.rows)
	for i := range d.rows {
		for j := range d.cols {
			out.v[j*d.rows+i] = d.at(i, j)
		}
	}
	return out
}

func (d *dense) mul(o *dense) *dense {
	out := newDense(d.rows, o.cols)
	for i := range d.rows {
		for k := range d.cols {
			a := d.at(i, k)
			for j := range o.cols {
				out.v[i*o.cols+j] += a * o.v[k*o.cols+j]
			}
		}
	}
	return out
}

func (d *dense) minus(o *dense) *dense {
	out := newDense(d.rows, d.cols)
	for k := range out.v {
		out.v[k] = d.v[k] - o.v[k]
	}
	return out
}

// norm1 is the largest sum of absolute values of a column.
func (d *dense) norm1() float64 {
	most := 0.0
	for j := range d.cols {
		sum := 0.0
		for i := range d.rows {
			sum += math.Abs(d.at(i, j))
		}
		most = max(most, sum)
	}
	return most
}

func (d *dense) buffer() Buffer {
	return Buffer{Ptr: unsafe.Pointer(unsafe.SliceData(d.v)), DType: "float64",
		Shape: []int64{int64(d.rows), int64(d.cols)}, Strides: []int64{int64(d.cols) * 8, 8}}
}

// finish waits for a job and closes it.
func finish(t *testing.T, j *Job, err error) error {
	t.Helper()
	require.NoError(t, err)
	defer j.Close()
	for !j.Wait(time.Minute) {
		t.Fatalf("the job hangs: %s", j.Progress())
	}
	return j.Err()
}

func (d *dense) in(t *testing.T, e *Executor, block ...int64) *Array {
	t.Helper()
	if len(block) == 0 {
		block = nil
	}
	a := d.named(t, e, "", block...)
	t.Cleanup(a.Close)
	return a
}

// named brings the matrix in under a name; the caller closes it.
func (d *dense) named(t *testing.T, e *Executor, name string, block ...int64) *Array {
	t.Helper()
	j, err := e.StartFromBuffer(d.buffer(), name, block)
	require.NoError(t, err)
	defer j.Close()
	require.True(t, j.Wait(time.Minute))
	require.NoError(t, j.Err())
	runtime.KeepAlive(d)
	return j.Result()
}

func apply(t *testing.T, e *Executor, op string, params map[string]any, args ...*Array) *Array {
	t.Helper()
	operands := make([]Operand, len(args))
	for k, a := range args {
		operands[k].Array = a
	}
	out, err := e.Apply(op, operands, params)
	require.NoError(t, err)
	t.Cleanup(out[0].Close)
	return out[0]
}

// read computes an array and gives its elements.
func read(t *testing.T, e *Executor, a *Array) *dense {
	t.Helper()
	out, err := tryRead(t, e, a)
	require.NoError(t, err)
	return out
}

func tryRead(t *testing.T, e *Executor, a *Array) (*dense, error) {
	t.Helper()
	shape := a.node.Shape()
	for len(shape) < 2 {
		shape = append(slices.Clone(shape), 1)
	}
	out := newDense(int(shape[0]), int(shape[1]))
	b := out.buffer()
	b.Shape, b.Strides = a.node.Shape(), b.Strides[:len(a.node.Shape())]
	if len(b.Strides) == 1 {
		b.Strides[0] = 8
	}
	j, err := e.ReadInto([]*Array{a}, []Buffer{b})
	err = finish(t, j, err)
	runtime.KeepAlive(out)
	return out, err
}

const eps = 0x1p-52

// near holds a scaled residual: |got - want| / (n |want| eps) is at most most.
func near(t *testing.T, want, got *dense, most float64) {
	t.Helper()
	require.Equal(t, [2]int{want.rows, want.cols}, [2]int{got.rows, got.cols})
	r := want.minus(got).norm1() / (float64(max(want.rows, want.cols, 1)) * max(want.norm1(), 1) * eps)
	require.False(t, math.IsNaN(r), "NaN in the result")
	require.LessOrEqual(t, r, most)
}
