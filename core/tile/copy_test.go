package tile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// walk calls f with the offsets of each element of a box in two memories.
func walk(shape, a, b []int64, f func(a, b int64)) {
	if len(shape) == 0 {
		f(0, 0)
		return
	}
	for i := range shape[0] {
		walk(shape[1:], a[1:], b[1:], func(x, y int64) { f(x+i*a[0], y+i*b[0]) })
	}
}

// randomStrides lays out a box with a random order of dimensions and gaps; flip makes some of the strides negative, spread some 0.
// It gives the bytes needed and the first element's offset.
func randomStrides(rng *rand.Rand, shape []int64, size int64, flip, spread bool) (strides []int64, bytes, first int64) {
	strides, s := make([]int64, len(shape)), size
	for _, d := range rng.Perm(len(shape)) {
		if spread && rng.IntN(4) == 0 {
			continue
		}
		strides[d] = s
		s *= shape[d]
		if rng.IntN(3) == 0 {
			s += size * rng.Int64N(3)
		}
		if flip && rng.IntN(3) == 0 {
			first += strides[d] * (shape[d] - 1)
			strides[d] = -strides[d]
		}
	}
	return strides, s, first
}

// TestCopy: random boxes between random layouts, against element by element; nothing else is written.
func TestCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 4000 {
		d := []DType{Bool, Int16, Float32, Float64, Pair}[rng.IntN(5)]
		size := int64(d.Size())
		shape := make([]int64, rng.IntN(5))
		for k := range shape {
			shape[k] = 1 + rng.Int64N([]int64{3, 7, 20}[rng.IntN(3)])
		}
		dst, dstBytes, dstFirst := randomStrides(rng, shape, size, round%2 == 0, false)
		src, srcBytes, srcFirst := randomStrides(rng, shape, size, round%2 == 0, true)
		in, out := make([]byte, srcBytes), make([]byte, dstBytes)
		for k := range in {
			in[k] = byte(rng.Uint32())
		}
		for k := range out {
			out[k] = byte(rng.Uint32())
		}
		want := bytes.Clone(out)
		walk(shape, dst, src, func(a, b int64) {
			copy(want[dstFirst+a:][:size], in[srcFirst+b:][:size])
		})
		Copy(out[dstFirst:], dst, in[srcFirst:], src, shape, d)
		require.True(t, bytes.Equal(want, out), "%s %v: %v from %v", d, shape, dst, src)
	}
	Copy(nil, []int64{8, 0}, nil, []int64{8, 0}, []int64{0, 3}, Float64)
}

// TestBands: the boxes follow each other in memory, are no larger than asked, and cover everything once.
func TestBands(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		ndim := rng.IntN(5)
		shape := make([]int64, ndim)
		for k := range shape {
			shape[k] = 1 + rng.Int64N(9)
		}
		order, most := rng.Perm(ndim), 1+rng.Int64N(50)
		strides := Strides(shape, order, Bool)
		at := int64(0)
		require.NoError(t, Bands(shape, order, most, func(start, extent []int64) error {
			require.LessOrEqual(t, elements(extent), most)
			require.Equal(t, at, offset(start, strides))
			at += elements(extent)
			return nil
		}))
		require.Equal(t, elements(shape), at)
	}
	require.NoError(t, Bands([]int64{0, 3}, []int{0, 1}, 4, func([]int64, []int64) error { return nil }))
	fail := fmt.Errorf("sorry")
	require.Equal(t, fail, Bands([]int64{3, 3}, []int{0, 1}, 4, func([]int64, []int64) error { return fail }))
}

// TestBox: PutBox and GetBox on boxes that lie in, around and beside the tile.
func TestBox(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	p := NewPool(1 << 20)
	for range 500 {
		ndim := 1 + rng.IntN(3)
		shape, lo, extent := make([]int64, ndim), make([]int64, ndim), make([]int64, ndim)
		for k := range shape {
			shape[k], lo[k], extent[k] = 1+rng.Int64N(6), rng.Int64N(12)-6, 1+rng.Int64N(8)
		}
		order := rng.Perm(ndim)
		x := newTile(t, p, Uint8, shape...)
		for k := range x.Bytes() {
			x.Bytes()[k] = byte(rng.Uint32())
		}
		part := make([]byte, elements(extent))
		for k := range part {
			part[k] = byte(rng.Uint32())
		}
		wantTile, wantPart := bytes.Clone(x.Bytes()), bytes.Clone(part)
		own, other := Strides(shape, nil, Uint8), Strides(extent, order, Uint8)
		walk(extent, powers(ndim, 16), other, func(code, at int64) {
			to, inside := int64(0), true
			for k := ndim - 1; k >= 0; k-- {
				place := lo[k] + code>>(4*int64(k))&15
				inside = inside && place >= 0 && place < shape[k]
				to += place * own[k]
			}
			if inside {
				wantPart[at] = x.Bytes()[to]
				wantTile[to] = part[at]
			}
		})
		got := bytes.Clone(part)
		x.GetBox(got, order, lo, extent)
		require.Equal(t, wantPart, got)
		x.PutBox(part, order, lo, extent)
		require.Equal(t, wantTile, x.Bytes())
		x.Release()
	}
}

// powers is those of base from 1 on.
func powers(n int, base int64) []int64 {
	out, s := make([]int64, n), int64(1)
	for k := range out {
		out[k] = s
		s *= base
	}
	return out
}
