package affine

import (
	"math/big"
	"sync"
)

// poly is a polynomial in n variables with rational coefficients, by the exponents as a string of n bytes.
type poly map[string]*big.Rat

func constPoly(n int, c *big.Rat) poly { return poly{string(make([]byte, n)): c} }

// add puts c*x^exps into p.
func (p poly) add(exps string, c *big.Rat) {
	if c.Sign() == 0 {
		return
	}
	old, ok := p[exps]
	if !ok {
		p[exps] = c
		return
	}
	if sum := new(big.Rat).Add(old, c); sum.Sign() == 0 {
		delete(p, exps)
	} else {
		p[exps] = sum
	}
}

// timesRow is p * r, r being affine in the variables.
func (p poly) timesRow(r row) poly {
	out := poly{}
	n := len(r) - 1
	for exps, c := range p {
		for i, a := range r {
			if a == 0 {
				continue
			}
			e := exps
			if i < n {
				e = raise(exps, i, 1)
			}
			out.add(e, new(big.Rat).Mul(c, new(big.Rat).SetInt64(a)))
		}
	}
	return out
}

// raise is exps with the k-th raised by d.
func raise(exps string, k, d int) string {
	b := []byte(exps)
	b[k] = byte(int(b[k]) + d)
	return string(b)
}

// byPower is p as a polynomial in variable k: the coefficient of x_k^e at e.
func (p poly) byPower(k int) []poly {
	var out []poly
	for exps, c := range p {
		e := int(exps[k])
		for len(out) <= e {
			out = append(out, poly{})
		}
		out[e].add(raise(exps, k, -e), c)
	}
	return out
}

// compose is Σ qs[e] * r^e, by Horner's rule.
func compose(qs []poly, r row) poly {
	out := poly{}
	for e := len(qs) - 1; e >= 0; e-- {
		out = out.timesRow(r)
		for exps, c := range qs[e] {
			out.add(exps, c)
		}
	}
	return out
}

// subst is p with variable k replaced by r, which may contain variable k.
func (p poly) subst(k int, r row) poly { return compose(p.byPower(k), r) }

// sum is the sum of p for x_k from lo to hi, which do not contain x_k; exact whenever lo <= hi + 1. With the Faulhaber
// polynomials F_e(m) = 1^e + … + m^e it is Σ q_e (F_e(hi) - F_e(lo-1)).
func (p poly) sum(k int, lo, hi row) poly {
	var antidifference []poly // in x_k: Σ q_e F_e
	for e, q := range p.byPower(k) {
		for d, f := range faulhaber(e) {
			for len(antidifference) <= d {
				antidifference = append(antidifference, poly{})
			}
			for exps, c := range q {
				antidifference[d].add(exps, new(big.Rat).Mul(c, f))
			}
		}
	}
	below := append(row(nil), lo...)
	below[len(below)-1]--
	out := compose(antidifference, hi)
	for exps, c := range compose(antidifference, below) {
		out.add(exps, new(big.Rat).Neg(c))
	}
	return out
}

// faulhabers are F_0, F_1, …, grown on demand.
var faulhabers struct {
	sync.Mutex
	f [][]*big.Rat
}

// faulhaber is the coefficients of F_e, from the constant up: F_e(m) = m^(e+1)/(e+1) + Σ …, by
// (e+1) F_e(m) = (m+1)^(e+1) - 1 - Σ_{j<e} C(e+1, j) F_j(m).
func faulhaber(e int) []*big.Rat {
	faulhabers.Lock()
	defer faulhabers.Unlock()
	for n := len(faulhabers.f); n <= e; n++ {
		f := make([]*big.Rat, n+2)
		for d := range f { // (m+1)^(n+1)
			f[d] = new(big.Rat).SetInt(new(big.Int).Binomial(int64(n+1), int64(d)))
		}
		f[0].SetInt64(0) // - 1
		for j, g := range faulhabers.f {
			c := new(big.Rat).SetInt(new(big.Int).Binomial(int64(n+1), int64(j)))
			for d, v := range g {
				f[d].Sub(f[d], new(big.Rat).Mul(c, v))
			}
		}
		for _, v := range f {
			v.Quo(v, new(big.Rat).SetInt64(int64(n+1)))
		}
		faulhabers.f = append(faulhabers.f, f)
	}
	return faulhabers.f[e]
}
