package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func TestGemm(t *testing.T) {
	for _, d := range bothFloats {
		for _, size := range [][3]int{{0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {1, 1, 1}, {2, 7, 1}, {1, 7, 2}, {7, 64, 65}, {65, 1, 64}, {200, 65, 7}} {
			for mask := range 8 {
				t.Run(fmt.Sprintf("%s/%v/%03b", d, size, mask), func(t *testing.T) { testGemm(t, d, size, mask) })
			}
		}
	}
}

// testGemm tests one choice of transposed operands, with and without an addend, stored and accumulated.
func testGemm(t *testing.T, d tile.DType, size [3]int, mask int) {
	w := newWorkbench(t)
	rng := seeded(size[0] + 1000*size[2])
	m, k, n := size[0], size[1], size[2]
	flags := []bool{mask&1 != 0, mask&2 != 0, mask&4 != 0}
	a, b, c := noise(rng, m, k), noise(rng, k, n), noise(rng, m, n)
	in := []*tile.Tile{w.tile(d, a.op(flags[0])), w.tile(d, b.op(flags[1])), w.tile(d, c.op(flags[2]))}
	a, b, c = read(in[0]).op(flags[0]), read(in[1]).op(flags[1]), read(in[2]).op(flags[2])
	product := multiply(a, b)
	check := func(what string, got *tile.Tile, want *dense) {
		t.Helper()
		if int(got.Shape[0]) != m || int(got.Shape[1]) != n {
			t.Fatalf("%s: the shape is %v", what, got.Shape)
		}
		within(t, what, d, combine(1, read(got), -1, want).norm(), float64(4*k+8))
	}
	two := &Args{In: in[:2], Trans: flags[:2], Attrs: map[string]any{"alpha": -2.0}}
	three := &Args{In: in, Trans: flags, Attrs: map[string]any{"alpha": -2.0, "beta": 0.5}}
	check("alpha A B", w.run("gemm", two), combine(-2, product, 0, product))
	check("alpha A B + beta C", w.run("gemm", three), combine(-2, product, 0.5, c))

	kernel, _ := Lookup("gemm")
	start := noise(rng, m, n)
	for what, call := range map[string]*Args{"out += alpha A B": two, "out += alpha A B + beta C": three} {
		out := w.tile(d, start)
		if err := kernel.Run(call, []*tile.Tile{out}, true); err != nil {
			t.Fatal(err)
		}
		want := combine(-2, product, 1, start)
		if len(call.In) == 3 {
			want = combine(1, want, 0.5, c)
		}
		check(what, out, want)
	}
	if !flags[2] {
		over, err := w.inPlace("gemm", three)
		if err != nil {
			t.Fatal(err)
		}
		check("in place", over, combine(-2, product, 0.5, c))
	}
}

func TestGemmBetaZero(t *testing.T) {
	for _, d := range bothFloats {
		w := newWorkbench(t)
		a, b := noise(seeded(1), 7, 5), noise(seeded(2), 5, 7)
		in := []*tile.Tile{w.tile(d, a), w.tile(d, b), w.empty(d, 7, 7)} // C is all NaN
		got := read(w.run("gemm", &Args{In: in, Attrs: map[string]any{"beta": int64(0)}}))
		within(t, "A B + 0 C", d, combine(1, got, -1, multiply(a, b)).norm(), 16)
	}
}

func TestGemmNaN(t *testing.T) {
	w := newWorkbench(t)
	a, b := noise(seeded(1), 65, 65), noise(seeded(2), 65, 65)
	a.set(40, 3, math.NaN())
	if Engine() != "gonum" {
		b.set(3, 10, 0) // zero times NaN is NaN; gonum leaves zeros out
	}
	got := read(w.run("gemm", &Args{In: []*tile.Tile{w.tile(tile.Float64, a), w.tile(tile.Float64, b)}}))
	for i := range 65 {
		for j := range 65 {
			if math.IsNaN(got.at(i, j)) != (i == 40) {
				t.Fatalf("element (%d, %d) is %v", i, j, got.at(i, j))
			}
		}
	}
}

func TestGemmIntegers(t *testing.T) {
	testGemmExact(t, tile.Int8)
	testGemmExact(t, tile.Int16)
	testGemmExact(t, tile.Int32)
	testGemmExact(t, tile.Int64)
	testGemmExact(t, tile.Uint8)
	testGemmExact(t, tile.Uint16)
	testGemmExact(t, tile.Uint32)
	testGemmExact(t, tile.Uint64)
	testGemmExact(t, tile.Bool)
}

// testGemmExact compares with loops on words, which wrap around as all integers do; bools are words that count as one.
func testGemmExact(t *testing.T, d tile.DType) {
	for _, size := range [][3]int{{0, 1, 1}, {1, 0, 2}, {1, 1, 1}, {7, 65, 3}, {65, 7, 2}, {1030, 66, 2}, {66, 1030, 2}} {
		for mask := range 32 {
			m, k, n := int64(size[0]), int64(size[1]), int64(size[2])
			flags := []bool{mask&1 != 0, mask&2 != 0, mask&4 != 0}
			hasC, accumulate := mask&8 != 0, mask&16 != 0
			if flags[2] && !hasC || testing.Short() && m*k > 1000 && mask%5 != 0 {
				continue
			}
			w := newWorkbench(t)
			rng := rand.New(rand.NewPCG(uint64(m), uint64(mask)))
			a, b, c := randomTile(w, rng, d, m, k, flags[0]), randomTile(w, rng, d, k, n, flags[1]), randomTile(w, rng, d, m, n, flags[2])
			out := randomTile(w, rng, d, m, n, false)
			call := &Args{In: []*tile.Tile{a, b}, Trans: flags, Attrs: map[string]any{"alpha": -3.0, "beta": 2.0}}
			if hasC {
				call.In = append(call.In, c)
			}
			if specs, err := gemmOut(call); err != nil || specs[0].DType != d || !slices.Equal(specs[0].Shape, []int64{m, n}) {
				t.Fatalf("Out says %v, %v", specs, err)
			}
			want := make([]int64, m*n)
			for j := range n {
				for i := range m {
					sum := int64(0)
					for l := range k {
						sum += word(a, flags[0], i, l) * word(b, flags[1], l, j)
					}
					if d != tile.Bool {
						sum *= -3
					}
					if hasC {
						sum += 2 * word(c, flags[2], i, j)
					}
					if accumulate {
						sum += word(out, false, i, j)
					}
					want[j*m+i] = sum
				}
			}
			if err := gemmRun(call, []*tile.Tile{out}, accumulate); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				got := word(out, false, int64(i)%m, int64(i)/m)
				if d == tile.Bool && (got != 0) == (want[i] != 0) || d != tile.Bool && got == wrapped(d, want[i]) {
					continue
				}
				t.Fatalf("%s of %v, transposed %v, C %v, accumulate %v: element %d is %d, want %d", d, size, flags, hasC, accumulate, i, got, want[i])
			}
		}
	}
}

// randomTile is a rows×cols tile of small and of large words, stored as its transpose if so told; bools are mostly false.
func randomTile(w *workbench, rng *rand.Rand, d tile.DType, rows, cols int64, trans bool) *tile.Tile {
	if trans {
		rows, cols = cols, rows
	}
	t := w.empty(d, rows, cols)
	mem := t.Bytes()
	for i := range mem {
		mem[i] = byte(rng.Uint32())
		if d == tile.Bool {
			mem[i] = byte(rng.IntN(12) / 11)
		}
	}
	return t
}

// word is an element of op(t), extended to an int64.
func word(t *tile.Tile, trans bool, i, j int64) int64 {
	if trans {
		i, j = j, i
	}
	at, size := (j*t.Shape[0]+i)*int64(t.DType.Size()), int64(t.DType.Size())
	x := int64(0)
	for k := range size {
		x |= int64(t.Bytes()[at+k]) << (8 * k)
	}
	return wrapped(t.DType, x)
}

// wrapped is what is left of a word in the dtype.
func wrapped(d tile.DType, x int64) int64 {
	shift := 64 - 8*d.Size()
	if d >= tile.Int8 && d <= tile.Int64 {
		return x << shift >> shift
	}
	return int64(uint64(x) << shift >> shift)
}

func TestGemmWantsIntegers(t *testing.T) {
	w := newWorkbench(t)
	x := w.empty(tile.Int64, 2, 2)
	_, err := gemmOut(&Args{In: []*tile.Tile{x, x}, Attrs: map[string]any{"alpha": 0.5}})
	wantKind(t, err, errs.Type)
}
