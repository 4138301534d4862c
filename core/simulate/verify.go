package simulate

import (
	"fmt"

	"numpywren/core/scheduler"
)

// Verify compares what a run left in the store with the program run in order, one task after the other: every tile that is there
// has its value, and every tile that must be there is: all of them with retention All, else those that are no temporaries. A run
// whose job failed owes nothing, but what it stored must be right.
func Verify(p Program, c Config, r *Report) error {
	want := map[Tile]uint64{}
	var inputs []uint64
	for t := range p.Tasks() {
		inputs = inputs[:0]
		for x := range p.Reads(t) {
			v, ok := want[x]
			if !ok {
				if !p.Input(x) {
					return fmt.Errorf("simulate: the program reads tile %v in task %v, which no task before it writes", x, t)
				}
				v = inputValue(x)
			}
			inputs = append(inputs, v)
		}
		v, n := taskValue(t, inputs), 0
		for x := range p.Writes(t) {
			want[x] = outputValue(v, n)
			n++
		}
	}
	for x, v := range r.store {
		if w, ok := want[x]; !ok || v != w {
			return fmt.Errorf("simulate: seed %d: tile %v is %x, in order it is %x", c.Seed, x, v, w)
		}
	}
	for x := range want {
		owed := !p.Temporary(x) || c.Options.Retain == scheduler.All && !c.Drop
		if _, ok := r.store[x]; !ok && owed && r.failure == nil {
			return fmt.Errorf("simulate: seed %d: tile %v was never made", c.Seed, x)
		}
	}
	return nil
}
