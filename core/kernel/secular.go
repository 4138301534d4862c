package kernel

// secularRoot is root j of the secular equation by bisection, for the few that LAPACK's laed4 does not find or is not there for: the number
// of its nearer pole, and its distance from there, which is found to the last digits however small it is. The poles ascend, rho > 0.
//
//	f(w) = 1 + rho Σ zᵢ² / (dᵢ - w) = 0,  dⱼ < w < dⱼ₊₁
func secularRoot[T float](poles, z []T, rho T, j int) (pole, off T) {
	at, x := j, 0.0 // f at x from pole `at`
	f := func(x float64) float64 {
		sum := 1.0
		for i, e := range z {
			sum += float64(rho) * float64(e) * float64(e) / (float64(poles[i]) - float64(poles[at]) - x)
		}
		return sum
	}
	low, high := 0.0, 0.0 // distances: f is below zero, and above
	if j == len(poles)-1 {
		for _, e := range z {
			high += float64(rho) * float64(e) * float64(e)
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
