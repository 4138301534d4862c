package kernel

import (
	"encoding/binary"
	"math"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// The elementwise kernels in Go, element by element: the build without C has nothing else, and tests compare the C code with it.

// element is the bits of element k of memory with elements of the type.
func element(mem []byte, t tile.DType, k int64) uint64 {
	switch t.Size() {
	case 1:
		return uint64(mem[k])
	case 2:
		return uint64(binary.LittleEndian.Uint16(mem[2*k:]))
	case 4:
		return uint64(binary.LittleEndian.Uint32(mem[4*k:]))
	}
	return binary.LittleEndian.Uint64(mem[8*k:])
}

func setElement(mem []byte, t tile.DType, k int64, bits uint64) {
	switch t.Size() {
	case 1:
		mem[k] = byte(bits)
	case 2:
		binary.LittleEndian.PutUint16(mem[2*k:], uint16(bits))
	case 4:
		binary.LittleEndian.PutUint32(mem[4*k:], uint32(bits))
	default:
		binary.LittleEndian.PutUint64(mem[8*k:], bits)
	}
}

// each computes the expression at each index, in column-major order.
func (c *ewCall) each(f func(idx []int64, bits uint64)) error {
	idx, bits := make([]int64, len(c.shape)), make([]uint64, len(c.values))
	mem := make([][]byte, len(c.in))
	for k, t := range c.in {
		mem[k] = t.Bytes()
	}
	for range c.len() {
		for k, v := range c.values {
			switch v.op {
			case ewOperand:
				t := c.in[v.n]
				bits[k] = element(mem[v.n], t.DType, offsetIn(t.Shape, idx))
			case ewConst:
				bits[k] = v.bits
			default:
				var ok bool
				if bits[k], ok = evalEw(v.op, v.t, v.result(), bits[v.args[0]], bits[v.args[1]], bits[v.args[2]]); !ok {
					return errs.New(errs.Value, "%s", negativePower)
				}
			}
		}
		f(idx, bits[c.last])
		for d := range idx {
			if idx[d]++; idx[d] < c.shape[d] {
				break
			}
			idx[d] = 0
		}
	}
	return nil
}

// offsetIn is the place of an index among the elements of a tile that is broadcast to it.
func offsetIn(shape, idx []int64) int64 {
	at, step := int64(0), int64(1)
	for d, n := range shape {
		if n > 1 {
			at += idx[d] * step
		}
		step *= n
	}
	return at
}

func (c *ewCall) runReference(out *tile.Tile) error {
	mem, k := out.Bytes(), int64(0)
	return c.each(func(_ []int64, bits uint64) {
		setElement(mem, out.DType, k, bits)
		k++
	})
}

// reduceReference adds floats in float64, with what each addition lost.
func (c *ewCall) reduceReference(op reduction, out *tile.Tile) error {
	n, mem := out.Len(), out.Bytes()
	sums, lost := make([]float64, n), make([]float64, n)
	folds := map[reduction]ewOp{reduceSum: ewAdd, reduceProd: ewMul, reduceMin: ewMin, reduceMax: ewMax}
	if out.DType == tile.Bool {
		folds[reduceMin], folds[reduceMax] = ewAnd, ewOr
	}
	for k := range n {
		setElement(mem, out.DType, k, op.identity(out.DType))
	}
	exact := op == reduceSum && isFloat(out.DType)
	err := c.each(func(idx []int64, bits uint64) {
		k := offsetIn(out.Shape, idx)
		if exact {
			x := math.Float64frombits(castEw(out.DType, tile.Float64, bits))
			sum := sums[k] + x
			z := sum - sums[k]
			lost[k] += (sums[k] - (sum - z)) + (x - z)
			sums[k] = sum
			return
		}
		bits, _ = evalEw(folds[op], out.DType, out.DType, element(mem, out.DType, k), bits, 0)
		setElement(mem, out.DType, k, bits)
	})
	for k := int64(0); exact && k < n; k++ {
		if sum := sums[k] + lost[k]; !math.IsInf(sums[k], 0) && sum == sum {
			sums[k] = sum
		}
		setElement(mem, out.DType, k, castEw(tile.Float64, out.DType, math.Float64bits(sums[k])))
	}
	return err
}

// identity is the result of reducing nothing.
func (op reduction) identity(t tile.DType) uint64 {
	switch {
	case op == reduceSum:
		return 0
	case op == reduceProd:
		return castEw(tile.Bool, t, 1)
	case isFloat(t):
		return castEw(tile.Float64, t, math.Float64bits(math.Inf(1-2*int(op-reduceMin))))
	case t == tile.Bool || isUnsigned(t):
		if op == reduceMax {
			return 0
		}
		if t == tile.Bool {
			return 1
		}
		return math.MaxUint64 >> (64 - 8*t.Size())
	}
	lo, hi := intRange(t)
	if op == reduceMin {
		lo = hi
	}
	return castEw(tile.Int64, t, uint64(lo))
}

func (c *ewCall) argpartReference(search *argSearch, out *tile.Tile) error {
	pairs := tile.View[pair](out)
	for k := range pairs {
		pairs[k].index = -1
	}
	return c.each(func(idx []int64, bits uint64) {
		x := pair{bits, search.start}
		for d, i := range idx {
			x.index += i * search.weight[d]
		}
		to := &pairs[offsetIn(out.Shape, idx)]
		if to.index < 0 || x.before(to, c.out, search.greatest) {
			*to = x
		}
	})
}
