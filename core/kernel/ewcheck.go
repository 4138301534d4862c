package kernel

import (
	"maps"
	"slices"
	"strings"
)

// CheckEw says what is wrong with the text of an elementwise expression of so many operands. It knows nothing of types.
func CheckEw(expr string, operands int) error {
	_, _, err := parseEw(expr, operands)
	return err
}

// EwCost is about how many additions an element of the expression costs; 0 for one that is wrong.
func EwCost(expr string) int {
	_, cost, err := parseEw(expr, ewMaxOperands)
	if err != nil {
		return 0
	}
	return cost
}

func ewFunctionNames() string { return strings.Join(slices.Sorted(maps.Keys(ewFunctions)), ", ") }
