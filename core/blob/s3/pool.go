package s3

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"sync"
)

// The bodies of requests lie in blocks, which all Stores of the process share: half are for parts that are read ahead, half for
// what is written. Readers never wait for blocks: what they cannot read ahead they stream. So a reader that nobody reads cannot
// stop another, and writers, whose blocks come back when their requests end, cannot stop each other either.
const (
	blockSize = 256 << 10
	smallBody = 64 << 10 // a body up to this size has memory of its own
	poolBytes = 32 << 20 // for reads, and as much for writes
)

var (
	readPool  = &pool{left: poolBytes / blockSize}
	writePool = &pool{left: poolBytes / blockSize}
)

// pool is a number of blocks, which are made when they are first needed and then kept.
type pool struct {
	mu    sync.Mutex
	free  [][]byte
	left  int // blocks that may still be taken
	queue []*ticket
}

// ticket is somebody who waits for blocks, in order.
type ticket struct {
	blocks int
	ready  chan struct{}
}

func blocksFor(size int64) int { return int((size + blockSize - 1) / blockSize) }

// try gives a buffer for size bytes if there is room now and nobody waits for it.
func (p *pool) try(size int64) *buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := blocksFor(size); n > p.left || len(p.queue) > 0 {
		return nil
	}
	return p.grant(blocksFor(size))
}

// take gives a buffer for size bytes, when there is room.
func (p *pool) take(ctx context.Context, size int64) (*buffer, error) {
	if size <= smallBody {
		return &buffer{blocks: [][]byte{make([]byte, size)}}, nil
	}
	n := blocksFor(size)
	p.mu.Lock()
	if n <= p.left && len(p.queue) == 0 {
		defer p.mu.Unlock()
		return p.grant(n), nil
	}
	t := &ticket{n, make(chan struct{})}
	p.queue = append(p.queue, t)
	p.mu.Unlock()
	select {
	case <-t.ready:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.fill(n), nil
	case <-ctx.Done():
		p.leave(t)
		return nil, ctx.Err()
	}
}

// grant takes n blocks. p.mu is held.
func (p *pool) grant(n int) *buffer {
	p.left -= n
	return p.fill(n)
}

// fill makes a buffer of n blocks that are counted already. p.mu is held.
func (p *pool) fill(n int) *buffer {
	b := &buffer{blocks: make([][]byte, n), of: p}
	for k := range b.blocks {
		if last := len(p.free) - 1; last >= 0 {
			b.blocks[k], p.free = p.free[last], p.free[:last]
		} else {
			b.blocks[k] = make([]byte, blockSize)
		}
	}
	return b
}

// leave takes back a ticket whose holder does not wait any more.
func (p *pool) leave(t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, other := range p.queue {
		if other == t {
			p.queue = append(p.queue[:k], p.queue[k+1:]...)
			p.serve()
			return
		}
	}
	p.left += t.blocks // it was served just now
	p.serve()
}

// serve lets those go on, in order, for whom there is room. p.mu is held.
func (p *pool) serve() {
	for len(p.queue) > 0 && p.queue[0].blocks <= p.left {
		p.left -= p.queue[0].blocks
		close(p.queue[0].ready)
		p.queue = p.queue[1:]
	}
}

// buffer is the bytes of a body. One goroutine at a time may use it.
type buffer struct {
	blocks [][]byte
	length int64
	of     *pool // nil when the memory is its own
}

// release gives the blocks back.
func (b *buffer) release() {
	p, n := b.of, len(b.blocks)
	if p == nil || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b.blocks...)
	p.left += n
	b.blocks = nil
	p.serve()
}

// room is what of the buffer's memory is not filled, in one piece.
func (b *buffer) room() []byte {
	at := b.length
	for _, block := range b.blocks {
		if at < int64(len(block)) {
			return block[at:]
		}
		at -= int64(len(block))
	}
	return nil
}

// Write appends bytes, which fit.
func (b *buffer) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n := copy(b.room(), p[written:])
		if n == 0 {
			return written, io.ErrShortBuffer
		}
		b.length += int64(n)
		written += n
	}
	return written, nil
}

// readFrom appends what r gives until the buffer is length bytes long.
func (b *buffer) readFrom(r io.Reader, length int64) error {
	for b.length < length {
		into := b.room()
		n, err := r.Read(into[:min(int64(len(into)), length-b.length)])
		b.length += int64(n)
		if errors.Is(err, io.EOF) && b.length < length {
			return io.ErrUnexpectedEOF
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// sum goes on with a CRC32C over the buffer.
func (b *buffer) sum(crc uint32) uint32 {
	left := b.length
	for _, block := range b.blocks {
		n := min(left, int64(len(block)))
		crc = crc32.Update(crc, castagnoli, block[:n])
		left -= n
	}
	return crc
}

// body reads the buffer, as often as a request is tried.
type body struct {
	*buffer
	at int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.at >= b.length {
		return 0, io.EOF
	}
	size := int64(len(b.blocks[0])) // all are of one size
	block := b.blocks[b.at/size]
	n := copy(p, block[b.at%size:min(size, b.length-b.at/size*size)])
	b.at += int64(n)
	return n, nil
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.length
	}
	if offset < 0 {
		return b.at, errors.New("a seek to before the beginning")
	}
	b.at = offset
	return offset, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
