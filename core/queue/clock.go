package queue

import "time"

// Clock is the time that leases are counted in: the system's, or a test's or a simulation's.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once after d, on any goroutine, unless stop was called before.
	AfterFunc(d time.Duration, f func()) (stop func())
}

// System is the clock of the system.
type System struct{}

// Now is time.Now.
func (System) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (System) AfterFunc(d time.Duration, f func()) (stop func()) {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}
