// Package errs gives a failure its kind, so that the C ABI can tell Python which exception to raise. Every package of
// core may import it; it imports nothing.
package errs

import (
	"errors"
	"fmt"
)

// Kind is the class of a failure; the numbers are those of NPW_* in numpywren.h.
type Kind int32

const (
	OK          Kind = iota
	Value            // ValueError: a bad shape, a corrupt file, a program that does not check
	Type             // TypeError: a dtype or an argument of the wrong type
	Index            // IndexError, and numpy.exceptions.AxisError for axes
	Key              // KeyError: no matrix of that name
	LinAlg           // numpy.linalg.LinAlgError: not positive definite, singular
	Memory           // MemoryError: what cannot fit in the memory limit
	OS               // OSError: a full disk, a read-only path
	NotFound         // FileNotFoundError
	Exists           // FileExistsError: a name that is taken
	Closed           // RuntimeError: use after close, in a forked child
	Cancelled        // KeyboardInterrupt's way through Go
	Unsupported      // NotImplementedError
	Internal         // RuntimeError: our bug
	Function         // RuntimeError: a function of the user's failed; the traceback follows after an empty line
)

// Error is a failure with its kind. Msg says what, where, and what to change.
type Error struct {
	Kind Kind
	Msg  string
	Err  error // the cause; may be nil
}

func (e *Error) Error() string { return e.Msg }
func (e *Error) Unwrap() error { return e.Err }

// New formats an error of the kind; %w keeps the cause.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Err: errors.Unwrap(err)}
}

// KindOf is the kind of the first *Error in err's chain, Internal when there is none, OK for nil.
func KindOf(err error) Kind {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
