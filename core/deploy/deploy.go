// Package deploy makes what a deployment on AWS consists of, says what is missing from it, and removes it again: a bucket, the
// queues of package queue/sqs, a role with the rights that a worker needs and no others, and the function that runs the worker.
// It knows no program and no task; core calls it for the command line.
//
// Everything has a name that follows from the Deployment, and nothing else is remembered: Apply looks at what is there and
// changes what differs, so it may be called again after a failure, a change of the settings, or a new version.
package deploy

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	objects "numpywren/core/blob/s3"
	"numpywren/core/cloud"
	"numpywren/core/errs"
	"numpywren/core/queue/sqs"
)

// Deployment says what to make. The endpoints are those of the AWS_ENDPOINT_URL variables.
type Deployment struct {
	Name        string            `json:"name"`         // of the queues, and the default of the others
	Storage     string            `json:"storage"`      // s3://bucket/prefix
	Region      string            `json:"region"`       // empty: as AWS's tools find it
	Function    string            `json:"function"`     // empty: Name
	Role        string            `json:"role"`         // empty: Name-worker
	Memory      int               `json:"memory"`       // MB; 0: 3008, which every account allows
	Arch        string            `json:"arch"`         // x86_64 or arm64; empty: what the worker is for
	Worker      string            `json:"worker"`       // the worker's program, or a zip or a folder with it as bootstrap and what it loads
	Layers      []string          `json:"layers"`       // ARNs
	Environment map[string]string `json:"environment"`  // of the function, besides ours
	EventSource bool              `json:"event_source"` // Lambda itself receives from the queues
	Concurrency int               `json:"concurrency"`  // with EventSource, functions at a time for a queue; 0: Lambda's own
	MaxReceive  int               `json:"max_receive"`  // deliveries of a message before it is dead; 0: 5
	Version     string            `json:"version"`      // of the worker, that Check wants; empty: any

	bucket, prefix string
}

const (
	defaultMemory = 3008
	timeout       = 900 // seconds; Lambda's longest
	tag           = "numpywren"
	policyName    = "numpywren"
	maxZip        = 50 << 20

	archX86 = "x86_64" // as Lambda calls them
	archArm = "arm64"
)

var (
	functionRule = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	bucketRule   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// filled checks the settings and fills in what was left out.
func (d Deployment) filled() (Deployment, error) {
	if d.Function == "" {
		d.Function = d.Name
	}
	if d.Role == "" {
		d.Role = d.Name + "-worker"
	}
	if d.Memory == 0 {
		d.Memory = defaultMemory
	}
	rest, ok := strings.CutPrefix(d.Storage, "s3://")
	d.bucket, d.prefix, _ = strings.Cut(rest, "/")
	d.prefix = strings.Trim(d.prefix, "/")
	switch {
	case !functionRule.MatchString(d.Name):
		return d, errs.New(errs.Value, "name is %q: 1 to 64 letters, digits, '-' and '_' are wanted", d.Name)
	case !functionRule.MatchString(d.Function):
		return d, errs.New(errs.Value, "function is %q: 1 to 64 letters, digits, '-' and '_' are wanted", d.Function)
	case len(d.Role) > 64:
		return d, errs.New(errs.Value, "role is %q: at most 64 characters are possible; pass role=", d.Role)
	case !ok || !bucketRule.MatchString(d.bucket):
		return d, errs.New(errs.Value, "storage is %q: s3://bucket/prefix is wanted, the bucket in small letters", d.Storage)
	case d.Memory < 128 || d.Memory > 10240:
		return d, errs.New(errs.Value, "memory is %d MB: Lambda has 128 to 10240", d.Memory)
	case d.Arch != "" && d.Arch != archX86 && d.Arch != archArm:
		return d, errs.New(errs.Value, "arch is %q: x86_64 or arm64 are possible", d.Arch)
	case d.Concurrency != 0 && (d.Concurrency < 2 || d.Concurrency > 1000):
		return d, errs.New(errs.Value, "concurrency is %d: Lambda's event sources have 2 to 1000", d.Concurrency)
	}
	return d, nil
}

// key is an object's key below the prefix.
func (d *Deployment) key(name string) string {
	if d.prefix == "" {
		return name
	}
	return d.prefix + "/" + name
}

// queues are the options of the deployment's queues.
func (d *Deployment) queues() sqs.Options {
	return sqs.Options{Name: d.Name, Region: d.Region, MaxReceive: d.MaxReceive, Tags: map[string]string{tag: d.Name}}
}

// environment are the function's variables: the worker finds its storage and its queues by them.
func (d *Deployment) environment() map[string]string {
	all := map[string]string{
		"NUMPYWREN_STORAGE": "s3://" + strings.TrimSuffix(d.bucket+"/"+d.prefix, "/"), "NUMPYWREN_QUEUE": d.Name, "NUMPYWREN_FUNCTION": d.Function,
	}
	maps.Copy(all, d.Environment)
	return all
}

// session is a Deployment with the clients for it.
type session struct {
	Deployment
	region, account, partition string
	made                       bool // the bucket, by this Apply

	s3     *s3.Client
	iam    *iam.Client
	lambda *lambda.Client
	sts    *sts.Client
}

// connect checks the settings and asks who we are.
func connect(ctx context.Context, d Deployment) (*session, error) {
	d, err := d.filled()
	if err != nil {
		return nil, err
	}
	cfg, err := cloud.Load(ctx, cloud.Options{Region: d.Region})
	if err != nil {
		return nil, err
	}
	s := &session{
		Deployment: d, region: cfg.Region,
		s3: objects.Client(cfg), iam: iam.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
	}
	who, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, cloud.Explain(err, "deployment "+d.Name+": cannot find out who we are")
	}
	s.account, s.partition = aws.ToString(who.Account), "aws"
	if parts := strings.Split(aws.ToString(who.Arn), ":"); len(parts) > 1 {
		s.partition = parts[1]
	}
	return s, nil
}

func (s *session) arn(service, region, account, rest string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", s.partition, service, region, account, rest)
}

// part is one thing that a deployment consists of.
type part interface {
	// look says what Apply has to do for it: "keep", "create" or "update", and of what. It changes nothing.
	look(ctx context.Context) (verb, what string, err error)
	apply(ctx context.Context) error
}

// Apply makes the deployment, or with dryRun only says what it would do. The lines are "create bucket b", "keep queue q", … in
// the order in which things were done, and told while they are; they are given with a failure too.
func Apply(ctx context.Context, d Deployment, dryRun bool, tell func(line string)) error {
	s, err := connect(ctx, d)
	if err != nil {
		return err
	}
	code, err := zipOf(s.Worker)
	if err != nil {
		return err
	}
	if err := s.pick(code); err != nil {
		return err
	}
	parts := []part{
		&bucket{session: s}, &lifecycle{session: s}, &queues{session: s}, &role{session: s}, &function{session: s, code: code}, &recursion{session: s},
	}
	parts = append(parts, s.sources()...)
	for _, p := range parts {
		verb, what, err := p.look(ctx)
		if err != nil {
			return err
		}
		if verb != keep && !dryRun {
			if err := p.apply(ctx); err != nil {
				return err
			}
		}
		for line := range strings.SplitSeq(what, "\n") {
			if line != "" {
				tell(line)
			}
		}
	}
	return nil
}

const (
	keep   = "keep"
	create = "create"
	update = "update"
)

// line is what a part is told as.
func line(verb, format string, args ...any) (string, string, error) {
	return verb, verb + " " + fmt.Sprintf(format, args...), nil
}
