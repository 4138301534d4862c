package fleet

import (
	"context"
	"errors"

	"numpywren/core/blob"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
)

// publish writes the metadata of the job's results, which are whole then, and of its intermediate matrices if they are retained:
// others can open them. Every watcher may do it.
func (j *Job) publish(ctx context.Context) error {
	p, err := j.manifest.bind()
	if err != nil {
		return err
	}
	for k := range p.Matrices {
		role := p.Matrices[k].Role
		if !p.Matrices[k].Stored || role == lambdapack.RoleInput || role == lambdapack.RoleTemp && j.manifest.Settings.Results {
			continue
		}
		at := &j.manifest.Matrices[k]
		b, err := j.manifest.matrixOf(ctx, j.d.Store, p, k)
		if err != nil {
			return err
		}
		b.Identify(at.Key)
		if err := b.SaveMeta(ctx); err != nil {
			return err
		}
		if role == lambdapack.RoleOutput {
			if err := j.d.Store.Delete(ctx, at.Prefix+matrix.Marker); err != nil && !errors.Is(err, blob.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// complete ends the job if every tile of every output is there; nil if not.
func (j *Job) complete(ctx context.Context) (*End, error) {
	if whole, err := j.whole(ctx); err != nil || !whole {
		return nil, err
	}
	run := j.at()
	if end, err := j.d.ended(ctx, run); err != nil || end != nil {
		return end, err // and gc may have begun to free what would be published
	}
	if err := j.publish(ctx); err != nil {
		return nil, err
	}
	return j.d.finish(ctx, run, End{State: Done})
}
