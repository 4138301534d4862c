package affine

// Implies says that c was proven to hold on all points of d; false means that it was not.
func Implies(d *Domain, c Cond) bool {
	for x := range d.All() {
		if !c.Holds(x) {
			return false
		}
	}
	return true
}
