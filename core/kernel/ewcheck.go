package kernel

import (
	"maps"
	"slices"
	"strings"
)

// CheckEw says what is wrong with the text of an elementwise expression of so many operands. It knows nothing of types.
func CheckEw(expr string, operands int) error {
	_, err := parseEw(expr, operands)
	return err
}

func ewFunctionNames() string { return strings.Join(slices.Sorted(maps.Keys(ewFunctions)), ", ") }
