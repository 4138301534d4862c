package queue

// heap is a binary heap of items by their number in a slab, least first; each item knows its place, so that it can leave from
// the middle. (container/heap boxes every element it pushes and pops.)
type heap struct {
	ids    []int32
	before func(a, b *item) bool
}

func (h *heap) push(items []item, id int32) {
	h.ids = append(h.ids, id)
	items[id].pos = int32(len(h.ids) - 1)
	h.up(items, len(h.ids)-1)
}

// remove takes the item at a place out.
func (h *heap) remove(items []item, at int) int32 {
	id, last := h.ids[at], len(h.ids)-1
	h.set(items, at, h.ids[last])
	h.ids = h.ids[:last]
	if at < last {
		h.fix(items, at)
	}
	return id
}

// fix restores the order after the item at a place has changed.
func (h *heap) fix(items []item, at int) {
	if !h.down(items, at) {
		h.up(items, at)
	}
}

func (h *heap) set(items []item, at int, id int32) {
	h.ids[at] = id
	items[id].pos = int32(at)
}

func (h *heap) up(items []item, at int) {
	id := h.ids[at]
	for at > 0 {
		parent := (at - 1) / 2
		if !h.before(&items[id], &items[h.ids[parent]]) {
			break
		}
		h.set(items, at, h.ids[parent])
		at = parent
	}
	h.set(items, at, id)
}

func (h *heap) down(items []item, at int) bool {
	id, from := h.ids[at], at
	for {
		least := 2*at + 1
		if least >= len(h.ids) {
			break
		}
		if right := least + 1; right < len(h.ids) && h.before(&items[h.ids[right]], &items[h.ids[least]]) {
			least = right
		}
		if !h.before(&items[h.ids[least]], &items[id]) {
			break
		}
		h.set(items, at, h.ids[least])
		at = least
	}
	h.set(items, at, id)
	return at > from
}
