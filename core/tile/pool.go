package tile

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of blocks. Small ones are cut from slabs, in classes of powers of two; large ones are mapped by themselves.
const (
	smallest  = 64
	slabMax   = 128 << 10
	slabSize  = 1 << 20
	pageRound = 64 << 10
	huge      = 2 << 20 // a transparent huge page
)

// Pool is memory for tiles, mapped from the system and used again. Its blocks are exact in size, so that a limit on tiles is
// a limit on memory: before it maps more than limit it unmaps what lies idle. It is safe for concurrent use.
type Pool struct {
	limit int64

	mu     sync.Mutex
	idle   map[int64][][]byte // by size
	live   int64
	mapped int64
	peak   int64
	all    map[unsafe.Pointer][]byte // every mapping, as it was made
	closed bool
}

// NewPool makes a pool that keeps at most limit bytes, unless more are live.
func NewPool(limit int64) *Pool {
	return &Pool{limit: limit, idle: map[int64][][]byte{}, all: map[unsafe.Pointer][]byte{}}
}

// SizeOf is the bytes that a tile takes from a pool.
func SizeOf(d DType, shape []int64) int64 { return class(elements(shape) * int64(d.Size())) }

// class rounds a size up to that of a block.
func class(bytes int64) int64 {
	if bytes > slabMax {
		return (bytes + pageRound - 1) / pageRound * pageRound
	}
	size := int64(smallest)
	for size < bytes {
		size *= 2
	}
	return size
}

// New is a tile with unspecified content, owned once.
func (p *Pool) New(d DType, shape []int64) (*Tile, error) {
	bytes := elements(shape) * int64(d.Size())
	mem, err := p.get(class(bytes))
	if err != nil {
		return nil, err
	}
	b := &block{pool: p, mem: mem}
	b.refs.Store(1)
	return &Tile{DType: d, Shape: slices.Clone(shape), mem: mem[:bytes:bytes], block: b}, nil
}

func (p *Pool) get(size int64) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("the pool is closed")
	}
	if len(p.idle[size]) == 0 {
		if err := p.grow(size); err != nil {
			return nil, err
		}
	}
	free := p.idle[size]
	mem := free[len(free)-1]
	p.idle[size] = free[:len(free)-1]
	p.live += size
	p.peak = max(p.peak, p.live)
	return mem, nil
}

// grow maps memory for one block of the size, or for a slab of small ones.
func (p *Pool) grow(size int64) error {
	bytes := max(size, slabSize)
	if size > slabMax {
		bytes = size
	}
	p.trim(bytes)
	mem, err := p.mmap(bytes)
	if err != nil {
		return err
	}
	if size > slabMax {
		p.idle[size] = append(p.idle[size], mem)
		return nil
	}
	for at := int64(0); at < bytes; at += size {
		p.idle[size] = append(p.idle[size], mem[at:at+size:at+size])
	}
	return nil
}

// trim unmaps idle blocks, the largest first, until bytes more stay within the limit. Slabs stay: they are small.
func (p *Pool) trim(bytes int64) {
	for p.mapped+bytes > p.limit {
		largest := int64(0)
		for size, free := range p.idle {
			if size > slabMax && len(free) > 0 {
				largest = max(largest, size)
			}
		}
		if largest == 0 {
			return
		}
		free := p.idle[largest]
		p.unmap(free[len(free)-1])
		p.idle[largest] = free[:len(free)-1]
	}
}

// mmap maps anonymous memory; a large piece begins on a huge page's boundary.
func (p *Pool) mmap(bytes int64) ([]byte, error) {
	extra := int64(0)
	if bytes >= huge {
		extra = huge
	}
	raw, err := unix.Mmap(-1, 0, int(bytes+extra), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", bytes, err)
	}
	skip := int64(0)
	if extra > 0 {
		skip = (huge - int64(uintptr(unsafe.Pointer(unsafe.SliceData(raw))))%huge) % huge
	}
	mem := raw[skip : skip+bytes : skip+bytes]
	if extra > 0 {
		// A hint; where the kernel has no huge pages the memory is as good.
		_ = unix.Madvise(mem[:bytes/huge*huge], unix.MADV_HUGEPAGE)
	}
	p.all[unsafe.Pointer(unsafe.SliceData(mem))] = raw
	p.mapped += bytes
	return mem, nil
}

func (p *Pool) unmap(mem []byte) {
	at := unsafe.Pointer(unsafe.SliceData(mem))
	_ = unix.Munmap(p.all[at])
	delete(p.all, at)
	p.mapped -= int64(len(mem))
}

// put takes a block back.
func (p *Pool) put(b *block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := int64(len(b.mem))
	p.live -= size
	if p.closed {
		return // unmapped already, by Close
	}
	if size > slabMax && p.mapped > p.limit {
		p.unmap(b.mem)
		return
	}
	p.idle[size] = append(p.idle[size], b.mem)
}

// Stats is the bytes in tiles, those mapped, and the most that was ever in tiles.
func (p *Pool) Stats() (live, mapped, peak int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live, p.mapped, p.peak
}

// Close unmaps everything, tiles that are still owned included: nobody may use them any more.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, raw := range p.all {
		_ = unix.Munmap(raw)
	}
	clear(p.all)
	clear(p.idle)
	p.mapped = 0
}
