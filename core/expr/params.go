package expr

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"numpywren/core/errs"
)

// params reads the named parameters of an operation. They come from JSON or from Go: a number may be any of their types. The
// first failure is kept in err; every read after it gives the default.
type params struct {
	op     string
	values map[string]any
	used   []string
	err    error
}

// get is the value of a parameter; null is as good as absent.
func (p *params) get(name string) (any, bool) {
	p.used = append(p.used, name)
	v, ok := p.values[name]
	if n, isNumber := v.(json.Number); isNumber {
		if i, err := n.Int64(); err == nil {
			v = i
		}
	}
	return v, ok && v != nil && p.err == nil
}

func (p *params) fail(name, want string, v any) {
	if p.err == nil {
		p.err = errs.New(errs.Type, "%s: %s=%v is not %s", p.op, name, v, want)
	}
}

// done reports the first failure, or a parameter that the operation does not have.
func (p *params) done() error {
	if p.err != nil {
		return p.err
	}
	for name, v := range p.values {
		if v != nil && !slices.Contains(p.used, name) {
			slices.Sort(p.used)
			return errs.New(errs.Type, "%s has no parameter %q; it has: %s", p.op, name, strings.Join(slices.Compact(p.used), ", "))
		}
	}
	return nil
}

func (p *params) bool(name string, def bool) bool {
	v, ok := p.get(name)
	if !ok {
		return def
	}
	b, ok := v.(bool)
	if !ok {
		p.fail(name, "a bool", v)
	}
	return b
}

func (p *params) text(name, def string) string {
	v, ok := p.get(name)
	if !ok {
		return def
	}
	s, ok := v.(string)
	if !ok {
		p.fail(name, "a string", v)
	}
	return s
}

// choice reads one of several names; the first is the default.
func (p *params) choice(name string, known ...string) string {
	s := p.text(name, known[0])
	if p.err == nil && !slices.Contains(known, s) {
		last := len(known) - 1
		p.err = errs.New(errs.Value, `%s: %s is %q: "%s" or %q was expected`, p.op, name, s, strings.Join(known[:last], `", "`), known[last])
	}
	return s
}

// dtype reads the name of a type.
func (p *params) dtype(name, def string) string {
	d := p.text(name, def)
	if err := checkDType(d); err != nil && p.err == nil {
		p.err = err
	}
	return d
}

func toInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<62
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string: // JSON has no infinity
		f, ok := map[string]float64{"inf": math.Inf(1), "-inf": math.Inf(-1), "nan": math.NaN()}[v]
		return f, ok
	}
	n, ok := toInt(v)
	return float64(n), ok
}

func (p *params) int(name string, def int64) int64 {
	v, ok := p.get(name)
	if !ok {
		return def
	}
	n, ok := toInt(v)
	if !ok {
		p.fail(name, "an integer", v)
	}
	return n
}

func (p *params) float(name string, def float64) float64 {
	v, ok := p.get(name)
	if !ok {
		return def
	}
	f, ok := toFloat(v)
	if !ok {
		p.fail(name, "a number", v)
	}
	return f
}

// ints reads a list of integers, or one integer; nil when absent.
func (p *params) ints(name string) []int64 {
	v, ok := p.get(name)
	if !ok {
		return nil
	}
	if n, ok := toInt(v); ok {
		return []int64{n}
	}
	out := []int64{}
	switch list := v.(type) {
	case []int64:
		return append(out, list...)
	case []int:
		for _, n := range list {
			out = append(out, int64(n))
		}
		return out
	case []any:
		for _, x := range list {
			n, ok := toInt(x)
			if !ok {
				p.fail(name, "a list of integers", v)
				return nil
			}
			out = append(out, n)
		}
		return out
	}
	p.fail(name, "an integer or a list of integers", v)
	return nil
}

// shape reads the parameter shape, which must be there.
func (p *params) shape() []int64 {
	shape := p.ints("shape")
	if shape == nil && p.err == nil {
		p.err = errs.New(errs.Type, "%s needs the parameter shape", p.op)
	}
	return shape
}
