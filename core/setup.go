package core

import (
	"context"

	"numpywren/core/deploy"
)

// setup is what the requests "deploy", "check" and "delete" are asked besides: they make, check and remove what a deployment on AWS
// consists of.
type setup struct {
	Deployment deploy.Deployment `json:"deployment"`
	Contents   bool              `json:"contents"` // delete the objects too
}

// run answers with the lines that tell what was done, or with dryRun what would be.
func (s *setup) run(ctx context.Context, j *Job, op string, dryRun bool) error {
	lines := []string{}
	tell := func(line string) {
		lines = append(lines, line)
		_ = j.reply(lines) // texts can be encoded
	}
	if err := j.reply(lines); err != nil {
		return err
	}
	d := s.Deployment
	switch op {
	case "check":
		if d.Version == "" {
			d.Version = version
		}
		return deploy.Check(ctx, d, tell)
	case "delete":
		return deploy.Delete(ctx, d, s.Contents, dryRun, tell)
	}
	return deploy.Apply(ctx, d, dryRun, tell)
}
