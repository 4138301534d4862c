package kernel

import (
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() {
	register(
		&Kernel{Name: "detpart", Out: detpartOut, Run: detpartRun, InPlace: -1},
		&Kernel{Name: "detvalue", Out: detvalueOut, Run: detvalueRun, InPlace: -1},
	)
}

// determinant is three numbers, so that none is too large or too small: a sign, which is 0 for good once a factor is, and a
// magnitude as Frexp gives it. As a tile it is float64, of the shape (3,).
type determinant struct{ sign, fraction, exponent float64 }

// times multiplies the determinant by a number.
func (d *determinant) times(x float64) {
	switch {
	case x == 0:
		d.sign = 0
	case x < 0:
		d.sign, x = -d.sign, -x
	}
	fraction, e := math.Frexp(x)
	fraction, more := math.Frexp(fraction * d.fraction)
	d.fraction, d.exponent = fraction, d.exponent+float64(e+more)
}

// detpartOut: detpart(F, P, r[k]) is the determinant of one block's part of a factorisation: the diagonal of F's U and the sign
// of the exchange P; with one more operand, D, times D.
func detpartOut(a *Args) ([]Spec, error) {
	if len(a.In) < 2 || len(a.In) > 3 || len(a.Axes) != 1 {
		return nil, errs.New(errs.Value, "detpart takes two or three tiles and a block of rows, not %d and %d", len(a.In), len(a.Axes))
	}
	if err := checkFloat("detpart", a.In[0]); err != nil {
		return nil, err
	}
	if len(a.In[0].Shape) != 2 {
		return nil, errs.New(errs.Value, "detpart wants a tile of 2 dimensions, not of the shape %v", a.In[0].Shape)
	}
	if err := checkExchange("detpart", a.In[1], a.Axes[0]); err != nil {
		return nil, err
	}
	if len(a.In) == 3 {
		if err := checkDeterminant("detpart", a.In[2]); err != nil {
			return nil, err
		}
	}
	return []Spec{{DType: tile.Float64, Shape: []int64{3}}}, nil
}

func checkDeterminant(name string, t *tile.Tile) error {
	if t.DType != tile.Float64 || t.Len() != 3 {
		return errs.New(errs.Value, "%s wants what detpart makes, not a %s tile of the shape %v", name, t.DType, t.Shape)
	}
	return nil
}

func detpartRun(a *Args, out []*tile.Tile, _ bool) error {
	d := determinant{sign: 1, fraction: 1}
	if len(a.In) == 3 {
		x := tile.Float64s(a.In[2])
		d = determinant{x[0], x[1], x[2]}
	}
	t := a.In[0]
	for k := range int(min(t.Shape[0], t.Shape[1])) {
		at := k*ld(t) + k
		if t.DType == tile.Float32 {
			d.times(float64(tile.Float32s(t)[at]))
		} else {
			d.times(tile.Float64s(t)[at])
		}
	}
	switch swaps, ok := exchangesIn(a.In[1], a.Axes[0].Start); {
	case !ok:
		return errs.New(errs.Value, "detpart: the exchange of rows %d to %d is no permutation: it must be as lu made it",
			a.Axes[0].Start, a.Axes[0].Start+a.Axes[0].Extent-1)
	case swaps%2 == 1:
		d.sign = -d.sign
	}
	copy(tile.Float64s(out[0]), []float64{d.sign, d.fraction, d.exponent})
	return nil
}

// exchangesIn is how many exchanges of two rows make up an exchange of those of a block that begins at start: in each cycle one
// less than it has places. False when it is none.
func exchangesIn(p *tile.Tile, start int64) (swaps int, ok bool) {
	from, to := lines(p, cameFrom, false), lines(p, wentTo, false)
	n := int64(len(from))
	back := make(map[int64]int64, n) // what went to a place below the block, by the place
	for k, place := range to {
		if place >= start+n {
			back[place] = int64(k)
		}
	}
	seen := make([]bool, n)
	for k := range n {
		for at := k; !seen[at]; {
			seen[at] = true
			row := from[at] - start
			if row >= n { // through a place below the block
				var known bool
				if row, known = back[from[at]]; !known {
					return 0, false
				}
				swaps++
			}
			if row < 0 {
				return 0, false
			}
			swaps++
			if at = row; seen[at] {
				swaps-- // the cycle is closed
			}
		}
	}
	return swaps, true
}

// detvalueOut: detvalue(D, of="det") is the determinant, detvalue(D, of="sign") its sign and detvalue(D, of="log") the logarithm
// of its magnitude.
func detvalueOut(a *Args) ([]Spec, error) {
	if err := checkOperand("detvalue", a); err != nil {
		return nil, err
	}
	if err := checkDeterminant("detvalue", a.In[0]); err != nil {
		return nil, err
	}
	return []Spec{{DType: tile.Float64, Shape: []int64{}}}, nil
}

func detvalueRun(a *Args, out []*tile.Tile, _ bool) error {
	x := tile.Float64s(a.In[0])
	d, value := determinant{x[0], x[1], x[2]}, 0.0
	switch of := attrString(a, "of"); {
	case of == "sign":
		value = d.sign
	case of == "log" && d.sign == 0:
		value = math.Inf(-1)
	case of == "log":
		value = math.Log(d.fraction) + d.exponent*math.Ln2
	case d.sign != 0:
		value = d.sign * math.Ldexp(d.fraction, int(min(max(d.exponent, -4096), 4096)))
	}
	tile.Float64s(out[0])[0] = value
	return nil
}
