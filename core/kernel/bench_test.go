package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"numpywren/core/tile"
)

// What the tile kernels cost on one thread, at the sizes that tiles have: GF/s for LAPACK's, millions of elements a second
// for the others.

var benchSizes = []int64{1024, 2048}

// benchTiles makes n×n tiles of noise, the first with a diagonal that makes it positive definite.
func benchTiles(b *testing.B, d tile.DType, n int64, count int) []*tile.Tile {
	b.Helper()
	pool := tile.NewPool(1 << 30)
	tiles := make([]*tile.Tile, count)
	for k := range tiles {
		t, err := pool.New(d, []int64{n, n})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(t.Release)
		rng := rand.New(rand.NewPCG(uint64(n), uint64(k)))
		for i := range n * n {
			x := rng.Float64() - 0.5
			if k == 0 && i%(n+1) == 0 {
				x += float64(n)
			}
			if d == tile.Float32 {
				tile.Float32s(t)[i] = float32(x)
			} else {
				tile.Float64s(t)[i] = x
			}
		}
		tiles[k] = t
	}
	return tiles
}

// benchKernel runs a kernel on n×n tiles, whose numbers in says; work is what one run does, in the unit.
func benchKernel(b *testing.B, name string, in []int, a *Args, unit string, work func(n float64) float64) {
	k, _ := Lookup(name)
	for _, d := range []tile.DType{tile.Float64, tile.Float32} {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", d, n), func(b *testing.B) {
				tiles := benchTiles(b, d, n, len(in)+1)
				call, out := *a, tiles[len(in):]
				for _, k := range in {
					call.In = append(call.In, tiles[k])
				}
				call.Attrs = map[string]any{"dtype": d.String()}
				for key, value := range a.Attrs {
					call.Attrs[key] = value
				}
				if len(in) == 0 {
					call.Axes = []AxisBlock{{0, n, n}, {0, n, n}}
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := k.Run(&call, out, false); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(work(float64(n))*float64(b.N)/b.Elapsed().Seconds(), unit)
			})
		}
	}
}

func gigaflops(perCube float64) func(n float64) float64 {
	return func(n float64) float64 { return perCube * n * n * n * 1e-9 }
}

func millions(n float64) float64 { return n * n * 1e-6 }

func BenchmarkGemm(b *testing.B) {
	b.Log(Engine())
	benchKernel(b, "gemm", []int{0, 1}, &Args{}, "GF/s", gigaflops(2))
}

func BenchmarkGemmTrans(b *testing.B) {
	benchKernel(b, "gemm", []int{0, 1}, &Args{Trans: []bool{true, true}}, "GF/s", gigaflops(2))
}

func BenchmarkSyrk(b *testing.B) {
	benchKernel(b, "syrk", []int{0, 1, 2}, &Args{}, "GF/s", gigaflops(2))
}

// A tile on the diagonal: half the work.
func BenchmarkSyrkDiagonal(b *testing.B) {
	benchKernel(b, "syrk", []int{0, 1, 1}, &Args{}, "GF/s", gigaflops(1))
}

func BenchmarkTrsm(b *testing.B) {
	attrs := map[string]any{"side": "R", "uplo": "L", "trans": "T", "diag": "N"}
	benchKernel(b, "trsm", []int{0, 1}, &Args{Attrs: attrs}, "GF/s", gigaflops(1))
}

func BenchmarkChol(b *testing.B) { benchKernel(b, "chol", []int{0}, &Args{}, "GF/s", gigaflops(1.0/3)) }

func BenchmarkTranspose(b *testing.B) {
	benchKernel(b, "copy", []int{0}, &Args{Trans: []bool{true}}, "M/s", millions)
}

func BenchmarkUniform(b *testing.B) {
	benchKernel(b, "uniform", nil, &Args{Attrs: map[string]any{"seed": "1"}}, "M/s", millions)
}

func BenchmarkNormal(b *testing.B) {
	benchKernel(b, "normal", nil, &Args{Attrs: map[string]any{"seed": "1"}}, "M/s", millions)
}

// A product with a vector is bound by memory.
func BenchmarkGemmVector(b *testing.B) {
	for _, trans := range []bool{false, true} {
		b.Run(fmt.Sprintf("trans=%t", trans), func(b *testing.B) {
			const n = 2048
			w := newWorkbench(b)
			a, x := w.tile(tile.Float64, noise(seeded(1), n, n)), w.tile(tile.Float64, noise(seeded(2), n, 1))
			call, out := &Args{In: []*tile.Tile{a, x}, Trans: []bool{trans, false}}, []*tile.Tile{w.empty(tile.Float64, n, 1)}
			for b.Loop() {
				if err := gemmRun(call, out, false); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(8*n*n*float64(b.N)/b.Elapsed().Seconds()*1e-9, "GB/s")
		})
	}
}

func BenchmarkGemmInt64(b *testing.B) {
	for _, trans := range []bool{false, true} {
		b.Run(fmt.Sprintf("trans=%t", trans), func(b *testing.B) {
			const n = 512
			w := newWorkbench(b)
			x, out := w.numbered(tile.Int64, n, n), []*tile.Tile{w.empty(tile.Int64, n, n)}
			call := &Args{In: []*tile.Tile{x, x}, Trans: []bool{trans, false}}
			for b.Loop() {
				if err := gemmRun(call, out, false); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(2*n*n*n*float64(b.N)/b.Elapsed().Seconds()*1e-9, "Gop/s")
		})
	}
}
