package matrix

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/tile"
)

// rawNpy is a .npy file of consecutive integers, as NumPy would write it.
func rawNpy(descr string, fortran bool, shape []int64, data []byte) []byte {
	head := npyHeader(descr, shape)
	if fortran {
		head = bytes.Replace(head, []byte("'fortran_order': False"), []byte("'fortran_order': True "), 1)
		head = bytes.Replace(head, []byte("True , 'shape'"), []byte("True, 'shape'"), 1)
		head = append(head[:len(head)-1], ' ', '\n')
	}
	return append(head, data...)
}

func writeFile(t *testing.T, data []byte) string {
	path := filepath.Join(t.TempDir(), "a.npy")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// element is what position k, in C order, of a test file holds.
func element(d tile.DType, k int64) int64 {
	switch d {
	case tile.Bool:
		return k % 2
	case tile.Int8:
		return k%251 - 125
	case tile.Uint8:
		return k % 251
	case tile.Int16, tile.Int32:
		return k%30011 - 15000
	case tile.Uint16:
		return k % 65521
	}
	return k
}

// putElement writes x as an element of type d.
func putElement(p []byte, d tile.DType, x int64, big bool) {
	var all [8]byte
	switch d {
	case tile.Float64:
		binary.LittleEndian.PutUint64(all[:], floatBits64(x))
	case tile.Float32:
		binary.LittleEndian.PutUint32(all[:], floatBits32(x))
	default:
		binary.LittleEndian.PutUint64(all[:], uint64(x))
	}
	copy(p, all[:d.Size()])
	if big {
		tile.SwapBytes(p[:d.Size()], d.Size())
	}
}

// TestNpyReadTile: every dtype, both orders and both endiannesses, tiles of random shapes, into tiles of the file's type and of the
// widened one.
func TestNpyReadTile(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	pool := tile.NewPool(1 << 30)
	for short, d := range descrs {
		for round := range 12 {
			big, fortran := round%2 == 1 && d.Size() > 1, round/2%2 == 1
			ndim := rng.IntN(4)
			shape, block := make([]int64, ndim), make([]int64, ndim)
			size := int64(1)
			for k := range shape {
				shape[k] = 1 + rng.Int64N([]int64{9, 90, 900}[rng.IntN(3)]/int64(ndim))
				block[k] = 1 + rng.Int64N(shape[k])
				size *= shape[k]
				if size > 1<<16 {
					block[k] = shape[k]
				}
			}
			mark := map[bool]string{true: ">", false: "<"}[big]
			data := make([]byte, size*int64(d.Size()))
			strides := tile.Strides(shape, fileOrder(ndim, fortran), d)
			g, err := grid.New(shape, block)
			require.NoError(t, err)
			ones, err := grid.New(shape, onesLike(shape))
			require.NoError(t, err)
			k := int64(0)
			for idx := range ones.All() {
				at := dot(idx, strides)
				putElement(data[at:], d, element(d, k), big)
				k++
			}
			n, err := OpenNpy(writeFile(t, rawNpy(mark+short, fortran, shape, data)))
			require.NoError(t, err)
			require.Equal(t, shape, n.Shape)
			require.Equal(t, d, n.DType)
			require.Equal(t, fortran, n.FortranOrder)
			kinds := []tile.DType{d}
			if wide, err := Widened(d); err == nil && wide != d {
				kinds = append(kinds, wide)
			}
			for _, kind := range kinds {
				for idx := range g.All() {
					x, err := pool.New(kind, g.TileShape(idx))
					require.NoError(t, err)
					require.NoError(t, n.ReadTile(context.Background(), g.Starts(idx), x))
					checkTile(t, x, g.Starts(idx), shape, d, fmt.Sprintf("%s%s fortran=%v %v block %v tile %v as %s", mark, short, fortran, shape, block, idx, kind))
					x.Release()
				}
			}
			require.NoError(t, n.Close())
		}
	}
}

// checkTile holds a tile to element.
func checkTile(t *testing.T, x *tile.Tile, start, shape []int64, d tile.DType, what string) {
	t.Helper()
	g, err := grid.New(x.Shape, onesLike(x.Shape))
	require.NoError(t, err)
	size := int64(x.DType.Size())
	own, order := tile.Strides(x.Shape, nil, x.DType), tile.Strides(shape, fileOrder(len(shape), false), tile.Bool)
	want := make([]byte, 8)
	for idx := range g.All() {
		at := dot(idx, own)
		putElement(want, x.DType, element(d, dot(idx, order)+dot(start, order)), false)
		if !bytes.Equal(want[:size], x.Bytes()[at:at+size]) {
			t.Fatalf("%s: element %v is %x instead of %x", what, idx, x.Bytes()[at:at+size], want[:size])
		}
	}
}

func onesLike(shape []int64) []int64 {
	out := make([]int64, len(shape))
	for k := range out {
		out[k] = 1
	}
	return out
}

func dot(a, b []int64) (n int64) {
	for k := range a {
		n += a[k] * b[k]
	}
	return n
}

func floatBits64(x int64) uint64 { return math.Float64bits(float64(x)) }
func floatBits32(x int64) uint32 { return math.Float32bits(float32(x)) }

// TestNpyRoundTrip: what WriteTile wrote by tiles, ReadTile reads by other tiles.
func TestNpyRoundTrip(t *testing.T) {
	pool := tile.NewPool(1 << 30)
	for _, d := range []tile.DType{tile.Float64, tile.Float32, tile.Int64, tile.Bool} {
		for _, c := range []struct{ shape, block, other []int64 }{
			{nil, nil, nil},
			{[]int64{0, 3}, []int64{1, 2}, []int64{1, 3}},
			{[]int64{1000}, []int64{77}, []int64{1000}},
			{[]int64{700, 300}, []int64{128, 128}, []int64{700, 1}},
			{[]int64{300, 1}, []int64{128, 1}, []int64{17, 1}},
			{[]int64{7, 2, 1500}, []int64{3, 1, 1500}, []int64{7, 2, 100}},
		} {
			path := filepath.Join(t.TempDir(), "a.npy")
			w, err := CreateNpy(path, d, c.shape)
			require.NoError(t, err)
			g, err := grid.New(c.shape, c.block)
			require.NoError(t, err)
			for idx := range g.All() {
				x := filledTile(t, pool, d, g.TileShape(idx), g.Starts(idx), c.shape)
				require.NoError(t, w.WriteTile(g.Starts(idx), x))
				x.Release()
			}
			_, err = os.Stat(path)
			require.ErrorIs(t, err, os.ErrNotExist, "before Commit")
			require.NoError(t, w.Commit())
			n, err := OpenNpy(path)
			require.NoError(t, err)
			require.Zero(t, n.data%64)
			h, err := grid.New(c.shape, c.other)
			require.NoError(t, err)
			for idx := range h.All() {
				x, err := pool.New(d, h.TileShape(idx))
				require.NoError(t, err)
				require.NoError(t, n.ReadTile(context.Background(), h.Starts(idx), x))
				checkTile(t, x, h.Starts(idx), c.shape, d, fmt.Sprint(d, c))
				x.Release()
			}
			require.NoError(t, n.Close())
		}
	}
}

// filledTile is a tile of element.
func filledTile(t *testing.T, pool *tile.Pool, d tile.DType, extent, start, shape []int64) *tile.Tile {
	x, err := pool.New(d, extent)
	require.NoError(t, err)
	g, err := grid.New(extent, onesLike(extent))
	require.NoError(t, err)
	own, order := tile.Strides(extent, nil, d), tile.Strides(shape, fileOrder(len(shape), false), tile.Bool)
	for idx := range g.All() {
		at := dot(idx, own)
		putElement(x.Bytes()[at:], d, element(d, dot(idx, order)+dot(start, order)), false)
	}
	return x
}

func TestNpyRefuses(t *testing.T) {
	good := rawNpy("<f8", false, []int64{2, 3}, make([]byte, 48))
	with := func(descr string) []byte { return rawNpy(descr, false, []int64{2}, make([]byte, 64)) }
	replace := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for _, c := range []struct {
		name string
		data []byte
		kind errs.Kind
		say  string
	}{
		{"empty", nil, errs.Value, "is no .npy file: its 0 bytes"},
		{"text", []byte("a,b\n1,2\n"), errs.Value, "is no .npy file: its 8 bytes"},
		{"zip", []byte("PK\x03\x04 and some more bytes"), errs.Value, "is no .npy file"},
		{"magic only", good[:5], errs.Value, "is cut short: 5 bytes"},
		{"no header", good[:9], errs.Value, "is cut short: 9 bytes"},
		{"half a header", good[:50], errs.Value, "is cut short: 50 bytes, its header alone takes 128"},
		{"cut short", good[:len(good)-1], errs.Value, "is cut short: 47 bytes of elements instead of 48"},
		{"too long", append(bytes.Clone(good), 0, 0), errs.Value, "is too long: 50 bytes of elements instead of 48"},
		{"version", append([]byte("\x93NUMPY\x09\x00"), good[8:]...), errs.Value, "format 9.0"},
		{"no dictionary", replace("'descr'", "'drecs'"), errs.Value, "is corrupt"},
		{"no newline", replace("\n", " "), errs.Value, "is corrupt"},
		{"negative", replace("(2, 3)", "(-2,3)"), errs.Value, "shape [-2 3]"},
		{"huge", replace("(2, 3), }            ", "(2000000000, 30000000000)"), errs.Value, ""},
		{"object", with("|O"), errs.Type, "object"},
		{"complex", with("<c16"), errs.Type, "complex"},
		{"half", with("<f2"), errs.Type, "\"<f2\""},
		{"text dtype", with("<U4"), errs.Type, "\"<U4\""},
		{"structured", with("[('a', '<f4')]"), errs.Type, "structured"},
	} {
		path := writeFile(t, c.data)
		_, err := OpenNpy(path)
		require.Equal(t, c.kind, errs.KindOf(err), "%s: %v", c.name, err)
		require.ErrorContains(t, err, path, c.name)
		require.ErrorContains(t, err, c.say, c.name)
	}
	_, err := OpenNpy(filepath.Join(t.TempDir(), "none"))
	require.Equal(t, errs.NotFound, errs.KindOf(err))
	_, err = OpenNpy(t.TempDir())
	require.Equal(t, errs.Value, errs.KindOf(err))
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, err = OpenNpy(pipe)
	require.ErrorContains(t, err, "no regular file")
	_, err = CreateNpy(pipe, tile.Float64, nil)
	require.ErrorContains(t, err, "no regular file")
	_, err = CreateNpy(filepath.Join(t.TempDir(), "none", "a.npy"), tile.Float64, nil)
	require.Equal(t, errs.NotFound, errs.KindOf(err))
	_, err = CreateNpy(t.TempDir(), tile.Float64, nil)
	require.Equal(t, errs.OS, errs.KindOf(err))
	_, err = CreateNpy(filepath.Join(t.TempDir(), "a"), tile.Pair, nil)
	require.Equal(t, errs.Type, errs.KindOf(err))
}

// TestNpyCutWhileOpen: a file that shrinks under the reader is an error, not a signal.
func TestNpyCutWhileOpen(t *testing.T) {
	path := writeFile(t, rawNpy("<f8", false, []int64{100, 100}, make([]byte, 80000)))
	n, err := OpenNpy(path)
	require.NoError(t, err)
	defer n.Close()
	require.NoError(t, os.Truncate(path, 5000))
	x, err := tile.NewPool(1<<20).New(tile.Float64, []int64{100, 100})
	require.NoError(t, err)
	err = n.ReadTile(context.Background(), []int64{0, 0}, x)
	require.Equal(t, errs.Value, errs.KindOf(err))
	require.ErrorContains(t, err, "5000")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, n.ReadTile(ctx, []int64{0, 0}, x), context.Canceled)
	require.Error(t, n.ReadTile(context.Background(), []int64{0, 1}, x), "outside the array")
}

// TestNpyDiskFull: the error keeps the errno, the folder keeps what it had.
func TestNpyDiskFull(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npy")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	w, err := CreateNpy(path, tile.Float64, []int64{10, 10})
	require.NoError(t, err)
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	file := w.file
	w.file = full
	x, err := tile.NewPool(1<<20).New(tile.Float64, []int64{10, 10})
	require.NoError(t, err)
	err = w.WriteTile([]int64{0, 0}, x)
	require.Equal(t, errs.OS, errs.KindOf(err))
	require.ErrorIs(t, err, syscall.ENOSPC)
	w.file = file
	w.Abort()
	require.NoError(t, full.Close())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(old))
}

func FuzzOpenNpy(f *testing.F) {
	f.Add(rawNpy("<f8", false, []int64{2, 3}, make([]byte, 48)))
	f.Add(rawNpy(">i2", true, []int64{4}, make([]byte, 8)))
	f.Add([]byte("\x93NUMPY\x02\x00\x10\x00\x00\x00{'descr': }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := writeFile(t, data)
		n, err := OpenNpy(path)
		if err != nil {
			require.NotEqual(t, errs.Internal, errs.KindOf(err))
			return
		}
		defer n.Close()
		if len(n.Shape) > MaxIndex {
			return
		}
		g, err := grid.New(n.Shape, onesLike(n.Shape))
		require.NoError(t, err)
		for idx := range g.All() {
			x, err := tile.NewPool(1<<20).New(n.DType, g.TileShape(idx))
			require.NoError(t, err)
			require.NoError(t, n.ReadTile(context.Background(), idx, x))
			x.Release()
			break
		}
	})
}
