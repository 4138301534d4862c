package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// referencePhilox is Philox4x32-10 by its definition, with integers that cannot overflow.
func referencePhilox(c [4]uint32, k [2]uint32) [4]uint32 {
	split := func(factor int64, x uint32) (high, low uint32) {
		p := new(big.Int).Mul(big.NewInt(factor), big.NewInt(int64(x)))
		return uint32(new(big.Int).Rsh(p, 32).Uint64()), uint32(p.Uint64() & math.MaxUint32)
	}
	for range 10 {
		hi0, lo0 := split(0xD2511F53, c[0])
		hi1, lo1 := split(0xCD9E8D57, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k[0], lo1, hi0 ^ c[3] ^ k[1], lo0}
		k = [2]uint32{k[0] + 0x9E3779B9, k[1] + 0xBB67AE85}
	}
	return c
}

// TestReferencePhilox holds the reference against Random123's known answers.
func TestReferencePhilox(t *testing.T) {
	const f = math.MaxUint32
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := referencePhilox(c.counter, c.key); got != c.want {
			t.Errorf("Philox of %x, %x is %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// randomArgs asks for the block of an array of the shape.
func randomArgs(d tile.DType, seed string, shape, start, extent []int64) *Args {
	a := &Args{Attrs: map[string]any{"seed": seed, "dtype": d.String(), "shape": ""}}
	text := []byte{}
	for k, n := range shape {
		a.Axes = append(a.Axes, AxisBlock{start[k], extent[k], n})
		if k > 0 {
			text = append(text, ',')
		}
		text = fmt.Append(text, n)
	}
	a.Attrs["shape"] = string(text)
	return a
}

// TestRandomReference compares both kernels with the reference, math.Log and math.Cos, at numbers of every size.
func TestRandomReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	w := newWorkbench(t)
	for range 200 {
		seed, number := rng.Uint64()>>rng.IntN(64), rng.Int64()>>(1+rng.IntN(62))
		key := [2]uint32{uint32(seed), uint32(seed >> 32)}
		block := func(kind uint32) [4]uint32 {
			return referencePhilox([4]uint32{uint32(number), uint32(number >> 32), kind}, key)
		}
		unit := func(high, low uint32) float64 { return float64(uint64(high>>5)<<26|uint64(low>>6)) / (1 << 53) }
		for _, d := range bothFloats {
			a := randomArgs(d, fmt.Sprint(seed), []int64{math.MaxInt64}, []int64{number}, []int64{1})
			c := block(0)
			want := unit(c[0], c[1])
			if d == tile.Float32 {
				want = float64(c[0]>>8) / (1 << 24)
			}
			got := w.run("uniform", a).Reshape([]int64{1, 1})
			if x := read(got).x[0]; x != want {
				t.Errorf("seed %d, number %d: uniform %s is %v, want %v", seed, number, d, x, want)
			}
			got.Release()
			c = block(1)
			want = math.Sqrt(-2*math.Log(unit(c[0], c[1])+0x1p-53)) * math.Cos(2*math.Pi*unit(c[2], c[3]))
			got = w.run("normal", a).Reshape([]int64{1, 1})
			within(t, fmt.Sprintf("normal, seed %d, number %d", seed, number), d, math.Abs(read(got).x[0]-want), 16)
			got.Release()
		}
	}
}

// TestRandomBits holds the bits: what a program has drawn yesterday, and with OpenBLAS, it draws tomorrow, and without.
func TestRandomBits(t *testing.T) {
	w := newWorkbench(t)
	bits := func(name string, d tile.DType) (sum uint64) {
		got := w.run(name, randomArgs(d, "12345678901234567890", []int64{1000, 70}, []int64{3, 5}, []int64{997, 65}))
		for i := range got.Len() {
			if d == tile.Float32 {
				sum = sum*31 + uint64(math.Float32bits(tile.Float32s(got)[i]))
			} else {
				sum = sum*31 + math.Float64bits(tile.Float64s(got)[i])
			}
		}
		return sum
	}
	for _, c := range []struct {
		name string
		d    tile.DType
		want uint64
	}{
		{"uniform", tile.Float64, 0x4c2e053c94f6da1b},
		{"uniform", tile.Float32, 0xa2f7629ba27b430a},
		{"normal", tile.Float64, 0xfaf1c228e0430304},
		{"normal", tile.Float32, 0x45bfb447d9fdb793},
	} {
		if got := bits(c.name, c.d); got != c.want {
			t.Errorf("%s of %s has the hash %#x, want %#x", c.name, c.d, got, c.want)
		}
	}
}

// TestRandomTiling draws an array whole and in blocks.
func TestRandomTiling(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, shape := range [][]int64{{}, {1}, {1000}, {40, 30}, {1, 700}, {700, 1}, {5, 1, 6}, {3, 4, 5, 6}} {
		w := newWorkbench(t)
		zeros := make([]int64, len(shape))
		for _, name := range []string{"uniform", "normal"} {
			for _, d := range bothFloats {
				whole := w.run(name, randomArgs(d, "7", shape, zeros, shape))
				for range 10 {
					start, extent := make([]int64, len(shape)), make([]int64, len(shape))
					for k, n := range shape {
						start[k] = rng.Int64N(n)
						extent[k] = rng.Int64N(n - start[k] + 1)
					}
					block := w.run(name, randomArgs(d, "7", shape, start, extent))
					want := w.empty(d, extent...)
					strides, size := tile.Strides(shape, nil, d), tile.Strides(extent, nil, d)
					if block.Len() > 0 {
						tile.Copy(want.Bytes(), size, whole.Bytes()[dot(start, strides):], strides, extent, d)
					}
					if !bytes.Equal(block.Bytes(), want.Bytes()) {
						t.Fatalf("%s %s of %v: the block of %v at %v differs from the whole's", name, d, shape, extent, start)
					}
				}
			}
		}
	}
}

// TestRandomMoments: means, variances, kurtosis, range, and the correlation of neighbours, within six standard errors.
func TestRandomMoments(t *testing.T) {
	const rows, cols = 1024, 512
	const n = rows * cols
	w := newWorkbench(t)
	near := func(what string, got, want, deviation float64) {
		t.Helper()
		if math.Abs(got-want) > 6*deviation/math.Sqrt(n) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	for _, d := range bothFloats {
		shape := []int64{rows, cols}
		a := randomArgs(d, "99", shape, []int64{0, 0}, shape)
		u, z := read(w.run("uniform", a)), read(w.run("normal", a))
		a.Attrs["seed"] = "100"
		other := read(w.run("uniform", a))
		var m [8]float64
		for i, x := range u.x {
			y := z.x[i]
			for k, s := range []float64{x, (x - 0.5) * (x - 0.5), y, y * y, y * y * y, y * y * y * y} {
				m[k] += s / n
			}
			m[6] += (x - 0.5) * (other.x[i] - 0.5) / n
			m[7] += (x - 0.5) * y / n
		}
		near("the mean of uniform", m[0], 0.5, math.Sqrt(1./12))
		near("the variance of uniform", m[1], 1./12, math.Sqrt(1./180))
		near("the mean of normal", m[2], 0, 1)
		near("the variance of normal", m[3], 1, math.Sqrt(2))
		near("the third moment of normal", m[4], 0, math.Sqrt(15))
		near("the fourth moment of normal", m[5], 3, math.Sqrt(96))
		near("the correlation of two seeds", m[6], 0, 1./12)
		near("the correlation of uniform and normal", m[7], 0, math.Sqrt(1./12))
		sum := 0.0
		for i := range n - 1 {
			sum += z.x[i] * z.x[i+1] / n
		}
		near("the correlation of neighbours", sum, 0, 1)
		if low, high := slices.Min(u.x), slices.Max(u.x); low < 0 || high >= 1 || low > 1e-4 || high < 1-1e-4 {
			t.Errorf("uniform lies between %v and %v", low, high)
		}
		if high := slices.Max(z.x); high < 4 || high > 6.5 {
			t.Errorf("the largest of %d normal numbers is %v", n, high)
		}
	}
}

func TestRandomScaled(t *testing.T) {
	w := newWorkbench(t)
	shape := []int64{9, 9}
	a := randomArgs(tile.Float64, "18446744073709551615", shape, []int64{0, 0}, shape)
	u, z := read(w.run("uniform", a)), read(w.run("normal", a))
	for k, v := range map[string]any{"low": int64(-2), "high": 3.0, "loc": 10.0, "scale": 0.5} {
		a.Attrs[k] = v
	}
	scaled, moved := read(w.run("uniform", a)), read(w.run("normal", a))
	for i := range u.x {
		if want := -2 + float64(5*u.x[i]); scaled.x[i] != want {
			t.Errorf("uniform in [-2, 3): element %d is %v, want %v", i, scaled.x[i], want)
		}
		if want := 10 + float64(0.5*z.x[i]); moved.x[i] != want {
			t.Errorf("normal around 10: element %d is %v, want %v", i, moved.x[i], want)
		}
	}
}

func TestRandomRefuses(t *testing.T) {
	w := newWorkbench(t)
	for _, c := range []struct {
		attr, value string
		kind        errs.Kind
	}{
		{"seed", "-1", errs.Value}, {"seed", "18446744073709551616", errs.Value}, {"seed", "", errs.Value},
		{"dtype", "int64", errs.Type}, {"dtype", "float7", errs.Type},
		{"shape", "4", errs.Value}, {"shape", "3,4", errs.Value}, {"shape", "4,x", errs.Value},
	} {
		a := randomArgs(tile.Float64, "1", []int64{4, 4}, []int64{0, 0}, []int64{4, 4})
		a.Attrs[c.attr] = c.value
		_, err := w.try("normal", a)
		wantKind(t, err, c.kind)
	}
}
