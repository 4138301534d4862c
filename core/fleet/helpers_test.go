package fleet

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/queue"
	"numpywren/core/runtime"
	"numpywren/core/scheduler"
	"numpywren/core/tile"
)

const choleskyText = "def job(A):\n    L = cholesky(A)\n    return L\n"
const solveText = "def job(A, B):\n    X = solve_spd(A, B)\n    return X\n"

// chance is a test's own, with a new seed each time; a failure says how to have the same again.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("NUMPYWREN_TEST_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("repeat: NUMPYWREN_TEST_SEED=%d go test ./core/fleet -run '^%s$'", seed, t.Name())
	return rand.New(rand.NewPCG(seed, 1))
}

// site is a deployment for a test, with its matrices, and what the same program gives on one machine.
type site struct {
	t        *testing.T
	d        *Deployment
	manifest *Manifest
	plan     *lambdapack.Plan
	want     map[string][]byte // the outputs' objects
	lease    time.Duration
}

// newSite makes the inputs (symmetric, positive definite, or dense) of a program, and runs it on one machine.
func newSite(t *testing.T, store *blob.Store, q *queue.Queue, text string, n, block int64, settings Settings, spoil func(*tile.Tile)) *site {
	t.Helper()
	ctx := context.Background()
	s := &site{t: t, d: &Deployment{Store: store, Queue: q, Version: "test"}, want: map[string][]byte{}, lease: time.Second}
	m := &Manifest{Program: text, Entry: "job", Settings: settings}
	params := strings.Split(strings.TrimSuffix(strings.TrimPrefix(strings.SplitN(text, "\n", 2)[0], "def job("), "):"), ", ")
	for _, p := range params {
		shape := []int64{n, n}
		if p == "B" {
			shape = []int64{n, block}
		}
		m.Inputs = append(m.Inputs, Input{Param: p, Display: "BigMatrix(" + p + ")", DType: "float64", Shape: shape, Block: []int64{block, block}})
	}
	s.manifest = m
	m.Matrices = nil
	plan := bindAny(t, m)
	m.Describe(plan)
	for k := range m.Matrices {
		if plan.Matrices[k].Stored {
			m.Matrices[k].Prefix = "m/" + m.Matrices[k].Name + "/"
			m.Matrices[k].Key = m.Matrices[k].Name
		}
	}
	s.plan = plan
	s.reference(ctx, spoil)
	return s
}

// bindAny is bind before the manifest has its matrices.
func bindAny(t *testing.T, m *Manifest) *lambdapack.Plan {
	t.Helper()
	_, err := m.bind()
	require.ErrorContains(t, err, "another program") // and so it is told from one that does not bind
	p, err := m.plan()
	require.NoError(t, err)
	return p
}

// reference fills the inputs and computes the program on this machine, in another store.
func (s *site) reference(ctx context.Context, spoil func(*tile.Tile)) {
	t := s.t
	space := matrix.NewSpace(64<<20, 2)
	defer space.Close()
	other := blob.NewMemory()
	matrices := make([]*matrix.BigMatrix, len(s.plan.Matrices))
	for k := range matrices {
		x := &s.plan.Matrices[k]
		if !x.Stored {
			continue
		}
		store := other
		if x.Role == lambdapack.RoleInput {
			store = s.d.Store
		}
		b := matrix.NewBigMatrix(x.Name, x.Display, tile.Float64, x.Grid, x.VersionLow, x.VersionHigh,
			&matrix.Chunks{Store: store, Prefix: s.manifest.Matrices[k].Prefix})
		b.Durable = true
		matrices[k] = b
		if x.Role == lambdapack.RoleInput {
			fill(t, space, b, spoil)
			require.NoError(t, space.Flush(ctx, b))
			require.NoError(t, b.SaveMeta(ctx))
		}
	}
	if spoil != nil {
		return
	}
	run := runtime.New(space, 2, 2).Start(ctx, s.plan, matrices, runtime.Options{Retain: scheduler.All})
	<-run.Done()
	require.NoError(t, run.Err())
	for k, b := range matrices {
		if s.plan.Matrices[k].Role == lambdapack.RoleOutput {
			require.NoError(t, space.Flush(ctx, b))
		}
	}
	for k := range matrices {
		if s.plan.Matrices[k].Role != lambdapack.RoleOutput {
			continue
		}
		for key, err := range other.List(ctx, s.manifest.Matrices[k].Prefix) {
			require.NoError(t, err)
			s.want[key], err = other.ReadAll(ctx, key)
			require.NoError(t, err)
		}
	}
	require.NotEmpty(t, s.want)
}

func fill(t *testing.T, space *matrix.Space, b *matrix.BigMatrix, spoil func(*tile.Tile)) {
	ctx := context.Background()
	n := b.Grid.Shape()[0]
	for idx := range b.Grid.All() {
		x, err := space.Alloc(ctx, tile.Float64, b.Grid.TileShape(idx))
		require.NoError(t, err)
		v, start := tile.View[float64](x), b.Grid.Starts(idx)
		for c := range x.Shape[1] {
			for r := range x.Shape[0] {
				i, j := start[0]+r, start[1]+c
				rng := rand.New(rand.NewPCG(uint64(min(i, j)), uint64(max(i, j))))
				v[c*x.Shape[0]+r] = rng.NormFloat64()
				if i == j && b.Grid.Shape()[1] == n {
					v[c*x.Shape[0]+r] = 4 * float64(n)
				}
			}
		}
		if spoil != nil && slices.Max(idx) == 1 && slices.Min(idx) == 1 {
			spoil(x)
		}
		var at matrix.Index
		copy(at[:], idx)
		space.Put(b, at, x, matrix.Kept)
	}
}

// worker runs a worker until the test or stop ends it; done is closed then.
func (s *site) worker(opt Options) (stop func(), done chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	done = make(chan struct{})
	space := matrix.NewSpace(32<<20, 1)
	opt.Lease = s.lease
	if opt.Log == nil {
		opt.Log = func(string) {}
	}
	w := NewWorker(s.d, runtime.New(space, 2, 2), opt)
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	go func() {
		defer close(done)
		if err := w.Run(ctx, 0); err != nil {
			s.t.Errorf("worker: %v", err)
		}
		w.Close()
		space.Close()
	}()
	s.t.Cleanup(stop)
	return stop, done
}

// task is the program's task of a name.
func (s *site) task(name string) lambdapack.Task {
	s.t.Helper()
	left := slices.Collect(s.plan.Roots())
	for len(left) > 0 {
		t := left[0]
		if s.plan.TaskName(t) == name {
			return t
		}
		left = slices.AppendSeq(left[1:], s.plan.Children(t))
	}
	s.t.Fatalf("there is no task %s", name)
	return lambdapack.Task{}
}

func (s *site) submit() *Job {
	s.t.Helper()
	j, err := s.d.Submit(context.Background(), s.manifest)
	require.NoError(s.t, err)
	return j
}

// wait follows the job for a minute at most.
func (s *site) wait(j *Job) error {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := j.Watch(ctx, Watching{})
	if ctx.Err() != nil {
		l, _ := j.Look(context.Background())
		lines, _ := j.Log(context.Background())
		s.t.Fatalf("the job hangs: %+v %+v", l, lines)
	}
	return err
}

// same holds the outputs against those of one machine, bit by bit.
func (s *site) same() {
	s.t.Helper()
	for key, want := range s.want {
		got, err := s.d.Store.ReadAll(context.Background(), key)
		require.NoError(s.t, err)
		require.Equal(s.t, want, got, key)
	}
}
