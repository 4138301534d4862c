package main

// #include <stdlib.h>
// #include "numpywren.h"
import "C"

import (
	"sync"
	"unsafe"

	"numpywren/core"
	"numpywren/core/errs"
)

// version is made once and never freed, as the header says.
var version = sync.OnceValue(func() *C.char { return C.CString(core.Version()) })

//export goVersion
func goVersion() *C.char { return version() }

//export goOpen
func goOpen(config *C.char, executor *C.npw_handle, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		if executor == nil {
			return null("executor")
		}
		s, err := text("config", config)
		if err != nil {
			return err
		}
		c, err := decodeConfig(s)
		if err != nil {
			return err
		}
		syncEnvironment()
		x, err := core.Open(c)
		if err != nil {
			return err
		}
		*executor = C.npw_handle(put(&handles, x))
		return nil
	})
}

//export goClose
func goClose(executor C.npw_handle, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := take[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		return x.Close()
	})
}

//export goDescribe
func goDescribe(executor C.npw_handle, json **C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		return give("json", json, x.Describe())
	})
}

//export goApply
func goApply(executor C.npw_handle, op, operands, params *C.char, out *C.npw_handle, capacity C.int32_t, n *C.int32_t,
	e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		if n == nil {
			return null("n")
		}
		*n = 0
		made, err := apply(x, op, operands, params)
		if err != nil {
			return err
		}
		return giveArrays(made, out, capacity, n)
	})
}

// apply decodes the texts of npw_apply and builds the expression.
func apply(x *core.Executor, op, operands, params *C.char) ([]*core.Array, error) {
	name, err := text("op", op)
	if err != nil {
		return nil, err
	}
	s, err := text("operands", operands)
	if err != nil {
		return nil, err
	}
	in, err := decodeOperands(s, func(h uint64) (*core.Array, error) { return get[*core.Array](&handles, h) })
	if err != nil {
		return nil, err
	}
	var p map[string]any
	if params != nil {
		if p, err = decodeParams(C.GoString(params)); err != nil {
			return nil, err
		}
	}
	return x.Apply(name, in, p)
}

// giveArrays hands all of made to C, or closes all of it.
func giveArrays(made []*core.Array, out *C.npw_handle, capacity C.int32_t, n *C.int32_t) error {
	*n = C.int32_t(len(made))
	room, err := count("arrays", unsafe.Pointer(out), capacity, maxList)
	if err == nil && room < len(made) {
		err = errs.New(errs.Value, "arrays has room for %d of %d results", room, len(made))
	}
	if err != nil {
		for _, a := range made {
			a.Close()
		}
		return err
	}
	slots := unsafe.Slice(out, room)
	for i, a := range made {
		slots[i] = C.npw_handle(put(&handles, a))
	}
	return nil
}

//export goInfo
func goInfo(array C.npw_handle, json **C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		a, err := get[*core.Array](&handles, uint64(array))
		if err != nil {
			return err
		}
		return give("json", json, a.Info())
	})
}

//export goExplain
func goExplain(executor C.npw_handle, list *C.npw_handle, n, maxBlocks C.int32_t, out **C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		as, err := arrays(list, n)
		if err != nil {
			return err
		}
		s, err := x.Explain(as, int(maxBlocks))
		if err != nil {
			return err
		}
		return give("text", out, s)
	})
}

//export goArrayFree
func goArrayFree(array C.npw_handle, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		a, err := take[*core.Array](&handles, uint64(array))
		if err == nil {
			a.Close()
		}
		return err
	})
}

//export goOpenMatrix
func goOpenMatrix(executor C.npw_handle, name *C.char, array *C.npw_handle, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		if array == nil {
			return null("array")
		}
		s, err := text("name", name)
		if err != nil {
			return err
		}
		a, err := x.OpenMatrix(s)
		if err != nil {
			return err
		}
		*array = C.npw_handle(put(&handles, a))
		return nil
	})
}

//export goList
func goList(executor C.npw_handle, json **C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		s, err := x.List()
		if err != nil {
			return err
		}
		return give("json", json, s)
	})
}

//export goDelete
func goDelete(executor C.npw_handle, name *C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		s, err := text("name", name)
		if err != nil {
			return err
		}
		return x.Delete(s)
	})
}

//export goCheckProgram
func goCheckProgram(filename, source *C.char, json **C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		file, err := text("filename", filename)
		if err != nil {
			return err
		}
		src, err := text("source", source)
		if err != nil {
			return err
		}
		s, err := core.CheckProgram(file, src)
		if err != nil {
			return err
		}
		return give("json", json, s)
	})
}
