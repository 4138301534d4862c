package matrix

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// ParseMeta reads the text of a zarr.json and refuses what cannot be read right.
func ParseMeta(text []byte) (*Meta, error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, errs.New(errs.Value, "zarr.json is corrupt: %w", err)
	}
	if doc.ZarrFormat != 3 || doc.NodeType != "array" {
		return nil, errs.New(errs.Value, "zarr.json describes a %q of format %d: only an array of Zarr format 3 can be opened", doc.NodeType, doc.ZarrFormat)
	}
	m := &Meta{Shape: doc.Shape, Attrs: doc.Attributes}
	for _, step := range []func(*document) error{m.parseGrid, m.parseType, m.parseKeys, m.parseCodecs} {
		if err := step(&doc); err != nil {
			return nil, err
		}
	}
	return m, understood(text, &doc)
}

// known are the fields that this version of the specification has.
var known = []string{"zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs",
	"attributes", "storage_transformers", "dimension_names"}

// understood refuses extensions, unless they say that a reader may pass over them.
func understood(text []byte, doc *document) error {
	if len(doc.StorageTransformers) > 0 {
		return errs.New(errs.Unsupported, "zarr.json: storage transformers cannot be read: write the array without them")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return errs.New(errs.Value, "zarr.json is corrupt: %w", err)
	}
	for name, value := range fields {
		if slices.Contains(known, name) || string(value) == "null" {
			continue
		}
		var extension struct {
			MustUnderstand *bool `json:"must_understand"`
		}
		if json.Unmarshal(value, &extension) != nil || extension.MustUnderstand == nil || *extension.MustUnderstand {
			return errs.New(errs.Unsupported, "zarr.json: the extension %q is unknown", name)
		}
	}
	return nil
}

// maxChunk is the most elements of a chunk that is read; a larger one is a mistake in the file.
const maxChunk = 1 << 40

func (m *Meta) parseGrid(doc *document) error {
	if doc.ChunkGrid.Name != "regular" {
		return errs.New(errs.Unsupported, "zarr.json: chunk grid %q cannot be read, only a regular one", doc.ChunkGrid.Name)
	}
	var ok bool
	if m.Chunk, ok = integers(doc.ChunkGrid.Configuration["chunk_shape"]); !ok || len(m.Chunk) != len(m.Shape) {
		return errs.New(errs.Value, "zarr.json: chunk_shape %v does not fit the shape %v", doc.ChunkGrid.Configuration["chunk_shape"], m.Shape)
	}
	if doc.Shape == nil {
		return errs.New(errs.Value, "zarr.json: there is no shape")
	}
	if len(m.Shape) > MaxIndex {
		return errs.New(errs.Unsupported, "zarr.json: %d dimensions, at most %d can be read", len(m.Shape), MaxIndex)
	}
	size, elements := int64(1), int64(1)
	for d, n := range m.Shape {
		if n < 0 || m.Chunk[d] < 1 {
			return errs.New(errs.Value, "zarr.json: shape %v with chunks %v: the sides must not be negative, those of chunks at least 1", m.Shape, m.Chunk)
		}
		if size > maxChunk/m.Chunk[d] || elements > (1<<58)/max(n, 1) {
			return errs.New(errs.Value, "zarr.json: shape %v with chunks %v: too large", m.Shape, m.Chunk)
		}
		size *= m.Chunk[d]
		elements *= max(n, 1)
	}
	return nil
}

// integers reads a JSON array of whole numbers.
func integers(x any) ([]int64, bool) {
	list, ok := x.([]any)
	out := make([]int64, len(list))
	for k, x := range list {
		f, isNumber := x.(float64)
		if !isNumber || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return nil, false
		}
		out[k] = int64(f)
	}
	return out, ok
}

func (m *Meta) parseType(doc *document) error {
	var name string
	if err := json.Unmarshal(doc.DataType, &name); err != nil {
		return errs.New(errs.Type, "zarr.json: data type %s cannot be read: use one of NumPy's bool, integers and floats", doc.DataType)
	}
	var err error
	if m.DType, err = tile.ParseDType(name); err != nil {
		return errs.New(errs.Type, "zarr.json: %w", err)
	}
	fill := make([]byte, m.DType.Size())
	if !parseFill(m.DType, doc.FillValue, fill) {
		return errs.New(errs.Value, "zarr.json: fill_value %s is no %s", doc.FillValue, m.DType)
	}
	if slices.ContainsFunc(fill, func(b byte) bool { return b != 0 }) {
		m.Fill = fill
	}
	return nil
}

// parseFill reads a fill value into the bytes of an element.
func parseFill(d tile.DType, text json.RawMessage, p []byte) bool {
	switch d {
	case tile.Bool:
		var b bool
		if json.Unmarshal(text, &b) != nil || string(text) == "null" {
			return false
		}
		if b {
			p[0] = 1
		}
		return true
	case tile.Float32, tile.Float64:
		return parseFloat(text, p)
	case tile.Complex64, tile.Complex128:
		var parts []json.RawMessage
		return json.Unmarshal(text, &parts) == nil && len(parts) == 2 &&
			parseFloat(parts[0], p[:len(p)/2]) && parseFloat(parts[1], p[len(p)/2:])
	case tile.Pair:
		var list []uint8
		var numbers []int
		if json.Unmarshal(text, &numbers) != nil || len(numbers) != len(p) {
			return json.Unmarshal(text, &list) == nil && len(list) == len(p) && copy(p, list) > 0 // base64
		}
		for k, x := range numbers {
			if x < 0 || x > 255 {
				return false
			}
			p[k] = byte(x)
		}
		return true
	case tile.Uint8, tile.Uint16, tile.Uint32, tile.Uint64:
		x, err := strconv.ParseUint(string(text), 10, 8*len(p))
		putBits(p, x)
		return err == nil
	}
	x, err := strconv.ParseInt(string(text), 10, 8*len(p))
	putBits(p, uint64(x))
	return err == nil
}

func putBits(p []byte, bits uint64) {
	var all [8]byte
	binary.LittleEndian.PutUint64(all[:], bits)
	copy(p, all[:])
}

// nanBits is the NaN that the specification means by this name, by the bytes of the type; Go's own differs.
var nanBits = map[int]uint64{4: 0x7fc00000, 8: 0x7ff8 << 48}

// parseFloat reads a number, the name of one that JSON lacks, or its bits in hexadecimal.
func parseFloat(text json.RawMessage, p []byte) bool {
	word := string(text)
	if len(word) >= 2 && word[0] == '"' {
		word = word[1 : len(word)-1]
		if digits, ok := strings.CutPrefix(word, "0x"); ok {
			bits, err := strconv.ParseUint(digits, 16, 8*len(p))
			putBits(p, bits)
			return err == nil && len(digits) == 2*len(p)
		}
		if word != "NaN" && word != "Infinity" && word != "-Infinity" {
			return false
		}
	}
	f, err := strconv.ParseFloat(word, 64)
	switch {
	case err != nil:
		return false
	case f != f:
		putBits(p, nanBits[len(p)])
	case len(p) == 4:
		putBits(p, uint64(math.Float32bits(float32(f))))
	default:
		putBits(p, math.Float64bits(f))
	}
	return true
}

func (m *Meta) parseKeys(doc *document) error {
	switch doc.ChunkKeyEncoding.Name {
	case "default":
		m.Separator = "/"
	case "v2":
		m.V2Keys, m.Separator = true, "."
	default:
		return errs.New(errs.Unsupported, "zarr.json: chunk key encoding %q is unknown: only default and v2 can be read", doc.ChunkKeyEncoding.Name)
	}
	if separator, ok := doc.ChunkKeyEncoding.Configuration["separator"]; ok {
		m.Separator, _ = separator.(string)
		if m.Separator != "/" && m.Separator != "." {
			return errs.New(errs.Value, "zarr.json: separator %v is neither '/' nor '.'", separator)
		}
	}
	return nil
}

// parseCodecs accepts what Coding and Compressor can say: transpose, bytes, crc32c, and gzip or zstd, in this order.
func (m *Meta) parseCodecs(doc *document) error {
	m.Coding.Order = make([]int, len(m.Shape))
	for d := range m.Coding.Order {
		m.Coding.Order[d] = d
	}
	seenBytes := false
	for _, c := range doc.Codecs {
		switch {
		case c.Name == "transpose" && !seenBytes:
			if err := m.transpose(c); err != nil {
				return err
			}
		case c.Name == "bytes" && !seenBytes:
			seenBytes = true
			if err := littleEndian(c, m.DType); err != nil {
				return err
			}
		case c.Name == "crc32c" && seenBytes && !m.Coding.Checksum && m.Compressor == "":
			m.Coding.Checksum = true
		case (c.Name == "gzip" || c.Name == "zstd") && seenBytes && m.Compressor == "":
			m.Compressor = c.Name
		case slices.Contains([]string{"transpose", "bytes", "crc32c", "gzip", "zstd"}, c.Name):
			return errs.New(errs.Unsupported, "zarr.json: the codecs can be read in the order transpose, bytes, crc32c, gzip or zstd only, and here %s is out of place", c.Name)
		default:
			return errs.New(errs.Value, "zarr.json: codec %q cannot be read: write the array without it (in zarr-python, "+
				"create_array(…, compressors=None)) or with gzip or zstd", c.Name)
		}
	}
	if !seenBytes {
		return errs.New(errs.Value, "zarr.json: there is no bytes codec among the codecs")
	}
	if order := m.Coding.Order; slices.IsSortedFunc(order, func(a, b int) int { return b - a }) {
		m.Coding.Order = nil // column-major, as ours
	}
	return nil
}

func littleEndian(c named, d tile.DType) error {
	switch endian, ok := c.Configuration["endian"]; {
	case endian == "little", d.Size() == 1:
		return nil
	case endian == "big":
		return errs.New(errs.Unsupported, "zarr.json: big-endian bytes cannot be read: write the array little-endian")
	case !ok:
		return errs.New(errs.Value, "zarr.json: the bytes codec does not say its endian")
	default:
		return errs.New(errs.Value, "zarr.json: the bytes codec's endian is %v, neither little nor big", endian)
	}
}

// transpose applies a transpose codec to the order so far.
func (m *Meta) transpose(c named) error {
	ndim := len(m.Shape)
	order, ok := integers(c.Configuration["order"])
	seen := make([]bool, ndim)
	next := make([]int, ndim)
	ok = ok && len(order) == ndim
	for k := 0; ok && k < ndim; k++ {
		if ok = order[k] >= 0 && order[k] < int64(ndim) && !seen[order[k]]; ok {
			seen[order[k]] = true
			next[k] = m.Coding.Order[order[k]]
		}
	}
	if !ok {
		return errs.New(errs.Value, "zarr.json: transpose order %v is no order of %d dimensions", c.Configuration["order"], ndim)
	}
	m.Coding.Order = next
	return nil
}
