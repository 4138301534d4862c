package core

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"numpywren/core/errs"
)

// Config is an executor's settings; the zero value of each field means the default.
type Config struct {
	Workers       int    `json:"workers"`      // kernels that run at once; by default one a core
	MemoryLimit   int64  `json:"memory_limit"` // bytes of tiles in memory; by default half of the machine's
	Path          string `json:"path"`         // the folder of named matrices; "" is ephemeral
	Scratch       string `json:"scratch"`      // the folder below which tiles go when memory is short
	Retain        string `json:"retain"`       // "all" (the default with Path) or "results"
	PipelineWidth int    `json:"pipeline_width"`
	Python        string `json:"python"` // the interpreter of the user's functions; by default python3

	// Of an executor whose programs run elsewhere.
	Storage      string  `json:"storage,omitempty"`       // "s3://bucket/prefix", or a folder that all workers see; "" runs programs here
	Queue        string  `json:"queue,omitempty"`         // the deployment's queues; "memory" has the workers in this process
	Region       string  `json:"region,omitempty"`        // of AWS; "" as AWS's tools find it
	Function     string  `json:"function,omitempty"`      // a Lambda function that is invoked to work; "" when workers run already
	MaxWorkers   int     `json:"max_workers,omitempty"`   // that are invoked at once
	WorkerMemory int64   `json:"worker_memory,omitempty"` // bytes of tiles in the memory of each worker, where it is known
	Factor       float64 `json:"factor,omitempty"`        // workers wanted for each worker's worth of tasks that are ready
	Budget       float64 `json:"budget,omitempty"`        // dollars, after which a job pauses, and all calls together end; 0: no limit
}

const (
	retainAll     = "all"
	retainResults = "results"

	defaultWidth   = 2
	maxWorkers     = 64 // OpenBLAS has buffers for this many callers at once
	maxWidth       = 64
	smallestMemory = 1 << 20
)

// withDefaults checks the settings and fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	if c.Workers == 0 {
		c.Workers = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	if c.Workers < 1 || c.Workers > maxWorkers {
		return c, errs.New(errs.Value, "workers is %d: between 1 and %d are possible", c.Workers, maxWorkers)
	}
	if c.PipelineWidth == 0 {
		c.PipelineWidth = defaultWidth
	}
	if c.PipelineWidth < 1 || c.PipelineWidth > maxWidth {
		return c, errs.New(errs.Value, "pipeline_width is %d: between 1 and %d are possible", c.PipelineWidth, maxWidth)
	}
	if c.MemoryLimit == 0 {
		c.MemoryLimit = machineMemory() / 2
	}
	if c.MemoryLimit < smallestMemory {
		return c, errs.New(errs.Value, "memory_limit is %d bytes: at least %d are needed", c.MemoryLimit, smallestMemory)
	}
	if err := c.checkFleet(); err != nil {
		return c, err
	}
	switch {
	case c.Retain == "" && (c.Path != "" || c.Storage != ""):
		c.Retain = retainAll
	case c.Retain == "":
		c.Retain = retainResults
	case c.Retain != retainAll && c.Retain != retainResults:
		return c, errs.New(errs.Value, "retain is %q: want %q or %q", c.Retain, retainAll, retainResults)
	}
	if c.Scratch == "" {
		c.Scratch = os.TempDir()
	}
	return c, nil
}

// queueMemory is the Queue of an executor that has its workers in its own process.
const queueMemory = "memory"

func (c *Config) checkFleet() error {
	switch {
	case c.Storage == "" && (c.Queue != "" || c.Function != ""):
		return errs.New(errs.Value, "storage is missing: queue and function belong to an executor with storage=\"s3://bucket/prefix\"")
	case c.Storage == "":
		return nil
	case c.Path != "":
		return errs.New(errs.Value, "path is %q and storage %q: an executor has one of them", c.Path, c.Storage)
	case c.Queue == "":
		return errs.New(errs.Value, "queue is missing: name the deployment's queues (numpywren deploy makes them), or pass \"memory\" for workers in this process")
	case c.Queue == queueMemory && c.Function != "":
		return errs.New(errs.Value, "queue is \"memory\", which the function %q cannot see: name the deployment's queues", c.Function)
	case c.MaxWorkers < 0:
		return errs.New(errs.Value, "max_workers is %d: at least 1 was expected", c.MaxWorkers)
	case c.Factor < 0 || c.Budget < 0:
		return errs.New(errs.Value, "factor is %v and budget %v: neither can be negative", c.Factor, c.Budget)
	}
	return nil
}

// machineMemory is the memory that this process may use: the machine's, or its control group's if that is less.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	total := int64(4 << 30)
	if unix.Sysinfo(&info) == nil {
		total = int64(info.Totalram) * int64(info.Unit)
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			total = min(total, n)
		}
	}
	return total
}

// scratch is a folder of this process for tiles that do not fit in memory. It is locked while the process lives: a folder
// without a living owner is removed by the next executor that comes by.
type scratch struct {
	dir  string
	lock *os.File
}

const (
	scratchPrefix = "numpywren-"
	lockName      = "lock"
)

func newScratch(base string) (*scratch, error) {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, errs.New(errs.OS, "the scratch directory %s cannot be made: %w", base, err)
	}
	removeStale(base)
	dir, err := os.MkdirTemp(base, scratchPrefix)
	if err != nil {
		return nil, errs.New(errs.OS, "the scratch directory %s cannot be used: %w", base, err)
	}
	lock, err := lockFile(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, errs.New(errs.OS, "the scratch directory %s cannot be locked: %w", dir, err)
	}
	return &scratch{dir, lock}, nil
}

func lockFile(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// removeStale removes the scratch folders of processes that are gone. One without a lock file was made this moment.
func removeStale(base string) {
	found, _ := filepath.Glob(filepath.Join(base, scratchPrefix+"*", lockName))
	for _, name := range found {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(name))
		}
		_ = f.Close()
	}
}

func (s *scratch) close() error {
	err := os.RemoveAll(s.dir)
	_ = s.lock.Close()
	if err != nil {
		return errs.New(errs.OS, "the scratch directory %s cannot be removed: %w", s.dir, err)
	}
	return nil
}

// humanBytes writes a size for people: 1.5 GiB.
func humanBytes(n int64) string {
	const units = "KMGTPE"
	v, u := float64(n), -1
	for v >= 1024 && u < len(units)-1 {
		v /= 1024
		u++
	}
	if u < 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.4g %ciB", v, units[u])
}
