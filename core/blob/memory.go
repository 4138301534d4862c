package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
)

type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
}

// NewMemory is a Store in this process's memory.
func NewMemory() *Store { return New(MemoryDriver()) }

// MemoryDriver is the driver of NewMemory.
func MemoryDriver() Driver { return &memory{objects: map[string][]byte{}} }

func (m *memory) Get(_ context.Context, key string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(p)), nil
}

func (m *memory) Put(_ context.Context, key string, size int64, write func(io.Writer) error, opts PutOptions) error {
	var b bytes.Buffer
	b.Grow(int(size))
	if err := write(&b); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[key]; ok && opts.IfNoneMatch {
		return fmt.Errorf("%s: %w", key, ErrExists)
	}
	m.objects[key] = b.Bytes()
	return nil
}

func (m *memory) Stat(_ context.Context, key string) (Attr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.objects[key]
	if !ok {
		return Attr{}, fmt.Errorf("%s: %w", key, ErrNotExist)
	}
	return Attr{Size: int64(len(p))}, nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	m.mu.Lock()
	var keys []string
	for key := range m.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	m.mu.Unlock()
	slices.Sort(keys)
	return func(yield func(string, error) bool) {
		for _, key := range keys {
			if !yield(key, nil) {
				return
			}
		}
	}
}
