package blobtest

import (
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"sync"

	"numpywren/core/blob"
)

// Op is a driver's method that can be made to fail.
type Op int

// The methods of blob.Driver.
const (
	Get Op = iota
	Put
	Stat
	Delete
)

// Faults says which attempts fail, and how. The zero value lets all pass. It is safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	script [Delete + 1][]error
	rng    *rand.Rand
	chance float64
	err    error
}

// Script lists the outcomes of the next attempts at op, after those that were listed before; nil passes.
func (f *Faults) Script(op Op, outcomes ...error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script[op] = append(f.script[op], outcomes...)
}

// Random makes Gets and Puts that no script tells of fail with err by the given chance.
func (f *Faults) Random(seed uint64, chance float64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rng, f.chance, f.err = rand.New(rand.NewPCG(seed, 0)), chance, err
}

func (f *Faults) next(op Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if list := f.script[op]; len(list) > 0 {
		f.script[op] = list[1:]
		return list[0]
	}
	if (op == Get || op == Put) && f.chance > 0 && f.rng.Float64() < f.chance {
		return f.err
	}
	return nil
}

// WithFaults is a driver whose methods fail as f says. A Put fails when half of the object is written.
func WithFaults(d blob.Driver, f *Faults) blob.Driver { return &faulty{d, f} }

type faulty struct {
	blob.Driver
	faults *Faults
}

func (d *faulty) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := d.faults.next(Get); err != nil {
		return nil, err
	}
	return d.Driver.Get(ctx, key)
}

func (d *faulty) GetRange(ctx context.Context, key string, offset, length int64, version string) (io.ReadCloser, error) {
	if err := d.faults.next(Get); err != nil {
		return nil, err
	}
	return d.Driver.GetRange(ctx, key, offset, length, version)
}

func (d *faulty) Put(ctx context.Context, key string, size int64, write func(io.Writer) error, opts blob.PutOptions) error {
	if err := d.faults.next(Put); err != nil {
		half := func(w io.Writer) error { return write(&filling{w, size / 2, err}) }
		return d.Driver.Put(ctx, key, size, half, opts)
	}
	return d.Driver.Put(ctx, key, size, write, opts)
}

// filling is a disk with room for a number of bytes.
type filling struct {
	w    io.Writer
	left int64
	err  error
}

func (f *filling) Write(p []byte) (int, error) {
	if int64(len(p)) <= f.left {
		f.left -= int64(len(p))
		return f.w.Write(p)
	}
	n, err := f.w.Write(p[:f.left])
	f.left = 0
	if err == nil {
		err = f.err
	}
	return n, err
}

func (d *faulty) Stat(ctx context.Context, key string) (blob.Attr, error) {
	if err := d.faults.next(Stat); err != nil {
		return blob.Attr{}, err
	}
	return d.Driver.Stat(ctx, key)
}

func (d *faulty) Delete(ctx context.Context, key string) error {
	if err := d.faults.next(Delete); err != nil {
		return err
	}
	return d.Driver.Delete(ctx, key)
}

func (d *faulty) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return d.Driver.List(ctx, prefix)
}
