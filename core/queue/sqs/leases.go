package sqs

import (
	"sync"
	"time"
)

// leases knows when the leases of this process's deliveries end at the latest. SQS refuses to extend one that has ended, but not
// reliably (a standard queue may take an old receipt, and other implementations do), and then the one who was late hides the
// message from its rightful receiver. So what has certainly lapsed is not asked for. Receipts from elsewhere are not known here.
type leases struct {
	mu  sync.Mutex
	end map[string]time.Time
	gc  int // size at which lapsed ones are thrown out
}

// gcLapsed is for how long a lapsed receipt is remembered at least; who would use it afterwards is refused by SQS.
const gcLapsed = 10 * time.Minute

func (l *leases) set(receipt string, end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		l.end, l.gc = map[string]time.Time{}, 1024
	}
	if len(l.end) >= l.gc {
		old := time.Now().Add(-gcLapsed)
		for r, e := range l.end {
			if e.Before(old) {
				delete(l.end, r)
			}
		}
		l.gc = max(1024, 2*len(l.end))
	}
	l.end[receipt] = end
}

func (l *leases) forget(receipt string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.end, receipt)
}

func (l *leases) lapsed(receipt string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	end, known := l.end[receipt]
	return known && !time.Now().Before(end)
}
