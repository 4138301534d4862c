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
	return bands(chunk, order, piece/size, func(start, extent []int64) error {
		part := buf[:elements(extent)*size]
		clear(part)
		if shape := overlap(t.Shape, start, extent); shape != nil {
			strides := Strides(t.Shape, nil, t.DType)
			Copy(part, Strides(extent, order, t.DType), t.Bytes()[offset(start, strides):], strides, shape, t.DType)
		}
		return write(part)
	})
}

// Decode reads a chunk of the given shape and coding, and keeps what lies within the tile's shape. The errors about a chunk
// that is not as long as it should be, or not what was written (ErrChecksum), are of the kind errs.Value and tell the sizes.
func Decode(r io.Reader, chunk []int64, c Coding, t *Tile) error {
	d := &decoder{r: r, size: c.Size(t.DType, chunk)}
	if slices.Equal(t.Shape, chunk) && c.columnMajor(chunk) {
		for part := range slices.Chunk(t.Bytes(), piece) {
			if err := d.read(part); err != nil {
				return err
			}
		}
	} else if err := d.strided(chunk, c.order(len(chunk)), t); err != nil {
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

// strided reads a chunk of any order through a small buffer into the tile.
func (d *decoder) strided(chunk []int64, order []int, t *Tile) error {
	buf := pieces.Get().(*[piece]byte)
	defer pieces.Put(buf)
	size := int64(t.DType.Size())
	return bands(chunk, order, piece/size, func(start, extent []int64) error {
		part := buf[:elements(extent)*size]
		if err := d.read(part); err != nil {
			return err
		}
		if shape := overlap(t.Shape, start, extent); shape != nil {
			strides := Strides(t.Shape, nil, t.DType)
			Copy(t.Bytes()[offset(start, strides):], strides, part, Strides(extent, order, t.DType), shape, t.DType)
		}
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

// bands cuts a chunk into boxes of at most most elements that follow each other in its bytes, and calls f for each.
func bands(chunk []int64, order []int, most int64, f func(start, extent []int64) error) error {
	start, extent := make([]int64, len(chunk)), make([]int64, len(chunk))
	for d := range extent {
		extent[d] = 1
	}
	// Whole are the fastest dimensions that fit completely; the next one is cut, those before it go one by one.
	cut, inner := len(order)-1, int64(1)
	for ; cut > 0 && inner*chunk[order[cut]] <= most; cut-- {
		inner *= chunk[order[cut]]
		extent[order[cut]] = chunk[order[cut]]
	}
	if len(order) == 0 {
		return f(start, extent)
	}
	step := most / inner
	for {
		at := order[cut]
		for start[at] = 0; start[at] < chunk[at]; start[at] += step {
			extent[at] = min(step, chunk[at]-start[at])
			if err := f(start, extent); err != nil {
				return err
			}
		}
		start[at] = 0
		k := cut - 1
		for ; k >= 0; k-- {
			if start[order[k]]++; start[order[k]] < chunk[order[k]] {
				break
			}
			start[order[k]] = 0
		}
		if k < 0 {
			return nil
		}
	}
}

// overlap is the extent of the box that lies within the shape; nil when none does.
func overlap(shape, start, extent []int64) []int64 {
	out := make([]int64, len(shape))
	for d := range shape {
		if out[d] = min(extent[d], shape[d]-start[d]); out[d] <= 0 {
			return nil
		}
	}
	return out
}

func offset(start, strides []int64) int64 {
	n := int64(0)
	for d, s := range start {
		n += s * strides[d]
	}
	return n
}
