// Package scheduler is what a worker does next, as a pure state machine: no I/O, no clock, no goroutine. Packages runtime
// (real clocks, stores, queues and kernels) and simulate (a virtual clock) drive it; it is the only place that decides.
//
// A Slot is the life of one received message in one worker. Its driver calls Receive with the task of the message, does the
// Action that this gives, tells Next what came of it, does the Action that this gives, and so on until Idle. A worker with
// pipeline_width w has w Slots.
//
// The policies that are plain functions of numbers are here too: Wanted, Deadline, Backoff, Exhausted.
package scheduler

import (
	"slices"
)

// Why no task is lost, and none runs wrong.
//
// State is derived from storage and never kept beside it. A task is done when its outputs exist; a tile, once it exists, never
// changes and never goes away (a driver that drops tiles after their last reader answers Exists and Ready from what was written
// once, not from what is still there). So every "yes" is for ever, and only a "no" can go stale. A message is delivered until
// it is acknowledged, now and then twice: then its lease lapsed, and two workers go on with it, of which one holds it. Who does not
// hold it any more can neither acknowledge it (the queue sees to that) nor claim (the driver: Lapsed). A Slot does, for the task t
// of its message:
//
//	1. Exists t?     Yes: go to 4.
//	2. Read, Compute.
//	   2a. Chaining, and t made a temporary with a single reader: for each child, best first: Ready? Claim to keep. Until one
//	       is kept.
//	3. Write the outputs. All go to the store, except a temporary whose single reader is the child kept in 2a.
//	4. For each child of which 2a settled nothing: Ready? Claim, best first, until one is kept. Then, in any order, Claim and
//	   Send the others.
//	5. A child is kept: it is the next t, go to 1. None: Flush what was written behind, Ack the message.
//
// The parts of the proof:
//
// Duty. A claim (c; by t) makes t's message responsible for c: whoever holds a message in whose chain t is run either Sends c,
// or runs c in that same chain, before it acknowledges. If it dies before, the message comes again, and the new Slot walks the
// same way: it finds its own name in the claim, which is as good as having made it. So a claim by a dead parent delays c and
// never loses it, and a claim by Other needs no act: somebody has the duty. That is why only the holder may claim. If others could,
// one might claim c after the holder had asked for it, been told that it is not Ready, and acknowledged; and if it then died before
// Send, no message would be left that had the duty.
//
// No child is lost. Let t be the parent of c whose outputs for c came into the store last. Its step 4 asked Ready after that,
// and saw every input; then c has a claim. What 2a was told does not weaken this: its "yes" counts outputs of t that only this
// Slot has, which is right as t itself will run c with them, and its "no" is not believed: step 4 asks again after Write. (It
// must: two parents that both asked before they wrote would both be told no.) The one output which step 3 keeps back from the
// store has c as its only reader, and c is claimed by t and runs here.
//
// The order Ready (2a), Write (3), Send (4) is forced: which child is kept decides what need not be written, so 2a is before
// 3; and a child that is sent runs anywhere, so all its inputs are in the store, and 3 is before 4. A claim may come before the
// outputs it is about are written, because a claim gives a duty and says nothing about tiles. Without an output that could be
// kept back 2a is left out: Ready then is asked once for each child.
//
// The kept child need not exist for others. Its message is the chain's: the head's. With retain="results" nothing of the
// middle of a chain is in the store, and a crash anywhere replays the chain from its head, whose own inputs are in the store
// because it was sent. The replay need not choose as before: it may keep another child; then the first child's inputs are
// Written and it is Sent.
//
// Nothing runs wrong when it runs twice. Two Slots with the same task, both past step 1, read the same tiles and write the same
// bytes. Both keep or send the same claims, in the name of the same parent. What one holds in Memory the other never sees.
//
// Repeats die out. A message that is delivered once more after its work is done finds Exists, and its claims, and would Send
// all its children once more, and these theirs: one duplicate would walk the whole graph below it. So a claim also says whether
// its child was to be kept, and a child that is done under a claim (t, sent) is not sent again. That is safe because such a
// child is never kept, by no run of t: whoever ran it had it as a message of its own, and that message has the duty for the
// child's children. (A claim (t, kept) says nothing of the sort, for the chain that ran c may have died before step 4 of c.) Therefore a
// Slot that finds MineSent does not keep the child even if it would like to.
//
// That holds when the child was done by this run of the job. Where its outputs may be from elsewhere, a run before or another job
// with the same matrices, they say nothing of a message: the parent may have died between Claim and Send. The driver of such a run
// answers this Exists with Yes only when it knows of the message, by a claim in the child's name, and with No in doubt: then the child
// is sent once more, and finds out that it has no duty that others have not.
//
// Claims live as long as the messages that they speak of. A job which is resumed with an empty queue starts with no claims, from
// its roots; it walks through all that is done by steps 1 and 4, and computes the rest.
//
// A chain has a bound: the head's message cannot be acknowledged before its end, and a crash repeats it. Options.Longest bounds
// its length; a driver bounds its time by Stop, for a lease or a Lambda that runs out. A driver does well to say Stop at once
// for a message that was delivered before, so that one task which kills its worker does not take a chain's work along each time.

// Retention is which tiles a job leaves in the store.
type Retention uint8

const (
	All     Retention = iota // every tile: a crash resumes, intermediates can be read
	Results                  // those that somebody needs: a temporary that a chain consumes is never written
)

// Options say how a Slot works.
type Options struct {
	Retain  Retention
	Chain   bool // keep one ready child, with its tiles in memory
	Longest int  // tasks in a chain; 0: only Stop ends it
}

// Slot is the life of one message in one worker. It owns no resource and is not safe for concurrent use; it is used again for
// the next message after Idle, and does not allocate once its buffers have grown to the largest number of children.
type Slot struct {
	g   Graph
	opt Options

	state  state
	head   Task // of the message
	task   Task // of the chain, now
	length int  // tasks of the chain, with this one
	stop   bool // the driver said Stop
	behind bool // something was written Behind
	reason error

	outputs  []Output
	sole     []int32 // for each output the child that is its only reader, if it is a temporary with one; else none
	private  bool    // some output has a sole reader
	children []Child // best first
	at       int     // the child in hand
	kept     int     // the child that this Slot will run next, or none
	written  bool    // step 3 is done: the outputs are in the store
	asked    bool    // and all children were asked Ready since

	// The callbacks for Graph's sequences, made once.
	addChild  func(Task) bool
	addOutput func(Tile) bool
	addReader func(Task) bool
	reader    Task
}

const none = -1

type state uint8

const (
	idle      state = iota
	starting        // Exists of the task
	reading         // Read
	computing       // Compute
	writing         // Write
	keeping         // what the child in hand wants, which this Slot would like to keep
	sharing         // Each of the children
	flushing        // Flush
	leaving         // Ack, Drop or Release
	failing         // Fail
)

// NewSlot makes an idle Slot for a program.
func NewSlot(g Graph, opt Options) *Slot {
	s := &Slot{g: g, opt: opt}
	s.addChild = func(t Task) bool {
		s.children = append(s.children, Child{task: t, by: s.task, priority: g.Priority(t)})
		return true
	}
	s.addOutput = func(x Tile) bool {
		s.outputs = append(s.outputs, Output{Tile: x})
		return true
	}
	s.addReader = func(t Task) bool {
		s.reader = t
		return false
	}
	return s
}

// Head is the task of the message in hand, Current the task of its chain that runs now, and Length how many tasks of the chain
// have begun.
func (s *Slot) Head() Task    { return s.head }
func (s *Slot) Current() Task { return s.task }
func (s *Slot) Length() int   { return s.length }

// Receive begins the life of a message with the task. The Slot must be idle.
func (s *Slot) Receive(t Task) Action {
	if s.state != idle {
		panic("scheduler: Receive on a Slot that has a message in hand")
	}
	s.head, s.length, s.stop, s.behind, s.reason = t, 0, false, false, nil
	return s.begin(t)
}

// Next takes what came of the last Action and gives the next.
func (s *Slot) Next(r Result) Action {
	s.stop = s.stop || r.Stop
	if s.state == leaving { // whatever came of it, the message is out of our hands
		return s.do(idle, Action{Op: Idle})
	}
	if s.state == sharing && r.Outcome == Done {
		r = s.shared()
	}
	switch r.Outcome {
	case Stopped:
		return s.do(leaving, Action{Op: Drop, Task: s.head})
	case Retry, Lapsed:
		return s.do(leaving, Action{Op: Release, Task: s.head, Reason: r.Err})
	case Failed:
		return s.do(failing, Action{Op: Fail, Task: s.task, Reason: r.Err})
	}
	switch s.state {
	case starting:
		return s.started(r.Outcome)
	case reading:
		return s.do(computing, Action{Op: Compute, Task: s.task})
	case computing:
		return s.computed()
	case writing:
		s.written, s.at = true, 0
		return s.advance()
	case keeping:
		return s.nextOfChild(r)
	case sharing:
		return s.advance()
	case flushing:
		return s.do(leaving, Action{Op: Ack, Task: s.head})
	case failing:
		return s.do(leaving, Action{Op: Drop, Task: s.head})
	}
	panic("scheduler: Next on an idle Slot")
}

func (s *Slot) do(next state, a Action) Action {
	s.state = next
	return a
}

// begin is step 1 of a task.
func (s *Slot) begin(t Task) Action {
	s.task = t
	s.length++
	s.children, s.outputs, s.sole = s.children[:0], s.outputs[:0], s.sole[:0]
	s.private, s.written, s.asked, s.kept, s.at = false, false, false, none, 0
	return s.do(starting, Action{Op: Exists, Task: t})
}

func (s *Slot) started(o Outcome) Action {
	if !yes(o) {
		return s.do(reading, Action{Op: Read, Task: s.task})
	}
	s.family()
	s.written = true
	return s.advance()
}

// family lists the children of the task, best first; equal ones in the order in which the program names them.
func (s *Slot) family() {
	s.g.Children(s.task)(s.addChild)
	slices.SortStableFunc(s.children, func(a, b Child) int {
		switch {
		case a.priority > b.priority:
			return -1
		case a.priority < b.priority:
			return 1
		}
		return 0
	})
}

// computed is what follows step 2: 2a if there is something to gain from it, else step 3.
func (s *Slot) computed() Action {
	s.family()
	s.g.Writes(s.task)(s.addOutput)
	for _, o := range s.outputs {
		only := s.soleReader(o.Tile)
		s.sole = append(s.sole, only)
		s.private = s.private || only != none
	}
	if s.private && s.mayKeep() {
		return s.advance()
	}
	return s.write()
}

// soleReader is the child that is the only reader of a temporary, or none.
func (s *Slot) soleReader(x Tile) int32 {
	if !s.g.Temporary(x) || s.g.NumReaders(x) != 1 {
		return none
	}
	s.g.Readers(x)(s.addReader)
	for i := range s.children {
		if s.children[i].task == s.reader {
			return int32(i)
		}
	}
	return none
}

// mayKeep says whether the chain may go on after this task.
func (s *Slot) mayKeep() bool {
	return s.kept == none && s.opt.Chain && !s.stop && (s.opt.Longest == 0 || s.length < s.opt.Longest)
}

// write is step 3.
func (s *Slot) write() Action {
	for i := range s.outputs {
		if s.kept == none || int(s.sole[i]) != s.kept {
			continue // To is Store
		}
		if s.opt.Retain == All {
			s.outputs[i].To, s.behind = Behind, true
		} else {
			s.outputs[i].To = Memory
		}
	}
	return s.do(writing, Action{Op: Write, Task: s.task, Outputs: s.outputs})
}

// advance goes on with the children: step 2a before the outputs are written, step 4 after. One child after the other is asked
// for to be kept; all else that is to be done about them is done at once.
func (s *Slot) advance() Action {
	if s.mayKeep() {
		if s.written && !s.asked {
			s.asked = true
			if s.any(ask) {
				return s.each(ask)
			}
		}
		for ; s.at < len(s.children); s.at++ {
			if a := s.children[s.at].begin(keep); a.Op != Idle {
				return s.do(keeping, a)
			}
		}
	}
	switch {
	case !s.written:
		return s.write()
	case s.any(share):
		return s.each(share)
	}
	return s.leave()
}

// any says whether there is something to do for an aim.
func (s *Slot) any(aim aim) bool {
	for i := range s.children {
		if s.children[i].first(aim).Op != Idle {
			return true
		}
	}
	return false
}

// each has all children driven to an aim.
func (s *Slot) each(aim aim) Action {
	for i := range s.children {
		s.children[i].aim = aim
	}
	return s.do(sharing, Action{Op: Each, Task: s.task, Children: s.children})
}

// shared is what came of Each: the first trouble of a child, or Done.
func (s *Slot) shared() Result {
	result := Result{}
	for i := range s.children {
		c := &s.children[i]
		s.stop = s.stop || c.stop
		if result.Outcome == Done {
			result = c.trouble
		}
	}
	return result
}

// nextOfChild goes on after an answer about the child in hand.
func (s *Slot) nextOfChild(r Result) Action {
	c := &s.children[s.at]
	a := c.Next(r)
	switch {
	case a.Op == Claim && s.stop: // not to keep it
		return s.advance()
	case a.Op != Idle:
		return s.do(keeping, a)
	case c.step == kept && s.stop:
		c.step = due
	case c.step == kept:
		s.kept = s.at
	}
	s.at++
	return s.advance()
}

// leave is step 5.
func (s *Slot) leave() Action {
	switch {
	case s.kept != none:
		return s.begin(s.children[s.kept].task)
	case s.behind:
		return s.do(flushing, Action{Op: Flush})
	}
	return s.do(leaving, Action{Op: Ack, Task: s.head})
}

func yes(o Outcome) bool {
	if o != Yes && o != No {
		panic("scheduler: Exists and Ready are answered by Yes or No")
	}
	return o == Yes
}
