package tile

import "unsafe"

// slab is an extent cut into blocks of one size. The pool's lock guards it.
type slab struct {
	base   unsafe.Pointer
	bytes  int64 // of the extent
	size   int64 // of a block
	fresh  int64 // blocks that were handed out at least once are those before it
	freed  []unsafe.Pointer
	used   int64
	listed int // place in Pool.partial[size], -1 when no block is free
}

func (s *slab) full() bool { return s.used == s.bytes/s.size }

// cut gives a block of the size from a slab.
func (p *Pool) cut(size int64) (*slab, unsafe.Pointer, error) {
	if len(p.partial[size]) == 0 {
		bytes := (slabBlocks*size + extentUnit - 1) / extentUnit * extentUnit
		base, err := p.extent(bytes)
		if err != nil {
			return nil, nil, err
		}
		p.list(&slab{base: base, bytes: bytes, size: size})
	}
	list := p.partial[size]
	s := list[len(list)-1]
	var at unsafe.Pointer
	if n := len(s.freed); n > 0 {
		at, s.freed = s.freed[n-1], s.freed[:n-1]
	} else {
		at = unsafe.Add(s.base, s.fresh*size)
		s.fresh++
	}
	if s.used++; s.full() {
		p.unlist(s)
	}
	return s, at, nil
}

// uncut takes a block back; the last one frees the slab.
func (p *Pool) uncut(s *slab, at unsafe.Pointer) {
	if s.full() {
		p.list(s)
	}
	s.freed = append(s.freed, at)
	if s.used--; s.used == 0 {
		p.unlist(s)
		p.free(s.base, s.bytes)
	}
}

func (p *Pool) list(s *slab) {
	s.listed = len(p.partial[s.size])
	p.partial[s.size] = append(p.partial[s.size], s)
}

func (p *Pool) unlist(s *slab) {
	list := p.partial[s.size]
	last := list[len(list)-1]
	list[s.listed], last.listed = last, s.listed
	p.partial[s.size] = list[:len(list)-1]
	s.listed = -1
}
