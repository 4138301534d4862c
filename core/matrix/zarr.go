package matrix

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"numpywren/core/tile"
)

// Meta is the metadata of a Zarr v3 array (zarr-specs.readthedocs.io, core protocol 3.0): a regular chunk grid and the codecs
// that a tile can be read through with Go's own library.
type Meta struct {
	Shape, Chunk []int64
	DType        tile.DType
	Fill         []byte // the element of chunks that do not exist, little endian; nil is zero
	Coding       tile.Coding
	Compressor   string // of the coded chunk: "gzip", "zstd" or ""
	Separator    string // of chunk keys: "/" or "."
	V2Keys       bool   // chunk keys without the leading "c"
	Attrs        map[string]any
}

// NewMeta describes an array in our own coding.
func NewMeta(shape, chunk []int64, d tile.DType) *Meta {
	return &Meta{Shape: shape, Chunk: chunk, DType: d, Coding: tile.Ours, Separator: "/"}
}

// ours says whether chunks are in the coding that tiles are written in.
func (m *Meta) ours() bool {
	return m.Coding.Order == nil && m.Coding.Checksum && m.Compressor == "" && m.Fill == nil
}

// ChunkKey is the key of the chunk at idx, below the array's own.
func (m *Meta) ChunkKey(idx []int64) string {
	if m.V2Keys && len(idx) == 0 {
		return "0"
	}
	b := make([]byte, 0, 32)
	if !m.V2Keys {
		b = append(b, 'c')
	}
	for d, i := range idx {
		if d > 0 || !m.V2Keys {
			b = append(b, m.Separator...)
		}
		b = strconv.AppendInt(b, i, 10)
	}
	return string(b)
}

// named is an extension point of the specification: a name alone, or an object with a configuration.
type named struct {
	Name          string         `json:"name"`
	Configuration map[string]any `json:"configuration,omitempty"`
}

func (n *named) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &n.Name) == nil {
		return nil
	}
	type plain named
	return json.Unmarshal(text, (*plain)(n))
}

// document is zarr.json.
type document struct {
	ZarrFormat          int             `json:"zarr_format"`
	NodeType            string          `json:"node_type"`
	Shape               []int64         `json:"shape"`
	DataType            json.RawMessage `json:"data_type"`
	ChunkGrid           named           `json:"chunk_grid"`
	ChunkKeyEncoding    named           `json:"chunk_key_encoding"`
	FillValue           json.RawMessage `json:"fill_value"`
	Codecs              []named         `json:"codecs"`
	Attributes          map[string]any  `json:"attributes,omitempty"`
	StorageTransformers []any           `json:"storage_transformers,omitempty"`
	DimensionNames      []any           `json:"dimension_names,omitempty"`
}

// Marshal is the text of zarr.json.
func (m *Meta) Marshal() ([]byte, error) {
	keys := "default"
	if m.V2Keys {
		keys = "v2"
	}
	doc := document{
		ZarrFormat:       3,
		NodeType:         "array",
		Shape:            append([]int64{}, m.Shape...),
		ChunkGrid:        named{"regular", map[string]any{"chunk_shape": append([]int64{}, m.Chunk...)}},
		ChunkKeyEncoding: named{keys, map[string]any{"separator": m.Separator}},
		Attributes:       m.Attrs,
	}
	var err error
	if doc.DataType, err = json.Marshal(m.DType.String()); err != nil {
		return nil, err
	}
	if doc.FillValue, err = json.Marshal(m.fillJSON()); err != nil {
		return nil, err
	}
	if order := m.order(); !slices.IsSorted(order) {
		doc.Codecs = append(doc.Codecs, named{"transpose", map[string]any{"order": order}})
	}
	doc.Codecs = append(doc.Codecs, named{"bytes", map[string]any{"endian": "little"}})
	if m.Coding.Checksum {
		doc.Codecs = append(doc.Codecs, named{Name: "crc32c"})
	}
	switch m.Compressor {
	case "gzip":
		doc.Codecs = append(doc.Codecs, named{"gzip", map[string]any{"level": 5}})
	case "zstd":
		doc.Codecs = append(doc.Codecs, named{"zstd", map[string]any{"level": 0, "checksum": false}})
	}
	return json.MarshalIndent(doc, "", "  ")
}

// order is the transpose codec's: the dimensions from the slowest to the fastest.
func (m *Meta) order() []int {
	if m.Coding.Order != nil {
		return m.Coding.Order
	}
	order := make([]int, len(m.Shape))
	for d := range order {
		order[d] = len(order) - 1 - d
	}
	return order
}

// fillJSON is the fill value as zarr.json has it.
func (m *Meta) fillJSON() any {
	p := m.Fill
	if p == nil {
		p = make([]byte, m.DType.Size())
	}
	switch m.DType {
	case tile.Bool:
		return p[0] != 0
	case tile.Float32, tile.Float64:
		return floatJSON(p)
	case tile.Complex64, tile.Complex128:
		return []any{floatJSON(p[:len(p)/2]), floatJSON(p[len(p)/2:])}
	case tile.Pair:
		list := make([]int, len(p))
		for k, b := range p {
			list[k] = int(b)
		}
		return list
	case tile.Uint8, tile.Uint16, tile.Uint32, tile.Uint64:
		return bitsOf(p)
	}
	shift := 64 - 8*len(p)
	return int64(bitsOf(p)<<shift) >> shift
}

func bitsOf(p []byte) uint64 {
	bits := uint64(0)
	for k, b := range p {
		bits |= uint64(b) << (8 * k)
	}
	return bits
}

// floatJSON writes a number that JSON lacks by its name, or by its bits in hexadecimal.
func floatJSON(p []byte) any {
	bits := bitsOf(p)
	f := math.Float64frombits(bits)
	if len(p) == 4 {
		f = float64(math.Float32frombits(uint32(bits)))
	}
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case bits == nanBits[len(p)]:
		return "NaN"
	case f != f:
		text := strconv.FormatUint(bits, 16)
		return "0x" + strings.Repeat("0", 2*len(p)-len(text)) + text
	case f == 0 && bits == 0:
		return json.RawMessage("0.0")
	}
	return f
}
