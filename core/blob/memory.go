package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

type memory struct {
	Meter
	mu      sync.Mutex
	objects map[string]object
	serial  uint64 // of the last object
}

type object struct {
	bytes  []byte
	serial uint64
	at     time.Time
}

// NewMemory is a Store in this process's memory.
func NewMemory() *Store { return New(MemoryDriver()) }

// MemoryDriver is the driver of NewMemory.
func MemoryDriver() Driver { return &memory{objects: map[string]object{}} }

func (m *memory) find(key string) (object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return o, fmt.Errorf("%s: %w", key, ErrNotExist)
	}
	return o, nil
}

func (m *memory) Get(_ context.Context, key string) (io.ReadCloser, error) {
	m.Gets.Add(1)
	o, err := m.find(key)
	if err != nil {
		return nil, err
	}
	return m.Reading(io.NopCloser(bytes.NewReader(o.bytes))), nil
}

func (m *memory) GetRange(_ context.Context, key string, offset, length int64, version string) (io.ReadCloser, error) {
	m.Gets.Add(1)
	o, err := m.find(key)
	if err != nil {
		return nil, err
	}
	if version != "" && version != o.version() {
		return nil, fmt.Errorf("%s: %w", key, ErrReplaced)
	}
	return m.Reading(io.NopCloser(io.NewSectionReader(bytes.NewReader(o.bytes), offset, length))), nil
}

func (o object) version() string { return strconv.FormatUint(o.serial, 10) }

func (m *memory) Put(_ context.Context, key string, size int64, write func(io.Writer) error, opts PutOptions) error {
	m.Puts.Add(1)
	var b bytes.Buffer
	b.Grow(int(size))
	if err := write(m.Writing(&b)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[key]; ok && opts.IfNoneMatch {
		return fmt.Errorf("%s: %w", key, ErrExists)
	}
	m.serial++
	m.objects[key] = object{b.Bytes(), m.serial, time.Now()}
	return nil
}

func (m *memory) Stat(_ context.Context, key string) (Attr, error) {
	m.Heads.Add(1)
	o, err := m.find(key)
	if err != nil {
		return Attr{}, err
	}
	return Attr{Size: int64(len(o.bytes)), Version: o.version(), Modified: o.at}, nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.Deletes.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	m.Lists.Add(1)
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
