package matrix

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/grid"
)

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
