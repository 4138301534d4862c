package matrix

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
)

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
