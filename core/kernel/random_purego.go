//go:build purego

package kernel

import "math"

// The arithmetic of random.c, operation by operation: see there. The conversions to float64 forbid fused multiply-adds.

// fillRandom fills out: element (i, j) of a column-major rows×cols block is number first + i rows.step + j cols.step.
func fillRandom[T float](s stream, out []T, first uint64, rows, cols run) {
	var one T
	_, single := any(one).(float32)
	for j := range cols.n {
		number := first + uint64(j)*cols.step
		column := out[j*rows.n : (j+1)*rows.n]
		for i := range column {
			column[i] = T(s.shift + float64(s.scale*s.at(number, single)))
			number += rows.step
		}
	}
}

func (s *stream) at(number uint64, single bool) float64 {
	const unit53 = 1.0 / (1 << 53)
	kind := uint32(0)
	if s.normal {
		kind = 1
	}
	w := philox([4]uint32{uint32(number), uint32(number >> 32), kind}, [2]uint32{uint32(s.seed), uint32(s.seed >> 32)})
	switch {
	case s.normal:
		return math.Sqrt(float64(-2*logUnit((bits53(w[0], w[1])+1)*unit53))) * cosTurns(bits53(w[2], w[3])*unit53)
	case single:
		return float64(w[0]>>8) * (1.0 / (1 << 24))
	}
	return bits53(w[0], w[1]) * unit53
}

// philox is a block of Philox4x32-10.
func philox(c [4]uint32, k [2]uint32) [4]uint32 {
	for range 10 {
		p0, p1 := 0xD2511F53*uint64(c[0]), 0xCD9E8D57*uint64(c[2])
		c = [4]uint32{uint32(p1>>32) ^ c[1] ^ k[0], uint32(p1), uint32(p0>>32) ^ c[3] ^ k[1], uint32(p0)}
		k[0] += 0x9E3779B9
		k[1] += 0xBB67AE85
	}
	return c
}

func bits53(high, low uint32) float64 { return float64(float64(high>>5)*(1<<26)) + float64(low>>6) }

func logUnit(x float64) float64 {
	const root, one = 0x3fe6a09e00000000, 0x3ff0000000000000
	b := math.Float64bits(x) + (one - root)
	k := float64(b>>52) - 1023
	f := math.Float64frombits(b&0x000fffffffffffff+root) - 1
	s := f / (2 + f)
	z := s * s
	w := z * z
	t1 := w * polynomial(w, 3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
	t2 := z * polynomial(w, 6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01)
	half := float64(0.5 * f * f)
	inner := float64(s*(half+(float64(t1)+float64(t2)))) + float64(k*1.90821492927058770002e-10)
	return float64(k*6.93147180369123816490e-01) - ((half - inner) - f)
}

func cosTurns(u float64) float64 {
	const magic = 6755399441055744.0
	t := float64(4 * u)
	shifted := t + magic
	q := math.Float64bits(shifted)
	x := (t - (shifted - magic)) * 1.57079632679489661923
	z := float64(x * x)
	sine := x + float64(z*x*polynomial(z, -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
		2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10))
	cosine := 1 - (float64(0.5*z) - float64(z*z*polynomial(z, 4.16666666666666019037e-02, -1.38888888888741095749e-03,
		2.48015872894767294178e-05, -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11)))
	if q&1 != 0 {
		cosine = sine
	}
	return math.Float64frombits(math.Float64bits(cosine) ^ (q+1)&2<<62)
}

// polynomial is by Horner's rule, the constant first.
func polynomial(x float64, c ...float64) float64 {
	sum := c[len(c)-1]
	for k := len(c) - 2; k >= 0; k-- {
		sum = c[k] + float64(x*sum)
	}
	return sum
}
