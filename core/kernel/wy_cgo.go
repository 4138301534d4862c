//go:build !purego

package kernel

// #include "wy.h"
import "C"

import (
	"unsafe"

	"numpywren/core/errs"
)

// ownReflections is the fewest columns, of V and of what is multiplied, for which V is put in order.
const ownReflections = 48

// inOrderSide is the most columns of a piece of a block that is to be factored, before newCuts rounds them up to 64 or 128: of 128 columns
// there are two pieces, whose strips are without a narrow one.
const inOrderSide = 96

func (q *inOrder[T]) c() C.npw_wy {
	return C.npw_wy{m: C.int64_t(q.m), n: C.int64_t(q.n), columns: C.int64_t(q.side), shape: C.int(q.shape)}
}

func wyBytes[T float]() C.int64_t {
	var x T
	return C.int64_t(unsafe.Sizeof(x))
}

// fit is how many blocks are put in order at a time, 0 if these reflections are not ours to apply to p columns. Shapes alone decide,
// on one machine.
func (q *inOrder[T]) fit(p int) int {
	if !ownProducts || min(q.m, q.n, p) < ownReflections || q.side%8 != 0 && q.n > q.side {
		return 0
	}
	c := q.c()
	return min(q.blocks(), int(C.npw_wy_fit(&c, wyBytes[T]())))
}

// apply is [C; D] = Q [C; D], or Qᵀ of it with trans, on p columns; C is nil for a lower V, whose reflections change D alone. With starts,
// D is new: starts gives, for a range of columns, how many of the blocks they need, the others having nothing but zeros to change.
func (q *inOrder[T]) apply(a *Args, trans bool, p int, c []T, ldc int, d []T, ldd int, starts func(lo, size int) int) {
	shape := q.c()
	per, size := q.fit(p), int(C.npw_wy_piece(&shape, wyBytes[T](), C.int64_t(p)))
	groups := (q.blocks() + per - 1) / per
	packed := C.npw_wy_borrow()
	if packed == nil {
		panic(wyMemory(q.m, q.n))
	}
	defer C.npw_wy_give_back(packed)
	for s := range groups {
		first := order(s, groups, trans) * per
		count := min(per, q.blocks()-first)
		a.each(count, func(k int) { q.pack(first, k, packed) })
		a.each((p+size-1)/size, func(k int) {
			lo := k * size
			some := min(size, p-lo)
			all, fresh := count, false
			if starts != nil {
				need := starts(lo, some)
				all = min(count, max(0, need-first))
				fresh = need <= first+count && (all > 0 || first == 0)
			}
			if all > 0 || fresh {
				var upper []T
				if c != nil {
					upper = c[lo*ldc:]
				}
				q.multiply(first, all, trans, fresh, packed, some, upper, ldc, d[lo*ldd:], ldd)
			}
		})
	}
}

// all says whether there are several blocks, which fit in order together.
func (q *inOrder[T]) all() bool { return q.blocks() > 1 && q.fit(q.n) == q.blocks() }

// factor finds the reflections, block after block by panel, each when those before it were applied to its columns of [C; D], which so
// goes through the cache once. D is where V is to be. Columns beyond V's, of p, are multiplied by all.
func (q *inOrder[T]) factor(a *Args, p int, c []T, ldc int, d []T, ldd int, panel func(s int)) {
	packed := C.npw_wy_borrow()
	if packed == nil {
		panic(wyMemory(q.m, q.n))
	}
	defer C.npw_wy_give_back(packed)
	for s := range q.blocks() + 1 {
		from := min(s*q.side, q.n)
		to := p
		if s < q.blocks() {
			to = min(from+q.side, q.n)
		}
		if cols := newCuts(to-from, inOrderSide); s > 0 && to > from {
			a.each(cols.count(), func(k int) {
				lo, size := cols.at(k)
				var upper []T
				if c != nil {
					upper = c[(from+lo)*ldc:]
				}
				q.multiply(0, s, true, false, packed, size, upper, ldc, d[(from+lo)*ldd:], ldd)
			})
		}
		if s < q.blocks() {
			panel(s)
			if to < p {
				q.pack(0, s, packed)
			}
		}
	}
}

func (q *inOrder[T]) pack(first, place int, packed unsafe.Pointer) {
	c := q.c()
	if isDouble[T]() {
		C.npw_wy_pack_f64(&c, C.int64_t(first), C.int64_t(place), f64(q.v), C.int64_t(q.ldv), f64(q.t), C.int64_t(q.ldt), packed)
	} else {
		C.npw_wy_pack_f32(&c, C.int64_t(first), C.int64_t(place), f32(q.v), C.int64_t(q.ldv), f32(q.t), C.int64_t(q.ldt), packed)
	}
}

func (q *inOrder[T]) multiply(first, count int, trans, fresh bool, packed unsafe.Pointer, p int, c []T, ldc int, d []T, ldd int) {
	shape, back, zeros := q.c(), pick(trans, 1, 0), pick(fresh, 1, 0)
	var done C.int
	if isDouble[T]() {
		done = C.npw_wy_apply_f64(&shape, C.int64_t(first), C.int64_t(count), back, zeros, packed, C.int64_t(p), f64(c), C.int64_t(ldc),
			f64(d), C.int64_t(ldd))
	} else {
		done = C.npw_wy_apply_f32(&shape, C.int64_t(first), C.int64_t(count), back, zeros, packed, C.int64_t(p), f32(c), C.int64_t(ldc),
			f32(d), C.int64_t(ldd))
	}
	if done == 0 {
		panic(wyMemory(q.m, q.n))
	}
}

func wyMemory(m, n int) error {
	return errs.New(errs.Memory, "the system gives no memory for the parts of a product with reflections of %d×%d elements", m, n)
}
