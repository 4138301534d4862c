// Package queue is messages with leases: what a worker receives is hidden from the others until it acknowledges it, gives it
// back, or lets its lease lapse, and then it is delivered again; after too many deliveries it is a dead letter.
//
// Queue is the type for users; what is the same for all queues lives in it. Driver is what a kind of queue must do: Memory
// (memory.go) is the one of this package, for the local executor and for simulations. Package queuetest holds every driver to
// one suite. A message is delivered at least once: receivers must not mind one that comes twice.
//
// Packages runtime and simulate call it. It knows nothing of tasks.
package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Message is what is sent.
type Message struct {
	Body       string
	Priority   int64             // larger: sooner
	Delay      time.Duration     // from the sending until it can be received
	Attributes map[string]string // may be nil; not to be changed after Send
}

// Receipt names one delivery. Only the driver that made it knows what is in it.
type Receipt struct {
	Num  uint64
	Text string
}

// Delivery is one message, received.
type Delivery struct {
	Message
	Receipt Receipt
	Attempt int // 1 for the first delivery
}

// Count is how many messages there are. A driver of a distributed queue may give approximations.
type Count struct {
	Visible  int64 // can be received now
	InFlight int64 // received, with a lease
	Delayed  int64 // not to be received yet
	Dead     int64 // in the dead letters
}

// Limits are a driver's bounds for one call.
type Limits struct {
	Batch int // messages in a Send, Receive or Ack
	Body  int // bytes of a body and its attributes
}

var (
	// ErrClosed is the failure of every call on a closed queue, also of a Receive that waits.
	ErrClosed = errors.New("queue: closed")
	// ErrLapsed is the failure of Extend, Ack and Nack for a delivery whose lease has ended: the message may be with another
	// receiver by now. It is no reason to undo anything.
	ErrLapsed = errors.New("queue: the lease has lapsed")
)

// Driver is one kind of queue. Calls come from several goroutines, with 1 to Limits().Batch messages or receipts.
type Driver interface {
	Limits() Limits
	Send(ctx context.Context, messages []Message) error
	// Receive gives 1 to n messages, best first. If there is none it waits: for ever when wait < 0, else at most wait, and
	// then gives none and no error. Each delivery has the queue's lease.
	Receive(ctx context.Context, n int, wait time.Duration) ([]Delivery, error)
	// Extend makes the lease end lease from now.
	Extend(ctx context.Context, r Receipt, lease time.Duration) error
	Ack(ctx context.Context, receipts []Receipt) error
	// Nack ends the lease; the message can be received again after delay. If its deliveries are used up it is dead now.
	Nack(ctx context.Context, r Receipt, delay time.Duration) error
	Len(ctx context.Context) (Count, error)
	// DeadLetters gives up to n dead letters, oldest first, and leaves them there.
	DeadLetters(ctx context.Context, n int) ([]Message, error)
	// Purge forgets every message, dead ones too. Receipts from before are lapsed.
	Purge(ctx context.Context) error
	// Close ends every Receive that waits. Messages of a queue that others share stay.
	Close() error
}

// Queue is a queue of any kind. It is safe for concurrent use.
type Queue struct {
	d      Driver
	limits Limits
}

// New makes a Queue of a driver.
func New(d Driver) *Queue { return &Queue{d: d, limits: d.Limits()} }

// Send puts messages on the queue, in as many batches as that takes. After a failure some of them may have been sent.
func (q *Queue) Send(ctx context.Context, messages []Message) error {
	for i := range messages {
		if err := q.check(&messages[i]); err != nil {
			return err
		}
	}
	for len(messages) > 0 {
		n := min(len(messages), q.limits.Batch)
		if err := q.d.Send(ctx, messages[:n]); err != nil {
			return err
		}
		messages = messages[n:]
	}
	return nil
}

func (q *Queue) check(m *Message) error {
	size := len(m.Body)
	for k, v := range m.Attributes {
		size += len(k) + len(v)
	}
	if size > q.limits.Body {
		return fmt.Errorf("queue: a message of %d bytes, the most is %d", size, q.limits.Body)
	}
	if m.Delay < 0 {
		return fmt.Errorf("queue: a delay of %v", m.Delay)
	}
	return nil
}

// Receive gives 1 to n messages, those of the largest priority first. If there is none it waits: for ever when wait < 0, else at
// most wait, and then gives none and no error. It fails when ctx or the queue ends.
func (q *Queue) Receive(ctx context.Context, n int, wait time.Duration) ([]Delivery, error) {
	if n < 1 {
		return nil, fmt.Errorf("queue: receive %d messages", n)
	}
	return q.d.Receive(ctx, min(n, q.limits.Batch), wait)
}

// Extend makes the lease of a delivery end lease from now.
func (q *Queue) Extend(ctx context.Context, r Receipt, lease time.Duration) error {
	if lease <= 0 {
		return fmt.Errorf("queue: a lease of %v", lease)
	}
	return q.d.Extend(ctx, r, lease)
}

// Ack forgets the messages of the deliveries. It tries all of them, and gives the first failure.
func (q *Queue) Ack(ctx context.Context, receipts ...Receipt) error {
	var first error
	for len(receipts) > 0 {
		n := min(len(receipts), q.limits.Batch)
		if err := q.d.Ack(ctx, receipts[:n]); err != nil && first == nil {
			first = err
		}
		receipts = receipts[n:]
	}
	return first
}

// Nack gives a message back, to be received again after delay.
func (q *Queue) Nack(ctx context.Context, r Receipt, delay time.Duration) error {
	return q.d.Nack(ctx, r, max(0, delay))
}

// Len counts the messages.
func (q *Queue) Len(ctx context.Context) (Count, error) { return q.d.Len(ctx) }

// DeadLetters gives up to n messages that were delivered too often, oldest first. They stay dead letters.
func (q *Queue) DeadLetters(ctx context.Context, n int) ([]Message, error) {
	return q.d.DeadLetters(ctx, n)
}

// Purge forgets every message, dead ones too.
func (q *Queue) Purge(ctx context.Context) error { return q.d.Purge(ctx) }

// Close ends every Receive that waits with ErrClosed.
func (q *Queue) Close() error { return q.d.Close() }
