package matrix

import (
	"context"
	"testing"

	"numpywren/core/blob"
	"numpywren/core/tile"
)

// BenchmarkSpace is the common path: everything in memory.
func BenchmarkSpace(b *testing.B) {
	ctx := context.Background()
	s := NewSpace(1<<30, 2)
	defer s.Close()
	m := newMatrix(b, "m", 100, blob.NewMemory())
	put(b, s, m, 7, Kept)
	b.Run("Pin", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Pin(ctx, m, Index{7}); err != nil {
				b.Fatal(err)
			}
			s.Unpin(m, Index{7})
		}
	})
	b.Run("AllocPutRead", func(b *testing.B) {
		for b.Loop() {
			t, err := s.Alloc(ctx, tile.Float64, []int64{side, side})
			if err != nil {
				b.Fatal(err)
			}
			s.Put(m, Index{8}, t, 1)
			s.Read(m, Index{8})
		}
	})
	b.Run("Parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, ok := s.TryPin(m, Index{7}); !ok {
					b.Fatal("not there")
				}
				s.Unpin(m, Index{7})
			}
		})
	})
}

// BenchmarkSpill streams tiles of 8 MiB through a Space that holds 8 of 32: each is written once and then read.
func BenchmarkSpill(b *testing.B) {
	ctx, tileShape := context.Background(), []int64{1024, 1024}
	s := NewSpace(64<<20, 0)
	defer s.Close()
	m := sized(b, "m", 32*1024, tileShape, blob.NewFile(b.TempDir()))
	for k := range int64(32) {
		t, err := s.Alloc(ctx, tile.Float64, tileShape)
		if err != nil {
			b.Fatal(err)
		}
		t.Zero()
		s.Put(m, Index{k}, t, Kept)
	}
	k := int64(0)
	b.SetBytes(8 << 20)
	for b.Loop() {
		if _, err := s.Pin(ctx, m, Index{k % 32}); err != nil {
			b.Fatal(err)
		}
		s.Unpin(m, Index{k % 32})
		k++
	}
}
