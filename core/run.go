package core

import (
	"context"

	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/runtime"
	"numpywren/core/scheduler"
	"numpywren/core/tile"
)

// Submit computes arrays as one program, and keeps them; names, if given, has one for each, "" for none.
func (e *Executor) Submit(arrays []*Array, names []string) (*Job, error) {
	nodes, err := e.nodes(arrays)
	if err != nil {
		return nil, err
	}
	if names == nil {
		names = make([]string, len(nodes))
	}
	for k, name := range names {
		if name == "" {
			continue
		}
		if err := checkName(name); err != nil {
			return nil, err
		}
		if s, ok := storedOf(nodes[k]); ok && s.name == name {
			continue
		}
		if err := e.free(name); err != nil {
			return nil, err
		}
	}
	retained := retain(nodes)
	return e.start(func(ctx context.Context, j *Job) error {
		defer releaseAll(retained)
		return e.compute(ctx, j, nodes, names)
	})
}

func (e *Executor) nodes(arrays []*Array) ([]*expr.Node, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	nodes := make([]*expr.Node, len(arrays))
	for k, a := range arrays {
		if a.e != e {
			return nil, errs.New(errs.Value, "array %d belongs to another executor", k)
		}
		nodes[k] = a.node
	}
	return nodes, nil
}

func retain(nodes []*expr.Node) []*expr.Node {
	for _, n := range nodes {
		n.Retain()
	}
	return nodes
}

func releaseAll(nodes []*expr.Node) {
	for _, n := range nodes {
		n.Release()
	}
}

// compute makes every node stored, and gives names.
func (e *Executor) compute(ctx context.Context, j *Job, nodes []*expr.Node, names []string) error {
	var todo []*expr.Node
	seen := map[string]bool{}
	wanted := map[string]string{} // by hash
	for k, n := range nodes {
		if n.Stored() != nil || e.found(ctx, n) {
			continue
		}
		if wanted[n.Hash()] == "" && names[k] != "" {
			wanted[n.Hash()] = names[k]
		}
		if !seen[n.Hash()] {
			seen[n.Hash()] = true
			todo = append(todo, n)
		}
	}
	if len(todo) > 0 {
		if err := e.runProgram(ctx, j, todo, wanted); err != nil {
			return err
		}
	}
	for k, n := range nodes {
		s, ok := storedOf(n)
		if !ok { // an equal node was computed in its place
			for _, other := range todo {
				if other.Hash() == n.Hash() {
					n.SetStored(other.Stored(), "", true)
					s, ok = storedOf(n)
				}
			}
		}
		if ok && names[k] != "" && s.name != names[k] {
			if err := e.rename(ctx, j, n, s, names[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// program is a lowered and bound set of nodes.
type program struct {
	text *expr.Program
	plan *lambdapack.Plan
	fuse bool
}

// lower turns nodes into a plan, fused if the memory allows it; its text keeps the inputs until it is released. names has those of
// results that get one, by hash: these are written whole, since others read their chunks, who do not know of symmetry.
func (e *Executor) lower(nodes []*expr.Node, names map[string]string) (*program, error) {
	text, err := expr.LowerWhole(nodes, nil, func(hash string) bool { return names[hash] != "" })
	if err != nil {
		return nil, err
	}
	fuse := true
	plan, err := e.plans.bind(text, lambdapack.Options{Fuse: fuse})
	if err == nil && e.fits(plan) != nil { // unfused, the tasks hold fewer tiles
		if unfused, err := e.plans.bind(text, lambdapack.Options{}); err == nil && e.fits(unfused) == nil {
			plan, fuse = unfused, false
		}
	}
	if err != nil {
		text.Release()
		return nil, err
	}
	return &program{text, plan, fuse}, nil
}

// runProgram computes nodes as one program. wanted has the names of those that get one, by hash.
func (e *Executor) runProgram(ctx context.Context, j *Job, nodes []*expr.Node, wanted map[string]string) error {
	p, err := e.lower(nodes, wanted)
	if err != nil {
		return err
	}
	defer p.text.Release()
	if err := e.fits(p.plan); err != nil {
		return err
	}
	outs, matrices, err := e.bindMatrices(ctx, p, wanted)
	if err != nil {
		return err
	}
	defer e.hold(matrices)()
	if e.elsewhere(p, matrices) {
		err = e.runFleet(ctx, j, p, matrices, outs)
	} else {
		run := e.rt.Start(ctx, p.plan, matrices, runtime.Options{Retain: e.retention(), Resume: e.durable != nil, Block: e.blocks.Block})
		j.runs(run)
		<-run.Done()
		err = run.Err()
	}
	for k, m := range matrices {
		if p.plan.Matrices[k].Role != lambdapack.RoleTemp || m == nil {
			continue
		}
		if err == nil && m.Durable {
			err = e.space.Flush(ctx, m)
		}
		e.space.Forget(m)
	}
	if err == nil {
		err = e.flush(ctx, outs)
	}
	for k, s := range outs {
		if err == nil {
			out := p.text.Outputs[k]
			s.publish(out.Node, out.Zero)
		}
	}
	for _, s := range outs {
		s.Unref()
	}
	return err
}

func (e *Executor) retention() scheduler.Retention {
	if e.cfg.Retain == retainAll {
		return scheduler.All
	}
	return scheduler.Results
}

// bindMatrices finds or makes the matrix of each of the plan's, and gives the stored of each output of the text.
func (e *Executor) bindMatrices(ctx context.Context, p *program, wanted map[string]string) (outs []*stored, matrices []*matrix.BigMatrix, err error) {
	matrices = make([]*matrix.BigMatrix, len(p.plan.Matrices))
	inputs, outputs := map[string]*stored{}, map[string]*expr.Output{}
	steady := true // every input has the same key in every process
	for k := range p.text.Inputs {
		s, ok := storedOf(p.text.Inputs[k].Node)
		if !ok {
			return nil, nil, errs.New(errs.Internal, "input %s has no matrix", p.text.Inputs[k].Param)
		}
		inputs[p.text.Inputs[k].Param] = s
		steady = steady && s.key != ""
	}
	for k := range p.text.Outputs {
		outputs[p.text.Outputs[k].Matrix] = &p.text.Outputs[k]
	}
	made := map[string]*stored{}
	hash := programHash(p)
	if !steady { // another process means something else by it
		hash += "." + randomKey()
	}
	for k := range p.plan.Matrices {
		m := &p.plan.Matrices[k]
		if m.Role == lambdapack.RoleInput {
			matrices[k] = inputs[m.Name].m
			continue
		}
		d, err := tile.ParseDType(m.DType)
		if err != nil {
			return nil, nil, err
		}
		if m.Role == lambdapack.RoleTemp {
			if m.Stored {
				matrices[k] = e.newMatrix(m.Display, e.derived(steady && e.cfg.Retain == retainAll || e.fleet != nil, hash+"."+m.Name), d, m.Grid, m.VersionLow, m.VersionHigh)
				matrices[k].Complete = matrices[k].Durable
			}
			continue
		}
		out := outputs[m.Name]
		s, err := e.output(ctx, out, m, d, wanted[out.Node.Hash()], steady)
		if err != nil {
			return nil, nil, err
		}
		matrices[k], made[m.Name] = s.m, s
	}
	for _, out := range p.text.Outputs {
		if made[out.Matrix] == nil {
			return nil, nil, errs.New(errs.Internal, "the program returns %s, which it does not write", out.Matrix)
		}
		outs = append(outs, made[out.Matrix])
	}
	return outs, matrices, nil
}

// derived is the prefix of a derived matrix in the durable store, "" when it does not go there.
func (e *Executor) derived(keep bool, hash string) string {
	if e.durable == nil || !keep {
		return ""
	}
	return derivedPrefix + hash + "/"
}

// output makes the matrix of a result.
func (e *Executor) output(ctx context.Context, out *expr.Output, m *lambdapack.Matrix, d tile.DType, name string, steady bool) (*stored, error) {
	if len(m.VersionLow) > 0 || !m.Stored {
		return nil, errs.New(errs.Value, "the program returns %s, whose indices are not those of the blocks of an array: return a matrix that is written as %s[i, j]",
			m.Name, m.Name)
	}
	prefix, key := "", ""
	if steady && e.durable != nil {
		key = out.Node.Hash()
		prefix = e.derived(e.cfg.Retain == retainAll || e.fleet != nil, key)
	}
	if name != "" && e.durable != nil {
		prefix = name + "/"
		if err := e.claim(ctx, prefix, key); err != nil {
			return nil, err
		}
	}
	b := e.newMatrix(out.Display, prefix, d, m.Grid, nil, nil)
	b.Complete = b.Durable
	if out.Half {
		b.Halve()
	}
	if name != "" {
		key = e.newKey(b, key)
	}
	return e.adopt(b, key, name, e.where(prefix)), nil
}

// flush waits until durable results are in the store, and marks them as whole.
func (e *Executor) flush(ctx context.Context, outs []*stored) error {
	for _, s := range outs {
		if !s.m.Durable {
			continue
		}
		if err := e.whole(ctx, s.m, s.prefix()); err != nil {
			return err
		}
	}
	return nil
}

// publish makes the stored the value of the node, and known by its name.
func (s *stored) publish(n *expr.Node, zero bool) {
	n.SetStored(s.asStored(), s.m.Display, zero)
	if s.name != "" {
		s.e.remember(s)
	}
}

// asStored is what expressions hold.
func (s *stored) asStored() expr.Stored {
	if s.key != "" {
		return keyed{s}
	}
	return s
}
