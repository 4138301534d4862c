package blob

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Object is an object of a list.
type Object struct {
	Key string
	Attr
}

// Scanner is a driver whose lists tell of the objects what Stat does, without a request for each.
type Scanner interface {
	Scan(ctx context.Context, prefix string) iter.Seq2[Object, error]
}

// Leaver is a driver of which a writer that was killed leaves something behind, which List does not tell of.
type Leaver interface {
	// Leftovers yields what was left before a time; Delete removes it.
	Leftovers(ctx context.Context, before time.Time) iter.Seq2[Object, error]
}

// Scan yields the objects whose keys begin with prefix, in the order of the keys.
func (s *Store) Scan(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	if err := checkPrefix(prefix); err != nil {
		return func(yield func(Object, error) bool) { yield(Object{}, err) }
	}
	if scanner, ok := s.driver.(Scanner); ok {
		return scanner.Scan(ctx, prefix)
	}
	return func(yield func(Object, error) bool) {
		for key, err := range s.List(ctx, prefix) {
			o := Object{Key: key}
			if err == nil {
				o.Attr, err = s.driver.Stat(ctx, key)
			}
			if errors.Is(err, ErrNotExist) {
				continue // it was deleted meanwhile
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// Leftovers yields what writers that were killed before a time left behind. Delete takes its keys.
func (s *Store) Leftovers(ctx context.Context, before time.Time) iter.Seq2[Object, error] {
	if leaver, ok := s.driver.(Leaver); ok {
		return leaver.Leftovers(ctx, before)
	}
	return func(func(Object, error) bool) {}
}
