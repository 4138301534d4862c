package tile

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"numpywren/core/errs"
)

// A chunk is a tile as Zarr v3 stores it: of the full chunk shape, padded with zeros where the tile at an edge is smaller,
// little endian, and then, if so agreed, the crc32c of these bytes (RFC 3720, appendix B.4).

// ErrChecksum is in the chain of the error about a chunk whose bytes are not those that were written.
var ErrChecksum = errors.New("crc32c mismatch")

// Coding is how the elements of a chunk follow each other.
type Coding struct {
	// Order lists the dimensions from the slowest to the fastest: 0, 1, … is row-major, as in Zarr's "order" of the transpose
	// codec. Nil is column-major, as in a tile.
	Order    []int
	Checksum bool // followed by its crc32c
}

// Ours is the coding that Encode writes.
var Ours = Coding{Checksum: true}

// Size is the bytes of an encoded chunk of the given shape.
func (c Coding) Size(d DType, chunk []int64) int64 {
	n := elements(chunk) * int64(d.Size())
	if c.Checksum {
		n += crc32.Size
	}
	return n
}

// columnMajor says whether the chunk lies as a tile of its shape does: sides of one element have no place in the order.
func (c Coding) columnMajor(chunk []int64) bool {
	last := len(chunk)
	for _, d := range c.Order {
		if chunk[d] == 1 {
			continue
		}
		if d > last {
			return false
		}
		last = d
	}
	return true
}

// order is Order, nil made explicit.
func (c Coding) order(ndim int) []int {
	if c.Order != nil {
		return c.Order
	}
	order := make([]int, ndim)
	for d := range order {
		order[d] = ndim - 1 - d
	}
	return order
}

// EncodedSize is the bytes that Encode writes for a chunk of the given shape.
func EncodedSize(d DType, chunk []int64) int64 { return Ours.Size(d, chunk) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// piece is how much is read or written at a time: it is still in the second-level cache when its checksum is computed.
const piece = 512 << 10

var pieces = sync.Pool{New: func() any { return new([piece]byte) }}

// Encode writes the tile as a chunk of the given shape, which may be larger than the tile, in our coding. It makes no copy of
// a tile that fills its chunk.
func Encode(t *Tile, chunk []int64, w io.Writer) error {
	sum := uint32(0)
	write := func(p []byte) error {
		sum = crc32.Update(sum, castagnoli, p)
		_, err := w.Write(p)
		return err
	}
	if slices.Equal(t.Shape, chunk) {
		for part := range slices.Chunk(t.Bytes(), piece) {
			if err := write(part); err != nil {
				return err
			}
		}
	} else if err := encodePadded(t, chunk, write); err != nil {
		return err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum))
	return err
}

func encodePadded(t *Tile, chunk []int64, write func([]byte) error) error {
	buf := pieces.Get().(*[piece]byte)
	defer pieces.Put(buf)
	size, order := int64(t.DType.Size()), Ours.order(len(chunk))
	return Bands(chunk, order, piece/size, func(start, extent []int64) error {
		part := buf[:elements(extent)*size]
		clear(part)
		t.GetBox(part, order, start, extent)
		return write(part)
	})
}

// Decode reads a chunk of the given shape and coding, and keeps what lies within the tile's shape. The errors about a chunk
// that is not as long as it should be, or not what was written (ErrChecksum), are of the kind errs.Value and tell the sizes.
func Decode(r io.Reader, chunk []int64, c Coding, t *Tile) error {
	if !slices.Equal(t.Shape, chunk) || !c.columnMajor(chunk) {
		return DecodePart(r, chunk, c, t.DType, make([]int64, len(chunk)), t)
	}
	d := &decoder{r: r, size: c.Size(t.DType, chunk)}
	for part := range slices.Chunk(t.Bytes(), piece) {
		if err := d.read(part); err != nil {
			return err
		}
	}
	return d.end(c.Checksum)
}

// DecodePart is Decode for a tile that lies anywhere in or across the chunk: at is where the chunk's first element lies,
// counted from the tile's first, and may be negative. Elements of type from are widened to the tile's.
func DecodePart(r io.Reader, chunk []int64, c Coding, from DType, at []int64, t *Tile) error {
	d := &decoder{r: r, size: c.Size(from, chunk)}
	if err := d.strided(chunk, c.order(len(chunk)), from, at, t); err != nil {
		return err
	}
	return d.end(c.Checksum)
}

// decoder reads a chunk and keeps count and checksum.
type decoder struct {
	r         io.Reader
	sum       uint32
	got, size int64
}

func (d *decoder) read(p []byte) error {
	n, err := io.ReadFull(d.r, p)
	d.got += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errs.New(errs.Value, "the chunk is cut short: %d bytes instead of %d", d.got, d.size)
	}
	if err != nil {
		return err
	}
	d.sum = crc32.Update(d.sum, castagnoli, p)
	return nil
}

// strided reads a chunk of any order through small buffers into the tile.
func (d *decoder) strided(chunk []int64, order []int, from DType, at []int64, t *Tile) error {
	buf, wide := pieces.Get().(*[piece]byte), pieces.Get().(*[piece]byte)
	defer pieces.Put(buf)
	defer pieces.Put(wide)
	size, wideSize := int64(from.Size()), int64(t.DType.Size())
	lo := make([]int64, len(chunk))
	return Bands(chunk, order, piece/max(size, wideSize), func(start, extent []int64) error {
		part := buf[:elements(extent)*size]
		if err := d.read(part); err != nil {
			return err
		}
		if from != t.DType {
			narrow := part
			part = wide[:elements(extent)*wideSize]
			Convert(part, t.DType, narrow, from)
		}
		for k := range lo {
			lo[k] = at[k] + start[k]
		}
		t.PutBox(part, order, lo, extent)
		return nil
	})
}

// end checks that the chunk ends where it should, with the right checksum.
func (d *decoder) end(checksum bool) error {
	if checksum {
		sum, tail := d.sum, make([]byte, crc32.Size)
		if err := d.read(tail); err != nil {
			return err
		}
		if stored := binary.LittleEndian.Uint32(tail); stored != sum {
			return errs.New(errs.Value, "the chunk is corrupt: %w, its %d bytes have %08x, stored is %08x", ErrChecksum, d.size-crc32.Size, sum, stored)
		}
	}
	switch n, err := io.ReadFull(d.r, make([]byte, 1)); {
	case n > 0:
		return errs.New(errs.Value, "the chunk is longer than the %d bytes that its shape and codecs say", d.size)
	case err != io.EOF:
		return err
	}
	return nil
}
