package tile

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBorrow(t *testing.T) {
	for _, n := range []int64{0, 1, extentUnit, hugePage + 5} {
		for range 2 { // the second is not what the first left
			mem, giveBack := Borrow(n)
			require.Len(t, mem, int(n))
			require.Zero(t, bytes.Count(mem, []byte{7}))
			copy(mem, bytes.Repeat([]byte{7}, int(n)))
			giveBack()
		}
	}
}
