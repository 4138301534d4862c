package lambdapack

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"numpywren/core/errs"
	"numpywren/core/grid"
)

// errorInputs are the matrices of testdata/errors.lp.
func errorInputs(def *Def) []Input {
	grids := map[string]grid.Grid{"A": square(100, 25), "B": square(100, 25), "C": rect(100, 1, 25), "F": square(100, 25), "G": square(90, 25),
		"v": {{Len: 100, Block: 25}}, "D": {{Len: 100, Block: 25}, {Len: 100, Block: 25}, {Len: 100, Block: 25}}}
	var inputs []Input
	for _, p := range def.Params {
		if p.Scalar {
			continue
		}
		i := in(p.Name, grids[p.Name])
		if p.Name == "F" {
			i.DType = "float32"
		}
		inputs = append(inputs, i)
	}
	return inputs
}

// TestErrors binds programs with their expected faults inline.
func TestErrors(t *testing.T) {
	src, err := os.ReadFile("testdata/errors.lp")
	if err != nil {
		t.Fatal(err)
	}
	line := 0
	expected := regexp.MustCompile(`### (check:bind |check )?(.*)$`)
	for chunk := range strings.SplitSeq(string(src), "---\n") {
		text := strings.Repeat("\n", line) + chunk
		line += strings.Count(chunk, "\n") + 1
		f, err := Parse("errors.lp", text)
		if err != nil {
			t.Error(err)
			continue
		}
		def := f.Defs[len(f.Defs)-1]
		t.Run(def.Name, func(t *testing.T) {
			checked := Check(f)
			_, err := Bind(def, nil, errorInputs(def), nil, Options{})
			if err == nil {
				t.Fatal("no error")
			}
			for n, l := range strings.Split(text, "\n") {
				want := expected.FindStringSubmatch(l)
				if want == nil {
					continue
				}
				match(t, err, n+1, want[2])
				switch {
				case want[1] == "check ":
					match(t, checked, n+1, want[2])
				case checked != nil:
					t.Errorf("Check should not find this: %v", checked)
				}
			}
		})
	}
}

func match(t *testing.T, err error, line int, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %s", want)
		return
	}
	at := fmt.Sprintf("errors.lp:%d:", line)
	if !strings.HasPrefix(err.Error(), at) || !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("%v\nwant %s %s", err, at, want)
	}
	if errs.KindOf(err) != errs.Value {
		t.Errorf("%v is of kind %v", err, errs.KindOf(err))
	}
}

// TestGood: the texts of the other tests pass Check.
func TestGood(t *testing.T) {
	for _, text := range []string{choleskyText, mirroredText, gemmText, splitText, forwardText, backwardText, solveText, reduceText, treeText, windowText} {
		if err := Check(mustParse(t, text)); err != nil {
			t.Error(err)
		}
	}
}

// TestArguments: what Bind is given must be what the program takes.
func TestArguments(t *testing.T) {
	f := mustParse(t, "def f(A, k=2):\n    X[0, 0] = copy(A[k, 0])\n    return X\n")
	a := in("A", square(100, 25))
	for want, bind := range map[string]func() error{
		"program f needs the matrix A": func() error { _, err := Bind(f.Defs[0], nil, nil, nil, Options{}); return err },
		"program f has no matrix parameter B": func() error {
			_, err := Bind(f.Defs[0], nil, []Input{a, in("B", square(10, 10))}, nil, Options{})
			return err
		},
		"program f has no integer parameter m": func() error {
			_, err := Bind(f.Defs[0], nil, []Input{a}, map[string]int64{"m": 1}, Options{})
			return err
		},
		"A[4, …] is outside of A": func() error {
			_, err := Bind(f.Defs[0], nil, []Input{a}, map[string]int64{"k": 4}, Options{})
			return err
		},
		"dtype \"object\"": func() error {
			b := a
			b.DType = "object"
			_, err := Bind(f.Defs[0], nil, []Input{b}, nil, Options{})
			return err
		},
	} {
		if err := bind(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	p, err := Bind(f.Defs[0], nil, []Input{a}, map[string]int64{"k": 3}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for task := range p.Tasks() {
		for x := range p.Reads(task) {
			if p.TileName(x) != "BigMatrix(A)[3, 0]" {
				t.Error(p.TileName(x))
			}
		}
	}
}
