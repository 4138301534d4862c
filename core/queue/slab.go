package queue

import "time"

// The small moves of Memory's items and receivers. All need the lock.

func (m *Memory) now() int64 { return m.opt.Clock.Now().UnixNano() }

// alloc gives an unused item; release makes it unused again, and counts one delivery more so that old receipts do not fit its
// next user.
func (m *Memory) alloc() int32 {
	if n := len(m.free); n > 0 {
		id := m.free[n-1]
		m.free = m.free[:n-1]
		return id
	}
	m.items = append(m.items, item{})
	return int32(len(m.items) - 1)
}

func (m *Memory) release(id int32) {
	it := &m.items[id]
	it.Message, it.state = Message{}, unused
	it.delivery++
	m.free = append(m.free, id)
}

// show makes an item visible.
func (m *Memory) show(id int32) {
	m.items[id].state = visible
	m.ready.push(m.items, id)
}

// schedule makes an item leased or delayed until due.
func (m *Memory) schedule(id int32, state itemState, due int64) {
	it := &m.items[id]
	it.state, it.due = state, due
	m.timed.push(m.items, id)
}

// hide takes an item out of the heap that it is in.
func (m *Memory) hide(id int32) {
	it := &m.items[id]
	if it.state == visible {
		m.ready.remove(m.items, int(it.pos))
		return
	}
	if it.state == leased {
		m.inFlight--
	}
	m.timed.remove(m.items, int(it.pos))
}

// wake wakes as many receivers as there are visible messages, and sees to it that the others wake in time.
func (m *Memory) wake() {
	n := min(len(m.waiters), len(m.ready.ids))
	for _, w := range m.waiters[:n] {
		w.wake <- struct{}{} // room for one: a waiter is in the line once
	}
	m.waiters = append(m.waiters[:0], m.waiters[n:]...)
	m.arm()
}

// leaveLine takes a receiver out of the line, if no call has done so to wake it.
func (m *Memory) leaveLine(w *waiter) {
	for i, other := range m.waiters {
		if other == w {
			m.waiters = append(m.waiters[:i], m.waiters[i+1:]...)
			return
		}
	}
	select {
	case <-w.wake: // woken while it left for another reason
	default:
	}
}

// arm sets the timer to the first lease or delay that ends, if anybody waits for it.
func (m *Memory) arm() {
	if len(m.waiters) == 0 || len(m.timed.ids) == 0 || m.closed {
		if m.alarm != nil {
			m.alarm()
			m.alarm = nil
		}
		return
	}
	due := m.items[m.timed.ids[0]].due
	if m.alarm != nil {
		if m.alarmAt == due {
			return
		}
		m.alarm()
	}
	m.alarmAt = due
	m.alarm = m.opt.Clock.AfterFunc(time.Duration(max(0, due-m.now())), func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.alarmAt == due {
			m.alarm = nil
		}
		m.lapse(m.now())
		m.wake()
	})
}
