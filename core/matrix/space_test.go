package matrix

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
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
	require.EqualValues(t, 2*tileBytes, s.Reserved())
	s.Unreserve(2 * tileBytes)
	require.NoError(t, s.Reserve(context.Background(), 2*tileBytes))
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
	for inLine := 0; inLine == 0; {
		s.mu.Lock()
		inLine = len(s.waiters)
		s.mu.Unlock()
		runtime.Gosched()
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

// TestCool: a tile that is written leaves memory and is read from the store; one that is not, or that somebody holds, stays.
func TestCool(t *testing.T) {
	s, m := NewSpace(1<<20, 1), newMatrix(t, "m", 4, blob.NewMemory())
	defer s.Close()
	m.Complete = true
	ctx := context.Background()
	require.NoError(t, s.Reserve(ctx, 2*tileBytes))
	defer s.Unreserve(2 * tileBytes)
	put(t, s, m, 1, Kept)
	s.Cool(m, Index{1})
	_, ok := s.TryPin(m, Index{1})
	require.True(t, ok, "it is nowhere else")
	require.NoError(t, s.Save(ctx, m, Index{1}))
	s.Cool(m, Index{1})
	s.Unpin(m, Index{1})
	_, ok = s.TryPin(m, Index{1})
	require.True(t, ok, "it was held")
	s.Unpin(m, Index{1})
	s.Cool(m, Index{1})
	_, ok = s.TryPin(m, Index{1})
	require.False(t, ok)
	requireTile(t, s, m, 1)
}
