// Command numpywren-worker does the work of a deployment's jobs. On any machine it is a daemon, which the command numpywren worker
// becomes:
//
//	numpywren-worker --storage s3://bucket/prefix --queue NAME [--region R] [--workers N] [--memory-limit 4GiB]
//	                 [--pipeline-width N] [--idle-timeout 1m] [--lease 30s] [--grace 30s] [--python python3]
//
// where each setting may also be a variable, NUMPYWREN_STORAGE and so on. SIGTERM and SIGINT end it: what it has in hand is
// finished, or given back when that takes longer than its grace. As the bootstrap of a Lambda function it answers invocations
// (lambda.go).
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"numpywren/core"
)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	cfg, err := settings(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "numpywren-worker:", err)
		os.Exit(2)
	}
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		serveLambda(cfg)
		return
	}
	if err := daemon(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "numpywren-worker:", err)
		os.Exit(1)
	}
}

// settings reads the flags, whose defaults are variables of the environment.
func settings(args []string) (core.WorkerConfig, error) {
	cfg := core.WorkerConfig{Log: func(text string) { log.Print(text) }}
	f := flag.NewFlagSet("numpywren-worker", flag.ContinueOnError)
	var bad error
	setting := func(name, usage string, set func(text string) error) {
		variable := "NUMPYWREN_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if text := os.Getenv(variable); text != "" {
			if err := set(text); err != nil && bad == nil {
				bad = fmt.Errorf("%s is %q: %w", variable, text, err)
			}
		}
		f.Func(name, usage+" ["+variable+"]", set)
	}
	str := func(into *string) func(string) error {
		return func(text string) error { *into = text; return nil }
	}
	num := func(into *int) func(string) error {
		return func(text string) (err error) {
			if *into, err = strconv.Atoi(text); err != nil || *into < 1 {
				return fmt.Errorf("a number of at least 1 was expected")
			}
			return nil
		}
	}
	span := func(into *time.Duration) func(string) error {
		return func(text string) (err error) {
			if *into, err = time.ParseDuration(text); err != nil || *into <= 0 {
				return fmt.Errorf("a time such as 30s was expected")
			}
			return nil
		}
	}
	setting("storage", "where the matrices lie: s3://bucket/prefix, or a folder that all workers see", str(&cfg.Storage))
	setting("queue", "the name of the deployment's queues", str(&cfg.Queue))
	setting("region", "of AWS", str(&cfg.Region))
	setting("workers", "kernels that run at once; by default one a core", num(&cfg.Workers))
	setting("pipeline-width", "tasks in hand for each of those", num(&cfg.PipelineWidth))
	setting("memory-limit", "bytes of tiles in memory, such as 4GiB; by default half of the machine's", func(text string) (err error) {
		cfg.MemoryLimit, err = parseBytes(text)
		return err
	})
	setting("idle-timeout", "leave after so long without work; by default never", span(&cfg.Idle))
	setting("lease", "how long after this worker's death others take its tasks over", span(&cfg.Lease))
	setting("grace", "for the tasks in hand when it is told to stop", span(&cfg.Grace))
	setting("python", "the interpreter of functions that are mapped, which has numpywren; by default python3", str(&cfg.Python))
	version := f.Bool("version", false, "print the version")
	if err := f.Parse(args); err != nil {
		return cfg, err
	}
	if *version {
		fmt.Println(core.Version())
		os.Exit(0)
	}
	if f.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return cfg, bad
}

var units = map[string]float64{"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40}

// parseBytes reads 2GiB, 500MB or 1000000.
func parseBytes(text string) (int64, error) {
	upper := strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(text)), "B")
	number := strings.TrimRight(upper, "KMGTI")
	unit, known := units[strings.TrimPrefix(upper, number)]
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !known || !(value > 0) {
		return 0, fmt.Errorf("bytes such as 2GiB were expected")
	}
	return int64(value * unit), nil
}

// daemon works until a signal, or until it was idle for long enough.
func daemon(cfg core.WorkerConfig) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	w, err := core.OpenWorker(ctx, cfg)
	if err != nil {
		return err
	}
	log.Printf("worker %s, numpywren %s, begins", w.ID(), core.Version())
	err = w.Run(ctx, 0)
	log.Printf("worker %s ends", w.ID())
	if e := w.Close(); err == nil {
		err = e
	}
	return err
}
