package core

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"numpywren/core/expr"
	"numpywren/core/lambdapack"
	"numpywren/core/programs"
)

// planCache keeps the plans of the last programs: a loop that does the same to new matrices binds once. A plan refers to
// shapes only, never to data.
type planCache struct {
	mu    sync.Mutex
	plans map[string]*lambdapack.Plan
	order []string // oldest first
}

const keptPlans = 64

// bind gives the plan of a program for its inputs.
func (c *planCache) bind(p *expr.Program, opt lambdapack.Options) (*lambdapack.Plan, error) {
	inputs := make([]lambdapack.Input, len(p.Inputs))
	var key strings.Builder
	fmt.Fprintf(&key, "%v %s %s", opt, p.Name, p.Text)
	for k, in := range p.Inputs {
		inputs[k] = lambdapack.Input{Name: in.Param, Display: in.Display, Grid: in.Node.Grid(), DType: in.Node.DType(), ZeroTiles: in.Zero}
		fmt.Fprintf(&key, "\n%v", inputs[k])
	}
	c.mu.Lock()
	plan := c.plans[key.String()]
	c.mu.Unlock()
	if plan != nil {
		return plan, nil
	}
	plan, err := programs.Bind(p.Text, p.Name, inputs, opt)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plans == nil {
		c.plans = map[string]*lambdapack.Plan{}
	}
	if len(c.order) == keptPlans {
		delete(c.plans, c.order[0])
		c.order = c.order[1:]
	}
	c.plans[key.String()] = plan
	c.order = append(c.order, key.String())
	return plan, nil
}

// programHash names a program and its inputs, the same in every process when theirs are. One text may define several programs.
func programHash(p *program) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s", p.text.Name, p.text.Text)
	for _, in := range p.text.Inputs {
		fmt.Fprintf(h, "\n%s %s %v", in.Param, in.Node.Hash(), in.Node.Grid())
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
