package core

import (
	"encoding/json"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/expr"
	"numpywren/core/kernel"
	"numpywren/core/lambdapack"
)

// defaultBlocks is how many instruction blocks an explanation shows when the caller does not say.
const defaultBlocks = 24

// Explain tells what computing the arrays will do: the program, its tasks, and at most maxBlocks instruction blocks (0: a
// default).
func (e *Executor) Explain(arrays []*Array, maxBlocks int) (string, error) {
	nodes, err := e.nodes(arrays)
	if err != nil {
		return "", err
	}
	if maxBlocks <= 0 {
		maxBlocks = defaultBlocks
	}
	var todo []*expr.Node
	var out strings.Builder
	for _, n := range nodes {
		if s, ok := storedOf(n); ok {
			out.WriteString(s.m.Display + " is computed: nothing will run for it.\n")
			continue
		}
		todo = append(todo, n)
	}
	if len(todo) == 0 {
		return out.String(), nil
	}
	p, err := e.lower(todo, nil)
	if err != nil {
		return "", err
	}
	defer p.text.Release()
	out.WriteString(p.plan.Explain(maxBlocks))
	return out.String(), nil
}

// CheckProgram parses and checks LAmbdaPACK text, without inputs, and tells of its definitions, as JSON.
func CheckProgram(filename, source string) (string, error) {
	file, err := lambdapack.Parse(filename, []byte(source))
	if err != nil {
		return "", err
	}
	if err := lambdapack.Check(file); err != nil {
		return "", err
	}
	if err := checkElements(file); err != nil {
		return "", err
	}
	type param struct {
		Name    string `json:"name"`
		Default *int64 `json:"default,omitempty"`
	}
	type definition struct {
		Name    string  `json:"name"`
		Doc     string  `json:"doc"`
		Params  []param `json:"params"`
		Outputs int     `json:"outputs"`
	}
	list := struct {
		Programs  []definition `json:"programs"`
		Functions []string     `json:"functions"` // of the user's, that they call
	}{[]definition{}, file.Functions()}
	for _, def := range file.Defs {
		d := definition{Name: def.Name, Doc: def.Doc, Params: []param{}, Outputs: len(def.Returns)}
		for _, p := range def.Params {
			q := param{Name: p.Name}
			if p.Scalar {
				q.Default = &p.Value
			}
			d.Params = append(d.Params, q)
		}
		list.Programs = append(list.Programs, d)
	}
	text, err := json.Marshal(list)
	return string(text), err
}

// checkElements finds the first elementwise expression that the kernel cannot read.
func checkElements(file *lambdapack.File) (err error) {
	file.Elements(func(pos lambdapack.Pos, text string, operands int) {
		if wrong := kernel.CheckEw(text, operands); wrong != nil && err == nil {
			err = errs.New(errs.KindOf(wrong), "%s: %w", pos, wrong)
		}
	})
	return err
}
