package tile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A chunk is a tile as Zarr stores it: always of the full chunk shape, padded with zeros where the tile at an edge is
// smaller, little endian, and then the crc32c of those bytes.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrChecksum says that a chunk's bytes are not those that were written.
var ErrChecksum = errors.New("the crc32c checksum does not match: the chunk is corrupt")

// Coding is how a chunk was written. Ours are {ColumnMajor: true, Checksum: true}.
type Coding struct {
	ColumnMajor bool // the first index fastest, as in a tile
	Checksum    bool // followed by its crc32c
}

// Ours is the coding that Encode writes.
var Ours = Coding{ColumnMajor: true, Checksum: true}

// EncodedSize is the bytes of an encoded chunk of the given shape.
func EncodedSize(d DType, chunk []int64) int64 { return elements(chunk)*int64(d.Size()) + 4 }

// Encode writes the tile as a chunk of the given shape, which may be larger than the tile. It makes no copy of the tile.
func Encode(t *Tile, chunk []int64, w io.Writer) error {
	sum := uint32(0)
	err := eachRun(t.Shape, chunk, func(at, n, pad int64) error {
		size := int64(t.DType.Size())
		part := t.mem[at*size : (at+n)*size]
		sum = crc32.Update(sum, castagnoli, part)
		if _, err := w.Write(part); err != nil {
			return err
		}
		return writeZeros(w, pad*size, &sum)
	})
	if err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum))
	return err
}

// eachRun walks the chunk in column-major order: n elements of the tile from at on, then pad zeros.
func eachRun(shape, chunk []int64, f func(at, n, pad int64) error) error {
	if elements(shape) == elements(chunk) {
		return f(0, elements(shape), 0)
	}
	var walk func(d int, at int64) error
	inner := int64(1) // elements of the chunk in one step of dimension d
	steps := make([]int64, len(shape)+1)
	for d, c := range chunk {
		steps[d] = inner
		inner *= c
	}
	steps[len(shape)] = inner
	strides := make([]int64, len(shape))
	for d, s := 0, int64(1); d < len(shape); d++ {
		strides[d] = s
		s *= shape[d]
	}
	walk = func(d int, at int64) error {
		if d == 0 {
			return f(at, shape[0], chunk[0]-shape[0])
		}
		for i := range shape[d] {
			if err := walk(d-1, at+i*strides[d]); err != nil {
				return err
			}
		}
		return f(at, 0, (chunk[d]-shape[d])*steps[d])
	}
	if elements(shape) == 0 {
		return f(0, 0, elements(chunk))
	}
	return walk(len(shape)-1, 0)
}

var zeros [64 << 10]byte

func writeZeros(w io.Writer, n int64, sum *uint32) error {
	for n > 0 {
		part := zeros[:min(n, int64(len(zeros)))]
		*sum = crc32.Update(*sum, castagnoli, part)
		if _, err := w.Write(part); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	return nil
}

// Decode reads a chunk of the given shape and coding, and keeps what lies within the tile's shape.
func Decode(r io.Reader, chunk []int64, c Coding, t *Tile) error {
	d := &decoder{r: r, want: elements(chunk) * int64(t.DType.Size())}
	var err error
	if c.ColumnMajor || len(chunk) < 2 {
		size := int64(t.DType.Size())
		err = eachRun(t.Shape, chunk, func(at, n, pad int64) error {
			if err := d.read(t.mem[at*size : (at+n)*size]); err != nil {
				return err
			}
			return d.skip(pad * size)
		})
	} else {
		err = d.rowMajor(chunk, t)
	}
	if err != nil {
		return err
	}
	return d.end(c.Checksum)
}

// decoder reads a chunk and keeps its checksum.
type decoder struct {
	r    io.Reader
	sum  uint32
	got  int64
	want int64
}

func (d *decoder) read(p []byte) error {
	n, err := io.ReadFull(d.r, p)
	d.got += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the chunk is cut short: %d bytes of %d", d.got, d.want)
	}
	if err != nil {
		return err
	}
	d.sum = crc32.Update(d.sum, castagnoli, p)
	return nil
}

func (d *decoder) skip(n int64) error {
	var buf [4 << 10]byte
	for n > 0 {
		part := buf[:min(n, int64(len(buf)))]
		if err := d.read(part); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	return nil
}

// rowMajor reads a chunk whose last index runs fastest, one row at a time.
func (d *decoder) rowMajor(chunk []int64, t *Tile) error {
	size, last := int64(t.DType.Size()), len(chunk)-1
	row := make([]byte, chunk[last]*size)
	strides := make([]int64, len(chunk))
	for k, s := 0, int64(1); k < len(chunk); k++ {
		strides[k] = s
		s *= t.Shape[k]
	}
	idx := make([]int64, len(chunk))
	for range elements(chunk[:last]) {
		if err := d.read(row); err != nil {
			return err
		}
		inside, at := true, int64(0)
		for k := range last {
			inside = inside && idx[k] < t.Shape[k]
			at += idx[k] * strides[k]
		}
		for j := int64(0); inside && j < t.Shape[last]; j++ {
			to := (at + j*strides[last]) * size
			copy(t.mem[to:to+size], row[j*size:(j+1)*size])
		}
		for k := last - 1; k >= 0; k-- {
			if idx[k]++; idx[k] < chunk[k] {
				break
			}
			idx[k] = 0
		}
	}
	return nil
}

// end checks that the chunk ends where it should, with the right checksum.
func (d *decoder) end(checksum bool) error {
	sum := d.sum
	if checksum {
		var tail [4]byte
		d.want += 4
		if err := d.read(tail[:]); err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(tail[:]) != sum {
			return ErrChecksum
		}
	}
	if n, _ := d.r.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("the chunk is longer than its %d bytes", d.want)
	}
	return nil
}
