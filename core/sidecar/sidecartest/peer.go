// Package sidecartest plays Python in tests of what runs functions: the test's own program is the process of a sidecar.Pool, speaks as
// python/numpywren/_sidecar.py does, and its functions are words, which it obeys.
package sidecartest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"numpywren/core/sidecar"
)

// Words are the functions that there are; a test stores each under a key.
var Words = []string{
	"upper", // returns its argument in capitals, and prints how long it is
	"raise", // raises KeyError('x')
	"exit",  // prints its last words, and ends its process with the exit status 3
	"half",  // sends half of a result, and ends its process with the exit status 4
	"hang",  // for ever
	"wait",  // until the file is there that its argument names; that file's name and .pid is the file that says that it began
}

const script = "NUMPYWREN_TEST_PEER"

// Main is for TestMain: it runs the tests, or is the peer.
func Main(m *testing.M) {
	if os.Getenv(script) != "" {
		peer()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Options are those of a pool whose processes are peers.
func Options(dir string, idle int) sidecar.Options {
	return sidecar.Options{Command: []string{os.Args[0]}, Env: []string{script + "=1"}, Dir: dir, Idle: idle}
}

// How a call ended, as package pywren has it.
const (
	returned = 1
	raised   = 2
)

func send(head any, body []byte) { sendOf(head, body, len(body)) }

// sendOf sends a frame that announces size bytes.
func sendOf(head any, body []byte, size int) {
	text, _ := json.Marshal(head)
	p := binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
	p = binary.LittleEndian.AppendUint64(p, uint64(size))
	_, _ = os.Stdout.Write(append(append(p, text...), body...))
}

func peer() {
	send(map[string]any{"protocol": sidecar.Protocol}, nil)
	functions := map[string]string{}
	for {
		var prefix [12]byte
		if _, err := io.ReadFull(os.Stdin, prefix[:]); err != nil {
			return
		}
		text, body := make([]byte, binary.LittleEndian.Uint32(prefix[:])), make([]byte, binary.LittleEndian.Uint64(prefix[4:]))
		_, _ = io.ReadFull(os.Stdin, text)
		_, _ = io.ReadFull(os.Stdin, body)
		var head struct {
			Op, Key, Function string
			Forget            bool
		}
		_ = json.Unmarshal(text, &head)
		switch head.Op {
		case "function":
			if head.Forget {
				clear(functions)
			}
			functions[head.Key] = string(body)
		default:
			answer(functions[head.Function], body)
		}
	}
}

func answer(word string, body []byte) {
	switch word {
	case "upper":
		fmt.Fprintf(os.Stderr, "upper of %d bytes", len(body))
		send(map[string]any{"state": returned}, bytes.ToUpper(body))
	case "raise":
		send(map[string]any{"state": raised, "message": "KeyError: 'x'", "traceback": "where it was"}, []byte("an exception"))
	case "exit":
		fmt.Fprint(os.Stderr, "last words")
		os.Exit(3)
	case "half":
		sendOf(map[string]any{"state": returned}, body, 2*len(body))
		os.Exit(4)
	case "hang":
		select {}
	case "wait":
		path := string(body)
		_ = os.WriteFile(path+".new", fmt.Appendf(nil, "%d", os.Getpid()), 0o600) // the file is there with all that is in it, or not at all
		_ = os.Rename(path+".new", path+".pid")
		for {
			if _, err := os.Stat(path); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		send(map[string]any{"state": returned}, []byte("at last"))
	default:
		fmt.Fprintf(os.Stderr, "there is no function %q", word)
		os.Exit(1)
	}
}
