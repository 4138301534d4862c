package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"numpywren/core/blob"
)

// Beat is what a worker did for a run so far. It is written again and again while the worker lives: progress and reports need
// no server.
type Beat struct {
	Worker   string    `json:"worker"`
	Version  string    `json:"version"`
	Cores    int       `json:"cores"`
	Began    time.Time `json:"began"` // with the run
	At       time.Time `json:"at"`
	Left     bool      `json:"left,omitempty"` // it will not work any more
	InHand   int64     `json:"in_hand"`
	Done     int64     `json:"done"`  // tasks that it computed
	Found    int64     `json:"found"` // tasks that it found done
	Received int64     `json:"received"`
	Sent     int64     `json:"sent"`
	Flops    float64   `json:"flops"`
	Kernels  float64   `json:"kernel_seconds"`
	Busy     float64   `json:"busy_seconds"` // of messages in hand, added up
	Traffic  Traffic   `json:"traffic"`
	Log      []Line    `json:"log,omitempty"`
}

// Line is a line of a worker's log.
type Line struct {
	At     time.Time `json:"at"`
	Worker string    `json:"worker,omitempty"`
	Text   string    `json:"text"`
}

// keptLines is how many lines of a log a worker keeps.
const keptLines = 100

// note writes a line into the run's log.
func (r *run) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.worker.opt.Log("job " + r.id.job + ": " + text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, Line{At: time.Now().UTC(), Text: text})
	if len(r.log) > keptLines {
		r.log = r.log[len(r.log)-keptLines:]
	}
}

func (r *run) beat(left bool) Beat {
	flops, kernels := r.engine.Spent()
	b := Beat{
		Worker: r.worker.opt.ID, Version: r.worker.d.Version, Cores: r.worker.rt.Workers(), Began: r.began.UTC(), At: r.worker.clock.Now().UTC(), Left: left,
		InHand: r.inHand.Load(), Done: r.done.Load(), Found: r.found.Load(), Received: r.received.Load(), Sent: r.sent.Load(),
		Flops: flops, Kernels: kernels.Seconds(), Busy: time.Duration(r.busy.Load()).Seconds(), Traffic: trafficOf(&r.meter),
	}
	r.mu.Lock()
	b.Log = append(b.Log, r.log...)
	r.mu.Unlock()
	return b
}

// beat writes what the worker did for each run, if it did anything since it last wrote.
func (w *Worker) beat(ctx context.Context, left bool) {
	w.mu.Lock()
	var all []*run
	for _, o := range w.runs {
		select {
		case <-o.ready:
			if o.run != nil && o.run.plan != nil {
				all = append(all, o.run)
			}
		default:
		}
	}
	w.mu.Unlock()
	for _, r := range all {
		if r.inHand.Load() == 0 && r.received.Load() == r.told.Load() && !left {
			continue
		}
		b := r.beat(left)
		text, err := json.Marshal(b)
		if err == nil {
			err = w.d.Store.PutBytes(ctx, r.id.beats()+w.opt.ID+".json", text, blob.PutOptions{})
		}
		if err != nil {
			w.opt.Log(fmt.Sprintf("job %s: what was done cannot be written: %v", r.id.job, err))
			continue
		}
		if b.InHand == 0 {
			r.told.Store(b.Received)
		}
	}
}

func (r runID) beats() string { return r.folder() + "workers/" }

// beatsOf reads what all workers did for a run.
func (d *Deployment) beatsOf(ctx context.Context, r runID) ([]Beat, error) {
	var keys []string
	for key, err := range d.Store.List(ctx, r.beats()) {
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(key, ".json") {
			keys = append(keys, key)
		}
	}
	beats := make([]Beat, len(keys))
	for first := 0; first < len(keys); first += asks {
		part := keys[first:min(first+asks, len(keys))]
		err := together(len(part), func(k int) error {
			text, err := d.Store.ReadAll(ctx, part[k])
			if err != nil {
				return err
			}
			return json.Unmarshal(text, &beats[first+k])
		})
		if err != nil {
			return nil, err
		}
	}
	return beats, nil
}
