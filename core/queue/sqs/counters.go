package sqs

import "sync/atomic"

// Counters count the requests, for reports of cost: SQS bills requests, and a request whose messages have more than 64 KiB as
// one for each 64 KiB. They may be read at any time.
type Counters struct {
	Sends    atomic.Int64 // SendMessageBatch
	Receives atomic.Int64 // ReceiveMessage, also those that brought nothing
	Empty    atomic.Int64 // of these, those that brought nothing
	Deletes  atomic.Int64 // DeleteMessageBatch
	Extends  atomic.Int64 // ChangeMessageVisibilityBatch: Extend and Nack
	Others   atomic.Int64 // URLs, attributes, purges
	Chunks   atomic.Int64 // what large payloads are billed on top of their requests
	Sent     atomic.Int64 // messages
	Received atomic.Int64 // messages
}

// Count is the state of Counters at one time.
type Count struct{ Sends, Receives, Empty, Deletes, Extends, Others, Chunks, Sent, Received int64 }

// Load reads the counters.
func (c *Counters) Load() Count {
	return Count{
		Sends: c.Sends.Load(), Receives: c.Receives.Load(), Empty: c.Empty.Load(), Deletes: c.Deletes.Load(), Extends: c.Extends.Load(),
		Others: c.Others.Load(), Chunks: c.Chunks.Load(), Sent: c.Sent.Load(), Received: c.Received.Load(),
	}
}

// Billed is the number of requests on the bill.
func (c Count) Billed() int64 {
	return c.Sends + c.Receives + c.Deletes + c.Extends + c.Others + c.Chunks
}

// chunks counts what a payload of that many bytes costs beyond its request.
func (c *Counters) chunks(bytes int) { c.Chunks.Add(int64(max(0, (bytes-1)/(64<<10)))) }
