package core

import (
	"os"

	"golang.org/x/sys/unix"
)

// tenancy is an executor's share in a folder: all that have the folder open, in whatever process of the machine, hold a lock on
// it together, and one can find out whether it is the only one. A nil tenancy, of a bucket or of a file system without locks,
// never is.
type tenancy struct{ folder *os.File }

// enter takes a share in a folder.
func enter(folder string) *tenancy {
	f, err := os.Open(folder)
	if err != nil {
		return nil
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_SH) != nil {
		_ = f.Close()
		return nil
	}
	return &tenancy{f}
}

// alone says whether nobody else has the folder open; nobody can open it then, until release is called.
func (t *tenancy) alone() (yes bool, release func()) {
	if t == nil {
		return false, func() {}
	}
	fd := int(t.folder.Fd())
	share := func() { _ = unix.Flock(fd, unix.LOCK_SH) }
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		share() // changing a lock gives it up first
		return false, func() {}
	}
	return true, share
}

func (t *tenancy) leave() {
	if t != nil {
		_ = t.folder.Close()
	}
}
