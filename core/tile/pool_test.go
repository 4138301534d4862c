package tile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestSizeOf(t *testing.T) {
	for _, c := range []struct{ bytes, want int64 }{
		{0, 64}, {1, 64}, {64, 64}, {65, 128}, {257, 320}, {1000, 1024}, {1025, 1280}, {256 << 10, 256 << 10},
		{256<<10 + 1, 320 << 10}, {8 << 20, 8 << 20}, {8<<20 + 1, 8<<20 + 64<<10},
	} {
		require.Equal(t, c.want, SizeOf(Bool, []int64{c.bytes}), "%d", c.bytes)
	}
	for n := int64(1); n < 1<<21; n += 1 + n/50 {
		size := SizeOf(Uint8, []int64{n})
		require.GreaterOrEqual(t, size, n)
		require.LessOrEqual(t, size, max(64, n+n/3+63), "%d", n)
		require.Zero(t, size%64)
	}
}

// TestPoolModel: tiles of random sizes come and go; no two share memory, what was written is read, the counts are right.
func TestPoolModel(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		limit := int64(4 << 20)
		p := NewPool(limit)
		var held []*Tile
		var marks []byte
		for step := range 1500 {
			if len(held) > 0 && rng.IntN(100) < 45+step/150 {
				k := rng.IntN(len(held))
				x := held[k]
				require.EqualValues(t, x.Len(), bytes.Count(x.Bytes(), marks[k:k+1]), "seed %d step %d", seed, step)
				x.Release()
				held, marks = slices.Delete(held, k, k+1), slices.Delete(marks, k, k+1)
			} else {
				x := newTile(t, p, Uint8, 1+rng.Int64N([]int64{100, 5000, 100000, 1 << 20}[rng.IntN(4)]))
				require.Zero(t, uintptr(x.Ptr())%64)
				mark := byte(rng.Uint32())
				x.Fill([]byte{mark})
				held, marks = append(held, x), append(marks, mark)
			}
			checkPool(t, p, held, limit)
		}
		for _, x := range held {
			x.Release()
		}
		live, mapped, peak := p.Stats()
		require.Zero(t, live)
		require.LessOrEqual(t, mapped, limit)
		require.Positive(t, peak)
		p.Close()
		_, mapped, _ = p.Stats()
		require.Zero(t, mapped)
	}
}

func checkPool(t *testing.T, p *Pool, held []*Tile, limit int64) {
	t.Helper()
	live, mapped, _ := p.Stats()
	use := int64(0)
	type span struct{ from, to uintptr }
	spans := make([]span, len(held))
	for k, x := range held {
		size := SizeOf(x.DType, x.Shape)
		use += size
		spans[k] = span{uintptr(x.Ptr()), uintptr(x.Ptr()) + uintptr(size)}
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from) - int(b.from) })
	for k := 1; k < len(spans); k++ {
		if spans[k-1].to > spans[k].from {
			t.Fatal("two tiles share memory")
		}
	}
	require.LessOrEqual(t, use, live)
	require.LessOrEqual(t, live, mapped)
	require.LessOrEqual(t, mapped, max(limit, live))
}

func TestPoolReuses(t *testing.T) {
	p := NewPool(64 << 20)
	for _, n := range []int64{100, 100 << 10, 1 << 20, 5 << 20} {
		x := newTile(t, p, Uint8, n)
		at := x.Ptr()
		x.Release()
		y := newTile(t, p, Uint8, n)
		require.Equal(t, at, y.Ptr())
		y.Release()
	}
	big := newTile(t, p, Uint8, 4<<20)
	require.Zero(t, uintptr(big.Ptr())%hugePage)
	big.Release()
	_, mapped, _ := p.Stats()
	other := newTile(t, p, Uint8, 63<<20)
	_, now, _ := p.Stats()
	require.LessOrEqual(t, now, int64(64<<20), "idle extents make way")
	require.Positive(t, mapped)
	p.Close()
	other.Fill([]byte{1})
	other.Release()
	_, now, _ = p.Stats()
	require.Zero(t, now, "the last Release after Close unmaps")
}

func TestPoolConcurrent(t *testing.T) {
	p := NewPool(8 << 20)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 2))
			for range 500 {
				x, err := p.New(Uint8, []int64{1 + rng.Int64N(400<<10)})
				if err != nil {
					t.Error(err)
					return
				}
				x.Fill([]byte{byte(w)})
				x.Retain()
				x.Release()
				if b := x.Bytes(); b[0] != byte(w) || b[len(b)-1] != byte(w) {
					t.Error("another wrote here")
				}
				x.Release()
			}
		})
	}
	wg.Wait()
	live, _, _ := p.Stats()
	require.Zero(t, live)
}

// TestInvariants: with the tag, a released tile cannot be read, and memory that was never written shows.
func TestInvariants(t *testing.T) {
	if !invariants {
		t.Skip("only with -tags invariants")
	}
	p := NewPool(1 << 20)
	x := newTile(t, p, Float64, 10)
	require.True(t, Float64s(x)[3] != Float64s(x)[3])
	mem := unsafe.Slice((*byte)(x.Ptr()), 80)
	x.Zero()
	y := newTile(t, p, Float64, 10) // keeps the slab
	x.Release()
	require.Equal(t, byte(0xff), mem[5])
	for _, use := range []func(){func() { x.Bytes() }, func() { x.Retain() }, func() { x.Zero() }, func() { x.Ptr() }} {
		require.Panics(t, use)
	}
	y.Release()
}

func BenchmarkPool(b *testing.B) {
	for _, n := range []int64{1 << 10, 8 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := NewPool(1 << 30)
			for b.Loop() {
				x, _ := p.New(Uint8, []int64{n})
				x.Release()
			}
		})
	}
}

// TestPoolKeepsLittle: what tiles of one size leave behind does not add to what tiles of another need, however large the limit is.
func TestPoolKeepsLittle(t *testing.T) {
	p := NewPool(1 << 40)
	defer p.Close()
	for _, side := range []int64{2 << 20, 3 << 20, 4 << 20, 2 << 20} {
		var tiles []*Tile
		for range 240 << 20 / side {
			tiles = append(tiles, newTile(t, p, Uint8, side))
		}
		for _, x := range tiles {
			x.Release()
		}
	}
	_, _, peak := p.Stats()
	require.LessOrEqual(t, peak, int64(240+64+4)<<20)
}
