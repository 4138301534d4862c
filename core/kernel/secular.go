package kernel

import "math"

// secularRoot is root j of a secular equation by bisection, for the few that LAPACK's laed4 and lasd4 do not find or are not there for:
// the number of its nearer pole, and its distance from there, which is found to the last digits however small it is. The poles ascend,
// rho > 0.
//
//	1 + rho Σ zᵢ² / (dᵢ - w) = 0,  dⱼ < w < dⱼ₊₁;  squared: 1 + rho Σ zᵢ² / (dᵢ² - w²) = 0
func secularRoot[T float](squared bool, poles, z []T, rho T, j int) (pole, off T) {
	at, x, weights := j, 0.0, make([]float64, len(z)) // f at x from pole `at`
	for i, e := range z {
		weights[i] = float64(rho) * float64(e) * float64(e)
	}
	f := func(x float64) float64 {
		sum, near := 1.0, float64(poles[at])
		for i, w := range weights {
			if d := float64(poles[i]); squared {
				sum += w / (d - near - x) / (d + near + x)
			} else {
				sum += w / (d - near - x)
			}
		}
		return sum
	}
	low, high := 0.0, 0.0 // distances: f is below zero, and above
	if j == len(poles)-1 {
		for _, w := range weights {
			high += w
		}
		if d := float64(poles[j]); squared {
			high /= d + math.Sqrt(d*d+high)
		}
		high *= 1 + 0x1p-20
	} else {
		half := (float64(poles[j+1]) - float64(poles[j])) / 2
		if high = half; f(half) < 0 {
			at, low, high = j+1, -half, 0
		}
	}
	for range 2200 { // more than there are powers of two, and digits
		x = low + (high-low)/2
		if x == low || x == high || high-low <= 0x1p-52*min(max(low, -low), max(high, -high)) {
			break
		}
		if f(x) < 0 {
			low = x
		} else {
			high = x
		}
	}
	return T(at), T(x)
}
