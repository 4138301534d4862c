package sidecar

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"numpywren/core/errs"
)

// process is one running program. One goroutine uses it at a time; kill may be called by any.
type process struct {
	cmd *exec.Cmd
	in  *os.File // its standard input
	out *os.File // its standard output
	log *os.File // what it prints; the file has no name any more
	w   *bufio.Writer
	r   *bufio.Reader

	known map[string]struct{} // what Conn.Learn told of it

	exited chan struct{} // closed once it is waited for
	killed sync.Once
	closed sync.Once
}

// Died is the failure of a process that ended while it was used.
type Died struct {
	State string // how: "exit status 3", "signal 11 (segmentation fault)"
	Log   string // the last that it printed
}

func (d *Died) Error() string {
	return "the Python process ended with " + d.State + indented(d.Log)
}

// While is the failure with what the process was at.
func (d *Died) While(name string) *Died { return &Died{d.State + " while it ran " + name, d.Log} }

// indented is a log as the end of a message; nothing when there is none.
func indented(log string) string {
	if log = strings.TrimRight(log, "\n"); log == "" {
		return ""
	}
	return "; it printed:\n  " + strings.ReplaceAll(log, "\n", "\n  ")
}

const (
	pipeSize = 1 << 20 // bytes in flight: tiles are larger than the default of 64 KiB
	maxLog   = 64 << 10
	maxKnown = 256
)

// launch starts a process. The thread that calls it must outlive the process, which is killed with it: so no process outlives
// ours, however that ends. A process has a group of its own, so that Ctrl-C in a terminal is for us alone, and that its own
// children die with it.
func launch(o *Options) (*process, error) {
	x := &process{exited: make(chan struct{}), known: map[string]struct{}{}}
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, errs.New(errs.OS, "no pipe: %w", err)
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		return nil, errs.New(errs.OS, "no pipe: %w", err)
	}
	defer stdout.Close()
	x.in, x.out = in, out
	for _, f := range []*os.File{in, out} { // it helps, and may be refused
		if raw, err := f.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
		}
	}
	if x.log, err = unnamed(o.Dir); err == nil {
		x.cmd = exec.Command(o.Command[0], o.Command[1:]...)
		x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = stdin, stdout, x.log
		x.cmd.Env = append(os.Environ(), o.Env...)
		x.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		err = x.cmd.Start()
	}
	if err != nil {
		x.close()
		return nil, errs.New(errs.OS, "%s cannot be started: %w", o.Command[0], err)
	}
	x.w, x.r = bufio.NewWriterSize(in, 64<<10), bufio.NewReaderSize(out, 64<<10)
	go func() {
		defer close(x.exited)
		_ = guarded(x.cmd.Wait)
	}()
	return x, nil
}

// unnamed is a file to which writers append, and which is gone with its last user.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "sidecar-")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	return os.OpenFile(f.Name(), os.O_RDWR|os.O_APPEND, 0)
}

// alive says whether the process has not ended yet.
func (x *process) alive() bool {
	select {
	case <-x.exited:
		return false
	default:
		return true
	}
}

// kill ends the process, its children, and every read and write on its pipes.
func (x *process) kill() {
	x.killed.Do(func() {
		if x.alive() {
			_ = syscall.Kill(-x.cmd.Process.Pid, syscall.SIGKILL)
			_ = x.cmd.Process.Kill()
		}
		_, _ = x.in.Close(), x.out.Close()
	})
}

// close gives the files back.
func (x *process) close() {
	x.closed.Do(func() {
		for _, f := range []*os.File{x.in, x.out, x.log} {
			if f != nil {
				_ = f.Close()
			}
		}
	})
}

// hasEnded says whether an error on the pipes is that the process is gone, or going.
func (x *process) hasEnded(err error) bool {
	return !x.alive() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE)
}

// grace is how long a process that has closed its pipes may take to end by itself, which tells more than being killed.
const grace = time.Second

// end makes sure that the process is gone, and tells how that came. ending says that it seems to be ending by itself.
func (x *process) end(ctx context.Context, ending bool) (state string) {
	if ending {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-x.exited:
			x.kill()
			return x.state()
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	x.kill()
	<-x.exited
	return "its pipes closed, and was killed"
}

// state is how the process ended.
func (x *process) state() string {
	if x.cmd.ProcessState == nil {
		return "an unknown state"
	}
	status, ok := x.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return x.cmd.ProcessState.String()
	}
	text := fmt.Sprintf("signal %d (%s)", status.Signal(), status.Signal())
	if status.Signal() == syscall.SIGKILL {
		text += ", as the system does when memory runs out"
	}
	return text
}

// takeLog is what was printed since the last call: of much, the end.
func (x *process) takeLog() string {
	info, err := x.log.Stat()
	if err != nil || info.Size() == 0 {
		return ""
	}
	size := info.Size()
	p := make([]byte, min(size, maxLog))
	n, _ := x.log.ReadAt(p, size-int64(len(p)))
	_ = x.log.Truncate(0)
	text := strings.ToValidUTF8(string(p[:n]), "\uFFFD")
	if size > maxLog {
		text = fmt.Sprintf("… (%d bytes before)\n", size-maxLog) + text
	}
	return text
}
