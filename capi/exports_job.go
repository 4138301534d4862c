package main

// #include <stdlib.h>
// #include "numpywren.h"
import "C"

import (
	"time"

	"numpywren/core"
	"numpywren/core/errs"
)

// maxWait bounds npw_job_wait: a caller's slip in the unit must not block it for days.
const maxWait = 60000

// start runs what starts a job on the executor and gives the job's handle.
func start(executor C.npw_handle, job *C.npw_handle, e *C.npw_error, body func(*core.Executor) (*core.Job, error)) C.npw_status {
	return call(e, func() error {
		x, err := get[*core.Executor](&handles, uint64(executor))
		if err != nil {
			return err
		}
		if job == nil {
			return null("job")
		}
		j, err := body(x)
		if err != nil {
			return err
		}
		*job = C.npw_handle(put(&handles, j))
		return nil
	})
}

//export goFromBuffer
func goFromBuffer(executor C.npw_handle, b *C.npw_buffer, name *C.char, block *C.int64_t, nblock C.int32_t,
	job *C.npw_handle, e *C.npw_error) C.npw_status {
	return start(executor, job, e, func(x *core.Executor) (*core.Job, error) {
		source, err := buffer(b)
		if err != nil {
			return nil, err
		}
		shape, err := ints("block_shape", block, nblock)
		if err != nil {
			return nil, err
		}
		return x.StartFromBuffer(source, optional(name), shape)
	})
}

//export goFromFile
func goFromFile(executor C.npw_handle, format, path, name *C.char, block *C.int64_t, nblock C.int32_t,
	job *C.npw_handle, e *C.npw_error) C.npw_status {
	return start(executor, job, e, func(x *core.Executor) (*core.Job, error) {
		f, err := text("format", format)
		if err != nil {
			return nil, err
		}
		p, err := text("path", path)
		if err != nil {
			return nil, err
		}
		shape, err := ints("block_shape", block, nblock)
		if err != nil {
			return nil, err
		}
		switch f {
		case "npy":
			return x.StartFromNpy(p, optional(name), shape)
		case "zarr":
			return x.StartFromZarr(p, optional(name), shape)
		}
		return nil, errs.New(errs.Value, `format is "npy" or "zarr", not %q`, f)
	})
}

//export goSubmit
func goSubmit(executor C.npw_handle, list *C.npw_handle, labels **C.char, n C.int32_t, job *C.npw_handle, e *C.npw_error) C.npw_status {
	return start(executor, job, e, func(x *core.Executor) (*core.Job, error) {
		as, err := arrays(list, n)
		if err != nil {
			return nil, err
		}
		return x.Submit(as, names(labels, n))
	})
}

//export goReadInto
func goReadInto(executor C.npw_handle, list *C.npw_handle, into *C.npw_buffer, n C.int32_t, job *C.npw_handle, e *C.npw_error) C.npw_status {
	return start(executor, job, e, func(x *core.Executor) (*core.Job, error) {
		as, err := arrays(list, n)
		if err != nil {
			return nil, err
		}
		bs, err := buffers(into, n)
		if err != nil {
			return nil, err
		}
		return x.ReadInto(as, bs)
	})
}

//export goSave
func goSave(executor, array C.npw_handle, path *C.char, job *C.npw_handle, e *C.npw_error) C.npw_status {
	return start(executor, job, e, func(x *core.Executor) (*core.Job, error) {
		a, err := get[*core.Array](&handles, uint64(array))
		if err != nil {
			return nil, err
		}
		p, err := text("path", path)
		if err != nil {
			return nil, err
		}
		return x.SaveNpy(a, p)
	})
}

//export goDispatch
func goDispatch(executor C.npw_handle, list *C.npw_handle, labels **C.char, n C.int32_t, job *C.npw_handle, e *C.npw_error) C.npw_status {
	return start(executor, job, e, func(x *core.Executor) (*core.Job, error) {
		as, err := arrays(list, n)
		if err != nil {
			return nil, err
		}
		return x.Dispatch(as, names(labels, n))
	})
}

//export goRequest
func goRequest(executor C.npw_handle, request *C.char, job *C.npw_handle, e *C.npw_error) C.npw_status {
	return start(executor, job, e, func(x *core.Executor) (*core.Job, error) {
		s, err := text("request", request)
		if err != nil {
			return nil, err
		}
		return x.Request(s)
	})
}

//export goJobAnswer
func goJobAnswer(job C.npw_handle, json **C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		j, err := get[*core.Job](&handles, uint64(job))
		if err != nil {
			return err
		}
		return give("json", json, j.Answer())
	})
}

//export goJobWait
func goJobWait(job C.npw_handle, timeout C.int32_t, done *C.int32_t, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		j, err := get[*core.Job](&handles, uint64(job))
		if err != nil {
			return err
		}
		if done == nil {
			return null("done")
		}
		*done = 0
		if timeout < 0 || timeout > maxWait {
			return errs.New(errs.Value, "timeout_ms is %d: 0 to %d were expected", timeout, maxWait)
		}
		if !j.Wait(time.Duration(timeout) * time.Millisecond) {
			return nil
		}
		*done = 1
		return j.Err()
	})
}

//export goJobResult
func goJobResult(job C.npw_handle, array *C.npw_handle, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		j, err := get[*core.Job](&handles, uint64(job))
		if err != nil {
			return err
		}
		if array == nil {
			return null("array")
		}
		a := j.Result()
		if a == nil {
			return errs.New(errs.Value, "the job has no result: it is not done, failed, is not a source, or gave it before")
		}
		*array = C.npw_handle(put(&handles, a))
		return nil
	})
}

//export goJobCancel
func goJobCancel(job C.npw_handle, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		j, err := get[*core.Job](&handles, uint64(job))
		if err == nil {
			j.Cancel()
		}
		return err
	})
}

//export goJobProgress
func goJobProgress(job C.npw_handle, json **C.char, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		j, err := get[*core.Job](&handles, uint64(job))
		if err != nil {
			return err
		}
		return give("json", json, j.Progress())
	})
}

//export goJobFree
func goJobFree(job C.npw_handle, e *C.npw_error) C.npw_status {
	return call(e, func() error {
		j, err := take[*core.Job](&handles, uint64(job))
		if err == nil {
			j.Close()
		}
		return err
	})
}
