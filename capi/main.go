// Package main is the C shared library behind numpywren.h: each function of the header, made safe.
//
// The way of a call is guard, validate, call, status. guard.c defines the header's functions and refuses a forked child
// before Go is entered, since a child has none of the threads that Go needs. The exported Go functions (exports*.go)
// recover from panics, turn C arguments into Go ones (args.go), look handles up in a checked table (handle.go), call
// package core, and translate an error to a status and a text. Nothing is decided or computed here.
package main

// #cgo CFLAGS: -fvisibility=hidden
// #cgo LDFLAGS: ${SRCDIR}/symbols.so
import "C"

func main() {}
