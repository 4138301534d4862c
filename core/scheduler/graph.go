package scheduler

import "iter"

// Task and Tile are temporary.
type (
	Task struct {
		Stmt int32
		I    [6]int64
	}
	Tile struct {
		Matrix int32
		I      [6]int64
	}
)

// Graph is what a Slot asks of a program. Its answers never change; FromPlan makes one of a plan.
type Graph interface {
	Children(Task) iter.Seq[Task] // the distinct tasks that read an output of the task
	Writes(Task) iter.Seq[Tile]   // the outputs of the task
	Readers(Tile) iter.Seq[Task]  // the distinct tasks that read the tile
	NumReaders(Tile) int64        // how many those are
	Priority(Task) int64          // larger: sooner
	Temporary(Tile) bool          // nobody outside the program will ask for the tile
}
