//go:build purego

package kernel

// joinColumn is s[i] = z[i] / (d[i] - near - off) * factor.
func joinColumn[T float](d, z []T, near, off, factor T, s []T) {
	for i, e := range d {
		s[i] = z[i] / (e - near - off) * factor
	}
}

// joinRight is s[i] = z[i] / (d[i] - near - off) / (d[i] + near + off) * factor.
func joinRight[T float](d, z []T, near, off, factor T, s []T) {
	for i, e := range d {
		s[i] = z[i] / (e - near - off) / (e + near + off) * factor
	}
}
