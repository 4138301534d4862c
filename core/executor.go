package core

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"sync/atomic"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/matrix"
	"numpywren/core/pywren"
	"numpywren/core/runtime"
	"numpywren/core/sidecar"
)

// Executor is the memory, the stores and the workers of one session. It is safe for concurrent use.
type Executor struct {
	cfg     Config
	fleet   *fleet.Deployment               // nil when programs run in this process
	launch  func(ctx context.Context) error // starts one worker of the fleet; nil: they are started elsewhere
	space   *matrix.Space
	rt      *runtime.Runtime
	scratch *scratch
	local   *blob.Store // below the scratch folder
	durable *blob.Store // below cfg.Path or cfg.Storage; nil when the executor is ephemeral
	tenancy *tenancy    // in cfg.Path
	ctx     context.Context
	cancel  context.CancelFunc
	serial  atomic.Int64
	plans   planCache
	buckets buckets // of URLs that arrays come from and go to

	sidecars *sidecar.Pool // the processes of calls and blocks
	calls    caller
	blocks   *pywren.Blocks

	mu     sync.Mutex
	closed bool
	jobs   sync.WaitGroup
	named  map[string]*stored
	live   map[*stored]struct{} // all whose matrix holds tiles
	held   map[string]int       // prefixes of durable matrices of programs that run here
}

// How many tiles of durable matrices are written at once, behind the computation: to a disk, and over a network.
const (
	diskWriters = 2
	farWriters  = 16
)

func (e *Executor) writers() int {
	if e.fleet != nil {
		return farWriters
	}
	return diskWriters
}

// Open makes an executor.
func Open(cfg Config) (*Executor, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Executor{cfg: cfg, named: map[string]*stored{}, live: map[*stored]struct{}{}, held: map[string]int{}}
	e.buckets.open = func(ctx context.Context, url string) (*blob.Store, error) { return openS3(ctx, url, cfg.Region) }
	if cfg.Path != "" {
		if err := os.MkdirAll(cfg.Path, 0o755); err != nil {
			return nil, errs.New(errs.OS, "path %s cannot be made: %w", cfg.Path, err)
		}
		e.durable = blob.NewFile(cfg.Path)
		e.tenancy = enter(cfg.Path)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	if cfg.Storage != "" {
		if err := e.connect(); err != nil {
			e.cancel()
			return nil, err
		}
	}
	if e.scratch, err = newScratch(cfg.Scratch); err != nil {
		e.tenancy.leave()
		e.cancel()
		if e.fleet != nil {
			_ = e.fleet.Queue.Close()
		}
		return nil, err
	}
	e.local = blob.NewFile(e.scratch.dir)
	e.space = matrix.NewSpace(cfg.MemoryLimit, e.writers())
	e.rt = runtime.New(e.space, cfg.Workers, cfg.PipelineWidth)
	e.openCalls()
	if cfg.Queue == queueMemory {
		e.host()
	}
	return e, nil
}

// Close cancels the executor's jobs, waits for them, and gives back its memory and its scratch folder. A second call does
// nothing.
func (e *Executor) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.calls.Close()
	e.jobs.Wait()
	if e.fleet != nil {
		_ = e.fleet.Queue.Close()
	}
	e.sidecars.Close()
	e.mu.Lock()
	var all []*stored
	for s := range e.live {
		all = append(all, s)
	}
	e.mu.Unlock()
	for _, s := range all {
		e.space.Forget(s.m)
	}
	e.space.Close()
	e.tenancy.leave()
	return e.scratch.close()
}

// open refuses work on a closed executor.
func (e *Executor) open() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errs.New(errs.Closed, "the executor is closed: make a new one with local_executor() or default_executor()")
	}
	return nil
}

// Describe is the configuration in force, the memory in use, and what calls elsewhere took, as JSON.
func (e *Executor) Describe() string {
	resident, spilled, loaded := e.space.Usage()
	var calls *fleet.Spending
	if c, far := e.calls.(*fleet.Caller); far {
		s := c.Spending()
		calls = &s
	}
	text, _ := json.Marshal(struct {
		Config
		MemoryUsed   int64 `json:"memory_used"`
		BytesSpilled int64 `json:"bytes_spilled"`
		BytesLoaded  int64 `json:"bytes_loaded"`
		ScratchUsed  int64 `json:"scratch_used"`

		Calls *fleet.Spending `json:"calls,omitempty"`
	}{e.cfg, resident, spilled, loaded, folderSize(e.scratch.dir), calls})
	return string(text)
}

func folderSize(dir string) int64 {
	entries, _ := os.ReadDir(dir)
	total := int64(0)
	for _, entry := range entries {
		if entry.IsDir() {
			total += folderSize(dir + string(os.PathSeparator) + entry.Name())
		} else if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}
