package tile

import "golang.org/x/sys/unix"

// adviseHuge asks for huge pages. It is advice: a system that has none to give is slower, not wrong.
func adviseHuge(mem []byte) { _ = unix.Madvise(mem, unix.MADV_HUGEPAGE) }
