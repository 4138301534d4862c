//go:build invariants

package tile

import "unsafe"

// invariants switches on checks that find uses of a released tile, and of elements that were never written.
const invariants = true

// poison fills a block with NaNs (0xff), so that what reads it before writing shows.
func poison(b *block) {
	mem := unsafe.Slice((*byte)(b.at), b.size)
	for i := range mem {
		mem[i] = 0xff
	}
}
