package runtime

import (
	"runtime/debug"

	"numpywren/core/errs"
)

// Recovered turns a panic into an error: our bug, told with its stack, unless what was thrown is an error that has its kind already, of
// a kernel that gets no memory or of a piece that somebody else computed. For use with defer.
func Recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case *errs.Error:
		*err = p
	default:
		*err = errs.New(errs.Internal, "internal error: %v\n%s", p, debug.Stack())
	}
}
