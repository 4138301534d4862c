package lambdapack

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"numpywren/core/errs"
)

// Signature is what programs need to know of a kernel: its operands, shapes, dtypes and cost. What it computes is in package
// kernel, under the same name.
type Signature struct {
	Name string

	// Params is the pattern of the arguments by position, one letter each: t a tile, c a comprehension, a a block of an axis,
	// n a number, s a string, v a number, string or bool; ? after it means that it may be left out, * any number, + one or
	// more.
	Params string

	// Shapes is the shape rule in the manner of NumPy's gufuncs: "(m,k),(k,n)->(m,n)". Kernels that it cannot describe have a
	// function instead.
	Shapes string

	InPlace int  // the tile operand whose memory may become the first result's, or -1
	Turns   bool // it takes a tile that stands for its transpose as it is: for others the transpose is made
	Adds    bool // it adds to a sum of such tiles as it computes them
	Reducer bool
	Attrs   []AttrSpec

	rule   *gufunc
	outs   int // how many results, when there is no rule; 0: one
	shape  func(s *shaper, c *Call, in [][]extent) [][]extent
	dtype  func(c *Call, in []string) []string
	flops  func(c *Call, in, out [][]int64) float64
	copies bool  // it works on a copy of its operands
	cuts   bool  // the library's programs that call it cut their matrices themselves, whatever the caller's blocks
	strips bool  // it works on a copy of its first result
	works  int64 // it works in so many times the memory that its results but the first take

	flopsAt func(c *Call, in [][]int64, x []int64) float64 // instead, where the shapes alone do not tell
}

// pastes says whether a reducer only copies from its operands, into the block of the axes that it is given.
func (s *Signature) pastes() bool {
	return s.Name == "assemble" || s.Name == "take" || s.Name == "gbpack"
}

// work is the arithmetic of a call whose loop variables are x.
func (s *Signature) work(c *Call, in, out [][]int64, x []int64) float64 {
	if s.flopsAt != nil {
		return s.flopsAt(c, in, x)
	}
	return s.flops(c, in, out)
}

// results is how many tiles the kernel makes.
func (s *Signature) results() int {
	if s.rule != nil {
		return len(s.rule.out)
	}
	return max(s.outs, 1)
}

// AttrSpec is a keyword that a kernel takes.
type AttrSpec struct {
	Name    string
	Default any      // int64, float64, string or bool; its type is that of the keyword
	Choices []string // for strings; nil: any
}

// registry holds the kernels that programs may name.
type registry struct {
	mu   sync.RWMutex
	sigs map[string]*Signature
}

// Builtin is the kernels of package kernel, and what Register added.
var Builtin = newRegistry()

func newRegistry() *registry {
	r := &registry{sigs: map[string]*Signature{}}
	own := slices.Concat(eighKernels, divideKernels, svdKernels)
	for k := range own {
		own[k].cuts = true
	}
	for _, s := range slices.Concat(own, lapackKernels, luKernels, qrKernels, reducerKernels, elementKernels, generatorKernels, layoutKernels) {
		if err := r.Register(s); err != nil {
			panic(err)
		}
	}
	return r
}

// Register adds a kernel, described by a gufunc-like shape rule. Its results have the dtype of its first tile, and its cost is
// taken to be one operation an element. A name can be given once.
func (r *registry) Register(s Signature) error {
	if s.Shapes != "" {
		rule, err := parseGufunc(s.Shapes)
		if err != nil {
			return err
		}
		s.rule = rule
		s.shape = rule.shapes
		if s.Params == "" {
			s.Params = strings.TrimSpace(strings.Repeat("t ", len(rule.in)))
		}
	}
	if s.shape == nil {
		return errs.New(errs.Value, "kernel %q needs a shape rule such as (m,k),(k,n)->(m,n)", s.Name)
	}
	if s.dtype == nil {
		s.dtype = sameDType
	}
	if s.flops == nil {
		s.flops = perElement
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.sigs[s.Name]; taken || scalarFuncs[s.Name] && !s.Reducer || s.Name == "task" || s.Name == "range" {
		return errs.New(errs.Value, "the name %q is taken", s.Name)
	}
	r.sigs[s.Name] = &s
	return nil
}

// Lookup finds a kernel's signature.
func (r *registry) Lookup(name string) (*Signature, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s, ok := r.sigs[name]
	return s, ok
}

// Names are the kernels' names, sorted.
func (r *registry) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.sigs))
}

// nearest is the first of the names that differs from name by least, and by little; "" if none does.
func nearest(name string, names []string) string {
	best, least := "", 3
	for _, k := range names {
		if d := distance(name, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's edit distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// gufunc is a parsed shape rule: the letters of each operand's dimensions.
type gufunc struct {
	in       [][]string
	optional int // how many operands at the end may be left out
	out      [][]string
}

func parseGufunc(text string) (*gufunc, error) {
	bad := errs.New(errs.Value, "shape rule %q: want something like (m,k),(k,n)->(m,n)", text)
	left, right, ok := strings.Cut(text, "->")
	if !ok {
		return nil, bad
	}
	g := &gufunc{}
	side := func(s string) (dims [][]string, ok bool) {
		for s != "" {
			inner, rest, closed := strings.Cut(s, ")")
			if !closed || !strings.HasPrefix(inner, "(") {
				return nil, false
			}
			if strings.HasPrefix(rest, "?") {
				g.optional++
				rest = rest[1:]
			}
			var letters []string
			if inner != "(" {
				letters = strings.Split(inner[1:], ",")
			}
			dims = append(dims, letters)
			s = strings.TrimPrefix(rest, ",")
		}
		return dims, true
	}
	if g.in, ok = side(left); !ok {
		return nil, bad
	}
	if g.out, ok = side(right); !ok || len(g.out) == 0 {
		return nil, bad
	}
	for _, dims := range g.out {
		for _, l := range dims {
			if l != "1" && !slices.ContainsFunc(g.in, func(in []string) bool { return slices.Contains(in, l) }) {
				return nil, bad
			}
		}
	}
	return g, nil
}

// shapes applies the rule: equal letters must be equal extents.
func (g *gufunc) shapes(s *shaper, c *Call, in [][]extent) [][]extent {
	bound := map[string]extent{"1": fixed(1)}
	for n, dims := range g.in {
		if n >= len(in) {
			break
		}
		s.rank(c, n, in[n], len(dims))
		for d, letter := range dims {
			if have, ok := bound[letter]; !ok {
				bound[letter] = in[n][d]
			} else if !s.same(have, in[n][d]) {
				s.mismatch(c, in)
			}
		}
	}
	out := make([][]extent, len(g.out))
	for n, dims := range g.out {
		out[n] = make([]extent, len(dims))
		for d, letter := range dims {
			out[n][d] = bound[letter]
		}
	}
	return out
}
