package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/lambdapack"
	"numpywren/core/queue"
)

// Job is a job as a client knows it, whoever submitted it. It is safe for concurrent use.
type Job struct {
	d        *Deployment
	manifest *Manifest
	expected []expected

	mu     sync.Mutex
	run    runID   // the last that is known of
	billed int     // runs before this one whose cost is known
	bill   float64 // of those, in dollars
}

// at is the run that the Job speaks of.
func (j *Job) at() runID {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.run
}

// on has the Job speak of a run, unless it knows of a later one.
func (j *Job) on(run int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.run.run = max(j.run.run, run)
}

// expected is how many tiles an output has when it is whole.
type expected struct {
	prefix string
	tiles  int64
}

// Submit writes a job to the store and sends its first message. From then on it needs its client no more.
func (d *Deployment) Submit(ctx context.Context, m *Manifest) (*Job, error) {
	m.Protocol, m.Version = Protocol, d.Version
	if m.ID == "" {
		m.ID = NewID()
	}
	if m.Created.IsZero() {
		m.Created = time.Now().UTC()
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	if err := d.create(ctx, manifestKey(m.ID), text); err != nil {
		return nil, fmt.Errorf("the job cannot be written: %w", err)
	}
	m.Settings = m.Settings.withDefaults()
	j := &Job{d: d, manifest: m, run: runID{m.ID, 1}}
	if err := j.expect(); err != nil {
		return nil, err
	}
	return j, j.begin(ctx)
}

// create writes an object that is not there. When the answer to a first attempt was lost, the object that is there is ours.
func (d *Deployment) create(ctx context.Context, key string, content []byte) error {
	err := d.Store.PutBytes(ctx, key, content, blob.PutOptions{IfNoneMatch: true})
	if errors.Is(err, blob.ErrExists) {
		if there, e := d.Store.ReadAll(ctx, key); e == nil && bytes.Equal(there, content) {
			return nil
		}
	}
	return err
}

// begin writes that the run began, and sends its first message.
func (j *Job) begin(ctx context.Context) error {
	if err := j.record(ctx); err != nil {
		return err
	}
	return j.sendFirst(ctx)
}

// record writes that there is the run.
func (j *Job) record(ctx context.Context) error {
	r := j.at()
	key := Root + r.job + "/runs/" + strconv.Itoa(r.run)
	if err := j.d.create(ctx, key, []byte(NewID())); err != nil {
		return fmt.Errorf("the job cannot be written: %w", err)
	}
	return nil
}

// sendFirst sends the message that sends the tasks without parents. Twice does no harm.
func (j *Job) sendFirst(ctx context.Context) error {
	first := queue.Message{Body: order{run: j.at(), feed: true}.String(), Priority: Levels - 1}
	if err := j.d.Queue.Send(ctx, []queue.Message{first}); err != nil {
		return fmt.Errorf("the job's first message cannot be sent: %w", err)
	}
	return nil
}

// Job finds a job by its number.
func (d *Deployment) Job(ctx context.Context, id string) (*Job, error) {
	m, err := d.load(ctx, id)
	if err != nil {
		return nil, err
	}
	j := &Job{d: d, manifest: m, run: runID{id, 1}}
	if err := j.latest(ctx); err != nil {
		return nil, err
	}
	return j, j.expect()
}

// latest finds the number of the job's last run.
func (j *Job) latest(ctx context.Context) error {
	prefix := Root + j.ID() + "/runs/"
	for key, err := range j.d.Store.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(key, prefix)); err == nil {
			j.on(n)
		}
	}
	return nil
}

// expect counts the tiles of each output, which are there when the job is done.
func (j *Job) expect() error {
	p, err := j.manifest.bind()
	if err != nil {
		return err
	}
	tiles := make([]int64, len(p.Matrices))
	for _, s := range p.Statements {
		n := s.Domain.Count()
		for k := range s.Outputs {
			tiles[s.Outputs[k].Matrix] += n
		}
	}
	for k := range p.Matrices {
		if p.Matrices[k].Role == lambdapack.RoleOutput && p.Matrices[k].Stored {
			j.expected = append(j.expected, expected{j.manifest.Matrices[k].Prefix, tiles[k]})
		}
	}
	return nil
}

// ID is the job's number, Manifest what was submitted.
func (j *Job) ID() string          { return j.manifest.ID }
func (j *Job) Manifest() *Manifest { return j.manifest }

// whole says whether every tile of every output is there.
func (j *Job) whole(ctx context.Context) (bool, error) {
	for _, x := range j.expected {
		n := int64(0)
		for key, err := range j.d.Store.List(ctx, x.prefix+"c") {
			if err != nil {
				return false, err
			}
			if rest := strings.TrimPrefix(key, x.prefix); rest == "c" || strings.HasPrefix(rest, "c/") {
				n++
			}
		}
		if n < x.tiles {
			return false, nil
		}
	}
	return true, nil
}

// Look is what is known of a job at a moment.
type Look struct {
	ID      string      `json:"id"`
	Name    string      `json:"name,omitempty"`
	Run     int         `json:"run"`
	State   string      `json:"state"` // "running", or as it ended
	Message string      `json:"message,omitempty"`
	Task    string      `json:"task,omitempty"`
	Created time.Time   `json:"created"`
	Ended   *time.Time  `json:"ended,omitempty"`
	Done    int64       `json:"done"`
	Total   int64       `json:"total"`
	Workers int         `json:"workers"` // that were heard of lately
	Queue   queue.Count `json:"queue"`   // of the deployment, all jobs

	beats []Beat
	end   *End
}

// Running is the state of a run that has not ended.
const Running = "running"

// lately is how old the last sign of life of a worker may be.
const lately = 15 * time.Second

// Look asks the store and the queue about the job. A job whose outputs are all there is done, whoever sees it first.
func (j *Job) Look(ctx context.Context) (*Look, error) {
	l, err := j.glance(ctx)
	if err != nil || l.end != nil {
		return l, err
	}
	if l.end, err = j.complete(ctx); err != nil {
		return nil, err
	}
	l.tell()
	return l, nil
}

// glance is Look without a look at the outputs.
func (j *Job) glance(ctx context.Context) (*Look, error) {
	r := j.at()
	l := &Look{ID: r.job, Name: j.manifest.Name, Run: r.run, State: Running, Created: j.manifest.Created, Total: j.manifest.Tasks}
	err := together(3, func(k int) (err error) {
		switch k {
		case 0:
			l.beats, err = j.d.beatsOf(ctx, r)
		case 1:
			l.end, err = j.d.ended(ctx, r)
		case 2:
			l.Queue, err = j.d.Queue.Len(ctx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, b := range l.beats {
		l.Done += b.Done + b.Found
		if !b.Left && time.Since(b.At) < lately {
			l.Workers++
		}
	}
	l.Done = min(l.Done, l.Total) // some were done twice
	l.tell()
	return l, nil
}

func (l *Look) tell() {
	if l.end == nil {
		return
	}
	l.State, l.Message, l.Task, l.Ended = l.end.State, l.end.Message, l.end.Task, &l.end.At
	if l.end.State == Done {
		l.Done = l.Total
	}
}

// Err is why the job failed; nil while it runs, and when it is done.
func (l *Look) Err() error {
	if l.end == nil {
		return nil
	}
	return l.end.Err()
}

// Spent is the arithmetic that was done, and the time in kernels, of all workers so far.
func (l *Look) Spent() (flops float64, kernels time.Duration) {
	for _, b := range l.beats {
		flops += b.Flops
		kernels += time.Duration(b.Kernels * float64(time.Second))
	}
	return flops, kernels
}

// Cancel ends the job: its tasks are dropped, but for those in hand. Its tiles stay, and Resume goes on from them. Of a job that
// is paused nothing goes on, but others wait for it to: it is given another run, which is cancelled before it begins.
func (j *Job) Cancel(ctx context.Context, why string) error {
	if err := j.latest(ctx); err != nil {
		return err
	}
	r, e := j.at(), End{State: Cancelled, Message: why}
	end, err := j.d.finish(ctx, r, e)
	if err != nil || end.State != Paused {
		return err
	}
	r.run++
	if _, err := j.d.finish(ctx, r, e); err != nil { // first, so that nobody can take it for a run that goes on
		return err
	}
	j.on(r.run)
	err = j.record(ctx)
	if errors.Is(err, blob.ErrExists) {
		return errs.New(errs.Exists, "job %s was resumed, or cancelled, by somebody else at this moment", r.job)
	}
	return err
}

// Pause is Cancel by a limit that was reached.
func (j *Job) Pause(ctx context.Context, why string) error {
	_, err := j.d.finish(ctx, j.at(), End{State: Paused, Message: why})
	return err
}

// Resume runs a job again that ended, or whose messages were lost, from the tiles that exist: what is done is only walked
// through. The run before it ends now, if it did not; who watches it goes on to the new one.
func (j *Job) Resume(ctx context.Context) error {
	if err := j.latest(ctx); err != nil {
		return err
	}
	r := j.at()
	end, err := j.d.finish(ctx, r, End{State: Cancelled, Message: "it was resumed", Resumed: true})
	if err != nil {
		return err
	}
	if end.State == Done {
		return nil
	}
	j.on(r.run + 1)
	err = j.begin(ctx)
	if errors.Is(err, blob.ErrExists) {
		return errs.New(errs.Exists, "job %s was resumed by somebody else at this moment", r.job)
	}
	return err
}

// Jobs lists the numbers of all jobs, the latest first; some may be deleted at this moment, and have no manifest any more.
func (d *Deployment) Jobs(ctx context.Context) ([]string, error) {
	var ids []string
	for id, err := range d.Store.Folders(ctx, Root) {
		if err != nil {
			return nil, err
		}
		if checkID(id) == nil {
			ids = append(ids, id)
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(ids)))
	return ids, nil
}

// Log is what the workers noted about the job's last run, in the order of time.
func (j *Job) Log(ctx context.Context) ([]Line, error) {
	beats, err := j.d.beatsOf(ctx, j.at())
	if err != nil {
		return nil, err
	}
	lines := []Line{}
	for _, b := range beats {
		for _, line := range b.Log {
			line.Worker = b.Worker
			lines = append(lines, line)
		}
	}
	sort.SliceStable(lines, func(a, b int) bool { return lines[a].At.Before(lines[b].At) })
	return lines, nil
}
