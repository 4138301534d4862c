package expr

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/lambdapack"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestGoldens holds the texts against testdata: go test -run Goldens -rewrite writes them.
func TestGoldens(t *testing.T) {
	for name, make := range goldens {
		t.Run(name, func(t *testing.T) {
			p, err := Lower(make(t), nil)
			require.NoError(t, err)
			defer p.Release()
			var b strings.Builder
			for _, in := range p.Inputs {
				b.WriteString("# " + in.Param + " = " + in.Display + "\n")
			}
			b.WriteString(p.Text)
			for _, out := range p.Outputs {
				b.WriteString("# " + out.Matrix + ": " + out.Display + "\n")
			}
			file := filepath.Join("testdata", name+".lp")
			if *rewrite {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
			f, err := lambdapack.Parse(file, []byte(p.Text))
			require.NoError(t, err)
			_, ok := f.Lookup(p.Name)
			require.True(t, ok, p.Name)
		})
	}
}

var goldens = map[string]func(t *testing.T) []*Node{
	"nearest_neighbor": func(t *testing.T) []*Node {
		train, test := matrix(t, "X_train", float64Type, ints(60000, 784), nil), matrix(t, "X_test", float64Type, ints(10000, 784), nil)
		xyt := apply(t, "multiply", nil, apply(t, "matmul", nil, train, apply(t, "transpose", nil, test)), int64(-2))
		rows := dict{"axis": int64(1), "keepdims": true}
		a, b := apply(t, "norm", rows, train), apply(t, "norm", rows, test)
		d := apply(t, "add", nil, apply(t, "add", nil, a, xyt), apply(t, "transpose", nil, b))
		return []*Node{apply(t, "argmin", dict{"axis": int64(0)}, d)}
	},
	"mapped": func(t *testing.T) []*Node {
		x := matrix(t, "X", float64Type, ints(1000, 300), ints(256, 100))
		row := matrix(t, "Row", float32Type, ints(300), ints(64))
		m := apply(t, "map_blocks", dict{"function": "f-0123456789abcdef", "dtype": float32Type}, x, row)
		return []*Node{apply(t, "sum", dict{"axis": int64(0), "keepdims": true}, m), apply(t, "transpose", nil, m)}
	},
	"norms": func(t *testing.T) []*Node {
		x := matrix(t, "X", float32Type, ints(1000, 300), ints(256, 100))
		return []*Node{apply(t, "norm", nil, x), apply(t, "norm", dict{"ord": int64(1)}, x), apply(t, "norm", dict{"ord": "inf"}, x),
			apply(t, "norm", dict{"ord": 3.0, "axis": int64(1)}, x)}
	},
	"reductions": func(t *testing.T) []*Node {
		x := matrix(t, "X", "int8", ints(1000, 300, 7), ints(10, 100, 7))
		return []*Node{apply(t, "sum", nil, x), apply(t, "prod", dict{"axis": []any{int64(0), int64(1)}}, x),
			apply(t, "max", dict{"axis": int64(0), "keepdims": true}, x), apply(t, "argmax", nil, x), apply(t, "mean", dict{"axis": int64(-1)}, x)}
	},
	"rechunk_slice": func(t *testing.T) []*Node {
		x := matrix(t, "X", float64Type, ints(1000, 300), ints(256, 100))
		return []*Node{apply(t, "rechunk", dict{"block_shape": ints(300, 300)}, x),
			apply(t, "slice", dict{"start": ints(10, 0), "stop": ints(900, 1)}, apply(t, "rechunk", dict{"block_shape": ints(300, 300)}, x)),
			apply(t, "slice", dict{"start": ints(10, 0), "stop": ints(30, 100)}, apply(t, "transpose", nil, x))}
	},
	"matmul": func(t *testing.T) []*Node {
		x, y := matrix(t, "X", float64Type, ints(1000, 300), ints(256, 100)), matrix(t, "Y", float32Type, ints(300, 50), ints(150, 50))
		v := matrix(t, "v", float64Type, ints(300), ints(300))
		return []*Node{apply(t, "matmul", nil, x, y), apply(t, "matmul", nil, x, v), apply(t, "matmul", nil, v, v),
			apply(t, "matmul", nil, x, apply(t, "transpose", nil, x))}
	},
	"matmul_tall": func(t *testing.T) []*Node {
		x := matrix(t, "X", float64Type, ints(100000, 10), ints(5000, 10))
		return []*Node{apply(t, "matmul", nil, apply(t, "transpose", nil, x), x)}
	},
	"cholesky_of": func(t *testing.T) []*Node {
		x := matrix(t, "X", float64Type, ints(1000, 1000), ints(256, 100))
		return []*Node{apply(t, "cholesky", nil, x)}
	},
	"solve": func(t *testing.T) []*Node {
		a, v := matrix(t, "A", float64Type, ints(1000, 1000), ints(256, 256)), matrix(t, "b", int64Type, ints(1000), ints(1000))
		return []*Node{apply(t, "solve", dict{"assume_a": "pos"}, a, v)}
	},
	"solve_triangular": func(t *testing.T) []*Node {
		a, y := matrix(t, "A", float64Type, ints(1000, 1000), ints(256, 256)), matrix(t, "B", float64Type, ints(1000, 20), ints(256, 20))
		up := apply(t, "transpose", nil, a)
		return []*Node{apply(t, "solve_triangular", dict{"lower": true}, a, y), apply(t, "solve_triangular", nil, up, y),
			apply(t, "solve_triangular", nil, a, y), apply(t, "solve_triangular", dict{"trans": "T", "unit_diagonal": true}, a, y)}
	},
	"diagonals": func(t *testing.T) []*Node {
		x, v := matrix(t, "X", float64Type, ints(1000, 300), ints(100, 100)), matrix(t, "v", float64Type, ints(300), ints(300))
		return []*Node{apply(t, "trace", nil, x), apply(t, "diag", dict{"k": int64(-3)}, x), apply(t, "diag", nil, v),
			apply(t, "tril", dict{"k": int64(1)}, x)}
	},
	"generated": func(t *testing.T) []*Node {
		return []*Node{apply(t, "full", dict{"shape": ints(3, 4), "value": "nan"}), apply(t, "full", dict{"shape": ints(), "value": int64(7)}),
			apply(t, "eye", dict{"n": int64(5)}), apply(t, "arange", dict{"start": int64(0), "stop": int64(10), "step": int64(3)}),
			apply(t, "uniform", dict{"shape": ints(300, 2), "seed": "18446744073709551615", "high": int64(2)}),
			apply(t, "normal", dict{"shape": ints(1, 2), "dtype": float32Type})}
	},
	"copies": func(t *testing.T) []*Node {
		x := matrix(t, "X", float64Type, ints(1000, 300), ints(256, 100))
		return []*Node{x, apply(t, "transpose", nil, x), apply(t, "expand_dims", dict{"axis": int64(0)}, x), x}
	},
}
