package s3

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime/debug"

	"numpywren/core/blob"
	"numpywren/core/errs"
)

// reader streams a range of one version of an object. While it passes on the body of a request, others read the parts that follow
// into buffers, as long as the pool has some; from where they begin, the body is given up. A body that breaks off is asked for
// again from there. One goroutine reads.
type reader struct {
	d       *driver
	ctx     context.Context
	cancel  context.CancelFunc
	key     string
	version string

	pos, end int64
	body     io.ReadCloser // of the request that covers pos; nil when there is none
	bodyEnd  int64         // where that ends by itself
	mark     int64         // where the parts begin, or where to look for buffers again; at most bodyEnd
	parts    []*part       // read ahead, one after the other
	failures int           // bodies that broke off since the last byte
	crc      uint32
	want     string // the CRC32C of the whole, "" when it is not known
	err      error
}

// part is a range that is read ahead. Its goroutine owns the buffer until done is closed.
type part struct {
	from, to int64
	buffer   *buffer
	taken    int64
	err      error
	done     chan struct{}
}

// ahead is the most parts that one reader reads ahead.
const ahead = 3

// enter makes a body the one that is read from pos on, and has the parts after it read.
func (r *reader) enter(body io.ReadCloser, end int64) {
	r.body, r.bodyEnd = body, end
	r.readAhead()
}

// readAhead begins reading the parts that follow, as far as there are buffers.
func (r *reader) readAhead() {
	from := r.pos
	if r.body != nil {
		from = min(r.pos+piece(r.end-r.pos), r.bodyEnd)
	}
	r.mark = from
	if n := len(r.parts); n > 0 {
		r.mark, from = r.parts[0].from, r.parts[n-1].to
	}
	for len(r.parts) < ahead && from < r.end {
		b := readPool.try(piece(r.end - from))
		if b == nil {
			return
		}
		p := &part{from: from, to: from + piece(r.end-from), buffer: b, done: make(chan struct{})}
		r.parts = append(r.parts, p)
		from = p.to
		go r.fetch(p)
	}
}

// fetch fills a part's buffer.
func (r *reader) fetch(p *part) {
	defer close(p.done)
	defer func() {
		if x := recover(); x != nil {
			p.err = errs.New(errs.Internal, "internal error: %v\n%s", x, debug.Stack())
		}
	}()
	for failures := 0; ; {
		before := p.buffer.length
		body, _, _, err := r.d.open(r.ctx, r.key, p.from+before, p.to, r.version)
		if err != nil {
			p.err = err
			return
		}
		err = p.buffer.readFrom(body, p.to-p.from)
		_ = body.Close()
		if err == nil {
			return
		}
		if p.buffer.length > before {
			failures = 0
		}
		failures++
		if p.err = r.d.again(r.ctx, r.key, failures, err); p.err != nil {
			return
		}
	}
}

// Read is io.Reader's.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	n, err := r.read(p)
	r.crc = crc32.Update(r.crc, castagnoli, p[:n])
	if err == nil && r.pos == r.end && r.body == nil {
		err = r.verdict()
	}
	r.err = err
	return n, err
}

// verdict is io.EOF, or an error when the bytes were not those that were written.
func (r *reader) verdict() error {
	if got := checksum(r.crc); r.want != "" && got != r.want {
		return r.mismatch(r.d.damaged(r.key, got, r.want))
	}
	return io.EOF
}

// mismatch is the error about bytes that are not as their checksum: err, unless another object has taken the place of this one since.
// versitygw compares the version and opens the object later, so that the bytes may be the other's.
func (r *reader) mismatch(err error) error {
	now, failed := r.d.Stat(r.ctx, r.key)
	if failed == nil && now.Version != r.version || errors.Is(failed, blob.ErrNotExist) {
		return r.d.replaced(r.key)
	}
	return err
}

// read gives at least a byte, or an error, or nothing at the end.
func (r *reader) read(p []byte) (int, error) {
	for r.pos < r.end || r.body != nil {
		var n int
		var err error
		switch {
		case r.body != nil && r.pos == r.mark && r.pos < r.bodyEnd:
			r.turn()
		case r.body != nil:
			n, err = r.fromBody(p)
		case len(r.parts) > 0 && r.parts[0].from <= r.pos:
			n, err = r.fromPart(p)
		default:
			err = r.reopen()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

// turn leaves the body for the parts that were read ahead, or stays with it when there are none.
func (r *reader) turn() {
	if len(r.parts) > 0 {
		r.leave()
	} else {
		r.readAhead()
	}
}

func (r *reader) leave() {
	_ = r.body.Close()
	r.body = nil
}

// fromBody passes on bytes of the body up to the mark. After the last one it reads once more: that is where checksums are
// compared and the connection becomes free.
func (r *reader) fromBody(p []byte) (int, error) {
	var last [1]byte
	limit := r.mark - r.pos
	if r.pos == r.bodyEnd {
		p, limit = last[:], 1
	}
	n, err := r.body.Read(p[:min(int64(len(p)), limit)])
	if r.pos == r.bodyEnd {
		n = 0
		if err == nil {
			return 0, nil
		}
	}
	r.pos += int64(n)
	if n > 0 {
		r.failures = 0
	}
	switch {
	case err == nil:
		return n, nil
	case isMismatch(err):
		return n, r.mismatch(r.d.failure("GetObject", r.key, err))
	}
	r.leave()
	if r.pos == r.bodyEnd {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	r.failures++
	return n, r.d.again(r.ctx, r.key, r.failures, err)
}

// reopen asks for the bytes from pos on: up to the next part that is being read ahead, or a part's worth.
func (r *reader) reopen() error {
	to := r.pos + piece(r.end-r.pos)
	if len(r.parts) > 0 {
		to = r.parts[0].from
	}
	body, _, _, err := r.d.open(r.ctx, r.key, r.pos, to, r.version)
	if err != nil {
		return err
	}
	r.enter(body, to)
	return nil
}

// fromPart passes on bytes that were read ahead, and goes on reading ahead.
func (r *reader) fromPart(p []byte) (int, error) {
	next := r.parts[0]
	select {
	case <-next.done:
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
	if next.err != nil {
		return 0, next.err
	}
	from := &body{next.buffer, next.taken}
	n, _ := from.Read(p)
	next.taken += int64(n)
	r.pos += int64(n)
	if r.pos == next.to {
		next.buffer.release()
		r.parts = r.parts[1:]
		r.readAhead()
	}
	return n, nil
}

// Close ends the requests and gives the buffers back.
func (r *reader) Close() error {
	if r.body != nil && r.pos == r.bodyEnd && r.ctx.Err() == nil {
		var last [1]byte
		_, _ = r.body.Read(last[:]) // the connection is free then
	}
	r.cancel()
	if r.body != nil {
		r.leave()
	}
	for _, p := range r.parts {
		<-p.done
		p.buffer.release()
	}
	r.parts, r.err = nil, fs.ErrClosed
	return nil
}
