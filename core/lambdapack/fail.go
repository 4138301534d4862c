package lambdapack

import (
	"numpywren/core/errs"
)

// A fault in a program ends the pass that finds it: fail panics with the error, and the pass's entry point, which defers
// caught, returns it. No such panic leaves the package.
func fail(pos Pos, format string, args ...any) {
	panic(failure{errAt(pos, format, args...)})
}

type failure struct{ err *errs.Error }

func errAt(pos Pos, format string, args ...any) *errs.Error {
	e := errs.New(errs.Value, format, args...)
	if pos.IsValid() {
		e.Msg = pos.String() + ": " + e.Msg
	}
	return e
}

// caught turns the panic of fail into err.
func caught(err *error) {
	switch r := recover().(type) {
	case nil:
	case failure:
		*err = r.err
	default:
		panic(r)
	}
}
