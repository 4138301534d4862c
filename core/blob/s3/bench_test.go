package s3_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/s3"
)

// BenchmarkTransfer moves objects to a real server and back; the server shares the machine.
func BenchmarkTransfer(b *testing.B) {
	at := os.Getenv("NUMPYWREN_TEST_VERSITYGW")
	if at == "" {
		b.Skip("python tools/servers.py run versitygw -- go test -bench Transfer ./core/blob/s3")
	}
	s, err := s3.Open(ctx, bucket(b, at), s3.Options{Endpoint: at})
	require.NoError(b, err)
	for _, n := range []int{4 << 10, 8*mib + 4, 32*mib + 4} {
		p := random(n)
		b.Run(fmt.Sprintf("put/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				require.NoError(b, s.PutBytes(ctx, "k", p, blob.PutOptions{}))
			}
		})
		b.Run(fmt.Sprintf("get/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				r, err := s.Get(ctx, "k")
				require.NoError(b, err)
				_, err = io.Copy(io.Discard, r)
				require.NoError(b, err)
				require.NoError(b, r.Close())
			}
		})
	}
}
