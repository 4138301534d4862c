package main

import (
	"sync"

	"numpywren/core"
	"numpywren/core/errs"
)

// kind tells what a handle stands for; it is the handle's top byte, so that no valid handle is 0.
type kind uint8

const (
	executorKind kind = iota + 1
	arrayKind
	jobKind
)

func (k kind) String() string {
	switch k {
	case executorKind:
		return "executor"
	case arrayKind:
		return "array"
	case jobKind:
		return "job"
	}
	return "handle"
}

// kindOf is the kind of the objects of type T; T is one of those that a table holds.
func kindOf[T any]() kind {
	switch any((*T)(nil)).(type) {
	case **core.Executor:
		return executorKind
	case **core.Array:
		return arrayKind
	case **core.Job:
		return jobKind
	}
	panic("capi: no handle kind for this type")
}

const (
	indexBits = 32
	genBits   = 24
	genMask   = 1<<genBits - 1
)

// table maps handles to objects. A handle is kind (8 bits), generation (24) and slot (32): a slot that is used again
// has another generation, so that a handle which outlived its object is found out. Safe for concurrent use.
type table struct {
	mu    sync.RWMutex
	slots []slot
	free  []uint32
}

type slot struct {
	value any // nil: free
	kind  kind
	gen   uint32
}

// handles is the process's table.
var handles table

func put[T any](t *table, value T) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var i uint32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		i = uint32(len(t.slots))
		t.slots = append(t.slots, slot{})
	}
	s := &t.slots[i]
	s.value, s.kind, s.gen = value, kindOf[T](), (s.gen+1)&genMask
	return uint64(s.kind)<<(genBits+indexBits) | uint64(s.gen)<<indexBits | uint64(i)
}

// get is the object that h stands for.
func get[T any](t *table, h uint64) (T, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return find[T](t, h)
}

// take is get, and frees the handle.
func take[T any](t *table, h uint64) (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, err := find[T](t, h)
	if err == nil {
		i := uint32(h)
		t.slots[i].value = nil
		t.free = append(t.free, i)
	}
	return v, err
}

// find looks h up; the caller holds the lock.
func find[T any](t *table, h uint64) (T, error) {
	var zero T
	want := kindOf[T]()
	if got := kind(h >> (genBits + indexBits)); got != want {
		return zero, errs.New(errs.Value, "handle %#x is no %v", h, want)
	}
	i := h & (1<<indexBits - 1)
	gen := uint32(h>>indexBits) & genMask
	if i < uint64(len(t.slots)) {
		s := &t.slots[i]
		if v, ok := s.value.(T); ok && s.gen == gen {
			return v, nil
		}
		if want == executorKind {
			return zero, errs.New(errs.Closed, "the executor was closed: open another")
		}
	}
	return zero, errs.New(errs.Value, "handle %#x is not a live %v: it was freed", h, want)
}
