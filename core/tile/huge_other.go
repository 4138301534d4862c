//go:build !linux

package tile

// adviseHuge does nothing where the system chooses the pages by itself.
func adviseHuge([]byte) {}
