package runtime

import (
	"runtime/debug"

	"numpywren/core/errs"
)

// Recovered turns a panic into an error: our bug, told with its stack. For use with defer.
func Recovered(err *error) {
	if p := recover(); p != nil {
		*err = errs.New(errs.Internal, "internal error: %v\n%s", p, debug.Stack())
	}
}
