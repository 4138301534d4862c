package core

import (
	"numpywren/core/fleet"
)

// crew starts workers by invoking the function, if there is one.
func (e *Executor) crew() *fleet.Crew {
	return &fleet.Crew{Launch: e.launcher(), Max: e.cfg.MaxWorkers, Factor: e.cfg.Factor, Slots: e.cfg.PipelineWidth}
}
