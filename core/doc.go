// Package core is the facade: the only package that the C ABI and the workers call. An Executor owns the memory, the stores and
// the workers of one session; an Array is a lazy expression of it; a Job is long work that was started and can be waited for,
// watched and cancelled.
//
// The way of a user's call:
//
//	Executor.Apply      a node of an expression                    core/expr
//	Executor.Submit     its program, one text for all arrays       core/expr → core/lambdapack   (run.go)
//	                    its matrices and where they live           core/matrix                   (stored.go)
//	                    its tasks                                  core/runtime → core/kernel
//	                    or they are a job of workers elsewhere     core/fleet                    (cloud.go)
//	Executor.ReadInto   tiles back into the caller's memory                                      (readout.go)
//
// Executor.Request answers what clients ask about jobs elsewhere, and about what the stores keep (requests.go, gc.go).
//
// No number is computed here and no task is chosen here: this package knows who owns what, for how long, and under which name.
package core
