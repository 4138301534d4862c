package core_test

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "numpywren/"

// layers is the order of docs/architecture.md: a package imports only what stands before it, and of that only the named ones
// where there is such a list. Everyone may import core/errs. A new package has to take its place here.
var layers = []layer{
	{"core/errs", none},
	{"core/grid", none},
	{"core/affine", none},
	{"core/tile", []string{"core/grid"}},
	{"core/cloud", none},
	{"core/blob", none},
	{"core/blob/blobtest", all},
	{"core/blob/s3", []string{"core/cloud", "core/blob"}},
	{"core/queue", none},
	{"core/queue/queuetest", all},
	{"core/queue/sqs", []string{"core/cloud", "core/queue"}},
	{"core/matrix", []string{"core/grid", "core/tile", "core/blob"}},
	{"core/kernel", []string{"core/tile"}},
	{"core/sidecar", none},
	{"core/sidecar/sidecartest", []string{"core/sidecar"}},
	{"core/pywren", []string{"core/tile", "core/blob", "core/sidecar"}},
	{"core/lambdapack", []string{"core/affine", "core/grid"}},
	{"core/programs", []string{"core/lambdapack"}},
	{"core/expr", []string{"core/grid", "core/lambdapack", "core/programs"}},
	{"core/scheduler", []string{"core/lambdapack"}},
	{"core/runtime", all},
	{"core/fleet", all},
	{"core/invoke", []string{"core/cloud"}},
	{"core/simulate", all},
	{"core/deploy", all},
	{"core/monitor", all},
	{"core", all},
	{"capi", []string{"core"}},
	{"worker", []string{"core"}},
}

type layer struct {
	folder string
	only   []string
}

var (
	all  []string
	none = []string{}
)

// TestImportsPointDown holds the imports of every package against layers.
func TestImportsPointDown(t *testing.T) {
	place := make(map[string]int)
	for i, l := range layers {
		place[l.folder] = i
	}
	for _, im := range imports(t) {
		from, known := place[im.folder]
		if !known {
			t.Errorf("%s: the package %s has no place in layers", im.file, im.folder)
			continue
		}
		below, ours := strings.CutPrefix(im.path, module)
		if !ours || below == "core/errs" {
			continue
		}
		if to, known := place[below]; !known || to >= from {
			t.Errorf("%s: %s must not import %s, which is not below it", im.file, im.folder, below)
		}
		if only := layers[from].only; only != nil && !slices.Contains(only, below) {
			t.Errorf("%s: of ours, %s may import errs and %v, not %s", im.file, im.folder, only, below)
		}
	}
}

// TestImportsOfOthers keeps what is not ours where it belongs: the AWS SDK with the drivers and what deploys them, test helpers
// with tests, and clocks, files and locks out of the scheduler, which is a pure state machine.
func TestImportsOfOthers(t *testing.T) {
	rules := []struct {
		prefix  string
		allowed func(folder string) bool
	}{
		{"github.com/aws/", in("core/cloud", "core/blob/s3", "core/queue/sqs", "core/invoke", "core/deploy", "worker")},
		{"github.com/stretchr/testify", in("core/blob/blobtest", "core/queue/queuetest")},
		{"testing", in("core/blob/blobtest", "core/queue/queuetest", "core/sidecar/sidecartest")},
		{"os", notIn("core/scheduler", "core/affine", "core/grid", "core/lambdapack", "core/expr")},
		{"net", notIn("core/scheduler", "core/affine", "core/grid", "core/lambdapack", "core/expr")},
		{"sync", notIn("core/scheduler", "core/grid")},
		{"C", in("core/kernel", "capi")},
	}
	for _, im := range imports(t) {
		for _, rule := range rules {
			hit := im.path == rule.prefix || strings.HasPrefix(im.path, strings.TrimSuffix(rule.prefix, "/")+"/")
			if hit && !rule.allowed(im.folder) {
				t.Errorf("%s: %s must not import %s", im.file, im.folder, im.path)
			}
		}
	}
}

func in(folders ...string) func(string) bool {
	return func(folder string) bool { return slices.Contains(folders, folder) }
}

func notIn(folders ...string) func(string) bool {
	return func(folder string) bool { return !slices.Contains(folders, folder) }
}

type imported struct{ file, folder, path string }

// imports lists the imports of all files of core, capi and worker that are not tests, whatever their build tags.
func imports(t *testing.T) []imported {
	t.Helper()
	var found []imported
	for _, top := range []string{"core", "capi", "worker"} {
		if _, err := os.Stat(filepath.Join("..", top)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
			for _, spec := range file.Imports {
				value, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				found = append(found, imported{name, name[:strings.LastIndex(name, "/")], value})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) == 0 {
		t.Fatal("no imports found: the test looks in the wrong place")
	}
	return found
}
