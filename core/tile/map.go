package tile

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of a transparent huge page. Memory on such pages costs a 512th of the page faults and TLB misses.
const hugePage = 2 << 20

// mapMemory maps zeroed memory; if it is a huge page or more, aligned for huge pages and with advice to use them.
func mapMemory(size int64) (unsafe.Pointer, error) {
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_NORESERVE
	if size < hugePage {
		return unix.MmapPtr(-1, 0, nil, uintptr(size), prot, flags)
	}
	raw, err := unix.MmapPtr(-1, 0, nil, uintptr(size+hugePage), prot, flags)
	if err != nil {
		return nil, err
	}
	head := int64(-uintptr(raw) % hugePage)
	at := unsafe.Add(raw, head)
	if head > 0 {
		unmapMemory(raw, head)
	}
	unmapMemory(unsafe.Add(at, size), hugePage-head)
	adviseHuge(unsafe.Slice((*byte)(at), size))
	return at, nil
}

func unmapMemory(at unsafe.Pointer, size int64) {
	if err := unix.MunmapPtr(at, uintptr(size)); err != nil {
		panic("tile: munmap: " + err.Error()) // only for a range that was never ours
	}
}
