package affine

// Count is the number of points in d, exactly; at most math.MaxInt64.
func (d *Domain) Count() int64 {
	var n int64
	for range d.All() {
		n++
	}
	return n
}
