package kernel

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "hypot", Step: hypotStep, InPlace: -1}) }

// Euclidean norms that neither overflow nor lose what is small, as LAPACK's lassq: almost always one pass, the plain sum of squares.
// Only where that is outside of the numbers that can be trusted is there a second one, of elements times a power of two (J. Blue, A
// portable Fortran program to find the Euclidean norm of a vector, ACM Trans. Math. Softw. 4, 1978).

// normRange says when a sum of squares is right: above least, whatever has been lost below the smallest numbers, and finite. Shift is
// the power of two by which elements are multiplied where it is not.
type normRange struct {
	least float64
	shift int
}

func rangeOf(d tile.DType) normRange {
	if d == tile.Float32 {
		return normRange{0x1p-90, 90}
	}
	return normRange{0x1p-960, 600}
}

// reduceNorm is the root of the sum of squares over the marked dimensions.
func reduceNorm(a *Args, axes []bool, out *tile.Tile) error {
	text, value, err := operandText("reduce", a)
	if err != nil {
		return err
	}
	sum := func(factor string) error {
		squares := fmt.Sprintf("square(%s(%s)%s)", value, text, factor)
		c, err := newEwCall("reduce", squares, a.In, value, value)
		if err != nil {
			return err
		}
		return c.reduce(reduceSum, axes, out)
	}
	if out.DType == tile.Float32 {
		return norms(tile.Float32s(out), rangeOf(out.DType), sum)
	}
	return norms(tile.Float64s(out), rangeOf(out.DType), sum)
}

// norms has sum write sums of squares of elements times a factor to out, as often as is needed, and makes norms of them.
func norms[T float](out []T, r normRange, sum func(factor string) error) error {
	if err := sum(""); err != nil {
		return err
	}
	var large, small []int
	for k, s := range out {
		switch v := float64(s); {
		case math.IsInf(v, 1):
			large = append(large, k)
		case v < r.least:
			small = append(small, k)
		}
		out[k] = T(math.Sqrt(float64(s)))
	}
	for _, again := range []struct {
		at    []int
		shift int
	}{{large, -r.shift}, {small, r.shift}} {
		if len(again.at) == 0 {
			continue
		}
		kept := append([]T(nil), out...)
		factor := strconv.FormatFloat(math.Ldexp(1, again.shift), 'g', -1, 64)
		if err := sum(" * " + strings.Replace(factor, "e+", "e", 1)); err != nil {
			return err
		}
		for _, k := range again.at {
			kept[k] = T(math.Ldexp(math.Sqrt(float64(out[k])), -again.shift))
		}
		copy(out, kept)
	}
	return nil
}

// hypotStep is acc = √(acc² + x²), element by element.
func hypotStep(acc *tile.Tile, first bool, x *tile.Tile, _, _ *Args) error {
	if err := checkStep("hypot", acc, x); err != nil {
		return err
	}
	if err := checkFloat("hypot", x); err != nil {
		return err
	}
	switch {
	case first:
		copy(acc.Bytes(), x.Bytes())
	case x.DType == tile.Float32:
		hypot(tile.Float32s(acc), tile.Float32s(x))
	default:
		hypot(tile.Float64s(acc), tile.Float64s(x))
	}
	return nil
}

// hypot is NaN where either is, also beside an infinity: the norm of what has a NaN is NaN.
func hypot[T float](acc, x []T) {
	for k, v := range x {
		a := acc[k]
		acc[k] = T(math.Hypot(float64(a), float64(v)))
		if a != a || v != v {
			acc[k] = T(math.NaN())
		}
	}
}

// checkNorm refuses the norm of what has no roots.
func checkNorm(value tile.DType) error {
	if value != tile.Float32 && value != tile.Float64 {
		return errs.New(errs.Type, `reduce: op="norm" of %s elements: convert them to float64 or float32 first`, value)
	}
	return nil
}
