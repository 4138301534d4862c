package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Meta is the metadata of a Zarr v3 array (zarr-specs.readthedocs.io, core protocol 3.0): a regular chunk grid and the codecs
// that a tile can be read through without a library of compressors.
type Meta struct {
	Shape, Chunk []int64
	DType        tile.DType
	Coding       tile.Coding
	Separator    string // of chunk keys: "/" or "."
	V2Keys       bool   // chunk keys without the leading "c"
	Attrs        map[string]any
}

// NewMeta describes an array in our own coding.
func NewMeta(shape, chunk []int64, d tile.DType) *Meta {
	return &Meta{Shape: shape, Chunk: chunk, DType: d, Coding: tile.Ours, Separator: "/"}
}

// ChunkKey is the key of the chunk at idx, below the array's own.
func (m *Meta) ChunkKey(idx []int64) string {
	var b strings.Builder
	if !m.V2Keys {
		b.WriteString("c")
	} else if len(idx) == 0 {
		return "0"
	}
	for d, i := range idx {
		if d > 0 || !m.V2Keys {
			b.WriteString(m.Separator)
		}
		b.WriteString(strconv.FormatInt(i, 10))
	}
	return b.String()
}

type named struct {
	Name          string         `json:"name"`
	Configuration map[string]any `json:"configuration,omitempty"`
}

type document struct {
	ZarrFormat int             `json:"zarr_format"`
	NodeType   string          `json:"node_type"`
	Shape      []int64         `json:"shape"`
	DataType   json.RawMessage `json:"data_type"`
	ChunkGrid  struct {
		Name          string `json:"name"`
		Configuration struct {
			ChunkShape []int64 `json:"chunk_shape"`
		} `json:"configuration"`
	} `json:"chunk_grid"`
	ChunkKeyEncoding struct {
		Name          string `json:"name"`
		Configuration struct {
			Separator string `json:"separator,omitempty"`
		} `json:"configuration"`
	} `json:"chunk_key_encoding"`
	FillValue           json.RawMessage `json:"fill_value"`
	Codecs              []named         `json:"codecs"`
	Attributes          map[string]any  `json:"attributes,omitempty"`
	StorageTransformers []any           `json:"storage_transformers,omitempty"`
}

// Marshal is the text of zarr.json.
func (m *Meta) Marshal() ([]byte, error) {
	doc := document{ZarrFormat: 3, NodeType: "array", Shape: m.Shape, Attributes: m.Attrs}
	if doc.Shape == nil {
		doc.Shape = []int64{}
	}
	doc.DataType, _ = json.Marshal(m.DType.String())
	doc.ChunkGrid.Name = "regular"
	doc.ChunkGrid.Configuration.ChunkShape = append([]int64{}, m.Chunk...)
	doc.ChunkKeyEncoding.Name = "default"
	doc.ChunkKeyEncoding.Configuration.Separator = m.Separator
	doc.FillValue = json.RawMessage(fillZero(m.DType))
	if len(m.Shape) > 1 && m.Coding.ColumnMajor {
		order := make([]int, len(m.Shape))
		for d := range order {
			order[d] = len(order) - 1 - d
		}
		doc.Codecs = append(doc.Codecs, named{"transpose", map[string]any{"order": order}})
	}
	doc.Codecs = append(doc.Codecs, named{"bytes", map[string]any{"endian": "little"}})
	if m.Coding.Checksum {
		doc.Codecs = append(doc.Codecs, named{Name: "crc32c"})
	}
	return json.MarshalIndent(doc, "", "  ")
}

func fillZero(d tile.DType) string {
	switch d {
	case tile.Bool:
		return "false"
	case tile.Float32, tile.Float64:
		return "0.0"
	case tile.Complex64, tile.Complex128:
		return "[0.0, 0.0]"
	case tile.Pair:
		return "[" + strings.TrimSuffix(strings.Repeat("0,", 16), ",") + "]"
	}
	return "0"
}

// ParseMeta reads the text of a zarr.json and refuses what cannot be read right.
func ParseMeta(text []byte) (*Meta, error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, errs.New(errs.Value, "zarr.json is corrupt: %w", err)
	}
	if doc.ZarrFormat != 3 || doc.NodeType != "array" {
		return nil, errs.New(errs.Value, "zarr.json describes a %q of format %d: only an array of Zarr format 3 can be opened", doc.NodeType, doc.ZarrFormat)
	}
	m := &Meta{Shape: doc.Shape, Chunk: doc.ChunkGrid.Configuration.ChunkShape, Attrs: doc.Attributes}
	steps := []func(*document) error{m.parseGrid, m.parseType, m.parseKeys, m.parseCodecs}
	for _, step := range steps {
		if err := step(&doc); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Meta) parseGrid(doc *document) error {
	if doc.ChunkGrid.Name != "regular" || len(m.Chunk) != len(m.Shape) {
		return errs.New(errs.Value, "zarr.json: chunk grid %q with chunks %v for the shape %v: only a regular grid can be read", doc.ChunkGrid.Name, m.Chunk, m.Shape)
	}
	if len(m.Shape) > MaxIndex {
		return errs.New(errs.Value, "zarr.json: %d dimensions, at most %d can be read", len(m.Shape), MaxIndex)
	}
	size := int64(1)
	for d := range m.Shape {
		if m.Shape[d] < 0 || m.Chunk[d] < 1 {
			return errs.New(errs.Value, "zarr.json: shape %v with chunks %v", m.Shape, m.Chunk)
		}
		if size > (1<<40)/m.Chunk[d] {
			return errs.New(errs.Value, "zarr.json: chunks of shape %v are too large", m.Chunk)
		}
		size *= m.Chunk[d]
	}
	if len(doc.StorageTransformers) > 0 {
		return errs.New(errs.Value, "zarr.json: storage transformers cannot be read")
	}
	return nil
}

func (m *Meta) parseType(doc *document) error {
	var name string
	if err := json.Unmarshal(doc.DataType, &name); err != nil {
		return errs.New(errs.Type, "zarr.json: data type %s cannot be read", doc.DataType)
	}
	var err error
	if m.DType, err = tile.ParseDType(name); err != nil {
		return err
	}
	fill := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \n\t[],.", r) {
			return -1
		}
		return r
	}, string(doc.FillValue))
	if strings.Trim(fill, "0") != "" && fill != "false" {
		return errs.New(errs.Value, "zarr.json: fill_value %s: only arrays whose missing chunks are zeros can be read", doc.FillValue)
	}
	return nil
}

func (m *Meta) parseKeys(doc *document) error {
	m.Separator = doc.ChunkKeyEncoding.Configuration.Separator
	switch doc.ChunkKeyEncoding.Name {
	case "default":
		if m.Separator == "" {
			m.Separator = "/"
		}
	case "v2":
		m.V2Keys = true
		if m.Separator == "" {
			m.Separator = "."
		}
	default:
		return errs.New(errs.Value, "zarr.json: chunk key encoding %q is unknown", doc.ChunkKeyEncoding.Name)
	}
	if m.Separator != "/" && m.Separator != "." {
		return errs.New(errs.Value, "zarr.json: separator %q is neither '/' nor '.'", m.Separator)
	}
	return nil
}

func (m *Meta) parseCodecs(doc *document) error {
	seenBytes := false
	for _, c := range doc.Codecs {
		switch {
		case c.Name == "transpose" && !seenBytes:
			order, err := transposeOrder(c, len(m.Shape))
			if err != nil {
				return err
			}
			m.Coding.ColumnMajor = len(order) > 1 && order[0] > order[1]
		case c.Name == "bytes" && !seenBytes:
			seenBytes = true
			if endian := c.Configuration["endian"]; endian != nil && endian != "little" {
				return errs.New(errs.Value, "zarr.json: %v-endian bytes cannot be read: write the array little-endian", endian)
			}
		case c.Name == "crc32c" && seenBytes && !m.Coding.Checksum:
			m.Coding.Checksum = true
		default:
			return errs.New(errs.Value, "zarr.json: codec %q cannot be read: write the array without compression, with the codecs bytes, transpose and crc32c", c.Name)
		}
	}
	if !seenBytes {
		return errs.New(errs.Value, "zarr.json: no bytes codec")
	}
	return nil
}

// transposeOrder accepts the two orders that a tile can be read in: none, and all dimensions reversed.
func transposeOrder(c named, ndim int) ([]int, error) {
	list, _ := c.Configuration["order"].([]any)
	var order, up, down []int
	for d, x := range list {
		f, _ := x.(float64)
		order, up, down = append(order, int(f)), append(up, d), append(down, len(list)-1-d)
	}
	if len(order) != ndim || !slices.Equal(order, up) && !slices.Equal(order, down) {
		return nil, errs.New(errs.Value, "zarr.json: transpose order %v of a %d-dimensional array: only the reversed order can be read", c.Configuration["order"], ndim)
	}
	return order, nil
}

var errNoMeta = errors.New("no zarr.json")

// LoadMeta reads the array's zarr.json.
func (c *Chunks) LoadMeta(ctx context.Context) (*Meta, error) {
	text, err := c.Store.ReadAll(ctx, c.Prefix+"zarr.json")
	if errors.Is(err, blob.ErrNotExist) {
		return nil, errNoMeta
	}
	if err != nil {
		return nil, err
	}
	meta, err := ParseMeta(text)
	if err != nil {
		return nil, errs.New(kindOr(err, errs.Value), "%s%w", c.Prefix, err)
	}
	return meta, nil
}

// SaveMeta writes the array's zarr.json.
func (c *Chunks) SaveMeta(ctx context.Context) error {
	text, err := c.Meta.Marshal()
	if err != nil {
		return err
	}
	return c.Store.PutBytes(ctx, c.Prefix+"zarr.json", text, blob.PutOptions{})
}

// read fills t from the chunk at key.
func (c *Chunks) read(ctx context.Context, key string, chunk []int64, t *tile.Tile) error {
	r, err := c.Store.Get(ctx, key)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := tile.Decode(r, chunk, c.Meta.Coding, t); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

var (
	_ = bytes.NewReader
	_ io.Reader
)
