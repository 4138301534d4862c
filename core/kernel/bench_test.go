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

// benchKernel runs a kernel on tiles; work is in units of a millionth of what is reported.
func benchKernel(b *testing.B, name string, operands int, a *Args, unit string, work func(n float64) float64) {
	k, _ := Lookup(name)
	for _, d := range []tile.DType{tile.Float64, tile.Float32} {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", d, n), func(b *testing.B) {
				tiles := benchTiles(b, d, n, operands+1)
				call := *a
				call.In = tiles[:operands]
				call.Attrs = map[string]any{"dtype": d.String()}
				for key, value := range a.Attrs {
					call.Attrs[key] = value
				}
				if operands == 0 {
					call.Axes = []AxisBlock{{0, n, n}, {0, n, n}}
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := k.Run(&call, tiles[operands:], false); err != nil {
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
	benchKernel(b, "gemm", 2, &Args{}, "GF/s", gigaflops(2))
}

func BenchmarkGemmTrans(b *testing.B) {
	benchKernel(b, "gemm", 2, &Args{Trans: []bool{true, true}}, "GF/s", gigaflops(2))
}

func BenchmarkSyrk(b *testing.B) {
	b.Run("update", func(b *testing.B) { benchKernel(b, "syrk", 3, &Args{}, "GF/s", gigaflops(2)) })
}

func BenchmarkTrsm(b *testing.B) {
	benchKernel(b, "trsm", 2, &Args{Attrs: map[string]any{"side": "R", "uplo": "L", "trans": "T", "diag": "N"}}, "GF/s", gigaflops(1))
}

func BenchmarkChol(b *testing.B) { benchKernel(b, "chol", 1, &Args{}, "GF/s", gigaflops(1.0/3)) }

func BenchmarkTranspose(b *testing.B) {
	benchKernel(b, "copy", 1, &Args{Trans: []bool{true}}, "M/s", millions)
}

func BenchmarkUniform(b *testing.B) {
	benchKernel(b, "uniform", 0, &Args{Attrs: map[string]any{"seed": "1"}}, "M/s", millions)
}

func BenchmarkNormal(b *testing.B) {
	benchKernel(b, "normal", 0, &Args{Attrs: map[string]any{"seed": "1"}}, "M/s", millions)
}
