package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"numpywren/core/queue"
	"numpywren/core/scheduler"
)

// world is one run.
type world struct {
	Config
	p     Program
	rng   *rand.Rand
	clock clock
	queue *queue.Queue
	agenda
	seq uint64

	store   map[Tile]uint64 // what every worker can read
	written map[Tile]bool   // Drop: what was there once
	unread  map[Tile]int64  // Drop: readers to come
	claims  map[Task]claim
	values  map[Task]uint64 // of every task that was computed, to compare its repeats with

	workers  map[int]*worker
	idle     []*actor
	nextID   int
	running  int
	sampleAt time.Duration
	bug      error
	report   *Report
}

type claim struct {
	by   Task
	keep bool
}

// worker is one process with one core.
type worker struct {
	id      int
	since   time.Duration
	actors  []*actor
	core    *actor   // whose kernel runs
	pending []*actor // that wait for the core
}

// clock is a virtual clock as package queue wants it. Nobody waits on it, so it has no timers.
type clock struct{ now time.Duration }

func (c *clock) Now() time.Time { return time.Unix(0, 0).Add(c.now) }
func (c *clock) AfterFunc(time.Duration, func()) func() {
	panic("simulate: a receiver waits on the virtual clock")
}

// Run runs a program to its end on a fleet. The error is a bug of the scheduler (or of the program): a tile that was not there,
// two values for one tile, a lost task, a run that does not end. That the job failed, as it should, is in the Report.
func Run(p Program, c Config) (*Report, error) {
	w := &world{
		Config: c.withDefaults(), p: p, rng: rand.New(rand.NewPCG(c.Seed, 0x5eed)),
		store: map[Tile]uint64{}, written: map[Tile]bool{}, unread: map[Tile]int64{}, claims: map[Task]claim{}, values: map[Task]uint64{},
		workers: map[int]*worker{}, report: &Report{},
	}
	w.queue = queue.NewMemory(queue.MemoryOptions{Lease: w.Lease, MaxReceive: w.MaxReceive, Clock: &w.clock})
	for t := range p.Roots() {
		w.send(t, p.Priority(t))
	}
	for range w.Workers {
		w.hire(0)
	}
	if w.Elastic != nil {
		w.at(0, nil)
	}
	for w.bug == nil && w.step() {
	}
	w.finish()
	return w.report, w.bug
}

// step does the next thing of the agenda; false when there is nothing more to do.
func (w *world) step() bool {
	count := w.count()
	for count.Visible > 0 && len(w.idle) > 0 {
		i := w.rng.IntN(len(w.idle))
		a := w.idle[i]
		w.idle[i] = w.idle[len(w.idle)-1]
		w.idle = w.idle[:len(w.idle)-1]
		w.receive(a)
		count = w.count()
	}
	if count.Dead > 0 && w.report.failure == nil {
		w.report.failure = w.deadLetter()
	}
	if len(w.agenda) == 0 {
		if count == (queue.Count{Dead: count.Dead}) {
			return false
		}
		w.clock.now += w.Lease / 8 // all wait for a lease or a delay to end
		w.tally()                  // so that a hang is seen
		return true
	}
	e := w.pop()
	w.clock.now = max(w.clock.now, e.at)
	w.sample(count)
	switch {
	case e.actor == nil:
		w.resize(count)
	case e.actor.life == e.life:
		w.tally()
		w.act(e.actor)
	}
	return true
}

func (w *world) tally() {
	w.report.Steps++
	if w.Steps > 0 && w.report.Steps > w.Steps {
		w.fail("no end after %d steps: %d tasks computed", w.Steps, w.report.Tasks)
	}
}

func (w *world) count() queue.Count {
	count, err := w.queue.Len(context.Background())
	if err != nil {
		w.fail("%v", err)
	}
	return count
}

func (w *world) deadLetter() error {
	letters, err := w.queue.DeadLetters(context.Background(), 1)
	if err != nil || len(letters) == 0 {
		return fmt.Errorf("a dead letter that cannot be read: %w", err)
	}
	return fmt.Errorf("task %s failed %d times", letters[0].Body, w.MaxReceive)
}

// fail notes the first bug.
func (w *world) fail(format string, args ...any) {
	if w.bug == nil {
		w.bug = fmt.Errorf("simulate: seed %d, %v: %s", w.Seed, w.clock.now, fmt.Sprintf(format, args...))
	}
}

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func (w *world) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + w.Jitter*(2*w.rng.Float64()-1)))
}

// at puts an event of the actor's present life on the agenda, d from now.
func (w *world) at(d time.Duration, a *actor) {
	e := event{at: w.clock.now + d, seq: w.seq, actor: a}
	if a != nil {
		e.life = a.life
	}
	w.seq++
	w.push(e)
}

func (w *world) send(t Task, priority int64) {
	m := queue.Message{Body: encode(t), Priority: priority}
	if w.chance(w.Faults.Delay) {
		m.Delay = time.Duration(w.rng.Int64N(int64(w.Lease) * 2))
	}
	messages := []queue.Message{m}
	if w.chance(w.Faults.Duplicate) {
		m.Delay = time.Duration(w.rng.Int64N(int64(w.Lease) * 4))
		messages = append(messages, m)
	}
	w.report.Sent += int64(len(messages))
	if err := w.queue.Send(context.Background(), messages); err != nil {
		w.fail("%v", err)
	}
}

// hire adds a worker that works after a while.
func (w *world) hire(after time.Duration) {
	k := &worker{id: w.nextID, since: w.clock.now}
	w.nextID++
	w.workers[k.id] = k
	w.report.PeakWorkers = max(w.report.PeakWorkers, len(w.workers))
	for range w.Width {
		a := &actor{worker: k, slot: scheduler.NewSlot(w.p, w.Options)}
		k.actors = append(k.actors, a)
		w.at(after, a)
	}
}

// dismiss ends a worker's time; what its actors had in hand is gone.
func (w *world) dismiss(k *worker) {
	delete(w.workers, k.id)
	w.report.CoreTime += w.clock.now - k.since
	if k.core != nil {
		w.running--
	}
	for _, a := range k.actors {
		a.life++
		for i, o := range w.idle {
			if o == a {
				w.idle = append(w.idle[:i], w.idle[i+1:]...)
				break
			}
		}
	}
}

// resize makes the fleet as large as it should be.
func (w *world) resize(count queue.Count) {
	if count.Visible+count.InFlight+count.Delayed == 0 {
		return // the end
	}
	want := scheduler.Wanted(scheduler.Demand{Queued: count.Visible, InFlight: count.InFlight, Width: w.Width,
		Factor: w.Elastic.Factor, Min: w.Elastic.Min, Max: w.Elastic.Max})
	for len(w.workers) < want {
		w.hire(w.Elastic.Start)
	}
	for id := range w.nextID { // by number, not by the map's order: the seed decides
		if k := w.workers[id]; k != nil && len(w.workers) > want && w.idleSince(k) <= w.clock.now-w.Elastic.Idle {
			w.dismiss(k)
		}
	}
	w.at(w.Elastic.Interval, nil)
}

// idleSince is when the last of a worker's actors fell idle, or never.
func (w *world) idleSince(k *worker) time.Duration {
	var since time.Duration
	for _, a := range k.actors {
		if !a.idle {
			return w.clock.now + 1
		}
		since = max(since, a.since)
	}
	return since
}

func (w *world) sample(count queue.Count) {
	for w.Sample > 0 && w.clock.now >= w.sampleAt {
		w.report.Profile = append(w.report.Profile, Sample{At: w.sampleAt, Workers: len(w.workers), Running: w.running, Queued: count.Visible})
		w.sampleAt += w.Sample
	}
}

func (w *world) finish() {
	for id := range w.nextID {
		if k := w.workers[id]; k != nil {
			w.dismiss(k)
		}
	}
	w.report.Tasks = int64(len(w.values))
	w.report.store = w.store
}
