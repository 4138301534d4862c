package main

// #include <stdlib.h>
// #include "numpywren.h"
import "C"

import (
	"errors"
	"math"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"

	"numpywren/core"
	"numpywren/core/errs"
)

// call runs the body of an export: a panic becomes an internal error, an error a status and a text.
func call(out *C.npw_error, body func() error) (status C.npw_status) {
	defer func() {
		if r := recover(); r != nil {
			status = report(out, errs.New(errs.Internal, "numpywren has a bug, please report this: %v\n%s", r, debug.Stack()))
		}
	}()
	return report(out, body())
}

// report fills out with err, which may be nil, and gives its status.
func report(out *C.npw_error, err error) C.npw_status {
	if out != nil {
		out.os_errno, out.message = 0, nil
		if err != nil {
			out.message = cText(err.Error())
			var errno syscall.Errno
			if errors.As(err, &errno) {
				out.os_errno = C.int32_t(errno)
			}
		}
	}
	return C.npw_status(errs.KindOf(err))
}

// The numbers of errs and of the header are the same; these constants overflow, and do not compile, when they are not.
const (
	_ = uint(errs.Function-C.NPW_FUNCTION) + uint(C.NPW_FUNCTION-errs.Function)
	_ = uint(errs.Internal-C.NPW_INTERNAL) + uint(C.NPW_INTERNAL-errs.Internal)
	_ = uint(errs.Unsupported-C.NPW_UNSUPPORTED) + uint(C.NPW_UNSUPPORTED-errs.Unsupported)
	_ = uint(errs.Cancelled-C.NPW_CANCELLED) + uint(C.NPW_CANCELLED-errs.Cancelled)
	_ = uint(errs.Closed-C.NPW_CLOSED) + uint(C.NPW_CLOSED-errs.Closed)
	_ = uint(errs.Exists-C.NPW_EXISTS) + uint(C.NPW_EXISTS-errs.Exists)
	_ = uint(errs.NotFound-C.NPW_NOT_FOUND) + uint(C.NPW_NOT_FOUND-errs.NotFound)
	_ = uint(errs.OS-C.NPW_OS) + uint(C.NPW_OS-errs.OS)
	_ = uint(errs.Memory-C.NPW_MEMORY) + uint(C.NPW_MEMORY-errs.Memory)
	_ = uint(errs.LinAlg-C.NPW_LINALG) + uint(C.NPW_LINALG-errs.LinAlg)
	_ = uint(errs.Key-C.NPW_KEY) + uint(C.NPW_KEY-errs.Key)
	_ = uint(errs.Index-C.NPW_INDEX) + uint(C.NPW_INDEX-errs.Index)
	_ = uint(errs.Type-C.NPW_TYPE) + uint(C.NPW_TYPE-errs.Type)
	_ = uint(errs.Value-C.NPW_VALUE) + uint(C.NPW_VALUE-errs.Value)
)

// maxList bounds counts that come from C, so that a wild number is an error and not an allocation.
const (
	maxList = 1 << 20
	maxDims = 32
)

// cText is a C string of s. A message may quote bytes of the caller's that are no UTF-8, or a NUL, which would end it.
func cText(s string) *C.char {
	return C.CString(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", `\0`))
}

func null(name string) error { return errs.New(errs.Value, "%s is NULL", name) }

// text is a C string that must be there.
func text(name string, s *C.char) (string, error) {
	if s == nil {
		return "", null(name)
	}
	return C.GoString(s), nil
}

// optional is a C string, "" when it is NULL.
func optional(s *C.char) string {
	if s == nil {
		return ""
	}
	return C.GoString(s)
}

// count checks a length that comes with the pointer p.
func count(name string, p unsafe.Pointer, n C.int32_t, limit int) (int, error) {
	if n < 0 || int(n) > limit {
		return 0, errs.New(errs.Value, "%s has %d entries: 0 to %d were expected", name, n, limit)
	}
	if p == nil && n > 0 {
		return 0, null(name)
	}
	return int(n), nil
}

// ints copies n integers; NULL gives nil.
func ints(name string, p *C.int64_t, n C.int32_t) ([]int64, error) {
	if p == nil {
		return nil, nil
	}
	m, err := count(name, unsafe.Pointer(p), n, maxDims)
	if err != nil {
		return nil, err
	}
	return append([]int64{}, unsafe.Slice((*int64)(unsafe.Pointer(p)), m)...), nil
}

// arrays looks n handles up.
func arrays(p *C.npw_handle, n C.int32_t) ([]*core.Array, error) {
	m, err := count("arrays", unsafe.Pointer(p), n, maxList)
	if err != nil {
		return nil, err
	}
	out := make([]*core.Array, m)
	for i, h := range unsafe.Slice(p, m) {
		if out[i], err = get[*core.Array](&handles, uint64(h)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// names copies n C strings, of which any may be NULL; a NULL list is n empty names.
func names(p **C.char, n C.int32_t) []string {
	out := make([]string, n)
	if p != nil {
		for i, s := range unsafe.Slice(p, n) {
			out[i] = optional(s)
		}
	}
	return out
}

// buffer copies a buffer's description and checks what can be checked without touching its data.
func buffer(b *C.npw_buffer) (core.Buffer, error) {
	var out core.Buffer
	if b == nil {
		return out, null("buffer")
	}
	dtype, err := text("buffer.dtype", b.dtype)
	if err != nil {
		return out, err
	}
	n, err := count("buffer.shape", unsafe.Pointer(b.shape), b.ndim, maxDims)
	if err != nil {
		return out, err
	}
	shape := append([]int64{}, unsafe.Slice((*int64)(unsafe.Pointer(b.shape)), n)...)
	size := int64(1)
	for _, s := range shape {
		if s < 0 || (s > 0 && size > math.MaxInt64/16/s) {
			return out, errs.New(errs.Value, "buffer.shape %v is not the shape of an array", shape)
		}
		size *= s
	}
	if b.data == nil && size > 0 {
		return out, null("buffer.data")
	}
	if _, err := count("buffer.strides", unsafe.Pointer(b.strides), b.ndim, maxDims); err != nil {
		return out, err
	}
	strides := append([]int64{}, unsafe.Slice((*int64)(unsafe.Pointer(b.strides)), n)...)
	return core.Buffer{Ptr: b.data, DType: dtype, Shape: shape, Strides: strides}, nil
}

// buffers copies n buffers' descriptions.
func buffers(p *C.npw_buffer, n C.int32_t) ([]core.Buffer, error) {
	m, err := count("buffers", unsafe.Pointer(p), n, maxList)
	if err != nil {
		return nil, err
	}
	out := make([]core.Buffer, m)
	for i := range out {
		if out[i], err = buffer(&unsafe.Slice(p, m)[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// give writes text to *out as a C string.
func give(name string, out **C.char, text string) error {
	if out == nil {
		return null(name)
	}
	*out = cText(text)
	return nil
}
