package matrix

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Chunks is where a matrix's tiles lie in an object store, and in which coding.
type Chunks struct {
	Store  *blob.Store
	Prefix string // "name/" or ""
	Meta   *Meta
}

// MetaName is where the metadata of an array lies.
// MetaName is the object, below a matrix's prefix, that says what it is; a matrix that has it is whole.
const MetaName = "zarr.json"

var errNoMeta = errors.New("no zarr.json")

// LoadMeta reads the array's zarr.json.
func (c *Chunks) LoadMeta(ctx context.Context) (*Meta, error) {
	text, err := c.Store.ReadAll(ctx, c.Prefix+MetaName)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, errNoMeta
	}
	if err != nil {
		return nil, errs.New(kindOr(err, errs.OS), "%s%s cannot be read: %w", c.Prefix, MetaName, err)
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
	if err := c.Store.PutBytes(ctx, c.Prefix+MetaName, text, blob.PutOptions{}); err != nil {
		return errs.New(kindOr(err, errs.OS), "%s%s cannot be written: %w", c.Prefix, MetaName, err)
	}
	return nil
}

// read fills t from the chunk at key, whose shape, without versions, is given; elements of a narrower type are widened. A
// chunk that does not exist is the fill value, and blob.ErrNotExist when that is zero.
func (c *Chunks) read(ctx context.Context, key string, chunk []int64, t *tile.Tile) error {
	r, err := c.Store.Get(ctx, key)
	if errors.Is(err, blob.ErrNotExist) && c.Meta.Fill != nil {
		fill := make([]byte, t.DType.Size())
		tile.Convert(fill, t.DType, c.Meta.Fill, c.Meta.DType)
		t.Fill(fill)
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	from, err := decompressor(c.Meta.Compressor, r)
	if err != nil {
		return errs.New(errs.Value, "%s is corrupt: %w", key, err)
	}
	defer from.Close()
	if c.Meta.DType == t.DType {
		err = tile.Decode(from, chunk, c.coding(len(chunk)), t)
	} else {
		err = tile.DecodePart(from, chunk, c.coding(len(chunk)), c.Meta.DType, make([]int64, len(chunk)), t)
	}
	if err != nil && c.Meta.Compressor != "" && errs.KindOf(err) == errs.Internal {
		return errs.New(errs.Value, "%s is corrupt: %w", key, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// decompressor reads what a compressor wrote to r.
func decompressor(name string, r io.Reader) (io.ReadCloser, error) {
	switch name {
	case "gzip":
		return gzip.NewReader(bufio.NewReader(r))
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}

// maxWindow bounds the memory that a chunk may ask of its decompressor, in bytes.
const maxWindow = 128 << 20

// coding is the coding of a chunk of ndim dimensions, the versions before them having one element each.
func (c *Chunks) coding(ndim int) tile.Coding {
	coding := c.Meta.Coding
	if versions := len(c.Meta.Chunk) - ndim; versions > 0 && coding.Order != nil {
		var order []int
		for _, d := range coding.Order {
			if d >= versions {
				order = append(order, d-versions)
			}
		}
		coding.Order = order
	}
	return coding
}

// write stores t as the chunk at key.
func (c *Chunks) write(ctx context.Context, key string, chunk []int64, t *tile.Tile) error {
	if !c.Meta.ours() || c.Meta.DType != t.DType {
		return errs.New(errs.Unsupported, "%s belongs to an array of another library: its chunks are read, never written", key)
	}
	return c.Store.Put(ctx, key, tile.EncodedSize(t.DType, chunk), func(w io.Writer) error { return tile.Encode(t, chunk, w) },
		blob.PutOptions{})
}
