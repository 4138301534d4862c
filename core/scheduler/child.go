package scheduler

// Child is what is to be done about one child of a task: a state machine of its own, since what becomes of one child is nothing
// to the others, but for the one that the Slot keeps. A driver of Each calls Begin, does the Action that this gives, tells Next
// what came of it, and so on until Idle. Different children may be driven at the same time.
type Child struct {
	task, by Task
	priority int64
	step     step
	aim      aim
	doing    Op     // the Action under way
	stop     bool   // the driver said Stop
	trouble  Result // Lapsed, Stopped, Failed or Retry: it ends the whole message
}

// step is how far a child has come.
type step uint8

const (
	open    step = iota // nobody has the duty for it, as far as we know
	ready               // and its inputs exist
	due                 // it is ours, and to be sent once the outputs are written
	kept                // it is ours, and the Slot runs it next
	settled             // sent, somebody else's, or not ready: another parent will see to it
)

// aim is how far a child is to be driven.
type aim uint8

const (
	ask   aim = iota // whether it is ready
	keep             // a claim, to run it here
	share            // a claim and a message
)

// Begin gives the first Action.
func (c *Child) Begin() Action { return c.begin(c.aim) }

func (c *Child) begin(aim aim) Action {
	c.aim = aim
	a := c.first(aim)
	c.doing = a.Op
	return a
}

// first is the Action with which the child begins.
func (c *Child) first(aim aim) Action {
	switch {
	case c.step == open:
		return Action{Op: Ready, Task: c.task, By: c.by}
	case c.step == ready && aim != ask:
		return Action{Op: Claim, Task: c.task, By: c.by, Keep: aim == keep}
	case c.step == due && aim == share:
		return Action{Op: Send, Task: c.task, Priority: c.priority}
	}
	return Action{Op: Idle}
}

// Next takes what came of the last Action and gives the next.
func (c *Child) Next(r Result) Action {
	c.stop = c.stop || r.Stop
	if r.Outcome >= Lapsed {
		c.trouble = r
		return c.done()
	}
	switch c.doing {
	case Ready:
		switch {
		case yes(r.Outcome):
			c.step = ready
			return c.begin(c.aim)
		case c.aim != keep: // asked before the outputs are written, a no is not to be believed
			c.step = settled
		}
	case Claim:
		return c.claimed(r.Outcome)
	case Exists: // after MineSent
		if !yes(r.Outcome) {
			return c.ours()
		}
		c.step = settled
	case Send:
		c.step = settled
	default:
		panic("scheduler: Next on an idle Child")
	}
	return c.done()
}

func (c *Child) done() Action {
	c.doing = Idle
	return Action{Op: Idle}
}

// claimed goes on after the Claim.
func (c *Child) claimed(o Outcome) Action {
	switch o {
	case Other:
		c.step = settled
	case MineSent:
		c.doing = Exists
		return Action{Op: Exists, Task: c.task}
	case Won, MineKept:
		if c.aim != keep {
			return c.ours()
		}
		c.step = kept
	default:
		panic("scheduler: a Claim is answered by Won, MineKept, MineSent or Other")
	}
	return c.done()
}

// ours is a child that must be sent: now, or after the outputs are written.
func (c *Child) ours() Action {
	c.step = due
	return c.begin(c.aim)
}
