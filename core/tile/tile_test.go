package tile

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

func newTile(t testing.TB, p *Pool, d DType, shape ...int64) *Tile {
	t.Helper()
	x, err := p.New(d, shape)
	require.NoError(t, err)
	return x
}

func TestTile(t *testing.T) {
	p := NewPool(1 << 20)
	x := newTile(t, p, Float64, 3, 4)
	require.EqualValues(t, 12, x.Len())
	require.EqualValues(t, 96, x.NBytes())
	require.Zero(t, uintptr(x.Ptr())%64)
	x.Zero()
	require.Equal(t, make([]float64, 12), Float64s(x))
	x.Fill([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f})
	for _, v := range Float64s(x) {
		require.Equal(t, 1.0, v)
	}
	y := x.Reshape([]int64{12, 1})
	require.EqualValues(t, 2, x.Refs())
	x.Release()
	Float64s(y)[5] = 7
	require.EqualValues(t, 1, y.Refs())
	require.Panics(t, func() { Float32s(y) })
	require.Panics(t, func() { View[int32](y) })
	require.Panics(t, func() { y.Reshape([]int64{11}) })
	require.Panics(t, func() { y.Fill([]byte{1}) })
	y.Release()
	require.Panics(t, func() { y.Release() })
	live, _, _ := p.Stats()
	require.Zero(t, live)

	scalar := newTile(t, p, Bool)
	require.EqualValues(t, 1, scalar.Len())
	Bools(scalar)[0] = true
	empty := newTile(t, p, Int64, 3, 0)
	require.Empty(t, Int64s(empty))
	empty.Fill(make([]byte, 8))
	for _, x := range []*Tile{scalar, empty} {
		x.Release()
	}
}

func TestNewRefuses(t *testing.T) {
	p := NewPool(1 << 20)
	for _, shape := range [][]int64{{-1}, {math.MaxInt64}, {1 << 40, 1 << 40}, {0, -3}} {
		_, err := p.New(Float64, shape)
		require.Equal(t, errs.Value, errs.KindOf(err), "%v", shape)
		require.EqualValues(t, int64(math.MaxInt64), SizeOf(Float64, shape))
	}
	_, err := p.New(Float64, []int64{1 << 56})
	require.Equal(t, errs.Memory, errs.KindOf(err))
	p.Close()
	_, err = p.New(Float64, nil)
	require.Equal(t, errs.Closed, errs.KindOf(err))
}

func TestDTypes(t *testing.T) {
	sizes := map[string]int{"bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8,
		"float32": 4, "float64": 8, "complex64": 8, "complex128": 16, "r128": 16}
	for d := Bool; d <= Pair; d++ {
		got, err := ParseDType(d.String())
		require.NoError(t, err)
		require.Equal(t, d, got)
		require.Equal(t, sizes[d.String()], d.Size())
	}
	for _, name := range []string{"", "float16", "object", "Float64", "invalid"} {
		_, err := ParseDType(name)
		require.Equal(t, errs.Type, errs.KindOf(err))
	}
	require.Equal(t, "invalid", DType(0).String())
	require.Equal(t, "invalid", DType(99).String())
}

func TestConvert(t *testing.T) {
	p := NewPool(1 << 20)
	want := map[DType][]int64{
		Int8: {-128, -1, 127}, Int16: {-32768, -1, 32767}, Int32: {math.MinInt32, -1, math.MaxInt32},
		Uint8: {0, 200, 255}, Uint16: {0, 40000, 65535}, Uint32: {0, 1 << 31, math.MaxUint32},
	}
	for d := Bool; d <= Pair; d++ {
		wide, err := Widened(d)
		switch {
		case d == Uint64 || d == Complex64 || d == Complex128:
			require.Equal(t, errs.Type, errs.KindOf(err), d.String())
			continue
		case want[d] == nil:
			require.Equal(t, d, wide)
			continue
		}
		require.Equal(t, Int64, wide)
		src, dst := newTile(t, p, d, 3), newTile(t, p, Int64, 3)
		for k, x := range want[d] {
			for b := range d.Size() {
				src.Bytes()[k*d.Size()+b] = byte(x >> (8 * b))
			}
		}
		Convert(dst.Bytes(), Int64, src.Bytes(), d)
		require.Equal(t, want[d], Int64s(dst), d.String())
		Convert(src.Bytes(), d, src.Bytes(), d)
		require.Panics(t, func() { Convert(dst.Bytes(), Float64, src.Bytes(), d) })
	}
	_, err := Widened(0)
	require.Equal(t, errs.Type, errs.KindOf(err))
	require.Panics(t, func() { Convert(nil, Int64, nil, Float64) })
	q := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	SwapBytes(q, 4)
	require.Equal(t, []byte{4, 3, 2, 1, 8, 7, 6, 5}, q)
	SwapBytes(q, 1)
	require.Equal(t, []byte{4, 3, 2, 1, 8, 7, 6, 5}, q)
}

// BenchmarkCopy is a tile of 1024 by 1024 from memory of C's order, and of its own.
func BenchmarkCopy(b *testing.B) {
	p := NewPool(1 << 30)
	for _, d := range []DType{Float64, Float32} {
		for _, order := range [][]int{{0, 1}, nil} {
			b.Run(fmt.Sprintf("%s/%v", d, order), func(b *testing.B) {
				shape := []int64{1024, 1024}
				x, y := newTile(b, p, d, shape...), newTile(b, p, d, 8192, 1024)
				x.Zero()
				y.Zero()
				src := Strides([]int64{8192, 1024}, order, d)
				if order != nil {
					src = Strides([]int64{1024, 8192}, order, d)
				}
				b.SetBytes(x.NBytes())
				for b.Loop() {
					Copy(x.Bytes(), Strides(shape, nil, d), y.Bytes(), src, shape, d)
				}
				x.Release()
				y.Release()
			})
		}
	}
}
