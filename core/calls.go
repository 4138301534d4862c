package core

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/fleet"
	"numpywren/core/pywren"
	"numpywren/core/sidecar"
)

// Call says what calls of a function have in common.
type Call = pywren.Call

// Ended is a call that ended.
type Ended = pywren.Ended

// Pickle is bytes in pieces, the caller's until the function that takes it returns.
type Pickle = pywren.Body

// caller runs calls: pywren.Runner here, fleet.Caller elsewhere. It numbers them, and tells of the end of each once.
type caller interface {
	PutFunction(key string, pickle Pickle) error
	Start(c Call, arguments []Pickle) (first int64, err error)
	Ended(d time.Duration) ([]Ended, error)
	Read(id int64, p []byte) error
	Running(id int64) bool
	Cancel(id int64) bool
	Forget(id int64)
	Close()
}

// openCalls makes what runs the user's functions; no process is started yet. The functions and what is large lie below the
// scratch folder, or in the deployment's storage.
func (e *Executor) openCalls() {
	e.sidecars = newPool(e.cfg.Python, filepath.Join(e.scratch.dir, "python"), e.cfg.Workers)
	if e.fleet != nil {
		e.calls = fleet.NewCaller(e.fleet, e.crew(), e.cfg.Budget)
		e.blocks = pywren.NewBlocks(e.fleet.Store, e.sidecars)
		return
	}
	store := pywren.NewSpill(blob.FileDriver(e.scratch.dir))
	e.calls = pywren.NewRunner(store, e.sidecars, e.cfg.Workers)
	e.blocks = pywren.NewBlocks(store, e.sidecars)
}

// Where Lambda has a function's layers, and in them the interpreter and its packages.
const (
	layerPython   = "/opt/bin/python3"
	layerPackages = "/opt/python"
)

// newPool makes the processes of the user's functions; so many are kept without work.
func newPool(python, dir string, idle int) *sidecar.Pool {
	onLambda := os.Getenv("AWS_LAMBDA_RUNTIME_API") != ""
	if _, err := os.Stat(layerPython); python == "" && onLambda && err == nil {
		python = layerPython
	}
	if python == "" {
		python = "python3"
	}
	var env []string
	for _, name := range []string{"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"} {
		if os.Getenv(name) == "" { // a process a worker is as many as there are cores
			env = append(env, name+"=1")
		}
	}
	if onLambda && os.Getenv("PYTHONPATH") == "" {
		env = append(env, "PYTHONPATH="+layerPackages)
	}
	return sidecar.NewPool(sidecar.Options{Command: []string{python, "-m", "numpywren._sidecar"}, Env: env, Dir: dir, Idle: idle})
}

// PutFunction keeps a pickled function under a key that names its bytes, for Call and for the operation map_blocks.
func (e *Executor) PutFunction(key string, pickle Pickle) error {
	if err := e.open(); err != nil {
		return err
	}
	return e.calls.PutFunction(key, pickle)
}

// Call starts a call of a function for each of the arguments, and gives the number of the first; the others follow it.
func (e *Executor) Call(c Call, arguments []Pickle) (first int64, err error) {
	if err := e.open(); err != nil {
		return 0, err
	}
	if c.Limit < 0 {
		return 0, errs.New(errs.Value, "time_limit is %v: more than 0 seconds were expected", c.Limit)
	}
	return e.calls.Start(c, arguments)
}

// CallsEnded waits until calls ended, at most for d, and tells of each once.
func (e *Executor) CallsEnded(d time.Duration) ([]Ended, error) { return e.calls.Ended(d) }

// ReadCall reads the result of a call that CallsEnded said is kept.
func (e *Executor) ReadCall(id int64, p []byte) error { return e.calls.Read(id, p) }

// CallRunning says whether a call is being run.
func (e *Executor) CallRunning(id int64) bool { return e.calls.Running(id) }

// CancelCall ends a call, and says whether that was in time.
func (e *Executor) CancelCall(id int64) bool { return e.calls.Cancel(id) }

// ForgetCall lets go of a call and its result.
func (e *Executor) ForgetCall(id int64) { e.calls.Forget(id) }

// DecodeCall reads a Call from JSON.
func DecodeCall(text string) (Call, error) {
	var c Call
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, errs.New(errs.Value, "the call is not what was expected: %w", err)
	}
	return c, nil
}
