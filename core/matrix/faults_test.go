package matrix

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
	"numpywren/core/tile"
)

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
