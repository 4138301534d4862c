package pywren

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
)

// Calls that are run elsewhere come in batches, so that one request tells which of them ended, and that who cleans up knows how old
// they are.

// Batch is what is said of a batch when its first call is made.
type Batch struct {
	Created time.Time `json:"created"`
	Host    string    `json:"host"` // of the client
	PID     int       `json:"pid"`
}

// Arguments and Results are the parts of a batch that have an object for each of its calls.
const (
	Arguments = "arguments"
	Results   = "results"
)

// Place is the folder of a part of a batch, without a slash at its end.
func Place(part, batch string) string { return Root + part + "/" + batch }

// PartOf is the part and the batch that an object belongs to; not ok when it is not of a call.
func PartOf(key string) (part, batch string, ok bool) {
	below, ok := strings.CutPrefix(key, Root)
	part, rest, inside := strings.Cut(below, "/")
	batch, _, _ = strings.Cut(rest, "/")
	return part, batch, ok && inside && batch != ""
}

// PutBatch begins a batch; it is there before any of its calls.
func PutBatch(ctx context.Context, s *blob.Store, batch string, b Batch) error {
	text, err := json.Marshal(b)
	if err != nil {
		return errs.New(errs.Internal, "batch %s: %w", batch, err)
	}
	return s.PutBytes(ctx, batches+batch, text, blob.PutOptions{})
}

// ListEnded yields the ids of a batch's calls that have a result, ListRunning of those that a worker noted that it runs.
func ListEnded(ctx context.Context, s *blob.Store, batch string) iter.Seq2[string, error] {
	return list(ctx, s, results, batch)
}

func ListRunning(ctx context.Context, s *blob.Store, batch string) iter.Seq2[string, error] {
	return list(ctx, s, running, batch)
}

func list(ctx context.Context, s *blob.Store, folder, batch string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range s.List(ctx, folder+batch+"/") {
			if !yield(strings.TrimPrefix(key, folder), err) {
				return
			}
		}
	}
}

// ReadResult reads the result of a call, with its payload if that is small; kept says that it is not, and is for GetResult. It is
// blob.ErrNotExist when the call is not done.
func ReadResult(ctx context.Context, s *blob.Store, id string) (r Result, payload []byte, kept bool, err error) {
	body, err := s.Get(ctx, results+id)
	if err != nil {
		return r, nil, false, err
	}
	defer body.Close()
	from := bufio.NewReader(body)
	line, err := from.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		return r, nil, false, errs.New(errs.OS, "the result of call %s cannot be read: %w", id, err)
	}
	if !r.hasPayload() {
		return r, []byte(r.Message), false, nil
	}
	if r.Size > inline {
		return r, nil, true, nil
	}
	payload = make([]byte, r.Size)
	if _, err := io.ReadFull(from, payload); err != nil {
		return r, nil, false, errs.New(errs.OS, "the result of call %s cannot be read: %w", id, err)
	}
	return r, payload, false, nil
}

// hasPayload says whether something was returned or raised.
func (r *Result) hasPayload() bool { return r.State == Returned || r.State == Raised }

// Wanted says whether a call's arguments are still there.
func Wanted(ctx context.Context, s *blob.Store, id string) (bool, error) {
	_, err := s.Stat(ctx, arguments+id)
	if errors.Is(err, blob.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// MarkRunning notes that a worker runs a call.
func MarkRunning(ctx context.Context, s *blob.Store, id, worker string) error {
	return s.PutBytes(ctx, running+id, []byte(worker), blob.PutOptions{})
}

// UnmarkRunning takes that back.
func UnmarkRunning(ctx context.Context, s *blob.Store, id string) error {
	return s.Delete(ctx, running+id)
}

// IsRunning says whether a worker noted that it runs the call.
func IsRunning(ctx context.Context, s *blob.Store, id string) bool {
	_, err := s.Stat(ctx, running+id)
	return err == nil
}

// DeleteCalls deletes all that there is of calls. Workers that are at them stop.
func DeleteCalls(ctx context.Context, s *blob.Store, ids ...string) error {
	return s.DeleteAll(ctx, keysOf(ids, arguments, running, results))
}

// Withdraw deletes the result of a call that nobody wanted any more when it came: whoever writes results asks after that. As long as
// a result is wanted, its call's arguments are there.
func Withdraw(ctx context.Context, s *blob.Store, id string) error {
	if wanted, err := Wanted(ctx, s, id); wanted || err != nil {
		return err
	}
	return DeleteCalls(ctx, s, id)
}

func keysOf(ids []string, folders ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, folder := range folders {
			for _, id := range ids {
				if !yield(folder+id, nil) {
					return
				}
			}
		}
	}
}

// DeleteBatch deletes all that there is of a batch's calls, and last that it was there.
func DeleteBatch(ctx context.Context, s *blob.Store, batch string) error {
	for _, folder := range []string{arguments, running, results} {
		if err := s.DeleteAll(ctx, s.List(ctx, folder+batch+"/")); err != nil {
			return err
		}
	}
	return s.Delete(ctx, batches+batch)
}
