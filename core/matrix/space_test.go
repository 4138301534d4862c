package matrix

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/tile"
)

const side = 32 // of a test's tiles: 8 KiB

// newMatrix is a matrix of n tiles in a column.
func newMatrix(t testing.TB, name string, n int64, store *blob.Store) *BigMatrix {
	return sized(t, name, n*side-side/2, []int64{side, side}, store)
}

func sized(t testing.TB, name string, rows int64, block []int64, store *blob.Store) *BigMatrix {
	g, err := grid.New([]int64{rows, block[1]}, block)
	require.NoError(t, err)
	return NewBigMatrix(name, "BigMatrix("+name+")", tile.Float64, g, nil, nil, &Chunks{Store: store, Prefix: name + "/"})
}

var tileBytes = tile.SizeOf(tile.Float64, []int64{side, side})

// stamp fills a tile with what tile k of a matrix is to hold, in a given version.
func stamp(x *tile.Tile, k, version int64) {
	v := tile.View[int64](x)
	for n := range v {
		v[n] = k<<40 + version<<20 + int64(n)
	}
}

func stamped(x *tile.Tile, k, version int64) bool {
	for n, v := range tile.View[int64](x) {
		if v != k<<40+version<<20+int64(n) {
			return false
		}
	}
	return true
}

func alloc(t testing.TB, s *Space, m *BigMatrix, k int64) *tile.Tile {
	x, err := s.Alloc(context.Background(), m.DType, m.TileShape(Index{k}))
	require.NoError(t, err)
	return x
}

func put(t testing.TB, s *Space, m *BigMatrix, k, readers int64) {
	x := alloc(t, s, m, k)
	stamp(x, k, 0)
	s.Put(m, Index{k}, x, readers)
}

func requireTile(t testing.TB, s *Space, m *BigMatrix, k int64) {
	t.Helper()
	x, err := s.Pin(context.Background(), m, Index{k})
	require.NoError(t, err)
	require.NotNil(t, x)
	require.True(t, stamped(x, k, 0), "tile %d", k)
	s.Unpin(m, Index{k})
}

// TestSpillAndReload: more tiles than memory holds come back as they were, and each is written once.
func TestSpillAndReload(t *testing.T) {
	s := NewSpace(4*tileBytes, 0)
	defer s.Close()
	m := newMatrix(t, "m", 20, blob.NewFile(t.TempDir()))
	for k := range int64(20) {
		put(t, s, m, k, Kept)
	}
	resident, spilled, loaded := s.Usage()
	require.LessOrEqual(t, resident, 4*tileBytes)
	require.Equal(t, 16*tileBytes, spilled, "only what there was no room for")
	require.Zero(t, loaded)
	for range 3 {
		for k := range int64(20) {
			requireTile(t, s, m, k)
		}
	}
	_, spilled, _ = s.Usage()
	require.LessOrEqual(t, spilled, 20*tileBytes, "no tile is written twice")
}

// TestForgetLeavesNothing: neither memory nor objects.
func TestForgetLeavesNothing(t *testing.T) {
	s := NewSpace(4*tileBytes, 0)
	defer s.Close()
	store := blob.NewMemory()
	m := newMatrix(t, "m", 20, store)
	for k := range int64(20) {
		put(t, s, m, k, Kept)
	}
	requireTile(t, s, m, 0)
	require.NotEmpty(t, keys(t, store))
	m.Retain()
	s.Release(m)
	require.True(t, s.Has(m, Index{3}))
	s.Release(m)
	require.Empty(t, keys(t, store))
	resident, _, _ := s.Usage()
	require.Zero(t, resident)
	x, err := s.Pin(context.Background(), m, Index{3})
	require.NoError(t, err)
	require.Nil(t, x)
}

func keys(t testing.TB, store *blob.Store) (all []string) {
	for key, err := range store.List(context.Background(), "") {
		require.NoError(t, err)
		all = append(all, key)
	}
	return all
}

// TestReadCounts: a temporary goes with its last reader, from memory and from the store.
func TestReadCounts(t *testing.T) {
	s := NewSpace(2*tileBytes, 0)
	defer s.Close()
	store := blob.NewMemory()
	m := newMatrix(t, "m", 4, store)
	for k := range int64(4) {
		put(t, s, m, k, 2)
	}
	for k := range int64(4) {
		s.Read(m, Index{k})
		requireTile(t, s, m, k)
		_, err := s.Pin(context.Background(), m, Index{k})
		require.NoError(t, err)
		s.Read(m, Index{k})
		require.True(t, s.Has(m, Index{k}), "it is pinned")
		s.Unpin(m, Index{k})
		require.False(t, s.Has(m, Index{k}))
	}
	require.Empty(t, keys(t, store))
	put(t, s, m, 0, 0)
	require.False(t, s.Has(m, Index{0}), "a tile that nobody reads")
	resident, _, _ := s.Usage()
	require.Zero(t, resident)
}

// TestPutTwice: the first stays; what is about to be forgotten is kept for its new readers.
func TestPutTwice(t *testing.T) {
	s := NewSpace(4*tileBytes, 0)
	defer s.Close()
	m := newMatrix(t, "m", 2, blob.NewMemory())
	put(t, s, m, 0, 1)
	put(t, s, m, 0, 1)
	resident, _, _ := s.Usage()
	require.Equal(t, tileBytes, resident)
	_, err := s.Pin(context.Background(), m, Index{0})
	require.NoError(t, err)
	s.Read(m, Index{0})
	put(t, s, m, 0, 1)
	s.Unpin(m, Index{0})
	requireTile(t, s, m, 0)
	s.Read(m, Index{0})
	require.False(t, s.Has(m, Index{0}))
}

func TestTake(t *testing.T) {
	s := NewSpace(2*tileBytes, 0)
	defer s.Close()
	store := blob.NewMemory()
	m := newMatrix(t, "m", 4, store)
	for k := range int64(4) {
		put(t, s, m, k, 1+k/3)
	}
	pin := func(k int64) *tile.Tile {
		x, err := s.Pin(context.Background(), m, Index{k})
		require.NoError(t, err)
		return x
	}
	want := pin(0) // it was spilled
	pin(0)
	_, ok := s.Take(m, Index{0})
	require.False(t, ok, "another holds it")
	s.Unpin(m, Index{0})
	x, ok := s.Take(m, Index{0})
	require.True(t, ok)
	require.Same(t, want, x)
	require.NotContains(t, keys(t, store), m.Key(Index{0}))
	require.False(t, s.Has(m, Index{0}))
	s.Free(x)
	pin(3)
	_, ok = s.Take(m, Index{3})
	require.False(t, ok, "another will read it")
	s.Unpin(m, Index{3})
	_, ok = s.Take(m, Index{1})
	require.False(t, ok, "not pinned")
	require.Panics(t, func() { s.Unpin(m, Index{1}) })
}

// TestDurable: every tile reaches the store, also those that nobody reads or that were read to the end; another Space opens
// the matrix; what has no chunk is zeros.
func TestDurable(t *testing.T) {
	dir := t.TempDir()
	s := NewSpace(4*tileBytes, 2)
	m := newMatrix(t, "m", 20, blob.NewFile(dir))
	m.Durable = true
	for k := range int64(18) {
		put(t, s, m, k, k%3-1) // Kept, 0, 1
		if k%3 == 2 {
			s.Read(m, Index{k})
		}
	}
	there, err := s.Exists(context.Background(), m, Index{1})
	require.NoError(t, err)
	require.True(t, there)
	require.NoError(t, s.Flush(context.Background(), m))
	require.NoError(t, s.Err(m))
	require.NoError(t, m.SaveMeta(context.Background()))
	s.Forget(m)
	resident, _, _ := s.Usage()
	require.Zero(t, resident)
	s.Close()

	s = NewSpace(4*tileBytes, 2)
	defer s.Close()
	chunks := &Chunks{Store: blob.NewFile(dir), Prefix: "m/"}
	chunks.Meta, err = OpenChunks(context.Background(), chunks)
	require.NoError(t, err)
	g, err := grid.New(chunks.Meta.Shape, chunks.Meta.Chunk)
	require.NoError(t, err)
	o := NewBigMatrix("m", "o", chunks.Meta.DType, g, nil, nil, chunks)
	o.Complete = true
	for k := range int64(18) {
		requireTile(t, s, o, k)
	}
	x, err := s.Pin(context.Background(), o, Index{19})
	require.NoError(t, err)
	require.Nil(t, x)
	there, err = s.Exists(context.Background(), o, Index{19})
	require.NoError(t, err)
	require.False(t, there)
	require.NoError(t, s.Delete(context.Background(), o))
	require.Empty(t, keys(t, blob.NewFile(dir)))
	_, err = s.Pin(context.Background(), o, Index{1})
	require.Equal(t, errs.Key, errs.KindOf(err))
	_, ok := s.TryPin(o, Index{1})
	require.False(t, ok)
	_, err = OpenChunks(context.Background(), chunks)
	require.Equal(t, errs.Key, errs.KindOf(err))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestForgetBeforeWritten: a durable matrix that is let go of while its tiles wait still reaches the store.
func TestForgetBeforeWritten(t *testing.T) {
	store := blob.NewMemory()
	s := NewSpace(30*tileBytes, 1)
	m := newMatrix(t, "m", 20, store)
	m.Durable = true
	for k := range int64(20) {
		put(t, s, m, k, Kept)
	}
	s.Forget(m)
	s.Close()
	require.Len(t, keys(t, store), 20)
	live, _, _ := s.pool.Stats()
	require.Zero(t, live)
}

func TestDeleteWhileWriting(t *testing.T) {
	store := blob.NewMemory()
	s := NewSpace(30*tileBytes, 2)
	defer s.Close()
	for range 20 {
		m := newMatrix(t, "m", 20, store)
		m.Durable = true
		for k := range int64(20) {
			put(t, s, m, k, Kept)
		}
		require.NoError(t, s.Delete(context.Background(), m))
		require.Empty(t, keys(t, store))
	}
	resident, _, _ := s.Usage()
	require.Zero(t, resident)
}

// TestDiskFull: a spill that fails is an OSError of the task that needed the room; all tiles are still there, and it goes on when
// the disk has space again.
func TestDiskFull(t *testing.T) {
	faults := &blobtest.Faults{}
	s := NewSpace(4*tileBytes, 0)
	defer s.Close()
	m := newMatrix(t, "m", 20, blob.New(blobtest.WithFaults(blob.MemoryDriver(), faults)))
	for k := range int64(4) {
		put(t, s, m, k, Kept)
	}
	faults.Script(blobtest.Put, syscall.ENOSPC, syscall.ENOSPC)
	for range 2 {
		_, err := s.Alloc(context.Background(), tile.Float64, []int64{side, side})
		require.Equal(t, errs.OS, errs.KindOf(err))
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.ErrorContains(t, err, "tile [0 0] of BigMatrix(m)")
	}
	require.NoError(t, s.Err(m), "nothing is lost")
	for k := range int64(4) {
		x, ok := s.TryPin(m, Index{k})
		require.True(t, ok)
		require.True(t, stamped(x, k, 0))
		s.Unpin(m, Index{k})
	}
	put(t, s, m, 4, Kept)
	for k := range int64(5) {
		requireTile(t, s, m, k)
	}
}

// TestDiskFullBehind: Flush tells of writes that fail, and writes what is left when the disk has space again.
func TestDiskFullBehind(t *testing.T) {
	faults := &blobtest.Faults{}
	s := NewSpace(40*tileBytes, 2)
	defer s.Close()
	inner := blob.MemoryDriver()
	m := newMatrix(t, "m", 20, blob.New(blobtest.WithFaults(inner, faults)))
	m.Durable = true
	faults.Random(1, 1, syscall.ENOSPC)
	for k := range int64(20) {
		put(t, s, m, k, 1)
		s.Read(m, Index{k})
	}
	for range 2 {
		err := s.Flush(context.Background(), m)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Equal(t, errs.OS, errs.KindOf(s.Err(m)))
	}
	require.Empty(t, keys(t, blob.New(inner)))
	faults.Random(1, 0, nil)
	require.NoError(t, s.Flush(context.Background(), m))
	require.NoError(t, s.Err(m))
	require.Len(t, keys(t, blob.New(inner)), 20)
	resident, _, _ := s.Usage()
	require.Zero(t, resident)
}

// TestDiskFullForgotten: a durable matrix that nobody wants any more does not stay in memory for want of a disk.
func TestDiskFullForgotten(t *testing.T) {
	faults := &blobtest.Faults{}
	s := NewSpace(40*tileBytes, 2)
	m := newMatrix(t, "m", 20, blob.New(blobtest.WithFaults(blob.MemoryDriver(), faults)))
	m.Durable = true
	faults.Random(1, 1, syscall.ENOSPC)
	for k := range int64(20) {
		put(t, s, m, k, Kept)
	}
	s.Forget(m)
	s.Close()
	resident, _, _ := s.Usage()
	require.Zero(t, resident)
}

// TestReadFault: the error of a read goes to who asked, and the next one reads again.
func TestReadFault(t *testing.T) {
	faults := &blobtest.Faults{}
	s := NewSpace(2*tileBytes, 0)
	defer s.Close()
	inner := blob.MemoryDriver()
	store := blob.New(inner)
	m := newMatrix(t, "m", 4, blob.New(blobtest.WithFaults(inner, faults)))
	for k := range int64(4) {
		put(t, s, m, k, Kept)
	}
	faults.Script(blobtest.Get, syscall.EIO)
	_, err := s.Pin(context.Background(), m, Index{0})
	require.ErrorIs(t, err, syscall.EIO)
	require.Equal(t, errs.OS, errs.KindOf(err))
	requireTile(t, s, m, 0)
	resident, _, _ := s.Usage()
	require.LessOrEqual(t, resident, 2*tileBytes)

	key := m.Key(Index{1})
	p, err := store.ReadAll(context.Background(), key)
	require.NoError(t, err)
	p[77] ^= 4
	require.NoError(t, store.PutBytes(context.Background(), key, p, blob.PutOptions{}))
	_, err = s.Pin(context.Background(), m, Index{1})
	require.ErrorIs(t, err, tile.ErrChecksum)
	require.Equal(t, errs.Value, errs.KindOf(err))
	require.ErrorContains(t, err, "tile [1 0] of BigMatrix(m)")
	require.NoError(t, store.Delete(context.Background(), key))
	_, err = s.Pin(context.Background(), m, Index{1})
	require.Equal(t, errs.OS, errs.KindOf(err))
	require.ErrorContains(t, err, "gone")
}

// TestCancelled: waits end with their context, and what they held is given back.
func TestCancelled(t *testing.T) {
	s := NewSpace(2*tileBytes, 0)
	defer s.Close()
	require.NoError(t, s.Reserve(context.Background(), 2*tileBytes))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Reserve(ctx, tileBytes) }()
	go func() { ended <- s.Reserve(ctx, 2*tileBytes) }()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
	require.False(t, s.TryReserve(1))
	s.Unreserve(2 * tileBytes)
	require.True(t, s.TryReserve(2*tileBytes))
	s.Unreserve(2 * tileBytes)
	require.Zero(t, s.Reserved())

	a, err := s.Alloc(context.Background(), tile.Float64, []int64{2 * side, side})
	require.NoError(t, err)
	ctx, cancel = context.WithCancel(context.Background())
	go func() {
		_, err := s.Alloc(ctx, tile.Float64, []int64{side, side})
		ended <- err
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	s.Free(a)
	resident, _, _ := s.Usage()
	require.Zero(t, resident)
	require.Equal(t, errs.Memory, errs.KindOf(s.Reserve(context.Background(), 2*tileBytes+1)))
	_, err = s.Alloc(context.Background(), tile.Float64, []int64{3 * side, side})
	require.Equal(t, errs.Memory, errs.KindOf(err))
}

// TestReserveInOrder: a large reservation is not starved by small ones.
func TestReserveInOrder(t *testing.T) {
	s := NewSpace(100, 0)
	defer s.Close()
	require.NoError(t, s.Reserve(context.Background(), 60))
	large := make(chan error)
	go func() { large <- s.Reserve(context.Background(), 80) }()
	for s.TryReserve(10) { // until the large one stands in line
		s.Unreserve(10)
	}
	small := make(chan error, 1)
	go func() { small <- s.Reserve(context.Background(), 30) }()
	s.Unreserve(60)
	require.NoError(t, <-large)
	select {
	case <-small:
		t.Fatal("it passed the large one")
	default:
	}
	s.Unreserve(80)
	require.NoError(t, <-small)
}

// TestModel: workers that reserve, read, take, put and forget at random, on a Space much too small and a disk that fails now and
// then. Every tile that is read is right, and the bytes in memory never exceed the limit.
func TestModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { newModel(t, seed).run() })
	}
}

// model holds which tiles there should be. A tile's mutex keeps its Put, Take and Read from each other, as programs do; readers
// come at any time.
type model struct {
	t        *testing.T
	seed     uint64
	s        *Space
	dir      string
	matrices []*BigMatrix
	tiles    [][]modelTile
	faults   *blobtest.Faults
	over     atomic.Int64
}

type modelTile struct {
	sync.RWMutex
	there   bool
	readers int64
}

const modelTiles = 12

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, seed: seed, dir: t.TempDir(), faults: &blobtest.Faults{}}
	limit := int64(8+seed%8) * tileBytes
	m.s = NewSpace(limit, int(seed%3)+1)
	m.faults.Random(seed, 0.02*float64(seed%2), syscall.ENOSPC)
	store := blob.New(blobtest.WithFaults(blob.FileDriver(m.dir), m.faults))
	for k := range 4 {
		x := newMatrix(t, fmt.Sprint("m", k), modelTiles, store)
		x.Durable = k == 3
		m.matrices = append(m.matrices, x)
		m.tiles = append(m.tiles, make([]modelTile, modelTiles))
	}
	return m
}

func (m *model) run() {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() { m.work(rand.New(rand.NewPCG(m.seed, uint64(w)))) })
	}
	wg.Wait()
	require.Zero(m.t, m.over.Load(), "bytes above the limit")
	require.Zero(m.t, m.s.Reserved())
	m.faults.Random(0, 0, nil)
	for k, x := range m.matrices {
		for i := range m.tiles[k] {
			if got := m.read(k, int64(i), &m.tiles[k][i]); got && !m.tiles[k][i].there {
				m.t.Errorf("seed %d: tile %d of %d is still there", m.seed, i, k)
			}
		}
		if x.Durable {
			require.NoError(m.t, m.s.Flush(context.Background(), x))
		}
		m.s.Forget(x)
	}
	resident, _, _ := m.s.Usage()
	require.Zero(m.t, resident)
	m.s.Close()
	live, _, _ := m.s.pool.Stats()
	require.Zero(m.t, live)
	parts, err := filepath.Glob(filepath.Join(m.dir, "m[012]"))
	require.NoError(m.t, err)
	require.Empty(m.t, parts, "chunks of forgotten matrices")
}

func (m *model) work(rng *rand.Rand) {
	for range 400 {
		k, i := rng.IntN(len(m.matrices)), rng.Int64N(modelTiles)
		x := &m.tiles[k][i]
		if !assert(m.t, m.s.Reserve(context.Background(), 2*tileBytes)) {
			return
		}
		switch {
		case rng.IntN(3) > 0:
			x.RLock()
			m.read(k, i, x)
			x.RUnlock()
		case rng.IntN(2) == 0 || k == 3:
			x.Lock()
			m.put(k, i, x, []int64{Kept, 1, 2}[rng.IntN(3)])
			x.Unlock()
		default:
			x.Lock()
			m.take(k, i, x)
			x.Unlock()
		}
		if resident, _, _ := m.s.Usage(); resident > m.s.Limit() {
			m.over.Add(1)
		}
		if _, mapped, _ := m.s.pool.Stats(); mapped > m.s.Limit()+1<<20 {
			m.over.Add(1)
		}
		m.s.Unreserve(2 * tileBytes)
	}
}

func assert(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// read holds a tile to the model; a fault is passed over. A tile that is being forgotten may still be there.
func (m *model) read(k int, i int64, x *modelTile) bool {
	got, err := m.s.Pin(context.Background(), m.matrices[k], Index{i})
	switch {
	case err != nil:
		if errs.KindOf(err) != errs.OS {
			m.t.Errorf("seed %d: %v", m.seed, err)
		}
		return false
	case got == nil:
		if x.there {
			m.t.Errorf("seed %d: tile %d of %d is gone", m.seed, i, k)
		}
		return false
	}
	if !stamped(got, i, 1) {
		m.t.Errorf("seed %d: tile %d of %d is wrong", m.seed, i, k)
	}
	m.s.Unpin(m.matrices[k], Index{i})
	return true
}

// put makes a tile, or counts a reader of one that exists.
func (m *model) put(k int, i int64, x *modelTile, readers int64) {
	matrix := m.matrices[k]
	if x.there {
		m.s.Read(matrix, Index{i})
		if x.readers > 0 {
			if x.readers--; x.readers == 0 && !matrix.Durable {
				x.there = false
			}
		}
		return
	}
	t, err := m.s.Alloc(context.Background(), matrix.DType, matrix.TileShape(Index{i}))
	if err != nil {
		return
	}
	x.there, x.readers = true, readers
	stamp(t, i, 1)
	m.s.Put(matrix, Index{i}, t, readers)
}

// take overwrites a tile in place, and puts it back.
func (m *model) take(k int, i int64, x *modelTile) {
	matrix := m.matrices[k]
	got, err := m.s.Pin(context.Background(), matrix, Index{i})
	if err != nil || got == nil {
		return
	}
	t, ok := m.s.Take(matrix, Index{i})
	if !ok {
		m.s.Unpin(matrix, Index{i})
		return
	}
	if x.readers != 1 || !stamped(t, i, 1) {
		m.t.Errorf("seed %d: taken tile %d of %d is wrong, or has %d readers", m.seed, i, k, x.readers)
	}
	stamp(t, i, 2)
	stamp(t, i, 1)
	x.readers = 2
	m.s.Put(matrix, Index{i}, t, 2)
}
