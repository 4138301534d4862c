package deploy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	objects "numpywren/core/blob/s3"
	aws "numpywren/core/cloud"
	"numpywren/core/deploy"
	"numpywren/core/errs"
)

// control is moto, with what it lacks: the recursion setting, and functions that run (every function is a worker here).
type control struct {
	mu        sync.Mutex
	recursion map[string]string
	pong      string            // the worker's answer
	deny      map[string]string // "GET /path" prefix → the action that is refused
}

func (c *control) handler(moto *url.URL) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(moto)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for prefix, action := range c.deny {
			if strings.HasPrefix(r.Method+" "+r.URL.Path, prefix) {
				w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
				w.WriteHeader(http.StatusForbidden)
				_, _ = fmt.Fprintf(w, `{"Message": "User u is not authorized to perform: %s"}`, action)
				return
			}
		}
		name, recursion := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/2024-08-31/functions/"), "/recursion-config")
		switch {
		case recursion && r.Method == http.MethodPut:
			var in struct{ RecursiveLoop string }
			_ = json.NewDecoder(r.Body).Decode(&in)
			c.recursion[name] = in.RecursiveLoop
			_, _ = fmt.Fprintf(w, `{"RecursiveLoop": %q}`, in.RecursiveLoop)
		case recursion && c.recursion[name] == "":
			_, _ = io.WriteString(w, `{"RecursiveLoop": "Terminate"}`)
		case recursion:
			_, _ = fmt.Fprintf(w, `{"RecursiveLoop": %q}`, c.recursion[name])
		case strings.HasSuffix(r.URL.Path, "/invocations"):
			body, _ := io.ReadAll(r.Body)
			if string(body) != `{"ping": {}}` {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, c.pong)
		default:
			proxy.ServeHTTP(w, r)
		}
	})
}

// cloud points the SDK at the servers of the tests: moto for what only it has, and for S3 and SQS those named, which may be moto.
func cloud(t *testing.T, s3, sqs string) *control {
	t.Helper()
	where := map[string]string{}
	for _, name := range []string{"moto", s3, sqs} {
		if where[name] = os.Getenv("NUMPYWREN_TEST_" + strings.ToUpper(name)); where[name] == "" {
			t.Skipf("NUMPYWREN_TEST_%s is not set: no server", strings.ToUpper(name))
		}
	}
	moto, err := url.Parse(where["moto"])
	require.NoError(t, err)
	answer, err := http.Post(where["moto"]+"/moto-api/config", "application/json", strings.NewReader(`{"lambda": {"use_docker": false}}`))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	c := &control{recursion: map[string]string{}, pong: `{"version": "1.2.3"}`, deny: map[string]string{}}
	front := httptest.NewServer(c.handler(moto))
	t.Cleanup(front.Close)
	for name, url := range map[string]string{"": front.URL, "_S3": where[s3], "_SQS": where[sqs]} {
		if url == where["moto"] {
			url = front.URL
		}
		t.Setenv("AWS_ENDPOINT_URL"+name, url)
	}
	return c
}

func deployment(t *testing.T) deploy.Deployment {
	worker := filepath.Join(t.TempDir(), "bootstrap")
	require.NoError(t, os.WriteFile(worker, []byte("#!/bin/sh\n"), 0o700))
	name := fmt.Sprintf("d%x", rand.Uint64())
	return deploy.Deployment{Name: name, Storage: "s3://" + name + "/some/where", Worker: worker, Version: "1.2.3"}
}

func lines(t *testing.T, f func(tell func(string)) error) []string {
	t.Helper()
	var out []string
	require.NoError(t, f(func(line string) { out = append(out, line) }))
	return out
}

func apply(t *testing.T, d deploy.Deployment, dry bool) []string {
	return lines(t, func(tell func(string)) error { return deploy.Apply(t.Context(), d, dry, tell) })
}

func remove(t *testing.T, d deploy.Deployment, contents, dry bool) []string {
	return lines(t, func(tell func(string)) error { return deploy.Delete(t.Context(), d, contents, dry, tell) })
}

// TestLife: plan, make, make again, check, change, remove, remove again.
func TestLife(t *testing.T) {
	for _, servers := range [][2]string{{"versitygw", "elasticmq"}, {"moto", "moto"}} {
		t.Run(strings.Join(servers[:], "+"), func(t *testing.T) { life(t, servers[0], servers[1]) })
	}
}

func life(t *testing.T, s3, sqs string) {
	c := cloud(t, s3, sqs)
	d := deployment(t)
	n := d.Name
	plan := apply(t, d, true)
	assert.Equal(t, []string{
		"create bucket " + n + " in us-east-1, encrypted, without public access",
		"create rule of bucket " + n + ": parts of abandoned uploads go after 7 days",
		"create queue " + n + "-dead", "create queue " + n + "-0", "create queue " + n + "-1", "create queue " + n + "-2",
		"create role " + n + "-worker", "create function " + n + ": x86_64, 3008 MB, 0.0 MB of code",
		"update function " + n + ": it may call itself",
	}, plan)
	assert.Equal(t, plan, apply(t, d, true), "a plan changes nothing")
	assert.Equal(t, plan, apply(t, d, false))
	assert.Equal(t, "Allow", c.recursion[n])
	for _, dry := range []bool{true, false} {
		for _, line := range apply(t, d, dry) {
			assert.True(t, strings.HasPrefix(line, "keep "), line)
		}
	}

	checked := lines(t, func(tell func(string)) error { return deploy.Check(t.Context(), d, tell) })
	assert.Len(t, checked, 10)
	for _, line := range checked {
		assert.True(t, strings.HasPrefix(line, "ok "), line)
	}

	d.Memory, d.MaxReceive = 1024, 9
	require.NoError(t, os.WriteFile(d.Worker, []byte("#!/bin/bash\n"), 0o700))
	changes := strings.Join(apply(t, d, false), "\n")
	assert.Contains(t, changes, "update function "+n+": its memory, code")
	assert.Contains(t, changes, "update queue "+n+"-0")
	assert.Contains(t, changes, "keep role")
	assert.NotContains(t, strings.Join(apply(t, d, true), "\n"), "update", "all is as it should be now")

	assert.Contains(t, remove(t, d, false, true), "keep bucket "+n+": its contents were not asked for")
	removed := remove(t, d, true, false)
	for _, what := range []string{"function " + n, "role " + n + "-worker", "queue " + n + "-0", "queue " + n + "-dead", "bucket " + n} {
		assert.Contains(t, removed, "delete "+what)
	}
	assert.Empty(t, remove(t, d, true, false), "there is nothing left")
	c.recursion = map[string]string{}
	d.Memory = 0
	assert.Equal(t, plan, apply(t, d, true))
}

// TestEventSource: made, kept, and removed when it is no longer wanted.
func TestEventSource(t *testing.T) {
	cloud(t, "moto", "moto")
	d := deployment(t)
	d.EventSource, d.Concurrency = true, 10
	made := apply(t, d, false)
	assert.Equal(t, []string{"create event source " + d.Name + "-0", "create event source " + d.Name + "-1", "create event source " + d.Name + "-2"}, made[len(made)-3:])
	assert.Contains(t, apply(t, d, false), "keep event source "+d.Name+"-0")
	d.EventSource = false
	assert.Contains(t, apply(t, d, false), "delete event source "+d.Name+"-1")
	assert.NotContains(t, strings.Join(apply(t, d, true), "\n"), "event source")
	remove(t, d, true, false)
}

// TestOthersBucket: a bucket that was there is used, and never removed.
func TestOthersBucket(t *testing.T) {
	cloud(t, "moto", "moto")
	first := deployment(t)
	apply(t, first, false)
	second := deployment(t)
	second.Storage = "s3://" + first.Name + "/else"
	assert.Contains(t, apply(t, second, false), "keep bucket "+first.Name)
	assert.Contains(t, remove(t, second, true, false), "keep bucket "+first.Name+": it was not made by this deployment")
	assert.Contains(t, remove(t, first, true, false), "delete bucket "+first.Name)
}

// TestLifecycle: the rule for parts of uploads is made, mended, and beside it the rules of others stay as they are.
func TestLifecycle(t *testing.T) {
	cloud(t, "moto", "moto")
	d := deployment(t)
	rule := "rule of bucket " + d.Name + ": parts of abandoned uploads go after 7 days"
	apply(t, d, false)
	cfg, err := aws.Load(t.Context(), aws.Options{})
	require.NoError(t, err)
	client := objects.Client(cfg)
	rules := func() map[string]types.LifecycleRule {
		out, err := client.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: &d.Name})
		require.NoError(t, err)
		found := map[string]types.LifecycleRule{}
		for _, r := range out.Rules {
			found[*r.ID] = r
		}
		return found
	}
	put := func(list ...types.LifecycleRule) {
		_, err := client.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{
			Bucket: &d.Name, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: list},
		})
		require.NoError(t, err)
	}
	const ours = "numpywren-abandoned-uploads"
	made := rules()[ours]
	require.EqualValues(t, 7, *made.AbortIncompleteMultipartUpload.DaysAfterInitiation)
	require.Nil(t, made.Expiration, "no object is removed")
	assert.Contains(t, apply(t, d, true), "keep "+rule)

	id, prefix, days, longer := "theirs", "scratch/", int32(30), int32(90)
	theirs := types.LifecycleRule{
		ID: &id, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &prefix},
		Expiration: &types.LifecycleExpiration{Days: &days},
	}
	put(theirs)
	assert.Contains(t, apply(t, d, true), "create "+rule)
	require.Len(t, rules(), 1, "a plan changes nothing")
	assert.Contains(t, apply(t, d, false), "create "+rule)
	require.Equal(t, made.AbortIncompleteMultipartUpload, rules()[ours].AbortIncompleteMultipartUpload)
	require.EqualValues(t, 30, *rules()[id].Expiration.Days)

	made.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: &longer}
	put(theirs, made)
	assert.Contains(t, apply(t, d, false), "update "+rule)
	require.Len(t, rules(), 2)
	require.EqualValues(t, 7, *rules()[ours].AbortIncompleteMultipartUpload.DaysAfterInitiation)
	require.EqualValues(t, 30, *rules()[id].Expiration.Days)

	second := deployment(t)
	second.Storage = "s3://" + d.Name + "/else"
	put(theirs)
	assert.NotContains(t, strings.Join(apply(t, second, false), "\n"), "rule", "a bucket that it did not make is left as it is")
	require.Len(t, rules(), 1)
	remove(t, second, false, false)
	remove(t, d, true, false)
}

// TestCheckFails: every failure is named, and the rest is checked all the same.
func TestCheckFails(t *testing.T) {
	c := cloud(t, "moto", "moto")
	d := deployment(t)
	check := func() (string, error) {
		var out []string
		err := deploy.Check(t.Context(), d, func(line string) { out = append(out, line) })
		return strings.Join(out, "\n"), err
	}
	text, err := check()
	require.ErrorContains(t, err, "numpywren deploy --name "+d.Name)
	for _, words := range []string{"failed bucket", "NoSuchBucket", "failed queues", "there is no queue", "failed function", "there is no function"} {
		assert.Contains(t, text, words)
	}
	apply(t, d, false)
	c.pong = `{"version": "1.0.0"}`
	text, err = check()
	require.Error(t, err)
	assert.Contains(t, text, "the worker has version 1.0.0 and this is 1.2.3")
	c.pong = `{"errorMessage": "it fell over"}`
	text, _ = check()
	assert.Contains(t, text, "it fell over")
	c.mu.Lock()
	c.deny["GET /2015-03-31/functions/"+d.Name+"/configuration"] = "lambda:GetFunctionConfiguration"
	c.mu.Unlock()
	text, _ = check()
	assert.Contains(t, text, "the right lambda:GetFunctionConfiguration is missing")
	c.mu.Lock()
	c.deny = map[string]string{"PUT /" + d.Name: "s3:PutObject"}
	c.mu.Unlock()
	text, _ = check()
	assert.Contains(t, text, "the right s3:PutObject is missing")
	c.mu.Lock()
	c.deny = nil
	c.mu.Unlock()
	remove(t, d, true, false)
}

func TestBadSettings(t *testing.T) {
	good := deployment(t)
	for words, change := range map[string]func(d *deploy.Deployment){
		"name is":        func(d *deploy.Deployment) { d.Name = "a b" },
		"storage is":     func(d *deploy.Deployment) { d.Storage = "bucket/prefix" },
		"memory is 64":   func(d *deploy.Deployment) { d.Memory = 64 },
		"arch is":        func(d *deploy.Deployment) { d.Arch = "mips" },
		"concurrency is": func(d *deploy.Deployment) { d.Concurrency = 1 },
		"function is":    func(d *deploy.Deployment) { d.Function = "a/b" },
	} {
		d := good
		change(&d)
		err := deploy.Apply(context.Background(), d, true, func(string) {})
		require.ErrorContains(t, err, words)
		assert.Equal(t, errs.Value, errs.KindOf(err))
	}
}

// program is the beginning of an ELF file for a machine.
func program(machine elf.Machine) []byte {
	head := make([]byte, 64)
	copy(head, elf.ELFMAG)
	binary.LittleEndian.PutUint16(head[18:], uint16(machine))
	return head
}

// TestArch: the function runs on the processor that its program is for, and no other can be asked for.
func TestArch(t *testing.T) {
	cloud(t, "moto", "moto")
	d := deployment(t)
	x86, arm := program(elf.EM_X86_64), program(elf.EM_AARCH64)
	put := func(content []byte) { require.NoError(t, os.WriteFile(d.Worker, content, 0o700)) }
	refuses := func(words string) {
		err := deploy.Apply(t.Context(), d, true, func(string) {})
		require.ErrorContains(t, err, words)
		assert.Equal(t, errs.Value, errs.KindOf(err))
	}
	put(x86)
	assert.Contains(t, strings.Join(apply(t, d, true), "\n"), "create function "+d.Name+": x86_64,")
	d.Arch = "arm64"
	refuses(`arch is "arm64", and the worker ` + d.Worker + ` is a program for x86_64: pass the one for arm64 with --worker`)
	put(arm)
	d.Arch = "x86_64"
	refuses(`is a program for arm64`)
	d.Arch = ""
	assert.Contains(t, strings.Join(apply(t, d, false), "\n"), "create function "+d.Name+": arm64,")
	assert.NotContains(t, strings.Join(apply(t, d, true), "\n"), "update function "+d.Name+": its")
	put(x86)
	assert.Contains(t, apply(t, d, false), "update function "+d.Name+": its code")
	put(program(elf.EM_RISCV))
	refuses("EM_RISCV")

	folder := filepath.Dir(d.Worker) // which has the program as bootstrap, as the zip has
	zipped := filepath.Join(t.TempDir(), "worker.zip")
	put(arm)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	require.NoError(t, w.AddFS(os.DirFS(folder)))
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(zipped, out.Bytes(), 0o600))
	for _, d.Worker = range []string{folder, zipped} {
		assert.Contains(t, apply(t, d, false), "update function "+d.Name+": its code")
	}
	require.NoError(t, os.WriteFile(zipped, []byte("no zip"), 0o600))
	refuses("it is no zip")
	remove(t, d, true, false)
}

func TestNoWorker(t *testing.T) {
	cloud(t, "moto", "moto")
	d := deployment(t)
	for _, path := range []string{"", "/nowhere", t.TempDir()} {
		d.Worker = path
		err := deploy.Apply(t.Context(), d, true, func(string) {})
		require.ErrorContains(t, err, "bootstrap")
		assert.Equal(t, errs.NotFound, errs.KindOf(err))
	}
}
