package tile

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"unsafe"

	"numpywren/core/errs"
)

// Pool is memory for tiles: mapped from the system, off the Go heap, and used again when tiles are released. It keeps what
// it maps within its limit unless the tiles in use need more, and maps little more than there ever was in use; holding these to a
// budget is for its user, which knows which tiles can go. A Pool is safe for concurrent use.
//
// There are two layers. Extents are multiples of 64 KiB that are mapped one by one and, once free, wait for a tile of exactly
// their size: matrices have few tile shapes, and coarser classes would take up to a third of the budget for nothing. Blocks
// below 256 KiB are cut from slabs, which are extents.
type Pool struct {
	limit int64

	mu      sync.Mutex
	idle    map[int64][]unsafe.Pointer // free extents by size, the last one used last
	partial map[int64][]*slab          // slabs with free blocks, by the size of these
	live    int64                      // bytes of extents in use
	mapped  int64                      // bytes of extents in use and idle
	peak    int64                      // the most that mapped has been
	closed  bool
}

const (
	extentUnit = 64 << 10
	smallest   = 64        // bytes of a block: a cache line, an AVX-512 register
	slabBelow  = 256 << 10 // smaller blocks come from slabs
	slabBlocks = 8         // in a slab, at least
)

// NewPool makes a pool that keeps at most limit bytes mapped, or what its tiles in use take if that is more.
func NewPool(limit int64) *Pool {
	return &Pool{limit: limit, idle: map[int64][]unsafe.Pointer{}, partial: map[int64][]*slab{}}
}

// SizeOf is the bytes that a tile takes from a pool.
func SizeOf(d DType, shape []int64) int64 {
	bytes, ok := bytesOf(d, shape)
	if !ok {
		return math.MaxInt64
	}
	return blockSize(bytes)
}

// bytesOf is the size of the elements; not ok when a side is negative or there are more bytes than memory could ever have.
func bytesOf(d DType, shape []int64) (n int64, ok bool) {
	n, most := int64(d.Size()), int64(math.MaxInt64>>1)
	empty := false
	for _, s := range shape {
		switch {
		case s < 0:
			return 0, false
		case s == 0:
			empty = true
		case n > most/s:
			return 0, false
		default:
			n *= s
		}
	}
	if empty {
		n = 0
	}
	return n, true
}

// blockSize rounds up to the size of a block: four sizes to a doubling below slabBelow, multiples of extentUnit from there.
func blockSize(bytes int64) int64 {
	unit := int64(extentUnit)
	if bytes <= slabBelow {
		unit = max(smallest, int64(1)<<max(bits.Len64(uint64(max(bytes, 1)-1))-3, 0))
	}
	return max((bytes+unit-1)/unit*unit, smallest)
}

// New gives a tile, held once, with unspecified content.
func (p *Pool) New(d DType, shape []int64) (*Tile, error) {
	bytes, ok := bytesOf(d, shape)
	if !ok {
		return nil, errs.New(errs.Value, "a tile cannot have the shape %v", shape)
	}
	b, err := p.get(blockSize(bytes))
	if err != nil {
		return nil, err
	}
	b.refs.Store(1)
	t := &Tile{DType: d, Shape: slices.Clone(shape), mem: unsafe.Slice((*byte)(b.at), bytes), block: b}
	if invariants {
		poison(b)
	}
	return t, nil
}

// block is a tile's piece of the pool, with the number of those who hold it.
type block struct {
	pool *Pool
	slab *slab // nil for an extent
	at   unsafe.Pointer
	size int64
	refs refs
}

func (p *Pool) get(size int64) (*block, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errs.New(errs.Closed, "the tile pool is closed")
	}
	b := &block{pool: p, size: size}
	var err error
	if size < slabBelow {
		b.slab, b.at, err = p.cut(size)
	} else {
		b.at, err = p.extent(size)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// put takes back a block that nobody holds any more.
func (p *Pool) put(b *block) {
	if invariants {
		poison(b)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.slab != nil {
		p.uncut(b.slab, b.at)
	} else {
		p.free(b.at, b.size)
	}
}

// spare is how much idle memory stays mapped when extents of another size are: enough for sizes that take turns, and little beside
// what is in use. New memory costs a clearing of its pages, however much lies idle, and what was unmapped just now is at hand for it.
func (p *Pool) spare() int64 {
	const (
		least = 64 << 20
		part  = 16 // of what is in use
	)
	return max(least, p.live/part)
}

// extent gives an extent of the size: one that lies idle, or else a new one, for which idle ones of other sizes are unmapped, all
// but some to spare.
func (p *Pool) extent(size int64) (unsafe.Pointer, error) {
	if n := len(p.idle[size]); n > 0 {
		at := p.idle[size][n-1]
		p.idle[size] = p.idle[size][:n-1]
		p.live += size
		return at, nil
	}
	p.trim(min(p.limit-size, p.live+p.spare()))
	at, err := mapMemory(size)
	if err != nil && p.mapped > p.live { // the system has less than the limit
		p.trim(0)
		at, err = mapMemory(size)
	}
	if err != nil {
		return nil, errs.New(errs.Memory, "the system gives no %d bytes for a tile (%w), %d are in use: lower memory_limit or use smaller blocks",
			size, err, p.live)
	}
	p.live += size
	p.mapped += size
	p.peak = max(p.peak, p.mapped)
	return at, nil
}

// free makes an extent idle, or unmaps it when the limit is passed.
func (p *Pool) free(at unsafe.Pointer, size int64) {
	p.live -= size
	p.idle[size] = append(p.idle[size], at)
	p.trim(p.limit)
}

// trim unmaps idle extents, the largest first, until no more than target bytes are mapped or none is idle.
func (p *Pool) trim(target int64) {
	for p.mapped > target && p.mapped > p.live {
		largest := int64(0)
		for size, idle := range p.idle {
			if len(idle) > 0 {
				largest = max(largest, size)
			} else {
				delete(p.idle, size)
			}
		}
		idle := p.idle[largest]
		unmapMemory(idle[len(idle)-1], largest)
		p.idle[largest] = idle[:len(idle)-1]
		p.mapped -= largest
	}
}

// Stats tells the bytes that tiles use, a slab counted whole; those mapped, idle ones included; and the most that were ever
// mapped.
func (p *Pool) Stats() (live, mapped, peak int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live, p.mapped, p.peak
}

// Close gives idle memory back to the system and refuses new tiles. The memory of a tile that is still held goes with its
// last Release.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.limit = true, 0
	p.trim(0)
}
