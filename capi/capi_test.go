package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core"
	"numpywren/core/errs"
	"numpywren/core/expr"
)

// TestSymbols holds the version script, which says what the library exports, against the header, and the header's
// functions against guard.c, which defines them.
func TestSymbols(t *testing.T) {
	header, script, guard := read(t, "numpywren.h"), read(t, "symbols.so"), read(t, "guard.c")
	declared := found(header, `(?m)^NPW_API [^;(]*?(npw_\w+)\(`)
	require.Len(t, declared, 34)
	require.Equal(t, declared, found(script, `(?m)^\s+(npw_\w+);$`))
	require.Equal(t, declared, found(guard, `(?m)^[a-z][^=;(]*?(npw_\w+)\(`))
	for _, name := range declared {
		if strings.Contains(header, "NPW_API npw_status "+name+"(") {
			require.Regexp(t, `npw_status `+name+`\([^{]*\{\s*ENTER\(`, guard, "%s must not enter Go in a forked child", name)
		}
	}
}

// TestStatus holds the header's numbers against errs, by name.
func TestStatus(t *testing.T) {
	kinds := []string{"OK", "VALUE", "TYPE", "INDEX", "KEY", "LINALG", "MEMORY", "OS", "NOT_FOUND", "EXISTS", "CLOSED", "CANCELLED",
		"UNSUPPORTED", "INTERNAL", "FUNCTION"}
	header := read(t, "numpywren.h")
	for number, name := range kinds {
		require.Regexp(t, fmt.Sprintf(`NPW_%s = %d\b`, name, number), header)
	}
	require.EqualValues(t, errs.Function, len(kinds)-1)
}

// TestOperations holds README.md's table of operations against those that core knows, with the number of their operands.
func TestOperations(t *testing.T) {
	_, text, ok := strings.Cut(read(t, "README.md"), "## Operations")
	require.True(t, ok)
	operands := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z_ ]+) \| (\d+)`).FindAllStringSubmatch(text, -1) {
		for op := range strings.FieldsSeq(row[1]) {
			require.NotContains(t, operands, op)
			operands[op] = row[2]
		}
	}
	require.ElementsMatch(t, expr.Operations(), slices.Collect(maps.Keys(operands)))
	for op, n := range operands {
		_, err := expr.Apply(op, make([]expr.Operand, 100), nil)
		require.ErrorContains(t, err, fmt.Sprintf("%s takes %s operands", op, n))
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func found(text, pattern string) []string {
	var out []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return out
}

func TestHandles(t *testing.T) {
	var table table
	a, j := new(core.Array), new(core.Job)
	ha, hj := put(&table, a), put(&table, j)
	require.NotEqual(t, ha, hj)

	got, err := get[*core.Array](&table, ha)
	require.NoError(t, err)
	require.Same(t, a, got)
	_, err = get[*core.Job](&table, ha)
	require.ErrorContains(t, err, "is no job")
	require.Equal(t, errs.Value, errs.KindOf(err))

	_, err = take[*core.Array](&table, ha)
	require.NoError(t, err)
	_, err = take[*core.Array](&table, ha)
	require.ErrorContains(t, err, "it was freed")
	again := put(&table, a) // in the same slot, of another generation
	require.Equal(t, uint32(ha), uint32(again))
	_, err = get[*core.Array](&table, ha)
	require.Error(t, err)
	_, err = get[*core.Array](&table, again)
	require.NoError(t, err)

	for _, wild := range []uint64{0, 1, math.MaxUint64, again + 1, again ^ 1<<40, again | 1<<31, uint64(arrayKind) << 56} {
		_, err = get[*core.Array](&table, wild)
		require.Equal(t, errs.Value, errs.KindOf(err), "%#x", wild)
	}
}

func TestHandleOfAClosedExecutor(t *testing.T) {
	var table table
	h := put(&table, new(core.Executor))
	_, err := take[*core.Executor](&table, h)
	require.NoError(t, err)
	_, err = get[*core.Executor](&table, h)
	require.Equal(t, errs.Closed, errs.KindOf(err))
}

func TestHandlesOfManyThreads(t *testing.T) {
	var table table
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				a := new(core.Array)
				h := put(&table, a)
				got, err := get[*core.Array](&table, h)
				if err != nil || got != a {
					t.Errorf("handle %#x: %v", h, err)
					return
				}
				if _, err := take[*core.Array](&table, h); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, len(table.slots), 8)
	require.Len(t, table.free, len(table.slots))
}

func TestDecodeConfig(t *testing.T) {
	c, err := decodeConfig(`{"workers": 3, "memory_limit": 1000, "path": "/x", "retain": null}`)
	require.NoError(t, err)
	require.Equal(t, core.Config{Workers: 3, MemoryLimit: 1000, Path: "/x"}, c)
	for _, text := range []string{``, `{`, `[]`, `7`, `{"threads": 3}`, `{"workers": "3"}`, `{"workers": 1.5}`, `{"memory_limit": 1e99}`, `{} {}`} {
		_, err := decodeConfig(text)
		require.Equal(t, errs.Value, errs.KindOf(err), text)
	}
}

// noArrays is a table without arrays.
func noArrays(h uint64) (*core.Array, error) { return nil, errs.New(errs.Value, "no array %d", h) }

func TestDecodeOperands(t *testing.T) {
	a := new(core.Array)
	list, err := decodeOperands(`[{"h": 18446744073709551615}, {"f": 1}, {"f": -2.5e3}, {"f": "inf"}, {"f": "-inf"}, {"i": -3}, {"b": false}]`,
		func(h uint64) (*core.Array, error) {
			require.Equal(t, uint64(math.MaxUint64), h)
			return a, nil
		})
	require.NoError(t, err)
	require.Equal(t, []core.Operand{{Array: a}, {Scalar: 1.0}, {Scalar: -2500.0}, {Scalar: math.Inf(1)}, {Scalar: math.Inf(-1)},
		{Scalar: int64(-3)}, {Scalar: false}}, list)

	nan, err := decodeOperands(`[{"f": "nan"}]`, noArrays)
	require.NoError(t, err)
	require.True(t, math.IsNaN(nan[0].Scalar.(float64)))

	for _, text := range []string{``, `{}`, `[{}]`, `[7]`, `[null]`, `[{"h": 1}]`, `[{"h": -1}]`, `[{"i": 1, "b": true}]`, `[{"x": 1}]`, `[{"f": "1"}]`,
		`[{"f": null}]`, `[{"f": 1e999}]`, `[{"i": 1.5}]`, `[{"i": 9223372036854775808}]`, `[{"b": 1}]`, `[] []`, `[{"h": 1}, {"i": 1}]`} {
		_, err := decodeOperands(text, noArrays)
		require.Error(t, err, text)
		require.Equal(t, errs.Value, errs.KindOf(err), text)
	}
}

func TestDecodeParams(t *testing.T) {
	p, err := decodeParams(`{"i": 3, "f": 3.0, "e": 1e3, "b": true, "n": null, "s": "x", "l": [1, 2.0, {"f": 2}], "inf": {"f": "inf"}, "o": {"k": 1}}`)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"i": int64(3), "f": 3.0, "e": 1000.0, "b": true, "n": nil, "s": "x", "l": []any{int64(1), 2.0, 2.0},
		"inf": math.Inf(1), "o": map[string]any{"k": int64(1)}}, p)
	for _, text := range []string{``, `[]`, `7`, `{"a": }`, `{"a": 99999999999999999999}`, `{"a": 1e999}`, `{"a": {"f": "x"}}`, `{} 1`,
		`{"a": ` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`} {
		_, err := decodeParams(text)
		require.Equal(t, errs.Value, errs.KindOf(err), text)
	}
}

// checkParam holds what is decoded to the types that README.md promises core.
func checkParam(t *testing.T, v any) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
	case []any:
		for _, x := range v {
			checkParam(t, x)
		}
	case map[string]any:
		for _, x := range v {
			checkParam(t, x)
		}
	default:
		t.Fatalf("a param of type %T", v)
	}
}

func FuzzParams(f *testing.F) {
	for _, text := range []string{`{}`, `{"a": [1, 2.5, {"f": "nan"}], "b": {"c": null}}`, `{"f": {"f": {"f": 1}}}`, `{"a": 1e400}`, `null`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := decodeParams(text)
		if err != nil {
			require.Equal(t, errs.Value, errs.KindOf(err))
			return
		}
		for _, v := range p {
			checkParam(t, v)
		}
	})
}

func FuzzOperands(f *testing.F) {
	for _, text := range []string{`[]`, `[{"h": 1}, {"f": "inf"}, {"i": -4}, {"b": true}]`, `[{"f": 1e400}]`, `null`, `[null]`} {
		f.Add(text)
	}
	a := new(core.Array)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := decodeOperands(text, func(uint64) (*core.Array, error) { return a, nil })
		if err != nil {
			require.Equal(t, errs.Value, errs.KindOf(err))
			return
		}
		for _, o := range list {
			require.NotEqual(t, o.Array == nil, o.Scalar == nil, "an operand is an array or a scalar")
			checkParam(t, o.Scalar)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add(`{"workers": 1, "memory_limit": 5, "path": "x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := decodeConfig(text); err != nil {
			require.Equal(t, errs.Value, errs.KindOf(err))
		}
	})
}
