package lambdapack

import (
	"os"
	"strings"
	"testing"
	"time"

	"numpywren/core/grid"
)

// slow is far more than any text may take.
const slow = 5 * time.Second

// FuzzBind: no text makes Parse, Check or Bind panic or take long, and what binds answers questions.
func FuzzBind(f *testing.F) {
	for _, text := range []string{choleskyText, mirroredText, gemmText, splitText, forwardText, backwardText, solveText, reduceText, treeText, windowText} {
		f.Add(text, uint8(3))
	}
	src, err := os.ReadFile("testdata/errors.lp")
	if err != nil {
		f.Fatal(err)
	}
	for chunk := range strings.SplitSeq(string(src), "---\n") {
		f.Add(chunk, uint8(4))
	}
	for seed := range uint64(100) {
		f.Add(randomText(seed), uint8(seed%5))
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		watchdog := time.AfterFunc(slow, func() { panic("this text takes too long:\n" + text) })
		defer watchdog.Stop()
		file, err := Parse("fuzz.lp", text)
		if err != nil {
			return
		}
		_ = Check(file)
		for _, def := range file.Defs {
			fuzzDef(t, def, int64(n%8))
		}
	})
}

func fuzzDef(t *testing.T, def *Def, n int64) {
	var inputs []Input
	for k, p := range def.Params {
		if !p.Scalar {
			g := grid.Grid{{Len: 8*n - n/2, Block: 8}, {Len: 8*n - n/2, Block: 8}, {Len: 3, Block: 1}}
			inputs = append(inputs, in(p.Name, g[:2+k%5/4]))
		}
	}
	for _, opt := range []Options{{}, {Fuse: true}} {
		p, err := Bind(def, nil, inputs, nil, opt)
		if err != nil {
			continue
		}
		tasks := 0
		for task := range p.Tasks() {
			reads := 0
			for x := range p.Reads(task) {
				if reads++; reads > 20 {
					break
				}
				if w, ok := p.Writer(x); ok && !p.reading(p.Statements[task.Stmt], p.vars(&task), &x) {
					t.Errorf("%s reads %s of %s, and does not", p.TaskName(task), p.TileName(x), p.TaskName(w))
				}
			}
			for c := range p.Children(task) {
				_ = p.TaskName(c)
				break
			}
			_ = p.Cost(task)
			if tasks++; tasks > 20 {
				break
			}
		}
		if tasks > 0 && tasks <= 20 && p.NumTasks() != int64(tasks) {
			t.Errorf("%d tasks, counted %d", tasks, p.NumTasks())
		}
		for task := range p.Roots() {
			_ = p.Priority(task)
			break
		}
	}
}
