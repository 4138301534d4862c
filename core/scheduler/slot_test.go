package scheduler

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stored is a graph that is written down: children by task, and the temporaries among the outputs. Task n writes tile n.
type stored struct {
	children  map[int32][]int32
	temporary map[int32]bool
}

func number(n int32) Task { return Task{Stmt: n} }

func (g stored) Children(t Task) iter.Seq[Task] {
	return func(yield func(Task) bool) {
		for _, c := range g.children[t.Stmt] {
			if !yield(number(c)) {
				return
			}
		}
	}
}
func (g stored) Writes(t Task) iter.Seq[Tile]  { return slices.Values([]Tile{{Matrix: t.Stmt}}) }
func (g stored) Readers(x Tile) iter.Seq[Task] { return g.Children(number(x.Matrix)) }
func (g stored) NumReaders(x Tile) int64       { return int64(len(g.children[x.Matrix])) }
func (g stored) Priority(t Task) int64         { return -int64(t.Stmt) } // low numbers first
func (g stored) Temporary(x Tile) bool         { return g.temporary[x.Matrix] }

// script drives a Slot: each line is an action as it must come, and the answer. The children of Each come one after the other.
func script(t *testing.T, s *Slot, first int32, lines ...string) {
	t.Helper()
	answers := map[string]Result{
		"done": {}, "yes": {Outcome: Yes}, "no": {Outcome: No}, "won": {Outcome: Won}, "kept": {Outcome: MineKept}, "sent": {Outcome: MineSent},
		"other": {Outcome: Other}, "stopped": {Outcome: Stopped}, "failed": {Outcome: Failed, Err: errors.New("x")},
		"retry": {Outcome: Retry, Err: errors.New("x")}, "lapsed": {Outcome: Lapsed}, "yes, stop": {Outcome: Yes, Stop: true}, "won, stop": {Outcome: Won, Stop: true}, "done, stop": {Stop: true},
	}
	n := 0
	answer := func(a Action) Result {
		require.Less(t, n, len(lines), "%v after the script", describe(a))
		want, answer, _ := strings.Cut(lines[n], " → ")
		require.Equal(t, want, describe(a), "line %d", n)
		r, known := answers[answer]
		require.True(t, known, "answer %q", answer)
		n++
		return r
	}
	for a := s.Receive(number(first)); a.Op != Idle; {
		if a.Op != Each {
			a = s.Next(answer(a))
			continue
		}
		for k := range a.Children {
			c := &a.Children[k]
			for x := c.Begin(); x.Op != Idle; {
				x = c.Next(answer(x))
			}
		}
		a = s.Next(Result{})
	}
	require.Equal(t, len(lines), n, "what the script goes on with did not come")
}

func describe(a Action) string {
	text := fmt.Sprintf("%v %d", a.Op, a.Task.Stmt)
	switch {
	case a.Op == Claim && a.Keep:
		return text + " to keep"
	case a.Op == Flush:
		return "Flush"
	case a.Op == Write:
		return text + [...]string{"", " behind", " in memory"}[a.Outputs[0].To]
	}
	return text
}

// chain is 1 → 2, where 2 alone reads what 1 writes; fork is 1 → 2, 3.
var (
	chain = stored{map[int32][]int32{1: {2}}, map[int32]bool{1: true}}
	fork  = stored{map[int32][]int32{1: {2, 3}}, map[int32]bool{1: true}}
)

func TestChainKeepsATemporaryInMemory(t *testing.T) {
	script(t, NewSlot(chain, Options{Chain: true, Retain: Results}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Ready 2 → yes", "Claim 2 to keep → won", "Write 1 in memory → done",
		"Exists 2 → no", "Read 2 → done", "Compute 2 → done", "Write 2 → done", "Ack 1 → done")
}

func TestChainWritesBehindWhatIsRetained(t *testing.T) {
	script(t, NewSlot(chain, Options{Chain: true, Retain: All}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Ready 2 → yes", "Claim 2 to keep → won", "Write 1 behind → done",
		"Exists 2 → no", "Read 2 → done", "Compute 2 → done", "Write 2 → done", "Flush → done", "Ack 1 → done")
}

func TestWithoutChainingAllIsSent(t *testing.T) {
	script(t, NewSlot(fork, Options{}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Write 1 → done",
		"Ready 2 → yes", "Claim 2 → won", "Send 2 → done", "Ready 3 → yes", "Claim 3 → other", "Ack 1 → done")
}

func TestOneChildIsKeptTheOthersSent(t *testing.T) {
	script(t, NewSlot(fork, Options{Chain: true}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Write 1 → done",
		"Ready 2 → yes", "Ready 3 → yes", "Claim 2 to keep → won", "Claim 3 → won", "Send 3 → done",
		"Exists 2 → yes", "Ack 1 → done")
}

// TestNotReadyIsAskedAgain: a no before Write is not believed, since two parents could both be told no.
func TestNotReadyIsAskedAgain(t *testing.T) {
	script(t, NewSlot(chain, Options{Chain: true, Retain: Results}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Ready 2 → no", "Write 1 → done",
		"Ready 2 → yes", "Claim 2 to keep → won", "Exists 2 → yes", "Ack 1 → done")
}

// TestRepeats: a message that comes again walks the same way by its own claims.
func TestRepeats(t *testing.T) {
	script(t, NewSlot(fork, Options{Chain: true}), 1,
		"Exists 1 → yes", "Ready 2 → yes", "Ready 3 → yes", "Claim 2 to keep → kept", "Claim 3 → sent", "Exists 3 → yes",
		"Exists 2 → yes", "Ack 1 → done")
	script(t, NewSlot(fork, Options{}), 1,
		"Exists 1 → yes", "Ready 2 → yes", "Claim 2 → kept", "Send 2 → done", "Ready 3 → yes", "Claim 3 → sent", "Exists 3 → no",
		"Send 3 → done", "Ack 1 → done")
}

func TestStopEndsTheChain(t *testing.T) {
	script(t, NewSlot(chain, Options{Chain: true, Retain: Results}), 1,
		"Exists 1 → no", "Read 1 → done, stop", "Compute 1 → done", "Write 1 → done", "Ready 2 → yes", "Claim 2 → won", "Send 2 → done",
		"Ack 1 → done")
	script(t, NewSlot(chain, Options{Chain: true, Longest: 1}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Write 1 → done", "Ready 2 → yes", "Claim 2 → won", "Send 2 → done",
		"Ack 1 → done")
}

func TestTroubleEndsTheMessage(t *testing.T) {
	s := NewSlot(chain, Options{Chain: true})
	script(t, s, 1, "Exists 1 → stopped", "Drop 1 → done")
	script(t, s, 1, "Exists 1 → no", "Read 1 → retry", "Release 1 → done")
	script(t, s, 1, "Exists 1 → no", "Read 1 → done", "Compute 1 → failed", "Fail 1 → done", "Drop 1 → done")
	s = NewSlot(fork, Options{})
	script(t, s, 1, "Exists 1 → yes", "Ready 2 → yes", "Claim 2 → retry", "Ready 3 → yes", "Claim 3 → won", "Send 3 → done", "Release 1 → done")
	script(t, s, 1, "Exists 1 → yes", "Ready 2 → stopped", "Ready 3 → stopped", "Drop 1 → done")
	script(t, s, 1, "Exists 1 → yes", "Ready 2 → yes", "Claim 2 → lapsed", "Ready 3 → no", "Release 1 → done")
	script(t, NewSlot(chain, Options{Chain: true, Retain: Results}), 1, "Exists 1 → no", "Read 1 → done", "Compute 1 → done",
		"Ready 2 → yes", "Claim 2 to keep → lapsed", "Release 1 → done")
	require.Panics(t, func() { s.Receive(number(1)); s.Receive(number(1)) }, "two messages at once")
}

// TestStopBeforeAClaim: a Stop that comes with the answer to Ready has the child sent and not kept.
func TestStopBeforeAClaim(t *testing.T) {
	script(t, NewSlot(chain, Options{Chain: true, Retain: Results}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Ready 2 → yes, stop", "Write 1 → done", "Claim 2 → won", "Send 2 → done",
		"Ack 1 → done")
	script(t, NewSlot(chain, Options{Chain: true, Retain: Results}), 1,
		"Exists 1 → no", "Read 1 → done", "Compute 1 → done", "Ready 2 → yes", "Claim 2 to keep → won, stop", "Write 1 → done", "Send 2 → done",
		"Ack 1 → done")
}
