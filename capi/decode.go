package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"

	"numpywren/core"
	"numpywren/core/errs"
)

// decodeConfig reads npw_open's configuration; null and absent mean the default, an unknown key is an error.
func decodeConfig(text string) (core.Config, error) {
	var c core.Config
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, errs.New(errs.Value, "the configuration is not what was expected: %w", err)
	}
	if err := atEnd(d); err != nil {
		return c, errs.New(errs.Value, "the configuration: %w", err)
	}
	return c, nil
}

// operand is an operand of npw_apply as it is written: one of the fields.
type operand struct {
	Handle *uint64         `json:"h"`
	Float  json.RawMessage `json:"f"`
	Int    *int64          `json:"i"`
	Bool   *bool           `json:"b"`
}

// decodeOperands reads npw_apply's operands; find turns a handle into its array.
func decodeOperands(text string, find func(uint64) (*core.Array, error)) ([]core.Operand, error) {
	var list []operand
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, errs.New(errs.Value, "operands: %w", err)
	}
	if err := atEnd(d); err != nil {
		return nil, errs.New(errs.Value, "operands: %w", err)
	}
	out := make([]core.Operand, len(list))
	for i, o := range list {
		if err := o.resolve(&out[i], find); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (o *operand) resolve(out *core.Operand, find func(uint64) (*core.Array, error)) (err error) {
	n := 0
	if o.Handle != nil {
		n++
		out.Array, err = find(*o.Handle)
	}
	if o.Float != nil {
		n++
		out.Scalar, err = decodeFloat(o.Float)
	}
	if o.Int != nil {
		n++
		out.Scalar = *o.Int
	}
	if o.Bool != nil {
		n++
		out.Scalar = *o.Bool
	}
	if err == nil && n != 1 {
		err = errs.New(errs.Value, `an operand is one of {"h": handle}, {"f": float}, {"i": integer}, {"b": bool}; got %d of them`, n)
	}
	return err
}

// decodeFloat reads a number, or one of the three that JSON cannot write.
func decodeFloat(text json.RawMessage) (float64, error) {
	switch string(text) {
	case `"nan"`:
		return math.NaN(), nil
	case `"inf"`:
		return math.Inf(1), nil
	case `"-inf"`:
		return math.Inf(-1), nil
	}
	var f float64
	if err := json.Unmarshal(text, &f); err != nil || string(text) == "null" {
		return 0, errs.New(errs.Value, "%s is not a float", text)
	}
	return f, nil
}

// maxDepth bounds the nesting of params, far above what any operation has.
const maxDepth = 16

// decodeParams reads npw_apply's params: numbers become int64 when they are written as integers and float64 otherwise,
// {"f": x} is a float.
func decodeParams(text string) (map[string]any, error) {
	var raw map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return nil, errs.New(errs.Value, "params: %w", err)
	}
	if err := atEnd(d); err != nil {
		return nil, errs.New(errs.Value, "params: %w", err)
	}
	for name, v := range raw {
		p, err := param(v, 0)
		if err != nil {
			return nil, errs.New(errs.Value, "params: %s: %w", name, err)
		}
		raw[name] = p
	}
	return raw, nil
}

func param(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errs.New(errs.Value, "nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case []any:
		for i := range v {
			p, err := param(v[i], depth+1)
			if err != nil {
				return nil, err
			}
			v[i] = p
		}
	case map[string]any:
		if f, ok := v["f"]; ok && len(v) == 1 {
			text, err := json.Marshal(f)
			if err != nil {
				return nil, err
			}
			return decodeFloat(text)
		}
		for k := range v {
			p, err := param(v[k], depth+1)
			if err != nil {
				return nil, err
			}
			v[k] = p
		}
	}
	return v, nil
}

func number(n json.Number) (any, error) {
	if !strings.ContainsAny(n.String(), ".eE") {
		i, err := n.Int64()
		if err != nil {
			return nil, errs.New(errs.Value, "%s does not fit in 64 bits", n)
		}
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, errs.New(errs.Value, "%s is not a float64", n)
	}
	return f, nil
}

// atEnd says whether anything follows the value that d read.
func atEnd(d *json.Decoder) error {
	if _, err := d.Token(); err != io.EOF {
		return errs.New(errs.Value, "text after the JSON value")
	}
	return nil
}
