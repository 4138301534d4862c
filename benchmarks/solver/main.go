// Command solver compares two ways to know who waits for a task: the whole graph built beforehand, as most task systems do,
// and package lambdapack's solver, which stores no graph. The program is cholesky. It prints a table in Markdown and writes it
// to the folder of -output.
//
//	python tools/gotool.py run ./benchmarks/solver [-quick] [-output DIR]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"numpywren/core/grid"
	"numpywren/core/lambdapack"
	"numpywren/core/programs"
)

// block is the length of a tile's side. Nothing here depends on it: no tile is computed. It keeps the huge matrix below 2**58 elements.
const block = 256

func main() {
	log.SetFlags(0)
	quick := flag.Bool("quick", false, "a small graph: whether everything runs, not how fast")
	output := flag.String("output", "", "the folder for the table; by default it is only printed")
	flag.Parse()
	side, samples := int64(460), 1_000_000
	if *quick {
		side, samples = 60, 20_000
	}
	text, err := report(side, 1_000_000, samples)
	if err == nil && *output != "" {
		err = save(*output, text, *quick)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(text)
}

// report measures a program small enough for its graph to be built, and one that no memory could hold.
func report(side, huge int64, samples int) (string, error) {
	var out strings.Builder
	out.WriteString("# Dependencies of cholesky's tasks: the whole graph, and the solver\n\n" +
		"| blocks a side | tasks | how | seconds | a task | bytes | bytes a task |\n|---|---|---|---|---|---|---|\n")
	small, bytes, err := bind(side)
	if err != nil {
		return "", err
	}
	tasks := small.NumTasks()
	line := func(how string, seconds float64, bytes int64) {
		fmt.Fprintf(&out, "| %s | %s | %s | %.3g | %s | %s | %.3g |\n",
			thousands(side), thousands(tasks), how, seconds, perTask(seconds/float64(tasks)), thousands(bytes), float64(bytes)/float64(tasks))
	}
	g := buildGraph(small)
	line(fmt.Sprintf("the whole graph built (%s edges)", thousands(g.edges())), g.seconds, g.bytes)
	walked := walk(small)
	line("every task's children solved", walked.seconds, bytes+walked.bytes)
	if walked.edges != g.edges() {
		return "", fmt.Errorf("the solver finds %d edges, the graph has %d", walked.edges, g.edges())
	}

	fmt.Fprintf(&out, "\nRandom tasks; an enumeration stops at %d neighbours.\n", most)
	out.WriteString("\n| blocks a side | tasks | bytes of the plan | question | neighbours | a task | allocated a task |\n" +
		"|---|---|---|---|---|---|---|\n")
	for _, n := range []int64{side, huge} {
		plan, bytes, err := bind(n)
		if err != nil {
			return "", err
		}
		if n == huge {
			g = nil // no memory could hold it
		}
		for _, q := range questions(plan, g, n, samples) {
			fmt.Fprintf(&out, "| %s | %.3g | %s | %s | %.2f | %s | %.0f B |\n",
				thousands(n), float64(plan.NumTasks()), thousands(bytes), q.text, q.neighbours, perTask(q.seconds), q.bytes)
		}
	}
	return out.String(), nil
}

// bind gives the plan of cholesky with so many blocks a side, and the bytes that it keeps.
func bind(side int64) (*lambdapack.Plan, int64, error) {
	def, ok := programs.Library.Lookup("cholesky")
	if !ok {
		return nil, 0, fmt.Errorf("the library has no cholesky")
	}
	before := heap()
	g, err := grid.New([]int64{side * block, side * block}, []int64{block, block})
	if err != nil {
		return nil, 0, err
	}
	input := lambdapack.Input{Name: "A", Display: "BigMatrix(X)", Grid: g, DType: "float64"}
	plan, err := lambdapack.Bind(def, programs.Library, []lambdapack.Input{input}, nil, lambdapack.Options{Fuse: true})
	if err != nil {
		return nil, 0, err
	}
	questions(plan, nil, side, 10) // compiles what is compiled when first asked for
	return plan, max(0, heap()-before), nil
}

func save(folder, text string, quick bool) error {
	name := time.Now().Format("2006-01-02") + "-solver"
	if quick {
		name += "-quick"
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name+".md"), []byte(text), 0o644)
}

func perTask(seconds float64) string { return fmt.Sprintf("%.0f ns", seconds*1e9) }

// thousands writes 16,328,060.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for k := len(text) - 3; k > 0; k -= 3 {
		text = text[:k] + "," + text[k:]
	}
	return text
}
