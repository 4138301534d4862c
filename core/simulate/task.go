package simulate

import "numpywren/core/lambdapack"

// FromPlan is the program of a plan.
func FromPlan(p *lambdapack.Plan) Program { return planned{p} }

type planned struct{ *lambdapack.Plan }

func (p planned) Temporary(x Tile) bool { return p.Matrices[x.Matrix].Role == lambdapack.RoleTemp }

func (p planned) Input(x Tile) bool { return p.Matrices[x.Matrix].Role == lambdapack.RoleInput }

func encode(t Task) string { return t.String() }

func decode(s string) (Task, error) { return lambdapack.ParseTask(s) }
