package kernel

import (
	"slices"
	"strconv"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// A random matrix is a function of its seed: its element with the C-order number e is made of block e of the stream that the
// seed names, whatever the tiles are, and whoever computes them. Uniform and normal numbers have streams of their own.

func init() {
	register(
		&Kernel{Name: "uniform", Out: randomOut("uniform"), Run: uniformRun, InPlace: -1},
		&Kernel{Name: "normal", Out: randomOut("normal"), Run: normalRun, InPlace: -1},
	)
}

func randomOut(name string) func(*Args) ([]Spec, error) {
	return func(a *Args) ([]Spec, error) {
		specs, err := fromAxes(a)
		if err != nil {
			return nil, err
		}
		if d := specs[0].DType; d != tile.Float64 && d != tile.Float32 {
			return nil, errs.New(errs.Type, "%s makes float64 and float32, not %s: convert the result", name, d)
		}
		return specs, nil
	}
}

// uniformRun is uniform in [low, high).
func uniformRun(a *Args, out []*tile.Tile, _ bool) error {
	low, high := attrFloat(a, "low", 0), attrFloat(a, "high", 1)
	return random("uniform", a, out[0], stream{shift: low, scale: high - low})
}

func normalRun(a *Args, out []*tile.Tile, _ bool) error {
	return random("normal", a, out[0], stream{normal: true, shift: attrFloat(a, "loc", 0), scale: attrFloat(a, "scale", 1)})
}

// stream is a stream of random numbers, and what is made of them: shift + scale x.
type stream struct {
	seed         uint64
	normal       bool
	shift, scale float64
}

// run is equally spaced numbers of a stream.
type run struct {
	n    int64
	step uint64
}

func random(name string, a *Args, out *tile.Tile, s stream) error {
	var err error
	if s.seed, err = strconv.ParseUint(attrString(a, "seed"), 10, 64); err != nil {
		return errs.New(errs.Value, "%s: seed=%q is not an integer from 0 to 2**64 - 1", name, attrString(a, "seed"))
	}
	first, runs, err := numbers(name, a)
	if err != nil || out.Len() == 0 {
		return err
	}
	fill := func(at int64, first uint64) {
		if out.DType == tile.Float32 {
			fillRandom(s, tile.Float32s(out)[at:], first, runs[0], runs[1])
		} else {
			fillRandom(s, tile.Float64s(out)[at:], first, runs[0], runs[1])
		}
	}
	eachRun(runs[2:], 0, runs[0].n*runs[1].n, first, fill)
	return nil
}

// eachRun calls f for the elements of the outer dimensions: with the place of its first number in memory, where slices of
// size elements follow each other, and in the stream. It gives the place behind.
func eachRun(outer []run, at, size int64, first uint64, f func(at int64, first uint64)) int64 {
	if len(outer) == 0 {
		f(at, first)
		return at + size
	}
	last := outer[len(outer)-1]
	for i := range uint64(last.n) {
		at = eachRun(outer[:len(outer)-1], at, size, first+i*last.step, f)
	}
	return at
}

// numbers is the number in the stream of the tile's first element, and the runs along its dimensions, the fastest in memory
// first; at least two.
func numbers(name string, a *Args) (first uint64, runs []run, err error) {
	shape, err := attrInts(name, a, "shape")
	if err != nil {
		return 0, nil, err
	}
	if shape == nil {
		for _, axis := range a.Axes {
			shape = append(shape, axis.Len)
		}
	}
	if len(shape) != len(a.Axes) {
		return 0, nil, errs.New(errs.Value, "%s: shape=%q is not of %d dimensions", name, attrString(a, "shape"), len(a.Axes))
	}
	step := uint64(1)
	for d, axis := range slices.Backward(a.Axes) {
		if axis.Start < 0 || axis.Start+axis.Extent > shape[d] {
			return 0, nil, errs.New(errs.Value, "%s: elements %d to %d of axis %d lie outside of shape=%q", name, axis.Start,
				axis.Start+axis.Extent, d, attrString(a, "shape"))
		}
		first += uint64(axis.Start) * step
		if axis.Extent != 1 {
			runs = append(runs, run{axis.Extent, step})
		}
		step *= uint64(shape[d])
	}
	slices.Reverse(runs)
	for len(runs) < 2 {
		runs = append(runs, run{1, 0})
	}
	return first, runs, nil
}
