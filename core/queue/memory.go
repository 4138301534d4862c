package queue

import (
	"context"
	"math"
	"sync"
	"time"
)

// MemoryOptions say how a queue in memory works. The zero value serves.
type MemoryOptions struct {
	Lease      time.Duration // of a delivery, until Extend; 0: an hour
	MaxReceive int           // deliveries of a message before it is a dead letter; 0: no bound
	Clock      Clock         // nil: the system's
	// Less breaks ties between messages of one priority: a before b. With nil, or when neither is less, the one that was sent
	// first is first. It is called with the queue locked.
	Less func(a, b *Message) bool
}

// Memory is the driver of a queue in this process: a priority heap of what can be received, and a heap by time of what cannot
// yet (leases and delays). Time that passes needs no timer as long as nobody waits, because every call first looks at the clock.
type Memory struct {
	opt MemoryOptions

	mu       sync.Mutex
	items    []item // a slab: receipts and heaps name items by number
	free     []int32
	ready    heap
	timed    heap
	seq      uint64
	inFlight int64
	dead     []Message
	waiters  []*waiter // receivers that wait, longest first
	alarm    func()    // stops the timer for the first of timed; nil when there is none
	alarmAt  int64
	closed   bool
}

type item struct {
	Message
	seq      uint64
	due      int64 // ns since 1970: when its lease or delay ends
	pos      int32 // in the heap that it is in
	delivery uint32
	attempt  int32
	state    itemState
}

type itemState uint8

const (
	unused itemState = iota
	visible
	leased
	delayed
)

type waiter struct{ wake chan struct{} }

// NewMemory makes a queue in memory.
func NewMemory(opt MemoryOptions) *Queue {
	if opt.Lease == 0 {
		opt.Lease = time.Hour
	}
	if opt.Clock == nil {
		opt.Clock = System{}
	}
	m := &Memory{opt: opt}
	m.ready.before = m.better
	m.timed.before = func(a, b *item) bool { return a.due < b.due || a.due == b.due && a.seq < b.seq }
	return New(m)
}

func (m *Memory) better(a, b *item) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if m.opt.Less != nil {
		if m.opt.Less(&a.Message, &b.Message) {
			return true
		}
		if m.opt.Less(&b.Message, &a.Message) {
			return false
		}
	}
	return a.seq < b.seq
}

// Limits: none.
func (m *Memory) Limits() Limits { return Limits{Batch: math.MaxInt, Body: math.MaxInt} }

// Send puts messages on the queue and wakes as many receivers.
func (m *Memory) Send(_ context.Context, messages []Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	var now int64
	for i := range messages {
		id := m.alloc()
		it := &m.items[id]
		it.Message, it.seq, it.attempt = messages[i], m.seq, 0
		m.seq++
		if it.Delay > 0 {
			if now == 0 {
				now = m.now()
			}
			m.schedule(id, delayed, now+int64(it.Delay))
		} else {
			m.show(id)
		}
	}
	m.wake()
	return nil
}

// Receive takes the best messages, or waits.
func (m *Memory) Receive(ctx context.Context, n int, wait time.Duration) ([]Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	got, err := m.take(ctx, n)
	if got != nil || err != nil || wait == 0 {
		return got, err
	}
	var timeout chan struct{}
	if wait > 0 {
		timeout = make(chan struct{})
		defer m.opt.Clock.AfterFunc(wait, func() { close(timeout) })()
	}
	w := &waiter{wake: make(chan struct{}, 1)}
	for {
		m.waiters = append(m.waiters, w)
		m.arm()
		m.mu.Unlock()
		expired := false
		select {
		case <-w.wake:
		case <-ctx.Done():
		case <-timeout:
			expired = true
		}
		m.mu.Lock()
		m.leaveLine(w)
		got, err = m.take(ctx, n)
		if got != nil || err != nil || expired {
			m.wake() // the call that woke us may have been meant for more than we took
			return got, err
		}
	}
}

// take delivers up to n messages that are visible now. It must not deliver to a receiver that has gone.
func (m *Memory) take(ctx context.Context, n int) ([]Delivery, error) {
	if m.closed {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := m.now()
	m.lapse(now)
	n = min(n, len(m.ready.ids))
	if n == 0 {
		return nil, nil
	}
	got := make([]Delivery, n)
	for i := range got {
		id := m.ready.remove(m.items, 0)
		it := &m.items[id]
		it.attempt++
		it.delivery++
		got[i] = Delivery{Message: it.Message, Receipt: Receipt{Num: uint64(it.delivery)<<32 | uint64(id)}, Attempt: int(it.attempt)}
		m.inFlight++
		m.schedule(id, leased, now+int64(m.opt.Lease))
	}
	return got, nil
}

// lapse ends the leases and delays whose time is over.
func (m *Memory) lapse(now int64) {
	for len(m.timed.ids) > 0 {
		id := m.timed.ids[0]
		if m.items[id].due > now {
			return
		}
		m.back(id)
	}
}

// back takes an item out of timed: to the visible ones, or to the dead letters if its deliveries are used up.
func (m *Memory) back(id int32) {
	it := &m.items[id]
	m.timed.remove(m.items, int(it.pos))
	if it.state == leased {
		m.inFlight--
		if m.opt.MaxReceive > 0 && int(it.attempt) >= m.opt.MaxReceive {
			m.dead = append(m.dead, it.Message)
			m.release(id)
			return
		}
	}
	m.show(id)
}

// Extend makes a lease end later, or sooner.
func (m *Memory) Extend(_ context.Context, r Receipt, lease time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	id, err := m.find(r, now)
	if err != nil {
		return err
	}
	it := &m.items[id]
	if it.state != leased {
		return ErrLapsed
	}
	it.due = now + int64(lease)
	m.timed.fix(m.items, int(it.pos))
	m.arm()
	return nil
}

// Ack forgets messages. One whose lease has lapsed is still forgotten as long as nobody else has received it.
func (m *Memory) Ack(_ context.Context, receipts []Receipt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var first error
	now := m.now()
	for _, r := range receipts {
		id, err := m.find(r, now)
		if err != nil {
			first = err
			continue
		}
		m.hide(id)
		m.release(id)
	}
	return first
}

// Nack gives a message back.
func (m *Memory) Nack(_ context.Context, r Receipt, delay time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	id, err := m.find(r, now)
	if err != nil {
		return err
	}
	if m.items[id].state != leased {
		return ErrLapsed
	}
	m.back(id)
	if it := &m.items[id]; it.state == visible && delay > 0 {
		m.hide(id)
		m.schedule(id, delayed, now+int64(delay))
	}
	m.wake()
	return nil
}

// find is the item of a receipt's delivery, if that is the last delivery of an item that is still there.
func (m *Memory) find(r Receipt, now int64) (int32, error) {
	if m.closed {
		return 0, ErrClosed
	}
	m.lapse(now)
	id := int32(r.Num & math.MaxUint32)
	if int(id) >= len(m.items) || id < 0 || m.items[id].state == unused || m.items[id].delivery != uint32(r.Num>>32) {
		return 0, ErrLapsed
	}
	return id, nil
}

// Len counts the messages.
func (m *Memory) Len(context.Context) (Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Count{}, ErrClosed
	}
	m.lapse(m.now())
	return Count{Visible: int64(len(m.ready.ids)), InFlight: m.inFlight, Delayed: int64(len(m.timed.ids)) - m.inFlight, Dead: int64(len(m.dead))}, nil
}

// DeadLetters gives the oldest dead letters.
func (m *Memory) DeadLetters(_ context.Context, n int) ([]Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	m.lapse(m.now())
	return append([]Message(nil), m.dead[:min(n, len(m.dead))]...), nil
}

// Purge forgets every message.
func (m *Memory) Purge(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	for id := range m.items {
		if m.items[id].state != unused {
			m.release(int32(id))
		}
	}
	m.ready.ids, m.timed.ids, m.inFlight, m.dead = m.ready.ids[:0], m.timed.ids[:0], 0, nil
	return nil
}

// Close wakes every receiver; all calls fail from now on.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, w := range m.waiters {
		w.wake <- struct{}{}
	}
	m.waiters = nil
	m.arm()
	return nil
}
