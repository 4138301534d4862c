package main

// #include <stdlib.h>
// #include "numpywren.h"
import "C"

import (
	"encoding/binary"
	"time"
	"unsafe"

	"numpywren/core"
	"numpywren/core/errs"
)

// pickle describes n pieces of the caller's memory, without a copy.
func pickle(p *C.npw_bytes, n C.int32_t) (core.Pickle, error) {
	m, err := count("pieces", unsafe.Pointer(p), n, maxList)
	if err != nil {
		return nil, err
	}
	out := make(core.Pickle, m)
	for i, piece := range unsafe.Slice(p, m) {
		if piece.size < 0 || piece.data == nil && piece.size > 0 {
			return nil, errs.New(errs.Value, "pieces[%d] is %d bytes at %p", i, piece.size, piece.data)
		}
		out[i] = unsafe.Slice((*byte)(piece.data), piece.size)
	}
	return out, nil
}

//export goPutFunction
func goPutFunction(executor C.npw_handle, key *C.char, pieces *C.npw_bytes, n C.int32_t, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		k, err := text("key", key)
		if err != nil {
			return err
		}
		p, err := pickle(pieces, n)
		if err != nil {
			return err
		}
		return x.PutFunction(k, p)
	})
}

//export goCall
func goCall(executor C.npw_handle, what *C.char, pieces *C.npw_bytes, counts *C.int32_t, n C.int32_t, first *C.int64_t,
	e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		s, err := text("call", what)
		if err != nil {
			return err
		}
		c, err := core.DecodeCall(s)
		if err != nil {
			return err
		}
		if first == nil {
			return null("first")
		}
		m, err := count("counts", unsafe.Pointer(counts), n, maxList)
		if err != nil {
			return err
		}
		arguments := make([]core.Pickle, m)
		at := 0
		for i, k := range unsafe.Slice(counts, m) {
			if k < 0 || at+int(k) > maxList || k > 0 && pieces == nil {
				return errs.New(errs.Value, "counts[%d] is %d: the pieces are NULL or more than %d", i, k, maxList)
			}
			if k == 0 {
				continue
			}
			if arguments[i], err = pickle((*C.npw_bytes)(unsafe.Add(unsafe.Pointer(pieces), uintptr(at)*unsafe.Sizeof(*pieces))), k); err != nil {
				return err
			}
			at += int(k)
		}
		id, err := x.Call(c, arguments)
		*first = C.int64_t(id)
		return err
	})
}

//export goCallsEnded
func goCallsEnded(executor C.npw_handle, timeout C.int32_t, records *unsafe.Pointer, size *C.int64_t, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		if records == nil || size == nil {
			return null("records or size")
		}
		*records, *size = nil, 0
		if timeout < 0 || timeout > maxWait {
			return errs.New(errs.Value, "timeout_ms is %d: 0 to %d were expected", timeout, maxWait)
		}
		ended, err := x.CallsEnded(time.Duration(timeout) * time.Millisecond)
		if err != nil || len(ended) == 0 {
			return err
		}
		p := encodeEnded(ended)
		*records, *size = C.CBytes(p), C.int64_t(len(p))
		return nil
	})
}

// encodeEnded writes the records of npw_calls_ended.
func encodeEnded(ended []core.Ended) []byte {
	var p []byte
	for _, x := range ended {
		kept := uint32(0)
		if x.Kept {
			kept = 1
		}
		size := int64(len(x.Payload))
		if x.Kept {
			size = x.Size
		}
		p = binary.LittleEndian.AppendUint64(p, uint64(x.ID))
		p = binary.LittleEndian.AppendUint32(p, uint32(x.State))
		p = binary.LittleEndian.AppendUint32(p, kept)
		p = binary.LittleEndian.AppendUint64(p, uint64(len(x.Log)))
		p = binary.LittleEndian.AppendUint64(p, uint64(size))
		p = append(append(p, x.Log...), x.Payload...)
	}
	return p
}

//export goCallRead
func goCallRead(executor C.npw_handle, id C.int64_t, data unsafe.Pointer, size C.int64_t, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		if size < 0 || data == nil && size > 0 {
			return errs.New(errs.Value, "data is %d bytes at %p", size, data)
		}
		return x.ReadCall(int64(id), unsafe.Slice((*byte)(data), size))
	})
}

//export goCallRunning
func goCallRunning(executor C.npw_handle, id C.int64_t, running *C.int32_t, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		return giveBool("running", running, x.CallRunning(int64(id)))
	})
}

//export goCallCancel
func goCallCancel(executor C.npw_handle, id C.int64_t, cancelled *C.int32_t, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		return giveBool("cancelled", cancelled, x.CancelCall(int64(id)))
	})
}

//export goCallForget
func goCallForget(executor C.npw_handle, id C.int64_t, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		x.ForgetCall(int64(id))
		return nil
	})
}

// giveBool writes 1 or 0 to *out.
func giveBool(name string, out *C.int32_t, yes bool) error {
	if out == nil {
		return null(name)
	}
	*out = 0
	if yes {
		*out = 1
	}
	return nil
}
