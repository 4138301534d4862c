package sidecar

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/errs"
)

// The other side is this test's program, which does what its environment says.
const script = "NUMPYWREN_SIDECAR_SCRIPT"

func TestMain(m *testing.M) {
	if s := os.Getenv(script); s != "" {
		peer(s)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// question is what the tests ask; the peer answers with the same, and what it found out.
type question struct {
	Do    string `json:"do"`
	Count int    `json:"count"`
	PID   int    `json:"pid"`
}

// peer is a scripted process: it says hello, unless the script has other plans, and does what it is asked.
func peer(s string) {
	x := &Conn{&process{w: bufio.NewWriter(os.Stdout), r: bufio.NewReader(os.Stdin)}}
	switch s {
	case "silent":
		select {}
	case "noise":
		fmt.Println("this is no frame, but a line that some program prints when it starts")
		select {}
	case "old":
		_ = x.Send(map[string]any{"protocol": 0, "version": "0.0.9"}, 0, nil)
		select {}
	case "fails":
		fmt.Fprintln(os.Stderr, "no module named numpywren")
		os.Exit(1)
	}
	_ = x.Send(map[string]any{"protocol": Protocol}, 0, nil)
	for count := 1; ; count++ {
		var q question
		size, body, err := x.Receive(&q)
		if err != nil {
			return
		}
		data, _ := io.ReadAll(body)
		q.Count, q.PID = count, os.Getpid()
		switch q.Do {
		case "exit":
			fmt.Fprint(os.Stderr, "last words\n")
			os.Exit(3)
		case "half": // of an answer
			_, _ = x.x.w.Write([]byte{9, 0, 0, 0, 0})
			_ = x.x.w.Flush()
			os.Exit(0)
		case "hang":
			fmt.Fprint(os.Stderr, "hanging\n")
			_ = x.Send(q, 0, nil)
			select {}
		case "deaf": // closes its pipes and goes on
			_ = os.Stdout.Close()
			select {}
		case "slow": // to end
			_ = os.Stdout.Close()
			time.Sleep(100 * time.Millisecond)
			os.Exit(5)
		case "child": // which holds our pipes and outlives us, if it may
			c := exec.Command("sleep", "1000")
			c.Stdout, c.Stderr = os.Stdout, os.Stderr
			_ = c.Start()
			q.PID = c.Process.Pid
		case "print":
			fmt.Fprint(os.Stderr, string(data))
		}
		_ = x.Send(q, size, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
}

func newPool(t *testing.T, s string, idle int) *Pool {
	t.Helper()
	p := NewPool(Options{Command: []string{os.Args[0]}, Env: []string{script + "=" + s}, Dir: filepath.Join(t.TempDir(), "logs"), Idle: idle})
	t.Cleanup(p.Close)
	return p
}

// ask asks one question and reads the answer.
func ask(c *Conn, do string, body string) (question, string, error) {
	if err := c.Send(question{Do: do}, int64(len(body)), func(w io.Writer) error {
		_, err := io.WriteString(w, body)
		return err
	}); err != nil {
		return question{}, "", err
	}
	var q question
	_, from, err := c.Receive(&q)
	if err != nil {
		return q, "", err
	}
	got, err := io.ReadAll(from)
	return q, string(got), err
}

func TestProcessesAreReused(t *testing.T) {
	p := newPool(t, "serve", 2)
	require.Zero(t, p.Running(), "nothing runs that nobody asked for")
	pid := 0
	for n := 1; n <= 5; n++ {
		_, err := p.Do(context.Background(), 0, func(c *Conn) error {
			q, _, err := ask(c, "", "")
			require.Equal(t, n, q.Count)
			require.True(t, pid == 0 || pid == q.PID)
			pid = q.PID
			return err
		})
		require.NoError(t, err)
	}
	require.Equal(t, 1, p.Running())
	p.Close()
	requireGone(t, pid)
	_, err := p.Do(context.Background(), 0, func(*Conn) error { return nil })
	require.Equal(t, errs.Closed, errs.KindOf(err))
}

// TestAtOnce: users at the same time have a process each, and only so many are kept.
func TestAtOnce(t *testing.T) {
	p := newPool(t, "serve", 2)
	var all, met sync.WaitGroup
	met.Add(4)
	for range 4 {
		all.Go(func() {
			_, err := p.Do(context.Background(), 0, func(c *Conn) error {
				met.Done()
				met.Wait()
				_, _, err := ask(c, "", "")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 2, p.Running())
}

func TestLargeBodies(t *testing.T) {
	p := newPool(t, "serve", 1)
	body := strings.Repeat("0123456789abcdef", 1<<19) // 8 MiB, more than a pipe holds
	_, err := p.Do(context.Background(), 0, func(c *Conn) error {
		_, got, err := ask(c, "", body)
		require.True(t, got == body)
		return err
	})
	require.NoError(t, err)
}

func TestLogs(t *testing.T) {
	p := newPool(t, "serve", 1)
	long := strings.Repeat("x", 3*maxLog) + "the end"
	for _, text := range []string{"one\n", "", "two\n", long} {
		log, err := p.Do(context.Background(), 0, func(c *Conn) error {
			_, _, err := ask(c, "print", text)
			return err
		})
		require.NoError(t, err)
		if text == long {
			require.Less(t, len(log), maxLog+100)
			require.True(t, strings.HasPrefix(log, "… (") && strings.HasSuffix(log, "xthe end"))
		} else {
			require.Equal(t, text, log)
		}
	}
	_, err := p.Do(context.Background(), 0, func(c *Conn) error {
		_, _, err := ask(c, "print", "taken")
		require.Equal(t, "taken", c.Log())
		return err
	})
	require.NoError(t, err)
}

func TestDeath(t *testing.T) {
	p := newPool(t, "serve", 1)
	for how, says := range map[string]string{"exit": "exit status 3", "half": "exit status 0", "slow": "exit status 5", "deaf": "its pipes closed"} {
		log, err := p.Do(context.Background(), 0, func(c *Conn) error {
			_, _, err := ask(c, how, "")
			return err
		})
		var died *Died
		require.ErrorAs(t, err, &died)
		require.Contains(t, died.State, says)
		if how == "exit" {
			require.Equal(t, "last words\n", log)
			require.EqualError(t, died.While("f"), "the Python process ended with exit status 3 while it ran f; it printed:\n  last words")
		}
		require.Zero(t, p.Running())
	}
	_, err := p.Do(context.Background(), 0, func(c *Conn) error { _, _, err := ask(c, "", ""); return err })
	require.NoError(t, err, "another process takes its place")
}

// TestDeathOfAnIdleProcess: nobody notices.
func TestDeathOfAnIdleProcess(t *testing.T) {
	p := newPool(t, "serve", 1)
	pid := 0
	use := func(c *Conn) error {
		q, _, err := ask(c, "", "")
		pid = q.PID
		return err
	}
	_, err := p.Do(context.Background(), 0, use)
	require.NoError(t, err)
	before, x := pid, p.idle[0]
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	<-x.exited
	_, err = p.Do(context.Background(), 0, use)
	require.NoError(t, err)
	require.NotEqual(t, before, pid)
	require.Equal(t, 1, p.Running())
}

func TestTimeLimitAndCancel(t *testing.T) {
	p := newPool(t, "serve", 1)
	errStop := errors.New("stop")
	for _, limit := range []time.Duration{0, 200 * time.Millisecond} {
		ctx, cancel := context.WithCancelCause(context.Background())
		pid := 0
		log, err := p.Do(ctx, limit, func(c *Conn) error {
			q, _, err := ask(c, "hang", "")
			require.NoError(t, err)
			pid = q.PID
			if limit == 0 {
				cancel(errStop)
			}
			_, _, err = c.Receive(&q)
			return err
		})
		if limit == 0 {
			require.Equal(t, errStop, err)
		} else {
			require.Equal(t, ErrLimit, err)
		}
		require.Equal(t, "hanging\n", log)
		requireGone(t, pid)
		cancel(nil)
	}
	require.Zero(t, p.Running())
}

// TestCloseWhileUsed: Close ends the process under its user's hands, who hears of it.
func TestCloseWhileUsed(t *testing.T) {
	p := newPool(t, "serve", 1)
	hangs, pid := make(chan struct{}), 0
	result := make(chan error)
	go func() {
		_, err := p.Do(context.Background(), 0, func(c *Conn) error {
			q, _, err := ask(c, "hang", "")
			pid = q.PID
			close(hangs)
			if err == nil {
				_, _, err = c.Receive(&q)
			}
			return err
		})
		result <- err
	}()
	<-hangs
	go p.Close()
	require.Equal(t, errs.Closed, errs.KindOf(<-result))
	requireGone(t, pid)
}

func TestFailureOfTheUser(t *testing.T) {
	p := newPool(t, "serve", 1)
	mine := errors.New("mine")
	_, err := p.Do(context.Background(), 0, func(*Conn) error { return mine })
	require.Equal(t, mine, err)
	require.Zero(t, p.Running(), "what is in the pipes is not known")
	_, err = p.Do(context.Background(), 0, func(*Conn) error { panic("mine too") })
	require.ErrorContains(t, err, "mine too")
	require.Equal(t, errs.Internal, errs.KindOf(err))
}

// TestGrandchildren: they hold the pipes, and die with the process all the same.
func TestGrandchildren(t *testing.T) {
	p := newPool(t, "serve", 0)
	pid := 0
	_, err := p.Do(context.Background(), 0, func(c *Conn) error {
		q, _, err := ask(c, "child", "")
		pid = q.PID
		return err
	})
	require.NoError(t, err)
	requireGone(t, pid)
}

func TestStartsThatFail(t *testing.T) {
	for name, says := range map[string]string{
		"noise": "something else to its standard output than frames", "old": "install the same numpywren for both",
		"fails": "exit status 1; it printed:\n  no module named numpywren",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, name, 1)
			_, err := p.Do(context.Background(), 0, func(*Conn) error { t.Error("was used"); return nil })
			require.ErrorContains(t, err, says)
			require.ErrorContains(t, err, "could not be started")
			require.Equal(t, errs.OS, errs.KindOf(err))
			require.Zero(t, p.Running())
		})
	}
	t.Run("silent", func(t *testing.T) {
		p := NewPool(Options{Command: []string{os.Args[0]}, Env: []string{script + "=silent"}, Start: 100 * time.Millisecond})
		defer p.Close()
		_, err := p.Do(context.Background(), 0, func(*Conn) error { t.Error("was used"); return nil })
		require.ErrorContains(t, err, "could not be started")
	})
	t.Run("missing", func(t *testing.T) {
		p := NewPool(Options{Command: []string{"/no/such/python"}})
		defer p.Close()
		_, err := p.Do(context.Background(), 0, func(*Conn) error { t.Error("was used"); return nil })
		require.ErrorContains(t, err, "/no/such/python cannot be started")
	})
}

func TestLearn(t *testing.T) {
	c := &Conn{&process{known: map[string]struct{}{}}}
	require.False(t, c.Knows("a"))
	require.False(t, c.Learn("a"))
	require.True(t, c.Knows("a"))
	for k := range maxKnown - 1 {
		require.False(t, c.Learn(strconv.Itoa(k)))
	}
	require.True(t, c.Learn("b"), "full: all that was known is forgotten")
	require.False(t, c.Knows("a"))
	require.True(t, c.Knows("b"))
}

func TestBodiesAreAsAnnounced(t *testing.T) {
	var out bytes.Buffer
	c := &Conn{&process{w: bufio.NewWriter(&out)}}
	require.ErrorContains(t, c.Send(1, 3, func(io.Writer) error { return nil }), "a body of 0 bytes, 3 were announced")
}

// requireGone waits until there is no process of that number; one that nobody has waited for yet does not count.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.NotZero(t, pid)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 20*time.Second, time.Millisecond)
}
