package tile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

// counted is a tile of int16 whose element at [i, j] is 10 i + j.
func counted(t *testing.T, p *Pool, rows, cols int64) *Tile {
	x := newTile(t, p, Int16, rows, cols)
	v := View[int16](x)
	for j := range cols {
		for i := range rows {
			v[i+j*rows] = int16(10*i + j)
		}
	}
	return x
}

// TestCodecByHand: the bytes of a chunk of 2 by 3, as zarr-python writes it with transpose(1, 0), bytes(little), crc32c.
func TestCodecByHand(t *testing.T) {
	p := NewPool(1 << 20)
	columns := "0000" + "0a00" + "0100" + "0b00" + "0200" + "0c00"
	rows := "0000" + "0100" + "0200" + "0a00" + "0b00" + "0c00"
	sum := func(text string) string {
		b, _ := hex.DecodeString(text)
		c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		return fmt.Sprintf("%02x%02x%02x%02x", byte(c), byte(c>>8), byte(c>>16), byte(c>>24))
	}
	x := counted(t, p, 2, 3)
	var b bytes.Buffer
	require.NoError(t, Encode(x, []int64{2, 3}, &b))
	require.Equal(t, columns+sum(columns), hex.EncodeToString(b.Bytes()))
	require.EqualValues(t, b.Len(), EncodedSize(Int16, []int64{2, 3}))

	for _, c := range []struct {
		text   string
		coding Coding
	}{
		{columns + sum(columns), Ours}, {columns, Coding{}}, {columns, Coding{Order: []int{1, 0}}},
		{rows, Coding{Order: []int{0, 1}}}, {rows + sum(rows), Coding{Order: []int{0, 1}, Checksum: true}},
	} {
		raw, err := hex.DecodeString(c.text)
		require.NoError(t, err)
		y := newTile(t, p, Int16, 2, 3)
		require.NoError(t, Decode(bytes.NewReader(raw), []int64{2, 3}, c.coding, y))
		require.Equal(t, x.Bytes(), y.Bytes())
		y.Release()
	}

	// The tile at an edge: its chunk is padded with zeros.
	edge := counted(t, p, 1, 2)
	b.Reset()
	require.NoError(t, Encode(edge, []int64{2, 3}, &b))
	padded := "0000" + "0000" + "0100" + "0000" + "0000" + "0000"
	require.Equal(t, padded+sum(padded), hex.EncodeToString(b.Bytes()))
	require.EqualValues(t, 0xe3069283, crc32.Checksum([]byte("123456789"), castagnoli), "the check value of crc32c")
}

// TestCodecRoundTrip: random shapes, larger than a piece too, of every size of element.
func TestCodecRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	p := NewPool(1 << 28)
	for round := range 200 {
		d := []DType{Bool, Int16, Float32, Float64, Pair}[rng.IntN(5)]
		ndim := rng.IntN(4)
		chunk, shape, elements := make([]int64, ndim), make([]int64, ndim), int64(1)
		for k := range chunk {
			chunk[k] = 1 + rng.Int64N([]int64{4, 40, 400}[rng.IntN(3)])
			if elements*chunk[k] > 1<<18 {
				chunk[k] = 1
			}
			elements *= chunk[k]
			shape[k] = chunk[k]
			if round%2 == 0 {
				shape[k] = 1 + rng.Int64N(chunk[k])
			}
		}
		x, y := newTile(t, p, d, shape...), newTile(t, p, d, shape...)
		for k := range x.Bytes() {
			x.Bytes()[k] = byte(rng.Uint32())
		}
		var b bytes.Buffer
		require.NoError(t, Encode(x, chunk, &b))
		require.EqualValues(t, EncodedSize(d, chunk), b.Len())
		y.Fill(bytes.Repeat([]byte{7}, d.Size()))
		require.NoError(t, Decode(iotest.HalfReader(bytes.NewReader(b.Bytes())), chunk, Ours, y))
		require.True(t, bytes.Equal(x.Bytes(), y.Bytes()), "%s %v in %v", d, shape, chunk)
		x.Release()
		y.Release()
	}
}

// TestDecodePart: parts of chunks in any order of dimensions, with and without widening, against the whole chunk.
func TestDecodePart(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	p := NewPool(1 << 24)
	for range 300 {
		ndim := 1 + rng.IntN(3)
		chunk, shape, at := make([]int64, ndim), make([]int64, ndim), make([]int64, ndim)
		for k := range chunk {
			chunk[k], shape[k], at[k] = 1+rng.Int64N(9), 1+rng.Int64N(9), rng.Int64N(9)-4
		}
		order := rng.Perm(ndim)
		raw := make([]byte, 2*elements(chunk))
		for k := range raw {
			raw[k] = byte(rng.Uint32())
		}
		for _, d := range []DType{Int16, Int64} {
			x := newTile(t, p, d, shape...)
			x.Zero()
			require.NoError(t, DecodePart(bytes.NewReader(raw), chunk, Coding{Order: order}, Int16, at, x))
			whole, want := newTile(t, p, Int16, chunk...), newTile(t, p, Int16, shape...)
			want.Zero()
			require.NoError(t, Decode(bytes.NewReader(raw), chunk, Coding{Order: order}, whole))
			column := make([]int, ndim)
			for k := range column {
				column[k] = ndim - 1 - k
			}
			want.PutBox(whole.Bytes(), column, at, chunk)
			if d == Int64 {
				wide := newTile(t, p, Int64, shape...)
				Convert(wide.Bytes(), Int64, want.Bytes(), Int16)
				want.Release()
				want = wide
			}
			require.Equal(t, want.Bytes(), x.Bytes())
			for _, x := range []*Tile{x, whole, want} {
				x.Release()
			}
		}
	}
}

// TestDecodeRefuses: every flipped bit, every length.
func TestDecodeRefuses(t *testing.T) {
	p := NewPool(1 << 20)
	x, y := counted(t, p, 3, 2), newTile(t, p, Int16, 3, 2)
	var b bytes.Buffer
	require.NoError(t, Encode(x, x.Shape, &b))
	good := b.Bytes()
	for bit := range 8 * len(good) {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		err := Decode(bytes.NewReader(bad), x.Shape, Ours, y)
		require.ErrorIs(t, err, ErrChecksum)
		require.Equal(t, errs.Value, errs.KindOf(err))
	}
	for n := range len(good) {
		err := Decode(bytes.NewReader(good[:n]), x.Shape, Ours, y)
		require.Equal(t, errs.Value, errs.KindOf(err))
		require.ErrorContains(t, err, fmt.Sprintf("cut short: %d bytes instead of %d", n, len(good)))
	}
	err := Decode(bytes.NewReader(append(bytes.Clone(good), 0)), x.Shape, Ours, y)
	require.Equal(t, errs.Value, errs.KindOf(err))
	require.ErrorContains(t, err, "longer")
	broken := errors.New("broken")
	require.ErrorIs(t, Decode(iotest.ErrReader(broken), x.Shape, Ours, y), broken)
	require.ErrorIs(t, Decode(iotest.TimeoutReader(strings.NewReader(string(good))), x.Shape, Ours, y), iotest.ErrTimeout)
	require.Error(t, Encode(x, x.Shape, &full{left: 5}))
	require.Error(t, Encode(x, []int64{4, 4}, &full{left: 33}))
}

type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}
