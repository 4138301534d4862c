package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"numpywren/core"
	"numpywren/core/queue/sqs"
)

// TestMain has the test's own program be a worker when it is asked to: no other build is needed.
func TestMain(m *testing.M) {
	if os.Getenv("NUMPYWREN_TEST_AS_WORKER") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// deployment is queues on a real server, and a folder or a bucket.
type deployment struct{ storage, queue string }

func deploy(t *testing.T) deployment {
	t.Helper()
	if at := os.Getenv("NUMPYWREN_TEST_VERSITYGW"); at != "" {
		return deployTo(t, bucket(t, at))
	}
	return deployTo(t, t.TempDir())
}

// bucket makes a bucket on a server.
func bucket(t *testing.T, endpoint string) string {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	name := fmt.Sprintf("worker-%d-%d", os.Getpid(), rand.N(1<<30))
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint))
	require.NoError(t, err)
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	return "s3://" + name + "/work"
}

func deployTo(t *testing.T, storage string) deployment {
	t.Helper()
	endpoint := os.Getenv("NUMPYWREN_TEST_ELASTICMQ")
	if endpoint == "" {
		t.Skip("no SQS server: python tools/servers.py run elasticmq -- go test ./worker")
	}
	t.Setenv("AWS_ENDPOINT_URL_SQS", endpoint)
	d := deployment{storage, fmt.Sprintf("worker-%d-%d", os.Getpid(), rand.N(1<<30))}
	opt := sqs.Options{Name: d.queue, MaxReceive: 10}
	q, err := sqs.Create(t.Context(), opt)
	require.NoError(t, err)
	require.NoError(t, q.Close())
	t.Cleanup(func() { _ = sqs.Delete(context.Background(), opt) })
	return d
}

// start starts a worker's process.
func (d deployment) start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	all := append([]string{"--storage", d.storage, "--queue", d.queue, "--workers", "1", "--memory-limit", "64MiB", "--lease", "2s"}, args...)
	cmd := exec.Command(os.Args[0], all...)
	cmd.Env = append(os.Environ(), "NUMPYWREN_TEST_AS_WORKER=1")
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func spd(n int) []float64 {
	v, rng := make([]float64, n*n), rand.New(rand.NewPCG(1, 2))
	for i := range n {
		for j := range i + 1 {
			v[i*n+j] = rng.NormFloat64()
			v[j*n+i] = v[i*n+j]
		}
		v[i*n+i] = 4 * float64(n)
	}
	return v
}

func buffer(v []float64, n int) core.Buffer {
	return core.Buffer{Ptr: unsafe.Pointer(unsafe.SliceData(v)), DType: "float64", Shape: []int64{int64(n), int64(n)}, Strides: []int64{int64(n) * 8, 8}}
}

// cholesky factorises on an executor.
func cholesky(t *testing.T, cfg core.Config, v []float64, n int, block int64, during func()) []float64 {
	t.Helper()
	cfg.Scratch = t.TempDir()
	e, err := core.Open(cfg)
	require.NoError(t, err)
	defer e.Close()
	await := func(j *core.Job, err error) *core.Job {
		require.NoError(t, err)
		end := time.Now().Add(3 * time.Minute)
		for !j.Wait(100 * time.Millisecond) {
			require.True(t, time.Now().Before(end), "the job hangs: %s", j.Progress())
			during()
		}
		require.NoError(t, j.Err())
		return j
	}
	source := await(e.StartFromBuffer(buffer(v, n), "", []int64{block, block}))
	A := source.Result()
	L, err := e.Apply("cholesky", []core.Operand{{Array: A}}, nil)
	require.NoError(t, err)
	out := make([]float64, n*n)
	await(e.ReadInto(L, []core.Buffer{buffer(out, n)})).Close()
	source.Close()
	return out
}

// TestKill9: workers that are killed again and again, and all at once, change nothing of the result.
func TestKill9(t *testing.T) {
	d := deploy(t)
	const n, block = 640, 32
	v := spd(n)
	want := cholesky(t, core.Config{Workers: 2}, v, n, block, func() {})
	crew := []*exec.Cmd{d.start(t), d.start(t)}
	tick, killed := 0, 0
	got := cholesky(t, core.Config{Workers: 2, Storage: d.storage, Queue: d.queue}, v, n, block, func() {
		tick++
		if tick%8 != 0 || killed >= 8 {
			return
		}
		victims := crew[:1+killed%2] // one, then all
		for k := range victims {
			require.NoError(t, victims[k].Process.Signal(syscall.SIGKILL))
			_ = victims[k].Wait()
			victims[k] = d.start(t)
			killed++
		}
	})
	require.Equal(t, want, got)
	require.NotZero(t, killed)
}

// TestSigterm: a worker that is told to stop ends well, and soon.
func TestSigterm(t *testing.T) {
	d := deploy(t)
	cmd := d.start(t)
	const n, block = 256, 32
	v := spd(n)
	want := cholesky(t, core.Config{Workers: 2}, v, n, block, func() {})
	got := cholesky(t, core.Config{Workers: 2, Storage: d.storage, Queue: d.queue}, v, n, block, func() {})
	require.Equal(t, want, got)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}

// TestLambda runs this program as a function's bootstrap, in AWS's own emulator.
func TestLambda(t *testing.T) {
	emulator := os.Getenv("NUMPYWREN_TEST_LAMBDA_EMULATOR")
	if emulator == "" {
		t.Skip("no emulator: NUMPYWREN_TEST_LAMBDA_EMULATOR names it, python tools/servers.py install lambda-emulator brings it")
	}
	d := deploy(t)
	ports := freePorts(t, 2)
	cmd := exec.Command(emulator, "--runtime-interface-emulator-address", ports[0], "--runtime-api-address", ports[1], os.Args[0])
	cmd.Env = append(os.Environ(), "NUMPYWREN_TEST_AS_WORKER=1", "NUMPYWREN_STORAGE="+d.storage, "NUMPYWREN_QUEUE="+d.queue,
		"NUMPYWREN_WORKERS=1", "NUMPYWREN_MEMORY_LIMIT=64MiB", "NUMPYWREN_LEASE=2s", "AWS_LAMBDA_FUNCTION_TIMEOUT=60")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	invoke := func(payload string) string {
		var answer string
		require.Eventually(t, func() bool {
			r, err := http.Post("http://"+ports[0]+"/2015-03-31/functions/function/invocations", "application/json", strings.NewReader(payload))
			if err != nil {
				return false // it begins to listen
			}
			defer r.Body.Close()
			text, err := io.ReadAll(r.Body)
			answer = string(text)
			return err == nil
		}, 90*time.Second, 20*time.Millisecond)
		return answer
	}
	require.JSONEq(t, `{"version": "`+core.Version()+`"}`, invoke(`{"ping": {}}`))
	require.Contains(t, invoke(`{"what": 1}`), "none of work, ping and Records")
	const n, block = 256, 32
	v := spd(n)
	want := cholesky(t, core.Config{Workers: 2}, v, n, block, func() {})
	worked := make(chan string, 1)
	once := sync.OnceFunc(func() { go func() { worked <- invoke(`{"work": {"idle": 2}}`) }() })
	got := cholesky(t, core.Config{Workers: 2, Storage: d.storage, Queue: d.queue}, v, n, block, once)
	require.Equal(t, want, got)
	require.Contains(t, <-worked, `"worker"`)
	record := `{"messageId": "m1", "receiptHandle": "r", "body": "no message of ours", "attributes": {"ApproximateReceiveCount": "1"}, "eventSourceARN": "arn:aws:sqs:x:0:other"}`
	require.JSONEq(t, `{"batchItemFailures": [{"itemIdentifier": "m1"}]}`, invoke(`{"Records": [`+record+`]}`))
}

// freePorts are addresses where nobody listens.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

// TestIdle: a worker without work leaves.
func TestIdle(t *testing.T) {
	d := deploy(t)
	require.NoError(t, d.start(t, "--idle-timeout", "1s").Wait())
}

func TestSettings(t *testing.T) {
	t.Setenv("NUMPYWREN_QUEUE", "q")
	t.Setenv("NUMPYWREN_WORKERS", "3")
	cfg, err := settings([]string{"--storage", "s3://b/p", "--memory-limit", "1.5GiB", "--workers", "4", "--lease", "45s"})
	require.NoError(t, err)
	require.Equal(t, "q", cfg.Queue)
	require.Equal(t, 4, cfg.Workers)
	require.Equal(t, int64(3<<29), cfg.MemoryLimit)
	require.Equal(t, 45*time.Second, cfg.Lease)
	for _, bad := range [][]string{{"--workers", "0"}, {"--memory-limit", "lots"}, {"--lease", "-1s"}, {"what"}, {"--nothing"}} {
		_, err := settings(bad)
		require.Error(t, err, "%v", bad)
	}
	t.Setenv("NUMPYWREN_WORKERS", "none")
	_, err = settings(nil)
	require.ErrorContains(t, err, "NUMPYWREN_WORKERS")
}
