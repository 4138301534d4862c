package scheduler

import (
	"iter"

	"numpywren/core/lambdapack"
)

type (
	// Task is one instance of a statement.
	Task = lambdapack.Task
	// Tile is one tile of a program's matrix.
	Tile = lambdapack.Tile
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

// FromPlan is the graph of a plan, whose answers are solved when they are asked for.
func FromPlan(p *lambdapack.Plan) Graph { return graph{p} }

type graph struct{ *lambdapack.Plan }

func (g graph) Temporary(x Tile) bool { return g.Matrices[x.Matrix].Role == lambdapack.RoleTemp }
