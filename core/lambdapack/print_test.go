package lambdapack

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/grid"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// golden holds a text against a file of testdata, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write the file")
	require.Equal(t, string(want), got, "%s: run the test with -update if this is what it should be", path)
}

// shipped is the programs of package programs, which this package cannot import.
func shipped(t testing.TB) files {
	t.Helper()
	paths, err := filepath.Glob("../programs/*.lp")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var out files
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := Parse(filepath.Base(path), source)
		require.NoError(t, err)
		out = append(out, f)
	}
	return out
}

// files is a library.
type files []*File

func (l files) Lookup(name string) (*Def, bool) {
	for _, f := range l {
		if d, ok := f.Lookup(name); ok {
			return d, true
		}
	}
	return nil, false
}

func bindShipped(t testing.TB, name string, inputs ...Input) *Plan {
	t.Helper()
	lib := shipped(t)
	def, ok := lib.Lookup(name)
	require.True(t, ok)
	p, err := Bind(def, lib, inputs, nil, Options{Fuse: true})
	require.NoError(t, err)
	return p
}

func blocksText(t testing.TB, p *Plan, max int) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, p.Blocks(&b, max))
	return b.String()
}

func named(name, display string, side, block int64) Input {
	return Input{Name: name, Display: display, Grid: square(side, block), DType: "float64"}
}

// TestTalk prints the program of the talk, whose listing this is. (Its first LOAD of the low-rank update is a slip there.)
func TestTalk(t *testing.T) {
	text := blocksText(t, bindShipped(t, "cholesky", named("A", "BigMatrix(X)", 300, 100)), 100)
	require.True(t, strings.HasPrefix(text, `numpywren.cholesky
cholesky(iter=0)
  0 = LOAD BigMatrix(X)[0, 0]
  1 = CHOL 0
  2 = WRITE chol(BigMatrix(X))[0, 0]
col_update(row=1, col=0)
  3 = LOAD chol(BigMatrix(X))[0, 0]
  4 = LOAD BigMatrix(X)[1, 0]
  5 = TRSM 3 4
  6 = WRITE chol(BigMatrix(X))[1, 0]
`), text)
	require.Contains(t, text, `
low_rank_update(iter=0, row=1, col=2)
  15 = LOAD BigMatrix(X)[2, 1]
  16 = LOAD chol(BigMatrix(X))[2, 0]
  17 = LOAD chol(BigMatrix(X))[1, 0]
  18 = SYRK 15 16 17
  19 = WRITE temp(BigMatrix(X))[0, 1, 2]
`)
}

func TestBlocksGolden(t *testing.T) {
	x := func(name string) Input { return named(name, "BigMatrix("+name+")", 300, 100) }
	var b strings.Builder
	for _, c := range []struct {
		max int
		p   *Plan
	}{
		{12, bindShipped(t, "cholesky", named("A", "BigMatrix(X)", 300, 100))},
		{2, bindShipped(t, "gemm", named("A", "BigMatrix(A)", 600, 100), Input{Name: "B", Display: "BigMatrix(B)", Grid: rect(600, 100, 100), DType: "float64"})},
		{20, bindShipped(t, "solve_spd", x("A"), Input{Name: "B", Display: "BigMatrix(B)", Grid: rect(300, 10, 100), DType: "float64"})},
		{3, mustBind(t, windowText, in("X", rect(128, 40, 32)))},
		{3, mustBind(t, generatorText)},
	} {
		b.WriteString(blocksText(t, c.p, c.max) + "\n")
	}
	golden(t, "blocks.txt", b.String())
}

const generatorText = `
def made():
    r = axis(10, 4)
    c = axis(6, 4)
    for i in range(blocks(r)):
        for j in range(blocks(c)):
            Y[i, j] = ew("a + b - c", full(0.5, r[i], c[j]), eye(r[i], c[j], k=1), uniform(r[i], c[j], seed="7", shape="10,6"))
        Z[i] = arange(r[i], 3, 2)
    return Y, Z
`

func TestBlocksStopAtMax(t *testing.T) {
	p := bindShipped(t, "cholesky", named("A", "BigMatrix(X)", 1<<16, 64))
	require.Equal(t, "numpywren.cholesky\n...\n", blocksText(t, p, 0))
	three := blocksText(t, p, 3)
	require.Equal(t, 3, strings.Count(three, "WRITE"), three)
	require.True(t, strings.HasSuffix(three, "\n...\n"), three)
	small := blocksText(t, bindShipped(t, "cholesky", named("A", "BigMatrix(X)", 100, 100)), 1)
	require.NotContains(t, small, "...")
}

func TestExplainGolden(t *testing.T) {
	rhs := Input{Name: "B", Display: "BigMatrix(B)", Grid: rect(3000, 10, 1024), DType: "float64"}
	golden(t, "explain_solve.txt", bindShipped(t, "solve_spd", named("A", "BigMatrix(A)", 3000, 1024), rhs).Explain(3))
	golden(t, "explain_large.txt", bindShipped(t, "cholesky", named("A", "BigMatrix(A)", 1<<22, 4096)).Explain(2))
}

// TestSummary holds the closed form of costs against the sum over all tasks.
func TestSummary(t *testing.T) {
	side := int64(31 * 64)
	for name, p := range map[string]*Plan{
		"cholesky":   bindShipped(t, "cholesky", named("A", "A", side, 64)),
		"gemm":       bindShipped(t, "gemm", named("A", "A", side+640, 64), named("B", "B", side+640, 64)),
		"lu":         bindShipped(t, "lu_factor", named("A", "A", side, 64)),
		"tournament": bindShipped(t, "lu_factor_tournament", named("A", "A", side, 64)),
		"forward":    bindShipped(t, "forward_substitution", named("L", "L", side, 64), named("B", "B", side, 64)),
		"qr":         bindShipped(t, "qr", named("A", "A", side, 64)),
	} {
		for _, st := range p.Statements {
			var want, got kind
			for x := range st.Domain.All() {
				want.tasks++
				want.add(p.Cost(taskAt(st.ID, x)))
			}
			got.tasks = st.Domain.Count()
			(&summary{estimate{p: p, st: st}, &got}).statement()
			require.Equal(t, want.tasks, got.tasks)
			if want.flops > 0 {
				require.InEpsilon(t, want.flops, got.flops, 0.1, "%s %s", name, st.Label)
			} else {
				require.Zero(t, got.flops, "%s %s", name, st.Label)
			}
			require.InEpsilon(t, want.read, got.read, 0.1, "%s %s", name, st.Label)
			require.InEpsilon(t, want.write, got.write, 1e-9, "%s %s", name, st.Label)
		}
	}
}

func TestExplainWithoutTasks(t *testing.T) {
	text := bindShipped(t, "cholesky", named("A", "A", 0, 1)).Explain(5)
	require.Contains(t, text, "total")
	require.NotContains(t, text, "NaN")
}

func TestBytesText(t *testing.T) {
	for n, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1234567: "1.23 MB", 8e9: "8 GB", 999.9e6: "1 GB", 1e21: "1000 EB"} {
		require.Equal(t, want, bytesText(n))
	}
	k := kind{tasks: math.MaxInt64 - 1}
	k.merge(kind{tasks: 5})
	require.Equal(t, int64(math.MaxInt64), k.tasks)
}

// TestFlopsOfLU holds the arithmetic of all tasks against what the program's header says.
func TestFlopsOfLU(t *testing.T) {
	for _, shape := range [][2]int64{{1500, 1500}, {1500, 700}, {1024, 1024}} {
		g := grid.Grid{{Len: shape[0], Block: 64}, {Len: shape[1], Block: 64}}
		p := bindShipped(t, "lu_factor", Input{Name: "A", Display: "A", Grid: g, DType: "float64"})
		flops := 0.0
		for task := range p.Tasks() {
			flops += p.Cost(task).Flops
		}
		m, n := float64(shape[0]), float64(shape[1])
		require.InEpsilon(t, m*n*n-n*n*n/3, flops, 0.01, "%v", shape)
	}
}

// inputsOf is what a program may be called with: matrices of that side, or factors of one.
func inputsOf(t *testing.T, def *Def, side, unit int64) (inputs []Input, scalars map[string]int64) {
	if strings.HasPrefix(def.Name, "eigh_") {
		return eighInputs(def, side, unit)
	}
	scalars = map[string]int64{}
	factors := map[string]grid.Grid{}
	for _, q := range def.Params {
		g := square(side, 64)
		switch {
		case q.Name == "domain" || q.Name == "fan":
			scalars[q.Name] = 1 + unit
			continue
		case q.Name == "band" || q.Name == "sweeps":
			scalars[q.Name] = 64
			continue
		case q.Name == "side":
			scalars[q.Name] = max(side/(2+unit), 1)
			continue
		case q.Scalar:
			scalars[q.Name] = unit
			continue
		case strings.HasPrefix(def.Name, "svd_"):
			g = svdInput(def.Name, q.Name, side)
		case q.Name == "P" && strings.HasPrefix(def.Name, "lu_"): // the exchanges
			exchanges := grid.Grid{g[0], {Len: 2, Block: 2}}
			inputs = append(inputs, Input{Name: q.Name, Grid: exchanges, DType: "int64"})
			continue
		case q.Name == "B" && def.Name != "gemm":
			g = rect(side, 2*side+3, 64)
		case strings.HasPrefix(def.Name, "small_"):
			g = square(side, max(side, 1))
		case strings.HasPrefix(def.Name, "tsqr") && q.Name == "A":
			g = rect(9*side, min(side, 64), 64)
		case q.Name == "V":
			program := "qr"
			if strings.HasPrefix(def.Name, "tsqr") {
				program = "tsqr"
			}
			factor, _ := shipped(t).Lookup(program)
			from, _ := inputsOf(t, factor, side, unit)
			p, err := Bind(factor, shipped(t), from, map[string]int64{"domain": 1 + unit}, Options{})
			require.NoError(t, err)
			for _, m := range p.Matrices {
				factors[m.Name] = m.Grid
			}
			g = factors["V"]
		case factors[q.Name] != nil:
			g = factors[q.Name]
		case def.Name == "tsqr_generate":
			g = square(min(side, 64), 64)
		}
		inputs = append(inputs, Input{Name: q.Name, Grid: g, DType: "float32"})
	}
	return inputs, scalars
}

// svdInput is the grid of an operand of the SVD's programs: of two diagonals; of reflections, as columns of the whole height.
func svdInput(program, name string, side int64) grid.Grid {
	whole := grid.Axis{Len: side, Block: max(side, 1)}
	switch {
	case name == "D" && (program == "svd_bidiagonal" || program == "svd_divide"):
		return grid.Grid{whole, {Len: 2, Block: 2}}
	case program == "svd_back" && name != "T":
		return grid.Grid{whole, {Len: side, Block: min(side, 64)}}
	}
	return square(side, 64)
}

// TestPeakOfTournament: a group of an election is there twice, and what it elects.
func TestPeakOfTournament(t *testing.T) {
	p := bindShipped(t, "lu_factor_tournament", named("A", "A", 2048, 64))
	for task := range p.Tasks() {
		if st := p.Statements[task.Stmt]; st.Label == "elect" {
			require.Equal(t, int64(2*16*64*64*8+64*64*8+64*8), p.Cost(task).PeakBytes)
			return
		}
	}
	t.Fatal("nothing is elected")
}

// TestShippedPrograms binds every program for one and for several tiles, and with sides that no tile divides.
func TestShippedPrograms(t *testing.T) {
	for _, f := range shipped(t) {
		for _, def := range f.Defs {
			require.NotEmpty(t, def.Doc, def.Name)
			for _, side := range []int64{0, 1, 64, 65, 200} {
				factors := []string{"small_", "svd_", "eigh_"}
				if side == 0 && (strings.Contains(def.Name, "qr") || slices.ContainsFunc(factors, func(s string) bool { return strings.HasPrefix(def.Name, s) }) || def.Name == "lu_det") {
					continue // nothing is factored
				}
				for unit := range int64(2) {
					inputs, scalars := inputsOf(t, def, side, unit)
					p, err := Bind(def, shipped(t), inputs, scalars, Options{Fuse: true})
					require.NoError(t, err, "%s of side %d", def.Name, side)
					require.Len(t, slices.Collect(p.Tasks()), int(p.NumTasks()))
				}
			}
		}
	}
}
