package main

/*
extern char **environ;

static const char *npw_environment(int k) { return environ ? environ[k] : 0; }
*/
import "C"

import (
	"os"
	"strings"
)

// awsPrefix begins the variables that AWS's library reads.
const awsPrefix = "AWS_"

// syncEnvironment gives Go the AWS variables that the process has now. Go's copy of the environment is that of the process's start,
// in which what a program puts into Python's os.environ is not.
func syncEnvironment() {
	now := map[string]string{}
	for k := 0; ; k++ {
		entry := C.npw_environment(C.int(k))
		if entry == nil {
			break
		}
		if name, value, ok := strings.Cut(C.GoString(entry), "="); ok && strings.HasPrefix(name, awsPrefix) {
			now[name] = value
		}
	}
	for name, value := range now {
		if had, ok := os.LookupEnv(name); !ok || had != value {
			_ = os.Setenv(name, value)
		}
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if _, still := now[name]; !still && strings.HasPrefix(name, awsPrefix) {
			_ = os.Unsetenv(name)
		}
	}
}
