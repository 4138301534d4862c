package pywren

import (
	"context"
	"errors"
	"io"
	"strings"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/sidecar"
	"numpywren/core/tile"
)

// Blocks applies functions to tiles, for the kernel pyblock: the tiles' memory goes to a process and the result comes back into a
// tile, as it is. It is safe for concurrent use.
type Blocks struct {
	store *blob.Store
	pool  *sidecar.Pool
}

// NewBlocks makes Blocks of what a store has in functions.
func NewBlocks(s *blob.Store, p *sidecar.Pool) *Blocks { return &Blocks{s, p} }

// array tells the other side of a body's parts.
type array struct {
	DType string  `json:"dtype"`
	Shape []int64 `json:"shape"`
}

// Block computes out = f(in…). What the function raised is an error of kind errs.Function, whose text ends with an empty line and
// the traceback.
func (b *Blocks) Block(ctx context.Context, key string, in []*tile.Tile, out *tile.Tile) error {
	head := struct {
		Op       string  `json:"op"`
		Function string  `json:"function"`
		In       []array `json:"in"`
		Out      array   `json:"out"`
	}{"block", key, make([]array, len(in)), array{out.DType.String(), out.Shape}}
	var body Body
	for k, t := range in {
		head.In[k] = array{t.DType.String(), t.Shape}
		body = append(body, t.Bytes())
	}
	var reply struct {
		State     State  `json:"state"`
		Message   string `json:"message"`
		Traceback string `json:"traceback"`
	}
	var stored error
	_, err := b.pool.Do(ctx, 0, func(conn *sidecar.Conn) error {
		if stored = teach(ctx, b.store, conn, key); stored != nil {
			return stored
		}
		if err := conn.Send(head, body.Size(), body.write); err != nil {
			return err
		}
		size, from, err := conn.Receive(&reply)
		if err != nil {
			return err
		}
		if reply.State != Returned {
			_, err := io.Copy(io.Discard, from)
			return err
		}
		if size != out.NBytes() {
			return errs.New(errs.Internal, "a block of %d bytes came back, not of %d", size, out.NBytes())
		}
		_, err = io.ReadFull(from, out.Bytes())
		return err
	})
	name, _, _ := strings.Cut(key, "-")
	var died *sidecar.Died
	switch {
	case errors.Is(stored, blob.ErrNotExist):
		return errs.New(errs.Key, "there is no function %q here: it belongs to another executor, or to one that was closed", key)
	case errors.As(err, &died):
		return errs.New(errs.Function, "%w", died.While(name))
	case err != nil:
		return err
	case reply.State != Returned:
		return errs.New(errs.Function, "%s raised %s\n\n%s", name, reply.Message, reply.Traceback)
	}
	return nil
}
