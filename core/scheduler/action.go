package scheduler

// Op is what a driver is asked to do.
type Op uint8

const (
	Idle    Op = iota // nothing: the message is dealt with, the Slot waits for the next Receive
	Exists            // are all outputs of Task there, for every worker to read? Yes or No
	Read              // get the inputs of Task into memory
	Compute           // run the kernels of Task
	Write             // put Outputs where each says; answer when those with To == Store can be read by every worker
	Ready             // do all inputs of Task exist, those that By computed in this Slot counted as existing? Yes or No
	Claim             // create the claim of Task, if it has none, with content (By, Keep): Won, MineKept, MineSent or Other
	Send              // put Task on the queue with Priority
	Each              // drive each of Children from Begin to Idle as a Slot is driven, one after the other or at once; Done
	Flush             // wait until every output that this Slot wrote Behind is in the store
	Ack               // acknowledge the message, whose task is Task
	Drop              // acknowledge the message without more ado: its job does not run any more
	Fail              // the job fails for Reason; Task is where
	Release           // give the message back, to be delivered again after a backoff; Reason says why: nil when the lease lapsed
)

var opNames = [...]string{"Idle", "Exists", "Read", "Compute", "Write", "Ready", "Claim", "Send", "Each", "Flush", "Ack", "Drop", "Fail", "Release"}

func (o Op) String() string { return opNames[o] }

// Action is one thing for the driver to do. Only the fields that its Op names mean anything.
type Action struct {
	Op       Op
	Keep     bool     // Claim: the claimer means to run Task itself
	Task     Task     //
	By       Task     // Ready, Claim: the parent that asks
	Priority int64    // Send
	Outputs  []Output // Write; the Slot's memory, valid until its next call
	Children []Child  // Each; the same
	Reason   error    // Fail, Release
}

// Output is one tile that a task made, and where it must go.
type Output struct {
	Tile Tile
	To   Place
}

// Place is how far an output must go before its readers may know of it.
type Place uint8

const (
	Store  Place = iota // where every worker can read it, before Write is answered
	Behind              // the store, but only before Flush is answered; the next task of this Slot reads it from memory
	Memory              // nowhere: the next task of this Slot is the only one that will ever read it
)

// Outcome is what came of an Action.
type Outcome uint8

const (
	Done     Outcome = iota // it is done; the answer to all Ops but Exists, Ready and Claim
	Yes                     // Exists, Ready
	No                      // Exists, Ready
	Won                     // Claim: it was created now
	MineKept                // Claim: it was there, with content (By, true)
	MineSent                // Claim: it was there, with content (By, false)
	Other                   // Claim: it was there, by another task
	Lapsed                  // Claim: it was not created, as the message's lease has lapsed, or would have before it was
	Stopped                 // any: the job does not run any more
	Failed                  // any: it cannot succeed, however often it is tried (not positive definite, a bug); Err says why
	Retry                   // any: it may succeed another time (transport); Err says why
)

// Result answers an Action.
type Result struct {
	Outcome Outcome
	Stop    bool  // begin no other task in this chain: the lease or the worker's time runs out. It holds for the whole message
	Err     error // Failed, Retry
}
