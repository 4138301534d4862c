package simulate

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"numpywren/core/scheduler"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run TestInterleavings with this seed only")
	seeds   = flag.Uint64("seeds", 1500, "how many seeds TestInterleavings runs for each program")
)

var programs = []struct {
	name string
	make func(seed uint64) Program
}{
	{"cholesky", func(s uint64) Program { return cholesky(1 + int64(s%5)) }},
	{"gemm", func(s uint64) Program { return gemm(1+int64(s%3), 1+int64(s/3%2)) }},
	{"substitution", func(s uint64) Program { return substitution(1+int64(s%5), 1+int64(s/5%3)) }},
	{"tsqr", func(s uint64) Program { return tsqr(int64(s % 5)) }},
	{"random", func(s uint64) Program { return random(1+int(s%40), s) }},
}

// trouble is a fleet in which everything may go wrong, differently for every seed.
func trouble(seed uint64) Config {
	rng := rand.New(rand.NewPCG(seed, 2))
	some := func(p float64) float64 { // none, or up to p
		return max(0, rng.Float64()*1.5-0.5) * p
	}
	c := Config{
		Seed: seed, Workers: 1 + rng.IntN(5), Width: 1 + rng.IntN(3), Jitter: 1, Steps: 300_000,
		Options: scheduler.Options{Retain: scheduler.Retention(rng.IntN(2)), Chain: rng.IntN(4) > 0, Longest: rng.IntN(2) * (1 + rng.IntN(6))},
		Faults: Faults{Duplicate: some(0.2), Delay: some(0.3), Lose: some(0.2), Crash: some(0.1), Straggle: some(0.05),
			Retry: some(0.05), Stop: some(0.1), Crashes: rng.IntN(30)},
	}
	if rng.IntN(3) == 0 {
		c.Elastic = &Elastic{Interval: 2 * time.Second, Start: time.Second, Idle: time.Second, Factor: 1, Min: 1, Max: 6}
	}
	return c
}

// TestInterleavings: whatever happens, every program ends with the right result, and every task's outputs are equal each time.
func TestInterleavings(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			first, last := uint64(1), *seeds
			if os.Getenv("NUMPYWREN_SOAK") != "" { // others each time
				first = rand.Uint64N(1 << 50)
				last += first
			}
			if *oneSeed > 0 {
				first, last = *oneSeed, *oneSeed
			} else if testing.Short() {
				last = last/10 + 1
			}
			var sum Report
			for seed := first; seed <= last; seed++ {
				program, c := p.make(seed), trouble(seed)
				r, err := Run(program, c)
				if err == nil {
					err = Verify(program, c, r)
				}
				if err == nil && r.failure != nil {
					err = r.failure
				}
				if err != nil {
					t.Fatalf("%v\n%+v\nrepeat: go test ./core/simulate -run 'TestInterleavings/%s' -seed=%d", err, c, p.name, seed)
				}
				sum.Tasks += r.Tasks
				sum.Computed += r.Computed
				sum.Steps += r.Steps
				sum.Received += r.Received
				sum.Crashes += r.Crashes
			}
			t.Logf("%d runs: %d tasks, computed %d times in %d steps, %d deliveries, %d crashes",
				last-first+1, sum.Tasks, sum.Computed, sum.Steps, sum.Received, sum.Crashes)
		})
	}
}

// TestLapsedHolders: of many messages the lease lapses while a worker goes on with them, and workers die then. No task is lost: the
// one that was late claims nothing, which nobody would have the duty for when it is dead and the other has acknowledged the message.
func TestLapsedHolders(t *testing.T) {
	last := *seeds
	if testing.Short() {
		last = last/5 + 1
	}
	for seed := range last {
		for _, p := range programs[:3] {
			c := Config{Seed: seed, Workers: 6, Width: 2, Jitter: 1, Steps: 300_000, Lease: 2 * time.Second, Latency: 500 * time.Millisecond,
				Options: scheduler.Options{Retain: scheduler.Retention(seed % 2), Chain: seed%3 == 0},
				Faults:  Faults{Straggle: 0.1, Crash: 0.1, Crashes: 40}}
			run(t, p.make(seed), c)
		}
	}
}

func run(t *testing.T, p Program, c Config) *Report {
	t.Helper()
	r, err := Run(p, c)
	if err == nil {
		err = Verify(p, c, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestQuiet: with nothing wrong every task is computed once, also when temporaries are dropped after their last reader.
func TestQuiet(t *testing.T) {
	for _, p := range programs {
		for seed := range uint64(60) {
			program := p.make(seed)
			c := Config{Seed: seed, Workers: 1 + int(seed%4), Width: 1 + int(seed/4%2), Jitter: 0.9, Drop: seed%2 == 0, Steps: 100_000,
				Options: scheduler.Options{Retain: scheduler.Retention(seed / 2 % 2), Chain: seed%3 > 0}}
			r := run(t, program, c)
			tasks := int64(0)
			for range program.Tasks() {
				tasks++
			}
			if r.Tasks != tasks || r.Computed != tasks {
				t.Fatalf("%s, seed %d: %d tasks, %d were computed, %d times", p.name, seed, tasks, r.Tasks, r.Computed)
			}
		}
	}
}

// TestSame: a seed is a run.
func TestSame(t *testing.T) {
	for seed := uint64(1); seed < 40; seed++ {
		c := trouble(seed)
		c.Sample = time.Second
		a, b := run(t, cholesky(4), c), run(t, cholesky(4), c)
		a.store, b.store = nil, nil
		if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
			t.Fatalf("seed %d:\n%+v\n%+v", seed, a, b)
		}
	}
}

// TestChainsSaveWrites: with one worker and retention of results, the updates of a right-looking program never leave memory.
func TestChainsSaveWrites(t *testing.T) {
	p := cholesky(6)
	for _, c := range []struct {
		opt         scheduler.Options
		most, least int64
	}{
		{scheduler.Options{Retain: scheduler.All}, 56, 56},
		{scheduler.Options{Retain: scheduler.All, Chain: true}, 56, 56},
		{scheduler.Options{Retain: scheduler.Results, Chain: true}, 45, 21},
	} {
		r := run(t, p, Config{Seed: 1, Options: c.opt})
		t.Logf("%+v: %d tiles written in %v", c.opt, r.Written, r.Time)
		if r.Written > c.most || r.Written < c.least {
			t.Errorf("%+v: %d tiles written", c.opt, r.Written)
		}
	}
}

// TestFailure: a task that cannot succeed ends the job with its reason, and the workers let go of all messages.
func TestFailure(t *testing.T) {
	notPositive := errors.New("not positive definite")
	for seed := uint64(1); seed < 200; seed++ {
		c := trouble(seed)
		c.Faults.Fails = func(t Task) error {
			if t.Stmt == 0 && t.I[0] == 2 {
				return notPositive
			}
			return nil
		}
		if r := run(t, cholesky(5), c); r.Failure() != notPositive {
			t.Fatalf("seed %d: %v", seed, r.Failure())
		}
	}
}

// TestPoison: a task that kills its worker each time ends as a dead letter, and the job with it.
func TestPoison(t *testing.T) {
	for seed := uint64(1); seed < 50; seed++ {
		c := Config{Seed: seed, Workers: 3, Width: 2, Jitter: 1, MaxReceive: 4, Steps: 100_000, Options: scheduler.Options{Chain: seed%2 == 0}}
		c.Faults.Poison = func(t Task) bool { return t.Stmt == 1 && t.I[1] == 3 }
		r := run(t, cholesky(5), c)
		if r.Failure() == nil || r.Crashes < 4 || r.Crashes > 8 { // in its own message 4 times, and at the end of chains before
			t.Fatalf("seed %d: %v after %d crashes", seed, r.Failure(), r.Crashes)
		}
	}
}

// TestElastic: the fleet follows the parallelism, and costs less than one of its largest size.
func TestElastic(t *testing.T) {
	p := cholesky(12)
	c := Config{Seed: 1, Workers: 1, Sample: time.Second, Options: scheduler.Options{Chain: true},
		Elastic: &Elastic{Interval: time.Second / 2, Start: time.Second, Idle: 2 * time.Second, Min: 1, Max: 20}}
	elastic := run(t, p, c)
	c.Elastic, c.Workers = nil, elastic.PeakWorkers
	fixed := run(t, p, c)
	t.Logf("elastic: %v, %v core time, at most %d workers; fixed: %v, %v", elastic.Time, elastic.CoreTime, elastic.PeakWorkers, fixed.Time, fixed.CoreTime)
	if elastic.PeakWorkers < 5 || elastic.CoreTime >= fixed.CoreTime || elastic.BusyTime > elastic.CoreTime {
		t.Errorf("elastic %+v", elastic)
	}
	if len(elastic.Profile) < 10 {
		t.Errorf("%d samples", len(elastic.Profile))
	}
}

// TestRepeatsDieOut: one duplicate does not walk the whole graph again.
func TestRepeatsDieOut(t *testing.T) {
	for _, chain := range []bool{false, true} {
		p := cholesky(12)
		c := Config{Seed: 7, Workers: 8, Jitter: 0.5, Options: scheduler.Options{Chain: chain}}
		quiet := run(t, p, c)
		c.Faults.Duplicate = 0.1
		loud := run(t, p, c)
		t.Logf("chain=%v: %d tasks, %d deliveries, %d computed; with 10%% duplicates %d deliveries, %d computed", chain, quiet.Tasks, quiet.Received, quiet.Computed, loud.Received, loud.Computed)
		if loud.Received > 2*quiet.Received {
			t.Errorf("%d deliveries with duplicates, %d without", loud.Received, quiet.Received)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	p := cholesky(20)
	b.ReportAllocs()
	var steps int64
	for b.Loop() {
		r, err := Run(p, Config{Workers: 50, Options: scheduler.Options{Chain: true}})
		if err != nil {
			b.Fatal(err)
		}
		steps += r.Steps
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
}
