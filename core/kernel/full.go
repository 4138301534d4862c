package kernel

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

func init() { register(&Kernel{Name: "full", Out: fromAxes, Run: fullRun, InPlace: -1}) }

// fullRun sets all elements to the value, which is an integer, a number, or a string for what the others cannot be: "nan",
// "-inf", "True", "18446744073709551615", "(1+2j)".
func fullRun(a *Args, out []*tile.Tile, _ bool) error {
	d := out[0].DType
	var element []byte
	var err error
	switch {
	case len(a.Strs)+len(a.Floats)+len(a.Ints) != 1:
		return errs.New(errs.Value, "full takes one value, not %d", len(a.Strs)+len(a.Floats)+len(a.Ints))
	case len(a.Ints) == 1:
		element, err = elementOf(d, strconv.FormatInt(a.Ints[0], 10))
	case len(a.Floats) == 1:
		element, err = elementOf(d, strconv.FormatFloat(a.Floats[0], 'g', -1, 64))
	default:
		element, err = elementOf(d, a.Strs[0])
	}
	if err != nil {
		return err
	}
	if len(bytes.TrimLeft(element, "\x00")) == 0 {
		out[0].Zero()
	} else {
		out[0].Fill(element)
	}
	return nil
}

// elementOf is the bytes of an element of the value that the text says, in Go's or Python's writing. Integers that the dtype
// cannot hold are refused, as NumPy refuses them.
func elementOf(d tile.DType, text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	switch text {
	case "True":
		text = "1"
	case "False":
		text = "0"
	}
	if d == tile.Complex64 || d == tile.Complex128 {
		z, err := strconv.ParseComplex(strings.ReplaceAll(strings.ToLower(text), "j", "i"), 128)
		if err != nil {
			return nil, errs.New(errs.Value, "full: %q is no number", text)
		}
		return append(floatBytes(d.Size()/2, real(z)), floatBytes(d.Size()/2, imag(z))...), nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(x, 0) {
		return nil, errs.New(errs.Value, "full: %q is no number", text)
	}
	switch d {
	case tile.Float32, tile.Float64:
		return floatBytes(d.Size(), x), nil
	case tile.Bool:
		if x != 0 {
			return []byte{1}, nil
		}
		return []byte{0}, nil
	case tile.Pair:
		return nil, errs.New(errs.Type, "full makes no %s tiles", d)
	}
	return intBytes(d, text, x)
}

func floatBytes(size int, x float64) []byte {
	if math.IsNaN(x) {
		x = math.Float64frombits(0x7ff8 << 48) // NumPy's; Go's has one more bit
	}
	if size == 4 {
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x)))
	}
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(x))
}

// intBytes is the integer in the dtype; a number with a fraction loses it, as with NumPy's full.
func intBytes(d tile.DType, text string, x float64) ([]byte, error) {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, errs.New(errs.Value, "full: %s is not an integer, and the dtype is %s", text, d)
		}
		n, _ = big.NewFloat(x).Int(nil)
	}
	signed := d >= tile.Int8 && d <= tile.Int64
	bits := uint(8 * d.Size())
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), bits)
	if signed {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	if n.Cmp(low) < 0 || n.Cmp(high) >= 0 {
		return nil, errs.New(errs.Value, "full: %s is out of the bounds of %s", text, d)
	}
	word := n.Uint64()
	if n.Sign() < 0 {
		word = uint64(n.Int64())
	}
	return binary.LittleEndian.AppendUint64(nil, word)[:d.Size()], nil
}
