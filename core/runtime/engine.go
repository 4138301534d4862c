package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"numpywren/core/errs"
	"numpywren/core/kernel"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/tile"
)

// Engine computes the tasks of one plan, with the tiles of its matrices in the Runtime's Space. It knows nothing of who chose
// them: a Job of this machine, or the worker of a fleet. It is safe for concurrent use; each task in hand is a Hand.
type Engine struct {
	rt       *Runtime
	plan     *lambdapack.Plan
	matrices []*matrix.BigMatrix // by the plan's numbers; nil for those that are all aliases
	counted  []bool              // matrices whose tiles go after their last reader
	asks     []asks              // by statement
	block    BlockFunc
	share    func(n int, piece func(k int)) // of kernels, Args.Share: one for all calls
	idle     func() int                     // and Args.Idle

	flops   atomic.Int64
	kernels atomic.Int64 // nanoseconds
}

// BlockFunc applies a function of the user's, known by its key, to tiles, until ctx ends.
type BlockFunc func(ctx context.Context, key string, in []*tile.Tile, out *tile.Tile) error

// NewEngine makes an Engine. matrices are the plan's own, by number: those of inputs hold their tiles, the others get them. The
// caller keeps them while the Engine is used. With a nil block, programs with functions of the user's fail.
func (r *Runtime) NewEngine(plan *lambdapack.Plan, matrices []*matrix.BigMatrix, block BlockFunc) *Engine {
	x := &Engine{rt: r, plan: plan, matrices: matrices, block: block, idle: r.idle}
	x.share = func(n int, piece func(k int)) { x.kernels.Add(int64(r.share(n, piece))) }
	for k, m := range matrices {
		x.counted = append(x.counted, plan.Matrices[k].Role == lambdapack.RoleTemp && m != nil && !m.Durable && !m.Complete)
	}
	for _, s := range plan.Statements {
		x.asks = append(x.asks, asksOf(plan, s, r.space.Limit()))
	}
	return x
}

// Spent is the arithmetic that was done, in operations, and the time spent in kernels by all workers.
func (x *Engine) Spent() (flops float64, kernels time.Duration) {
	return float64(x.flops.Load()), time.Duration(x.kernels.Load())
}

// Place is the matrix and the index in it of a tile.
func (x *Engine) Place(t lambdapack.Tile) (*matrix.BigMatrix, matrix.Index) {
	m, i, _ := x.place(t)
	return m, i
}

// place is Place, and whether the tile is the transpose of the one there: of an input of which only a half is stored. An output of the
// program has no other tiles than it writes.
func (x *Engine) place(t lambdapack.Tile) (m *matrix.BigMatrix, i matrix.Index, turned bool) {
	m, i = x.matrices[t.Matrix], x.plan.Matrices[t.Matrix].Place(t.I)
	if m != nil && m.Half && x.plan.Matrices[t.Matrix].Role == lambdapack.RoleInput {
		i, turned = m.Base(i)
	}
	return m, i, turned
}

// readers is how many tasks will read a tile before it may go.
func (x *Engine) readers(t lambdapack.Tile) int64 {
	if !x.counted[t.Matrix] {
		return matrix.Kept
	}
	return x.plan.NumReaders(t)
}

// zeros says whether a tile that does not exist stands for zeros.
func (x *Engine) zeros(t lambdapack.Tile) bool {
	m := &x.plan.Matrices[t.Matrix]
	if !m.ZeroDefault || m.Role == lambdapack.RoleInput {
		return m.ZeroDefault
	}
	_, written := x.plan.Writer(t)
	return !written
}

// ErrGone is in the chain of errors about a tile that must exist, and does not.
var ErrGone = errors.New("the tile is gone from the store")

// Hand is one task in hand, from Read to the last of its outputs. It is used by one goroutine at a time, for one task after the
// other, and ends with Drop.
type Hand struct {
	engine   *Engine
	priority int64
	eval     *evaluation // from Read to Compute
	outputs  []*tile.Tile
	reserved int64
}

// NewHand makes an empty Hand.
func (x *Engine) NewHand() *Hand { return &Hand{engine: x} }

// Needs is the memory that a task of the statement asks for, and the least that it can do with.
func Needs(p *lambdapack.Plan, s *lambdapack.Statement) (most, least int64) {
	return p.Holds(s, func(bytes int64) int64 { return tile.SizeOf(tile.Uint8, []int64{bytes}) })
}

// asks is what the tasks of a statement ask for.
type asks struct {
	bytes  int64
	frugal bool // they read nothing ahead
}

// asksOf decides for a statement: tasks that would take a large part of the memory read nothing ahead, so that others run beside them.
func asksOf(p *lambdapack.Plan, s *lambdapack.Statement, limit int64) asks {
	const large = 2 // the memory over this
	most, least := Needs(p, s)
	if most > limit/large && least < most {
		return asks{least, true}
	}
	return asks{bytes: most}
}

// Read reserves the memory of the task and gets its inputs into it.
func (h *Hand) Read(ctx context.Context, t lambdapack.Task) error {
	x := h.engine
	need := x.asks[t.Stmt]
	if err := x.rt.space.Reserve(ctx, need.bytes); err != nil {
		return err
	}
	h.reserved = need.bytes
	h.priority = x.plan.Priority(t)
	h.eval = newEvaluation(ctx, x, t, h.priority)
	h.eval.frugal = need.frugal
	return h.eval.prefetch()
}

// Compute runs the kernels of the task with a permit.
func (h *Hand) Compute(ctx context.Context, t lambdapack.Task) error {
	x, e := h.engine, h.eval
	if err := x.rt.acquire(ctx, h.priority); err != nil {
		return err
	}
	outputs, err := e.computed()
	e.close()
	h.eval = nil
	if err != nil {
		return err
	}
	h.outputs = outputs
	for in := range x.plan.Reads(t) {
		if x.counted[in.Matrix] {
			m, i := x.Place(in)
			x.rt.space.Read(m, i)
		}
	}
	x.flops.Add(int64(x.plan.Cost(t).Flops))
	return nil
}

// computed is outputs, with the permit given back whatever happens: a panic must not take a worker with it.
func (e *evaluation) computed() ([]*tile.Tile, error) {
	defer e.engine.rt.release()
	return e.outputs()
}

// Put gives output n of the task to the Space, as the tile at place (m, i) that so many readers will read.
func (h *Hand) Put(n int, m *matrix.BigMatrix, i matrix.Index, readers int64) {
	h.engine.rt.space.Put(m, i, h.outputs[n], readers)
	h.outputs[n] = nil
}

// Drop gives back what the task in hand still holds.
func (h *Hand) Drop() {
	if h.eval != nil {
		h.eval.close()
		h.eval = nil
	}
	for _, t := range h.outputs {
		if t != nil {
			h.engine.rt.space.Free(t)
		}
	}
	h.outputs = nil
	if h.reserved > 0 {
		h.engine.rt.space.Unreserve(h.reserved)
		h.reserved = 0
	}
}

// timed runs a kernel and adds its time to the engine's. A panic in it is an error like others, so that the caller frees its tiles.
func (x *Engine) timed(f func() error) (err error) {
	started := time.Now()
	defer func() { x.kernels.Add(int64(time.Since(started))) }()
	defer Recovered(&err)
	return f()
}

// failure gives an arithmetic failure, and one of a function of the user's, the task's name.
func (x *Engine) failure(t lambdapack.Task, err error) error {
	place, first := "", int64(0)
	for out := range x.plan.Writes(t) {
		place = ", tile " + x.plan.TileName(out)
		m := &x.plan.Matrices[out.Matrix]
		if m.Rank > 0 {
			first = m.Grid[0].Start(m.Place(out.I)[len(m.VersionLow)])
		}
		break
	}
	var numerical *kernel.Numerical
	if errors.As(err, &numerical) {
		row, advice := "", ""
		switch numerical.Kernel {
		case "chol", "trsm", "trinv", "lu", "luplain": // whose rows are those of the tile that they write
			row = fmt.Sprintf(", row %d of the matrix", first+numerical.Row)
		}
		switch numerical.Reason {
		case "singular":
			advice = ": lstsq and pinv take singular matrices"
		case "not positive definite":
			advice = `: solve with assume_a="sym", lu_factor and eigh take such matrices`
		case "not finite":
			advice = ": it has NaNs or infinities, or numbers so large that sums of their products are"
		}
		return errs.New(errs.LinAlg, "%w%s, in task %s%s%s", numerical, row, x.plan.TaskName(t), place, advice)
	}
	if errs.KindOf(err) == errs.Function {
		return errs.New(errs.Function, "task %s%s: %w", x.plan.TaskName(t), place, err)
	}
	return errs.New(errs.KindOf(err), "task %s of %s: %w", x.plan.TaskName(t), x.plan.Name, err)
}
