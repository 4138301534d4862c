package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

var realTypes = []tile.DType{
	tile.Bool, tile.Int8, tile.Int16, tile.Int32, tile.Int64, tile.Uint8, tile.Uint16, tile.Uint32, tile.Uint64, tile.Float32, tile.Float64,
}

// edges are the floats where things go wrong.
var edges = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 2, -2, 3, -3, 7, -7, 10, -10, 1e-3, 1e10, -1e10, 0x1p31, -0x1p31, 0x1p32, 0x1p62, 0x1p63, -0x1p63, 0x1p64,
	math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.MaxFloat32, math.SmallestNonzeroFloat64, 0x1p-1022, 0x1p-126, 0x1p-140,
	709.78, 709.79, -745.1, -745.2, 88.7, 88.8, -103.9, -104.1, math.Sqrt2 / 2, 1 - 0x1p-53, 1 + 0x1p-52,
}

// fill gives a tile elements of the type's whole range, many of them edges.
func (w *workbench) fill(rng *rand.Rand, d tile.DType, shape ...int64) *tile.Tile {
	w.t.Helper()
	t := w.empty(d, shape...)
	for k := range t.Len() {
		var bits uint64
		switch {
		case isFloat(d) && rng.IntN(3) == 0:
			bits = castEw(tile.Float64, d, math.Float64bits(edges[rng.IntN(len(edges))]))
		case isFloat(d):
			bits = castEw(tile.Float64, d, math.Float64bits(rng.NormFloat64()*math.Pow(10, float64(rng.IntN(4)))))
		case d == tile.Bool:
			bits = uint64(rng.IntN(2))
		case rng.IntN(3) == 0:
			lo, hi := intRange(d)
			bits = uint64([]int64{0, 1, 2, 3, -1, lo, lo + 1, hi, hi - 1, 1 << 40}[rng.IntN(10)])
		case rng.IntN(2) == 0:
			bits = uint64(rng.IntN(20) - 10)
		default:
			bits = rng.Uint64()
		}
		setElement(t.Bytes(), d, k, bits)
	}
	return t
}

// ulps is the distance of two elements in units of the last place; 0 if they are equal or both NaN.
func ulps(d tile.DType, x, y uint64) float64 {
	if x == y {
		return 0
	}
	if !isFloat(d) {
		return math.Inf(1)
	}
	f, g := math.Float64frombits(castEw(d, tile.Float64, x)), math.Float64frombits(castEw(d, tile.Float64, y))
	switch {
	case f != f && g != g:
		return 0
	case f != f || g != g || math.IsInf(f, 0) || math.IsInf(g, 0):
		return math.Inf(1)
	case f == 0 && g == 0: // of other signs
		return math.Inf(1)
	}
	unit := math.Nextafter(math.Abs(g), math.Inf(1)) - math.Abs(g)
	if d == tile.Float32 {
		unit = float64(math.Nextafter32(float32(math.Abs(g)), float32(math.Inf(1)))) - math.Abs(g)
	}
	return math.Abs(f-g) / unit
}

// compare holds a tile against another one.
func compare(t *testing.T, what string, got, want *tile.Tile, bound float64) {
	t.Helper()
	if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		t.Fatalf("%s: got %s of shape %v, want %s of shape %v", what, got.DType, got.Shape, want.DType, want.Shape)
	}
	bad := 0
	for k := range want.Len() {
		x, y := element(got.Bytes(), got.DType, k), element(want.Bytes(), want.DType, k)
		if d := ulps(got.DType, x, y); !(d <= bound) && bad < 3 {
			bad++
			t.Errorf("%s: element %d of %v is %s, want %s", what, k, want.Shape, show(got.DType, x), show(got.DType, y))
		}
	}
}

func show(d tile.DType, bits uint64) string {
	switch {
	case isFloat(d):
		return fmt.Sprint(math.Float64frombits(castEw(d, tile.Float64, bits)))
	case d == tile.Bool || isUnsigned(d):
		return fmt.Sprint(bits)
	}
	return fmt.Sprint(signExtend(bits, d))
}

// ew runs the kernel, and the reference.
func (w *workbench) ew(expr string, out tile.DType, in ...*tile.Tile) (got, want *tile.Tile) {
	w.t.Helper()
	got = w.run("ew", &Args{In: in, Strs: []string{expr}, Attrs: map[string]any{"dtype": out.String()}})
	c, err := newEwCall("ew", expr, in, out, out)
	if err != nil {
		w.t.Fatal(err)
	}
	want = w.empty(out, got.Shape...)
	if err := c.runReference(want); err != nil {
		w.t.Fatal(err)
	}
	return got, want
}

// templates are all operators and functions, with the units that results may be off.
var templates = map[string]float64{
	"a + b": 0, "a - b": 0, "a * b": 0, "a / b": 0, "a // b": 1, "a % b": 1, "-a": 0, "abs(a)": 0, "square(a)": 0, "sign(a)": 0,
	"floor(a)": 0, "sqrt(a)": 0, "exp(a)": 1.5, "log(a)": 1.5, "maximum(a, b)": 0, "minimum(a, b)": 0,
	"a == b": 0, "a != b": 0, "a < b": 0, "a <= b": 0, "a > b": 0, "a >= b": 0, "isnan(a)": 0, "isfinite(a)": 0,
	"logical_and(a, b)": 0, "logical_or(a, b)": 0, "logical_not(a)": 0, "where(a > b, a, b)": 0, "where(a, b, a)": 0,
}

func TestEwOperations(t *testing.T) {
	for _, d := range realTypes {
		t.Run(d.String(), func(t *testing.T) {
			w, rng := newWorkbench(t), seeded(int(d))
			a, b := w.fill(rng, d, 4099), w.fill(rng, d, 4099)
			for expr, bound := range templates {
				out := resultOf(expr, d, d)
				if out == 0 { // refused, like the difference of bools
					_, err := w.try("ew", &Args{In: []*tile.Tile{a, b}, Strs: []string{expr}, Attrs: map[string]any{"dtype": "bool"}})
					wantKind(t, err, errs.Type)
					continue
				}
				got, want := w.ew(expr, out, a, b)
				compare(t, expr, got, want, bound)
			}
		})
	}
}

// resultOf is the dtype of an expression before it is converted; 0 when it is refused.
func resultOf(expr string, in ...tile.DType) (d tile.DType) {
	tree, err := parseEw(expr, len(in))
	if err != nil {
		return 0
	}
	defer func() {
		if recover() != nil {
			d = 0
		}
	}()
	b := &ewBuilder{text: expr, in: in, known: map[ewValue]int{}}
	x := b.term(tree)
	if x.kind != ewNoNumber {
		return withNumber(0, x.kind)
	}
	return b.typeOf(x.id)
}

// powerBound allows for package math's Pow, which is off by more than C's.
const powerBound = 200

func TestEwPower(t *testing.T) {
	w, rng := newWorkbench(t), seeded(1)
	for _, d := range realTypes[1:] {
		a := w.fill(rng, d, 777)
		e := w.empty(d, 777)
		for k := range e.Len() {
			setElement(e.Bytes(), d, k, castEw(tile.Int64, d, uint64(rng.IntN(9))))
		}
		for _, expr := range []string{"a ** b", "a ** 3", "a ** 2", "a ** 1", "a ** 0", "2 ** b"} {
			got, want := w.ew(expr, d, a, e)
			compare(t, fmt.Sprintf("%s of %s", expr, d), got, want, powerBound)
		}
		if isFloat(d) {
			for _, expr := range []string{"a ** 0.5", "a ** -1", "abs(a) ** 0.3", "abs(a) ** -1.7", "a ** -2"} {
				got, want := w.ew(expr, d, a, e)
				compare(t, fmt.Sprintf("%s of %s", expr, d), got, want, powerBound)
			}
		} else if !isUnsigned(d) {
			setElement(e.Bytes(), d, 776, math.MaxUint64)
			_, err := w.try("ew", &Args{In: []*tile.Tile{a, e}, Strs: []string{"a ** b"}, Attrs: map[string]any{"dtype": d.String()}})
			wantKind(t, err, errs.Value)
		}
	}
}

func TestEwCasts(t *testing.T) {
	for _, from := range realTypes {
		w, rng := newWorkbench(t), seeded(int(from))
		a := w.fill(rng, from, 3001)
		for _, to := range realTypes {
			got, want := w.ew(to.String()+"(a)", to, a)
			compare(t, fmt.Sprintf("%s to %s", from, to), got, want, 0)
			got, want = w.ew("a", to, a)
			compare(t, fmt.Sprintf("%s into %s", from, to), got, want, 0)
		}
	}
}

// TestEwMath holds exp and log against package math's, which are other methods and off by up to two units themselves.
func TestEwMath(t *testing.T) {
	for _, d := range bothFloats {
		w, rng := newWorkbench(t), seeded(2)
		a := w.empty(d, 20000)
		for _, width := range []float64{1e-8, 0.1, 1, 30, 85, 700} {
			for k := range a.Len() {
				setElement(a.Bytes(), d, k, castEw(tile.Float64, d, math.Float64bits((2*rng.Float64()-1)*width)))
			}
			for expr, f := range map[string]func(float64) float64{
				"exp(a)":          math.Exp,
				"log(abs(a))":     func(x float64) float64 { return math.Log(math.Abs(x)) },
				"log(square(a))":  func(x float64) float64 { return math.Log(x * x) },
				"log(1 + abs(a))": nil,
			} {
				got, want := w.ew(expr, d, a)
				for k := range a.Len() {
					if x := math.Float64frombits(castEw(d, tile.Float64, element(a.Bytes(), d, k))); f != nil && (d == tile.Float64 || expr != "log(square(a))") {
						setElement(want.Bytes(), d, k, castEw(tile.Float64, d, math.Float64bits(f(x))))
					}
				}
				compare(t, fmt.Sprintf("%s of %s below %g", expr, d, width), got, want, 3)
			}
		}
	}
}

func TestEwStrips(t *testing.T) {
	for _, n := range []int64{0, 1, 2, 31, 1023, 1024, 1025, 2047, 2048, 2049, 4096, 8191, 8192, 8193} {
		w, rng := newWorkbench(t), seeded(int(n))
		for _, d := range []tile.DType{tile.Float64, tile.Float32, tile.Int8} {
			a, b := w.fill(rng, d, n), w.fill(rng, d, n)
			got, want := w.ew("where(a < b, a * 3 + b, maximum(a, 5) - b)", d, a, b)
			compare(t, fmt.Sprintf("%d of %s", n, d), got, want, 0)
		}
	}
}

func TestEwBroadcast(t *testing.T) {
	shapes := [][]int64{
		{}, {1}, {5}, {3000}, {1, 1}, {7, 1}, {1, 7}, {3, 2000}, {2000, 3}, {1000, 5}, {1025, 4}, {300, 30}, {1, 5000}, {2, 3, 4}, {5, 1, 700},
		{1, 40, 50}, {300, 2, 3, 5}, {2, 1, 3, 400}, {2, 2, 2, 2, 2, 2},
	}
	for n, shape := range shapes {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			w, rng := newWorkbench(t), seeded(n)
			for trial := range 12 {
				d := []tile.DType{tile.Float64, tile.Float32, tile.Int16, tile.Bool}[trial%4]
				in := []*tile.Tile{w.fill(rng, d, shape...)}
				for range 3 {
					part := slices.Clone(shape)
					for k := range part {
						if rng.IntN(2) == 0 {
							part[k] = 1
						}
					}
					in = append(in, w.fill(rng, tile.Float64, part...))
				}
				rng.Shuffle(4, func(i, j int) { in[i], in[j] = in[j], in[i] })
				for _, expr := range []string{"a + b * c - d", "b * b - c * b", "d", "maximum(a, 1) + c"} {
					got, want := w.ew(expr, tile.Float64, in...)
					compare(t, expr, got, want, 0)
				}
			}
		})
	}
}

// TestEwTypes is NumPy 2's promotion.
func TestEwTypes(t *testing.T) {
	const b, i1, i2, i4, i8, u1, u2, u4, u8, f4, f8 = tile.Bool, tile.Int8, tile.Int16, tile.Int32, tile.Int64,
		tile.Uint8, tile.Uint16, tile.Uint32, tile.Uint64, tile.Float32, tile.Float64
	for _, c := range []struct {
		expr string
		in   []tile.DType
		want tile.DType
	}{
		{"a + b", []tile.DType{i1, u1}, i2}, {"a + b", []tile.DType{u4, i1}, i8}, {"a + b", []tile.DType{u8, i1}, f8},
		{"a + b", []tile.DType{u1, i8}, i8}, {"a + b", []tile.DType{b, i1}, i1}, {"a + b", []tile.DType{f4, i2}, f4},
		{"a + b", []tile.DType{f4, i4}, f8}, {"a + b", []tile.DType{u2, f4}, f4}, {"a + b", []tile.DType{f4, f8}, f8}, {"a + b", []tile.DType{b, b}, b},
		{"a + 1", []tile.DType{i1}, i1}, {"a + 1.0", []tile.DType{i1}, f8}, {"a + 1.5", []tile.DType{f4}, f4}, {"a + 1", []tile.DType{b}, i8},
		{"a * (1.0 / 0.0)", []tile.DType{f4}, f4}, {"a * 2 ** -1", []tile.DType{f4}, f4}, {"a + 7 // 2", []tile.DType{i2}, i2},
		{"a / b", []tile.DType{i2, i2}, f8}, {"a // b", []tile.DType{b, b}, i1}, {"a ** b", []tile.DType{b, b}, i1}, {"square(a)", []tile.DType{b}, i1},
		{"sqrt(a)", []tile.DType{i2}, f4}, {"exp(a)", []tile.DType{i4}, f8}, {"log(a)", []tile.DType{f4}, f4}, {"floor(a)", []tile.DType{u2}, u2},
		{"a < b", []tile.DType{f4, u8}, b}, {"where(a, b, 0)", []tile.DType{f4, f4}, f4}, {"where(a, 1, 0)", []tile.DType{b}, i8},
		{"where(a, 1.0, 0)", []tile.DType{b}, f8}, {"float32(1) + a", []tile.DType{i2}, f4}, {"maximum(a, b)", []tile.DType{b, b}, b},
		{"isnan(a)", []tile.DType{i4}, b}, {"logical_and(a, 1)", []tile.DType{i4}, b}, {"abs(a)", []tile.DType{u4}, u4}, {"2 + 3.0", nil, f8},
	} {
		if got := resultOf(c.expr, c.in...); got != c.want {
			t.Errorf("%s of %v is %s, want %s", c.expr, c.in, got, c.want)
		}
	}
}

// TestEwValues is worked out by hand.
func TestEwValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		expr string
		a, b float64
		want float64
	}{
		{"-a ** 2", 3, 0, -9}, {"2 ** -a", 3, 0, 0.125}, {"2 ** 3 ** 2 + a", 0, 0, 512}, {"a - 1 - 1", 5, 0, 3}, {"a / 2 * 3", 4, 0, 6}, {"+a", 5, 0, 5},
		{"a // b", 7, -2, -4}, {"a % b", 7, -2, -1}, {"a % b", -7, 2, 1}, {"a // b", 1, 0, inf}, {"a % b", 1, 0, nan}, {"a % b", -1, inf, inf},
		{"a // b", -1, inf, -1}, {"sign(a)", nan, 0, nan}, {"maximum(a, b)", nan, 1, nan}, {"maximum(a, b)", 1, nan, nan}, {"minimum(a, b)", 1, nan, nan},
		{"sqrt(a)", -1, 0, nan}, {"log(a)", 0, 0, -inf}, {"log(a)", -1, 0, nan}, {"exp(a)", -inf, 0, 0}, {"exp(a)", inf, 0, inf}, {"a + 1e3", 1, 0, 1001},
		{"a + .5", 1, 0, 1.5}, {"a + 1.", 1, 0, 2}, {"int8(a) + 0", 200, 0, -56}, {"int64(a)", nan, 0, math.MinInt64}, {"uint8(a) + 0", -1, 0, 255},
		{"uint8(a) < 300", 7, 0, 1}, {"uint8(a) > -1", 7, 0, 1}, {"-1 < uint8(a)", 7, 0, 1}, {"uint8(a) == 300", 44, 0, 0}, {"300 <= uint8(a)", 44, 0, 0},
		{"int64(a) // 0", 5, 0, 0}, {"int64(a) % 0", 5, 0, 0}, {"bool(a) + bool(b)", 1, 1, 1}, {"bool(a) * bool(b)", 1, 0, 0}, {"a ** 0.5", 9, 0, 3},
		{"int64(a) ** b", 2, 10, 1024}, {"(-9223372036854775808) + int64(a)", 0, 0, math.MinInt64}, {"where(a > b, a, b) - (0.0 / 0.0)", 1, 2, nan},
		{"1 / a", 4, 0, 0.25}, {"(a + b) * (a + b)", 2, 3, 25}, {"7 // 2 + a", 0, 0, 3}, {"-7 // 2 + a", 0, 0, -4}, {"7 % -3 + a", 0, 0, -2},
	} {
		w := newWorkbench(t)
		a, b := w.tile(tile.Float64, &dense{1, 1, []float64{c.a}}), w.tile(tile.Float64, &dense{1, 1, []float64{c.b}})
		got, _ := w.ew(c.expr, tile.Float64, a, b)
		if x := tile.Float64s(got)[0]; x != c.want && !(x != x && c.want != c.want) {
			t.Errorf("%s of %v, %v is %v, want %v", c.expr, c.a, c.b, x, c.want)
		}
	}
}

func TestEwErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"":                                "at position 0: the expression ends",
		"a +":                             "at position 3: the expression ends",
		"a b":                             "at position 2: expected the end",
		"a < b < a":                       "at position 6: comparisons do not chain",
		"sin(a)":                          `at position 0: unknown function "sin": there are abs, exp`,
		"a + c":                           "at position 4: there is no operand c: the call has 2, the last is b",
		"a + A":                           "neither an operand",
		"a & b":                           `at position 2: '&' does not belong there`,
		"(a":                              `expected ")"`,
		"abs(a, b)":                       "abs takes 1 arguments, 2 are given",
		"where(a, b)":                     "where takes 3 arguments, 2 are given",
		"abs(a b)":                        `expected ","`,
		"99999999999999999999":            "does not fit int64",
		"a + 1..2":                        "expected the end",
		"complex128(a)":                   "unknown function",
		strings.Repeat("(", 1000):         "nested too deeply",
		strings.Repeat("-", 1000) + "a":   "nested too deeply",
		"a" + strings.Repeat("**a", 1000): "nested too deeply",
		"a" + strings.Repeat("+a", 5000):  "too long",
		"int8(a) + 300":                   "at position 10: the integer 300 is out of bounds for int8",
		"int8(a) ** -3":                   "negative integer powers",
		"a + 9223372036854775807 * 2":     "does not fit int64",
		"a * (5 - 9223372036854775807 - 9223372)": "does not fit int64",
	} {
		w := newWorkbench(t)
		a := w.empty(tile.Float64, 2)
		_, err := w.try("ew", &Args{In: []*tile.Tile{a, a}, Strs: []string{expr}, Attrs: map[string]any{"dtype": "float64"}})
		wantKind(t, err, errs.Value)
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
	w := newWorkbench(t)
	_, err := w.try("ew", &Args{In: []*tile.Tile{w.empty(tile.Float64, 2, 3), w.empty(tile.Float64, 3, 3)}, Strs: []string{"a"}, Attrs: map[string]any{"dtype": "bool"}})
	wantKind(t, err, errs.Value)
	_, err = w.try("ew", &Args{In: []*tile.Tile{w.empty(tile.Pair, 2)}, Strs: []string{"a"}, Attrs: map[string]any{"dtype": "float64"}})
	wantKind(t, err, errs.Type)
	for _, refused := range []string{"a - b", "-a", "sign(a)"} {
		if resultOf(refused, tile.Bool, tile.Bool) != 0 {
			t.Errorf("%s of bools is accepted", refused)
		}
	}
}

func TestEwInPlace(t *testing.T) {
	w, rng := newWorkbench(t), seeded(3)
	a, b := w.fill(rng, tile.Float64, 2001, 3), w.fill(rng, tile.Float64, 1, 3)
	spec := Spec{tile.Float64, []int64{2001, 3}}
	if !EwCanReuse("a * 2 + b", tile.Float64, a, spec) || EwCanReuse("a + b", tile.Float64, b, spec) || EwCanReuse("a", tile.Float32, a, spec) {
		t.Error("EwCanReuse is wrong")
	}
	_, want := w.ew("a * 2 + b - exp(a) * a", tile.Float64, a, b)
	k, _ := Lookup("ew")
	args := &Args{In: []*tile.Tile{a, b}, Strs: []string{"a * 2 + b - exp(a) * a"}, Attrs: map[string]any{"dtype": "float64"}}
	if err := k.Run(args, []*tile.Tile{a}, false); err != nil {
		t.Fatal(err)
	}
	compare(t, "in place", a, want, 1e9)
}

func TestCheckEw(t *testing.T) {
	if err := CheckEw("exp(a) + b", 2); err != nil {
		t.Error(err)
	}
	wantKind(t, CheckEw("exp(a) + b", 1), errs.Value)
	wantKind(t, CheckEw("a +", 2), errs.Value)
}

func FuzzEw(f *testing.F) {
	for expr := range templates {
		f.Add(expr)
	}
	for _, expr := range []string{"a * -2 + b + c", "where(a > 0.5, 1e-3, int8(c) ** 2)", "((a))", "-9223372036854775808 // c", "float32(a)**.5", "1/0"} {
		f.Add(expr)
	}
	w := newWorkbench(f)
	rng := seeded(4)
	in := []*tile.Tile{w.fill(rng, tile.Float64, 3, 5), w.fill(rng, tile.Float32, 3, 1), w.fill(rng, tile.Int16, 1, 5)}
	got, want := w.empty(tile.Float64, 3, 5), w.empty(tile.Float64, 3, 5)
	f.Fuzz(func(t *testing.T, expr string) {
		c, err := newEwCall("ew", expr, in, tile.Float64, tile.Float64)
		if (err == nil) != (CheckEw(expr, 3) == nil) && errs.KindOf(err) == errs.OK {
			t.Fatalf("%q compiles, but does not check", expr)
		}
		if err != nil {
			return
		}
		if err, reference := c.run(got), c.runReference(want); (err == nil) != (reference == nil) {
			t.Fatalf("%q gives the error %v, should give %v", expr, err, reference)
		}
	})
}

func BenchmarkEw(b *testing.B) {
	for _, d := range bothFloats {
		for _, expr := range []string{"a", "a * -2 + b", "a * -2 + c + d", "sqrt(a)", "exp(a)", "log(a)", "a // b"} {
			b.Run(fmt.Sprintf("%s/%s", d, strings.ReplaceAll(expr, " ", "")), func(b *testing.B) {
				const n = 1000
				w, rng := newWorkbench(b), seeded(5)
				in := []*tile.Tile{w.empty(d, n, n), w.empty(d, n, n), w.empty(d, n, 1), w.empty(d, 1, n)}
				for _, t := range in {
					for k := range t.Len() {
						setElement(t.Bytes(), d, k, castEw(tile.Float64, d, math.Float64bits(rng.Float64()*10)))
					}
				}
				a := &Args{In: in, Strs: []string{expr}, Attrs: map[string]any{"dtype": d.String()}}
				out := []*tile.Tile{w.empty(d, n, n)}
				b.SetBytes(n * n * int64(d.Size())) // of the operand a
				for b.Loop() {
					if err := ewRun(a, out, false); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEwSmall is what a call costs apart from its elements.
func BenchmarkEwSmall(b *testing.B) {
	w := newWorkbench(b)
	x := w.empty(tile.Float64, 1, 1)
	a, out := &Args{In: []*tile.Tile{x, x}, Strs: []string{"a * -2 + b"}, Attrs: map[string]any{"dtype": "float64"}}, []*tile.Tile{x}
	for b.Loop() {
		if err := ewRun(a, out, false); err != nil {
			b.Fatal(err)
		}
	}
}
