package matrix

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/tile"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func TestMetaGolden(t *testing.T) {
	for name, m := range map[string]*Meta{
		"scalar":  NewMeta(nil, nil, tile.Float64),
		"vector":  NewMeta([]int64{10}, []int64{4}, tile.Bool),
		"matrix":  NewMeta([]int64{100, 200}, []int64{64, 64}, tile.Float32),
		"version": NewMeta([]int64{5, 100, 200}, []int64{1, 64, 64}, tile.Float64),
		"pair":    NewMeta([]int64{3, 4}, []int64{3, 4}, tile.Pair),
	} {
		if name == "matrix" {
			m.Attrs = map[string]any{"numpywren": map[string]any{"display": "chol(BigMatrix(X))"}}
		}
		text, err := m.Marshal()
		require.NoError(t, err)
		path := filepath.Join("testdata", name+".json")
		if *rewrite {
			require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(text)+"\n", name)
		back, err := ParseMeta(text)
		require.NoError(t, err)
		require.True(t, back.ours(), name)
		require.Equal(t, m.DType, back.DType)
		require.Equal(t, append([]int64{}, m.Shape...), back.Shape)
		require.Equal(t, append([]int64{}, m.Chunk...), back.Chunk)
		require.Equal(t, m.Attrs, back.Attrs)
	}
}

func TestChunkKey(t *testing.T) {
	for _, c := range []struct {
		v2        bool
		separator string
		idx       []int64
		want      string
	}{
		{false, "/", nil, "c"}, {false, "/", []int64{1, 20}, "c/1/20"}, {false, ".", []int64{1, 20}, "c.1.20"},
		{true, ".", nil, "0"}, {true, ".", []int64{1, 20}, "1.20"}, {true, "/", []int64{1, 20}, "1/20"},
	} {
		m := Meta{V2Keys: c.v2, Separator: c.separator}
		require.Equal(t, c.want, m.ChunkKey(c.idx))
	}
}

// pythons is what zarr-python 3 writes for zeros((100, 60), chunks=(40, 64), dtype="float64") without compressors.
const pythons = `{
  "shape": [100, 60],
  "data_type": "float64",
  "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [40, 64]}},
  "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
  "fill_value": 0.0,
  "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
  "attributes": {},
  "zarr_format": 3,
  "node_type": "array",
  "storage_transformers": []
}`

// edited is pythons with a field of its own.
func edited(t testing.TB, field, value string) []byte {
	var doc map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(pythons), &doc))
	if value == "" {
		delete(doc, field)
	} else {
		doc[field] = json.RawMessage(value)
	}
	text, err := json.Marshal(doc)
	require.NoError(t, err)
	return text
}

func TestParseMeta(t *testing.T) {
	m, err := ParseMeta([]byte(pythons))
	require.NoError(t, err)
	require.Equal(t, &Meta{Shape: []int64{100, 60}, Chunk: []int64{40, 64}, DType: tile.Float64, Coding: tile.Coding{Order: []int{0, 1}},
		Separator: "/", Attrs: map[string]any{}}, m)
	codecs := func(list ...string) string {
		return `[` + strings.Join(list, ",") + `]`
	}
	const little, crc, zip = `{"name":"bytes","configuration":{"endian":"little"}}`, `{"name":"crc32c"}`, `{"name":"gzip","configuration":{"level":1}}`
	transpose := func(order string) string { return `{"name":"transpose","configuration":{"order":` + order + `}}` }
	for _, c := range []struct {
		field, value string
		check        func(m *Meta) bool
	}{
		{"codecs", codecs(transpose("[1,0]"), little, crc), func(m *Meta) bool { return m.ours() }},
		{"codecs", codecs(transpose("[1,0]"), transpose("[1,0]"), little), func(m *Meta) bool { return m.Coding.Order[1] == 1 }},
		{"codecs", codecs(little, zip), func(m *Meta) bool { return m.Compressor == "gzip" && !m.Coding.Checksum }},
		{"codecs", codecs(little, `"crc32c"`, zip), func(m *Meta) bool { return m.Compressor == "gzip" && m.Coding.Checksum }},
		{"chunk_key_encoding", `{"name":"v2"}`, func(m *Meta) bool { return m.V2Keys && m.Separator == "." }},
		{"chunk_key_encoding", `{"name":"v2","configuration":{"separator":"/"}}`, func(m *Meta) bool { return m.ChunkKey([]int64{1, 2}) == "1/2" }},
		{"chunk_key_encoding", `"default"`, func(m *Meta) bool { return m.ChunkKey([]int64{1, 2}) == "c/1/2" }},
		{"fill_value", `"NaN"`, func(m *Meta) bool { return bytes.Equal(m.Fill, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}) }},
		{"fill_value", `"-Infinity"`, func(m *Meta) bool { return bitsOf(m.Fill) == math.Float64bits(math.Inf(-1)) }},
		{"fill_value", `"0x7ff8000000000007"`, func(m *Meta) bool { return bitsOf(m.Fill) == 0x7ff8000000000007 }},
		{"fill_value", `1.5`, func(m *Meta) bool { return bitsOf(m.Fill) == math.Float64bits(1.5) }},
		{"fill_value", `-0.0`, func(m *Meta) bool { return bitsOf(m.Fill) == 1<<63 }},
		{"dimension_names", `["x", null]`, func(m *Meta) bool { return true }},
		{"extra", `{"must_understand": false}`, func(m *Meta) bool { return true }},
		{"consolidated_metadata", `null`, func(m *Meta) bool { return true }},
	} {
		m, err := ParseMeta(edited(t, c.field, c.value))
		require.NoError(t, err, "%s %s", c.field, c.value)
		require.True(t, c.check(m), "%s %s: %+v", c.field, c.value, m)
	}
	for d, fills := range map[string]map[string]string{
		"bool":  {"true": "01", "false": ""},
		"int8":  {"-1": "ff", "0": ""},
		"uint8": {"255": "ff"}, "int64": {"-2": "feffffffffffffff"}, "uint64": {"18446744073709551615": "ffffffffffffffff"},
		"float32": {"1": "0000803f", `"0x7fc00001"`: "0100c07f"}, "complex64": {`[1.0, "NaN"]`: "0000803f0000c07f", "[0,0]": ""},
	} {
		for fill, want := range fills {
			text := bytes.Replace(edited(t, "data_type", `"`+d+`"`), []byte(`"fill_value":0.0`), []byte(`"fill_value":`+fill), 1)
			m, err := ParseMeta(text)
			require.NoError(t, err, "%s %s", d, fill)
			require.Equal(t, want, fmt.Sprintf("%x", m.Fill), "%s %s", d, fill)
			back, err := m.Marshal()
			require.NoError(t, err)
			again, err := ParseMeta(back)
			require.NoError(t, err)
			require.Equal(t, m.Fill, again.Fill, "%s %s", d, fill)
		}
	}
}

func TestParseMetaRefuses(t *testing.T) {
	for _, c := range []struct {
		field, value string
		kind         errs.Kind
		say          string
	}{
		{"zarr_format", "2", errs.Value, "format 2"},
		{"node_type", `"group"`, errs.Value, `"group"`},
		{"shape", "", errs.Value, "shape"},
		{"shape", "[]", errs.Value, "chunk_shape"},
		{"shape", "[-1, 60]", errs.Value, "negative"},
		{"shape", "[1.5, 60]", errs.Value, "corrupt"},
		{"shape", "[1000000000000, 1000000000000]", errs.Value, "too large"},
		{"shape", `"x"`, errs.Value, "corrupt"},
		{"data_type", `"float16"`, errs.Type, "float16"},
		{"data_type", `{"name": "numpy.datetime64"}`, errs.Type, "datetime64"},
		{"data_type", "", errs.Type, "data type"},
		{"chunk_grid", `{"name":"rectangular"}`, errs.Unsupported, "rectangular"},
		{"chunk_grid", `{"name":"regular"}`, errs.Value, "chunk_shape"},
		{"chunk_grid", `{"name":"regular","configuration":{"chunk_shape":[0, 1]}}`, errs.Value, "at least 1"},
		{"chunk_grid", `{"name":"regular","configuration":{"chunk_shape":[1e30, 1]}}`, errs.Value, "chunk_shape"},
		{"chunk_grid", `{"name":"regular","configuration":{"chunk_shape":[9007199254740992, 9007199254740992]}}`, errs.Value, "too large"},
		{"chunk_key_encoding", `{"name":"mine"}`, errs.Unsupported, "mine"},
		{"chunk_key_encoding", `{"name":"v2","configuration":{"separator":"-"}}`, errs.Value, "separator"},
		{"chunk_key_encoding", `{"name":"v2","configuration":{"separator":7}}`, errs.Value, "separator"},
		{"fill_value", "", errs.Value, "fill_value"},
		{"fill_value", "null", errs.Value, "fill_value"},
		{"fill_value", `"nan"`, errs.Value, "fill_value"},
		{"fill_value", `"0x12"`, errs.Value, "fill_value"},
		{"fill_value", `"`, errs.Value, "corrupt"},
		{"codecs", "[]", errs.Value, "bytes"},
		{"codecs", `[{"name":"bytes","configuration":{"endian":"big"}}]`, errs.Unsupported, "big-endian"},
		{"codecs", `[{"name":"bytes"}]`, errs.Value, "endian"},
		{"codecs", `[{"name":"bytes","configuration":{"endian":"middle"}}]`, errs.Value, "middle"},
		{"codecs", `[{"name":"bytes","configuration":{"endian":"little"}},{"name":"blosc","configuration":{"level":0}}]`, errs.Value, "compressors=None"},
		{"codecs", `[{"name":"bytes","configuration":{"endian":"little"}},{"name":"blosc"}]`, errs.Value, `"blosc"`},
		{"codecs", `[{"name":"sharding_indexed"}]`, errs.Value, "sharding_indexed"},
		{"codecs", `[{"name":"bytes","configuration":{"endian":"little"}},{"name":"gzip"},{"name":"crc32c"}]`, errs.Unsupported, "crc32c is out of place"},
		{"codecs", `[{"name":"transpose","configuration":{"order":[1,1]}},{"name":"bytes","configuration":{"endian":"little"}}]`, errs.Value, "transpose"},
		{"codecs", `[{"name":"transpose","configuration":{"order":[0]}},{"name":"bytes","configuration":{"endian":"little"}}]`, errs.Value, "transpose"},
		{"codecs", `[{"name":"transpose"},{"name":"bytes","configuration":{"endian":"little"}}]`, errs.Value, "transpose"},
		{"storage_transformers", `[{"name":"x"}]`, errs.Unsupported, "storage transformers"},
		{"extra", `{"name":"x"}`, errs.Unsupported, `"extra"`},
		{"extra", `7`, errs.Unsupported, `"extra"`},
	} {
		text := edited(t, "node_type", `"array"`)
		if c.value != `"` {
			text = edited(t, c.field, c.value)
		} else {
			text = text[:len(text)/2]
		}
		_, err := ParseMeta(text)
		require.Equal(t, c.kind, errs.KindOf(err), "%s %s: %v", c.field, c.value, err)
		require.ErrorContains(t, err, c.say, "%s %s", c.field, c.value)
		require.ErrorContains(t, err, "zarr.json")
	}
	c := &Chunks{Store: blob.NewMemory(), Prefix: "a/"}
	require.NoError(t, c.Store.PutBytes(context.Background(), "a/zarr.json", []byte("{"), blob.PutOptions{}))
	_, err := OpenChunks(context.Background(), c)
	require.Equal(t, errs.Value, errs.KindOf(err))
	require.ErrorContains(t, err, "a/zarr.json is corrupt")
}

func FuzzParseMeta(f *testing.F) {
	f.Add([]byte(pythons))
	golden, _ := filepath.Glob("testdata/*.json")
	for _, path := range golden {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(text)
	}
	for _, c := range [][2]string{{"fill_value", `"0x7ff8000000000007"`}, {"chunk_key_encoding", `"v2"`}, {"codecs", `["bytes","crc32c","gzip"]`},
		{"data_type", `"complex64"`}} {
		f.Add(edited(f, c[0], c[1]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMeta(text)
		if err != nil {
			require.NotEqual(t, errs.Internal, errs.KindOf(err))
			return
		}
		back, err := m.Marshal()
		require.NoError(t, err)
		again, err := ParseMeta(back)
		require.NoError(t, err, "%s", back)
		m.Attrs, again.Attrs = nil, nil
		require.Equal(t, m, again)
	})
}

// TestOthersArrays: chunks in row-major order, larger than the matrix, compressed, of narrower types, and fills that are not zero.
func TestOthersArrays(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		dtype, fill, codecs string
		compressor          string
		order               []int
	}{
		{"float64", "2.5", `[{"name":"bytes","configuration":{"endian":"little"}}]`, "", []int{0, 1}},
		{"int16", "-7", `[{"name":"bytes","configuration":{"endian":"little"}},{"name":"gzip","configuration":{"level":1}}]`, "gzip", []int{0, 1}},
		{"uint8", "9", `[{"name":"transpose","configuration":{"order":[1,0]}},"bytes"]`, "", []int{1, 0}},
		{"int64", "0", `[{"name":"bytes","configuration":{"endian":"little"}},{"name":"zstd","configuration":{"level":0,"checksum":false}}]`, "zstd", []int{0, 1}},
	} {
		text := edited(t, "data_type", `"`+c.dtype+`"`)
		text = bytes.Replace(text, []byte(`"fill_value":0.0`), []byte(`"fill_value":`+c.fill), 1)
		text = bytes.Replace(text, []byte(`[{"name":"bytes","configuration":{"endian":"little"}}]`), []byte(c.codecs), 1)
		store := blob.NewFile(t.TempDir())
		require.NoError(t, store.PutBytes(ctx, "zarr.json", text, blob.PutOptions{}))
		chunks := &Chunks{Store: store}
		meta, err := OpenChunks(ctx, chunks)
		require.NoError(t, err)
		require.Equal(t, c.compressor, meta.Compressor, "%s", text)
		chunks.Meta = meta

		// Chunk [1, 0] is there, as a library would write it; the others are the fill value.
		d := meta.DType
		raw := make([]byte, 40*64*d.Size())
		strides := tile.Strides([]int64{40, 64}, c.order, d)
		for i := range int64(40) {
			for j := range int64(60) {
				putElement(raw[i*strides[0]+j*strides[1]:], d, element(tile.Int8, i*60+j)&0x7f, false)
			}
		}
		if c.compressor != "" {
			var b bytes.Buffer
			var w io.WriteCloser = gzip.NewWriter(&b)
			if c.compressor == "zstd" {
				w, err = zstd.NewWriter(&b)
				require.NoError(t, err)
			}
			_, err := w.Write(raw)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			raw = b.Bytes()
		}
		require.NoError(t, store.PutBytes(ctx, "c/1/0", raw, blob.PutOptions{}))
		g, err := grid.New(meta.Shape, meta.Chunk)
		require.NoError(t, err)
		wide, err := Widened(d)
		require.NoError(t, err)
		for _, kind := range []tile.DType{d, wide} {
			s := NewSpace(1<<20, 0)
			m := NewBigMatrix("x", "BigMatrix(x)", kind, g, nil, nil, chunks)
			m.Complete = true
			x, err := s.Pin(ctx, m, Index{1})
			require.NoError(t, err)
			want := make([]byte, kind.Size())
			for i := range int64(40) {
				for j := range int64(60) {
					putElement(want, kind, element(tile.Int8, i*60+j)&0x7f, false)
					at := (i + 40*j) * int64(kind.Size())
					require.Equal(t, want, x.Bytes()[at:at+int64(kind.Size())])
				}
			}
			y, err := s.Pin(ctx, m, Index{2})
			require.NoError(t, err)
			if c.fill == "0" {
				require.Nil(t, y)
			} else {
				require.Equal(t, []int64{20, 60}, y.Shape)
				fill := make([]byte, kind.Size())
				tile.Convert(fill, kind, meta.Fill, d)
				require.Equal(t, bytes.Repeat(fill, 20*60), y.Bytes())
			}
			s.Close()
		}
		require.NoError(t, store.PutBytes(ctx, "c/0/0", raw[:len(raw)/2], blob.PutOptions{}))
		s := NewSpace(1<<20, 0)
		m := NewBigMatrix("x", "BigMatrix(x)", d, g, nil, nil, chunks)
		m.Complete = true
		_, err = s.Pin(ctx, m, Index{0})
		require.Equal(t, errs.Value, errs.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "c/0/0")
		x, err := s.Alloc(ctx, d, []int64{40, 60})
		require.NoError(t, err)
		require.Equal(t, errs.Unsupported, errs.KindOf(m.write(ctx, Index{}, x)))
		s.Free(x)
		s.Close()
	}
}

func TestVersions(t *testing.T) {
	g, err := grid.New([]int64{100, 50}, []int64{64, 64})
	require.NoError(t, err)
	m := NewBigMatrix("s", "temp(BigMatrix(X))", tile.Float32, g, []int64{-1}, []int64{4}, &Chunks{Store: blob.NewMemory(), Prefix: "s/"})
	require.Equal(t, []int64{5, 100, 50}, m.Meta().Shape)
	require.Equal(t, []int64{1, 64, 50}, m.Meta().Chunk)
	require.Equal(t, "s/c/0/1/0", m.Key(Index{-1, 1, 0}))
	require.Equal(t, []int64{36, 50}, m.TileShape(Index{2, 1, 0}))
	s := NewSpace(1<<15, 0)
	defer s.Close()
	for v := range int64(4) {
		x, err := s.Alloc(context.Background(), tile.Float32, []int64{36, 50})
		require.NoError(t, err)
		x.Fill([]byte{byte(v), 0, 0, 0})
		s.Put(m, Index{v, 1, 0}, x, Kept)
	}
	for v := range int64(4) {
		x, err := s.Pin(context.Background(), m, Index{v, 1, 0})
		require.NoError(t, err)
		require.Equal(t, byte(v), x.Bytes()[4])
		s.Unpin(m, Index{v, 1, 0})
	}
}
