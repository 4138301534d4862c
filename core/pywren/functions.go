package pywren

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"numpywren/core/blob"
	"numpywren/core/sidecar"
)

// Functions are shared by all who have a store, and none of them knows of the others. So their age says who needs them: who has put
// a function, and may still make calls of it, sees to it that it was written lately.

// Fresh is how old a function may become while somebody has it.
const Fresh = 12 * time.Hour

// PutFunction keeps a function under its key; equal keys are equal functions. One that is there is written again if it is not fresh.
func PutFunction(ctx context.Context, s *blob.Store, key string, pickle Body) error {
	err := s.Put(ctx, functions+key, pickle.Size(), pickle.write, blob.PutOptions{IfNoneMatch: true})
	if !errors.Is(err, blob.ErrExists) {
		return err
	}
	if attr, err := s.Stat(ctx, functions+key); err == nil && time.Since(attr.Modified) < Fresh {
		return nil
	}
	return s.Put(ctx, functions+key, pickle.Size(), pickle.write, blob.PutOptions{})
}

// KeepFunction writes a function again, so that it is fresh.
func KeepFunction(ctx context.Context, s *blob.Store, key string) error {
	pickle, err := s.ReadAll(ctx, functions+key)
	if err != nil {
		return err
	}
	return s.PutBytes(ctx, functions+key, pickle, blob.PutOptions{})
}

// FunctionOf is the key of the function that an object is; not ok when it is none.
func FunctionOf(object string) (key string, ok bool) {
	key, ok = strings.CutPrefix(object, functions)
	return key, ok && key != "" && !strings.Contains(key, "/")
}

// teach gives a process a function that it does not have.
func teach(ctx context.Context, s *blob.Store, conn *sidecar.Conn, key string) error {
	if conn.Knows(key) {
		return nil
	}
	if err := func() error {
		attr, err := s.Stat(ctx, functions+key)
		if err != nil {
			return err
		}
		r, err := s.Get(ctx, functions+key)
		if err != nil {
			return err
		}
		defer r.Close()
		head := struct {
			Op     string `json:"op"`
			Key    string `json:"key"`
			Forget bool   `json:"forget,omitempty"` // all other functions
		}{"function", key, conn.Learn(key)}
		return conn.Send(head, attr.Size, func(w io.Writer) error {
			_, err := io.Copy(w, r)
			return err
		})
	}(); err != nil {
		return fmt.Errorf("the function %s: %w", key, err)
	}
	return nil
}
