package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"numpywren/core/blob"
	"numpywren/core/errs"
	"numpywren/core/grid"
	"numpywren/core/lambdapack"
	"numpywren/core/matrix"
	"numpywren/core/programs"
	"numpywren/core/scheduler"
	"numpywren/core/tile"
)

// Manifest is all that a worker must know of a job. The plan is not in it: every worker binds the same one from the text.
type Manifest struct {
	Protocol int       `json:"protocol"`
	Version  string    `json:"version"` // of the client's program
	ID       string    `json:"id"`
	Name     string    `json:"name,omitempty"` // for people
	Created  time.Time `json:"created"`
	Program  string    `json:"program"`
	Entry    string    `json:"entry"` // the definition in Program that is run
	Fuse     bool      `json:"fuse"`
	Inputs   []Input   `json:"inputs"`
	Matrices []Place   `json:"matrices"` // by the plan's numbers
	Tasks    int64     `json:"tasks"`
	Settings Settings  `json:"settings"`
}

// Input is a matrix that the program reads.
type Input struct {
	Param   string  `json:"param"`
	Display string  `json:"display"`
	DType   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Block   []int64 `json:"block"`
	Zero    bool    `json:"zero,omitempty"` // tiles that do not exist are zeros
}

// Place is where a matrix of the plan lies.
type Place struct {
	Name    string `json:"name"` // in the program
	Role    string `json:"role"` // "input", "output" or "temporary"
	Display string `json:"display"`
	Prefix  string `json:"prefix,omitempty"` // "" when it has no tiles of its own
	Key     string `json:"key,omitempty"`    // what its content is known by
	Half    bool   `json:"half,omitempty"`   // it is symmetric, and has no tiles above its diagonal
}

// Settings say how a job is run; the zero value of each field means the default.
type Settings struct {
	Results  bool    `json:"results,omitempty"`  // retain results only
	Unchain  bool    `json:"unchain,omitempty"`  // every task is a message of its own
	Longest  int     `json:"longest,omitempty"`  // tasks in a chain; 0: no bound
	Most     int     `json:"most,omitempty"`     // deliveries of a message
	Multiple float64 `json:"multiple,omitempty"` // of a task's estimated time, after which its lease is not renewed
	Floor    float64 `json:"floor,omitempty"`    // seconds; no task is given up before
}

const (
	defaultMost     = 5
	defaultMultiple = 20
	defaultFloor    = 60

	// A core and a connection of the slowest kind that is worth having; estimates of a task's time begin with them.
	slowFlops = 5e9
	slowBytes = 20e6
)

func (s Settings) withDefaults() Settings {
	if s.Most == 0 {
		s.Most = defaultMost
	}
	if s.Multiple == 0 {
		s.Multiple = defaultMultiple
	}
	if s.Floor == 0 {
		s.Floor = defaultFloor
	}
	return s
}

func (s Settings) options() scheduler.Options {
	o := scheduler.Options{Retain: scheduler.All, Chain: !s.Unchain, Longest: s.Longest}
	if s.Results {
		o.Retain = scheduler.Results
	}
	return o
}

// deadline is how long a task may take before another worker is let to try.
func (s Settings) deadline(c lambdapack.Cost) time.Duration {
	seconds := c.Flops/slowFlops + float64(c.ReadBytes+c.WriteBytes)/slowBytes
	return scheduler.Deadline(seconds, s.Multiple, time.Duration(s.Floor*float64(time.Second)))
}

// NewID is a number for a job: in the order of time, and no other job's.
func NewID() string {
	var id [5]byte
	_, _ = rand.Read(id[:])
	return time.Now().UTC().Format("20060102-150405") + "-" + hex.EncodeToString(id[:])
}

// ManifestName is the object of a job's folder without which there is no job.
const ManifestName = "job.json"

func manifestKey(id string) string { return Root + id + "/" + ManifestName }

// load reads a job's manifest. That of another protocol is read as far as every protocol promises, with an error.
func (d *Deployment) load(ctx context.Context, id string) (*Manifest, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	text, err := d.Store.ReadAll(ctx, manifestKey(id))
	if errors.Is(err, blob.ErrNotExist) {
		return nil, errs.New(errs.Key, "there is no job %s: jobs() lists those that there are", id)
	}
	if err != nil {
		return nil, err
	}
	var first struct {
		Protocol int    `json:"protocol"`
		Version  string `json:"version"`
	}
	if err := json.Unmarshal(text, &first); err != nil {
		return nil, errs.New(errs.Value, "%s is corrupt: %w", manifestKey(id), err)
	}
	if first.Protocol != Protocol {
		return nil, errs.New(errs.Unsupported, "job %s is of protocol %d (numpywren %s), this is protocol %d (numpywren %s): use the same version everywhere",
			id, first.Protocol, first.Version, Protocol, d.Version)
	}
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, errs.New(errs.Value, "%s is corrupt: %w", manifestKey(id), err)
	}
	m.Settings = m.Settings.withDefaults()
	return m, nil
}

// bind makes the plan, and holds it against what the client had.
func (m *Manifest) bind() (*lambdapack.Plan, error) {
	p, err := m.plan()
	if err != nil {
		return nil, err
	}
	same := len(p.Matrices) == len(m.Matrices) && p.NumTasks() == m.Tasks
	for k := 0; same && k < len(p.Matrices); k++ {
		same = p.Matrices[k].Name == m.Matrices[k].Name && p.Matrices[k].Role.String() == m.Matrices[k].Role
	}
	if !same {
		return nil, errs.New(errs.Unsupported, "job %s means another program here than where it was submitted (numpywren %s): use the same version everywhere", m.ID, m.Version)
	}
	return p, nil
}

// plan binds the program.
func (m *Manifest) plan() (*lambdapack.Plan, error) {
	inputs := make([]lambdapack.Input, len(m.Inputs))
	for k, in := range m.Inputs {
		g, err := grid.New(in.Shape, in.Block)
		if err != nil {
			return nil, err
		}
		inputs[k] = lambdapack.Input{Name: in.Param, Display: in.Display, Grid: g, DType: in.DType, ZeroTiles: in.Zero}
	}
	return programs.Bind(m.Program, m.Entry, inputs, lambdapack.Options{Fuse: m.Fuse})
}

// Describe fills in what the manifest says of a plan's matrices, without their places.
func (m *Manifest) Describe(p *lambdapack.Plan) {
	m.Tasks = p.NumTasks()
	m.Matrices = make([]Place, len(p.Matrices))
	for k := range p.Matrices {
		x := &p.Matrices[k]
		m.Matrices[k] = Place{Name: x.Name, Role: x.Role.String(), Display: x.Display}
	}
}

// matrixOf makes the matrix of the plan's number k, which has tiles, at its place in the store.
func (m *Manifest) matrixOf(ctx context.Context, store *blob.Store, p *lambdapack.Plan, k int) (*matrix.BigMatrix, error) {
	x, at := &p.Matrices[k], &m.Matrices[k]
	chunks := &matrix.Chunks{Store: store, Prefix: at.Prefix}
	d, err := tile.ParseDType(x.DType)
	if err != nil {
		return nil, err
	}
	if x.Role == lambdapack.RoleInput { // it may be somebody else's array, in another coding
		if chunks.Meta, err = matrix.OpenChunks(ctx, chunks); err != nil {
			return nil, err
		}
		d = chunks.Meta.DType
	}
	b := matrix.NewBigMatrix(at.Prefix, at.Display, d, x.Grid, x.VersionLow, x.VersionHigh, chunks)
	b.Complete, b.Half = true, at.Half
	return b, nil
}
