package core

// version is set by the linker (setup.py).
var version = "0.0.0+unreleased"

// Version is numpywren's version.
func Version() string { return version }
