package runtime

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/kernel"
	"numpywren/core/lambdapack"
)

// TestCatalogue: every kernel that programs may name is there, works as its signature says, and none is there that no program
// can name.
func TestCatalogue(t *testing.T) {
	names := slices.Sorted(slices.Values(kernel.Names()))
	require.Equal(t, lambdapack.Builtin.Names(), names)
	for _, name := range names {
		k, _ := kernel.Lookup(name)
		sig, _ := lambdapack.Builtin.Lookup(name)
		require.Equal(t, sig.Reducer, k.Step != nil, name)
		require.True(t, k.InPlace < 0 && name == "ew" || k.InPlace == sig.InPlace, name) // what a task asks for relies on it
		require.Equal(t, sig.Turns, k.HandlesTrans, name)
		require.Equal(t, sig.Adds, k.CanAccumulate, name)
	}
}
