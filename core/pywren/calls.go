// Package pywren runs a user's Python functions: calls, which are data in a blob.Store, and blocks, which are tiles of a program.
//
// A call is objects of a store, so that whoever has the store and a Python can run it, here or on another machine:
//
//	.numpywren/functions/<key>        the function, pickled; the key names its bytes
//	.numpywren/calls/arguments/<id>   a line of JSON, the Call, and then the arguments, pickled
//	.numpywren/calls/results/<id>     a line of JSON, the Result, and then what was returned or raised
//	.numpywren/calls/running/<id>     which worker runs the call, if that takes a while
//	.numpywren/calls/batches/<batch>  a Batch: the ids of its calls are <batch>/1, <batch>/2, …
//
// A call is done when its result exists, and nobody wants it any more when its arguments are gone. To run it twice does no harm
// beyond what the function does: the first result stays. Run is all that a worker needs; Runner is the queue of calls of one
// process (local.go), and package fleet has that of workers elsewhere. Blocks computes tiles (blocks.go).
//
// The functions run in processes of package sidecar. What is pickled is Python's affair, and only copied here.
package pywren

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/sidecar"
)

const (
	functions = ".numpywren/functions/"
	arguments = Root + "arguments/"
	results   = Root + "results/"
	running   = Root + "running/"
	batches   = Root + "batches/"
)

// Root is the folder of all calls.
const Root = ".numpywren/calls/"

// ErrForgotten is about a call whose arguments are gone: whoever made it does not want it any more.
var ErrForgotten = errors.New("the call is not wanted any more")

// Call is what a call says beside its arguments.
type Call struct {
	Function string  `json:"function"`             // its key
	Name     string  `json:"name,omitempty"`       // for messages
	Limit    float64 `json:"time_limit,omitempty"` // seconds that it may run; 0: for ever
}

// State is how a call ended.
type State int32

const (
	Returned  State = 1 // the payload is the value, pickled
	Raised    State = 2 // the payload is the exception, pickled, with its traceback
	Died      State = 3 // its process ended; Result.Message says how
	Exceeded  State = 4 // it ran longer than its limit
	Failed    State = 5 // it could not be run: a store or a process failed
	Cancelled State = 6
)

// Result is what a result says beside its payload.
type Result struct {
	State   State   `json:"state"`
	Message string  `json:"message,omitempty"` // of Died, Exceeded, Failed
	Log     string  `json:"log,omitempty"`     // what the call printed; of much, the end
	Seconds float64 `json:"seconds"`
	Size    int64   `json:"size"` // of the payload
}

// Body is bytes that can be written: a pickle in pieces, which need not be copied into one.
type Body [][]byte

// Size is the number of bytes.
func (b Body) Size() int64 {
	n := int64(0)
	for _, p := range b {
		n += int64(len(p))
	}
	return n
}

func (b Body) write(w io.Writer) error {
	for _, p := range b {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// PutCall makes a call, which Run runs then. Its function must be there by then.
func PutCall(ctx context.Context, s *blob.Store, id string, c Call, pickle Body) error {
	return putObject(ctx, s, arguments+id, c, pickle.Size(), pickle.write, blob.PutOptions{})
}

// GetCall reads what was said of a call beside its arguments; ErrForgotten when nobody wants it any more.
func GetCall(ctx context.Context, s *blob.Store, id string) (c Call, err error) {
	o, err := openCall(ctx, s, id, &c)
	if err != nil {
		return c, err
	}
	return c, o.Close()
}

func openCall(ctx context.Context, s *blob.Store, id string, c *Call) (*object, error) {
	o, err := getObject(ctx, s, arguments+id, c)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("call %s: %w (%w)", id, ErrForgotten, err)
	}
	return o, err
}

// Delete forgets a call and its result.
func Delete(ctx context.Context, s *blob.Store, id string) error {
	return errors.Join(s.Delete(ctx, arguments+id), s.Delete(ctx, results+id))
}

// GetResult opens the result of a call, its payload to be read from body; blob.ErrNotExist when the call is not done.
func GetResult(ctx context.Context, s *blob.Store, id string) (r Result, body io.ReadCloser, err error) {
	body, err = getObject(ctx, s, results+id, &r)
	return r, body, err
}

// ReadPayload reads what a call returned or raised into p, which is as long as that.
func ReadPayload(ctx context.Context, s *blob.Store, id string, p []byte) error {
	result, body, err := GetResult(ctx, s, id)
	if err != nil {
		return errs.New(errs.Value, "call %s has no result: it is not done, or was forgotten (%w)", id, err)
	}
	defer body.Close()
	if int64(len(p)) != result.Size {
		return errs.New(errs.Value, "the result of call %s has %d bytes, the buffer %d", id, result.Size, len(p))
	}
	_, err = io.ReadFull(body, p)
	return err
}

// Run runs a call, unless it is done, and gives its result, which is in the store then. An error is about the store, the pool or
// ctx: the call is not done, and may be run again, unless it is ErrForgotten.
func Run(ctx context.Context, s *blob.Store, p *sidecar.Pool, id string) (Result, error) {
	if r, body, err := GetResult(ctx, s, id); err == nil {
		return r, body.Close()
	} else if !errors.Is(err, blob.ErrNotExist) {
		return r, err
	}
	var c Call
	args, err := openCall(ctx, s, id, &c)
	if err != nil {
		return Result{}, err
	}
	defer args.Close()
	var r Result
	var stored error // a failure of the store
	done := false    // the result is in the store
	started := time.Now()
	log, err := p.Do(ctx, time.Duration(c.Limit*float64(time.Second)), func(conn *sidecar.Conn) error {
		if stored = teach(ctx, s, conn, c.Function); stored != nil {
			return stored
		}
		started = time.Now()
		head := struct {
			Op       string `json:"op"`
			Function string `json:"function"`
		}{"call", c.Function}
		if err := conn.Send(head, args.size, args.write); err != nil {
			return err
		}
		size, body, err := conn.Receive(&r)
		if err != nil {
			return err
		}
		r.Size, r.Log, r.Seconds = size, conn.Log(), time.Since(started).Seconds()
		write, err := payloadOf(body, size)
		if err != nil {
			return err
		}
		stored = putResult(ctx, s, id, r, write)
		if done = stored == nil; done { // of a result that was there already, and won
			_, err = io.Copy(io.Discard, body)
		}
		return errors.Join(stored, err)
	})
	if done { // whatever happened then
		return r, nil
	}
	r = Result{Log: log, Seconds: time.Since(started).Seconds()}
	if !r.ended(&c, err) {
		return r, errors.Join(stored, err)
	}
	return r, End(ctx, s, id, r)
}

// End ends a call that did not give anything, unless it ended before.
func End(ctx context.Context, s *blob.Store, id string, r Result) error {
	r.Size = 0
	return putResult(ctx, s, id, r, Body{}.write)
}

// ended says whether the failure of a process is the end of the call, and then what is said of it.
func (r *Result) ended(c *Call, err error) bool {
	var died *sidecar.Died
	switch {
	case errors.As(err, &died):
		r.State, r.Message = Died, died.While(c.Name).Error()
	case errors.Is(err, sidecar.ErrLimit):
		r.State, r.Message = Exceeded, fmt.Sprintf("%s ran longer than its time limit of %v seconds: its process was killed",
			c.Name, c.Limit)
	default:
		return false
	}
	return true
}

// payloadOf gives what writes a result that comes on a pipe. A store may ask for it again, to try again: one that is small is in
// memory for that; a large one goes straight through, and then the call has to be run again.
func payloadOf(body io.Reader, size int64) (write func(io.Writer) error, err error) {
	if size <= inline {
		p := make([]byte, size)
		if _, err := io.ReadFull(body, p); err != nil {
			return nil, err
		}
		return Body{p}.write, nil
	}
	begun := false
	return func(w io.Writer) error {
		if begun {
			return errs.New(errs.OS, "the store wants a result of %d bytes again, which is gone", size)
		}
		begun = true
		_, err := io.CopyN(w, body, size)
		return err
	}, nil
}

// putResult ends a call. The first result stays.
func putResult(ctx context.Context, s *blob.Store, id string, r Result, write func(io.Writer) error) error {
	err := putObject(ctx, s, results+id, r, r.Size, write, blob.PutOptions{IfNoneMatch: true})
	if errors.Is(err, blob.ErrExists) {
		return nil
	}
	return err
}

// putObject writes a line of JSON and size bytes more.
func putObject(ctx context.Context, s *blob.Store, key string, head any, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	line, err := json.Marshal(head)
	if err != nil {
		return errs.New(errs.Internal, "%s: %w", key, err)
	}
	line = append(line, '\n')
	return s.Put(ctx, key, int64(len(line))+size, func(w io.Writer) error {
		if _, err := w.Write(line); err != nil {
			return err
		}
		return write(w)
	}, opts)
}

// object is what follows the line of JSON of an object.
type object struct {
	*bufio.Reader
	io.Closer
	size int64
}

func (o *object) write(w io.Writer) error {
	_, err := io.Copy(w, o.Reader)
	return err
}

// getObject opens an object that putObject wrote, and reads its line of JSON.
func getObject(ctx context.Context, s *blob.Store, key string, head any) (*object, error) {
	attr, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	r, err := s.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	o := &object{Reader: bufio.NewReaderSize(r, min(int(attr.Size)+16, 64<<10)), Closer: r}
	line, err := o.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, head)
	}
	if err != nil {
		_ = r.Close()
		return nil, errs.New(errs.Value, "%s is damaged: %w", key, err)
	}
	o.size = attr.Size - int64(len(line))
	return o, nil
}
