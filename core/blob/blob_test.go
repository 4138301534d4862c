package blob_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numpywren/core/blob"
	"numpywren/core/blob/blobtest"
	"numpywren/core/errs"
)

func TestMemory(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Driver { return blob.MemoryDriver() })
}

func TestFile(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Driver { return blob.FileDriver(filepath.Join(t.TempDir(), "made", "later")) })
}

func TestFaultsPassThrough(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Driver { return blobtest.WithFaults(blob.MemoryDriver(), &blobtest.Faults{}) })
}

// TestFileLeavesNothing: a failed Put leaves no part behind, deleted objects leave no folders, and the parts that a crash left
// are not listed.
func TestFileLeavesNothing(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	faults := &blobtest.Faults{}
	s := blob.New(blobtest.WithFaults(blob.FileDriver(dir), faults))
	faults.Script(blobtest.Put, nil, syscall.ENOSPC)
	require.NoError(t, s.PutBytes(ctx, "a/b/1", make([]byte, 100), blob.PutOptions{}))
	err := s.PutBytes(ctx, "a/b/2", make([]byte, 100), blob.PutOptions{})
	require.Equal(t, errs.OS, errs.KindOf(err))
	require.ErrorIs(t, err, syscall.ENOSPC)
	entries, err := os.ReadDir(filepath.Join(dir, "a", "b"))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", "b", ".part-123"), nil, 0o600))
	for key, err := range s.List(ctx, "") {
		require.NoError(t, err)
		require.Equal(t, "a/b/1", key)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "a", "b", ".part-123")))
	sorry := errors.New("sorry")
	err = s.Put(ctx, "a/b/2", 1, func(io.Writer) error { // beside the deletion of the folder's last object
		return errors.Join(sorry, s.Delete(ctx, "a/b/1"))
	}, blob.PutOptions{})
	require.ErrorIs(t, err, sorry)
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, s.PutBytes(ctx, "a/b/1", nil, blob.PutOptions{}))
	require.NoError(t, s.Delete(ctx, "a/b/1"))
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestFileErrors: the errors of the system come with their errno, as OSError.
func TestFileErrors(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	s := blob.NewFile(dir)
	err := s.PutBytes(ctx, "file/x", nil, blob.PutOptions{})
	require.Equal(t, errs.OS, errs.KindOf(err))
	require.ErrorIs(t, err, syscall.ENOTDIR)
	_, err = s.Get(ctx, "file/x")
	require.ErrorIs(t, err, blob.ErrNotExist)
	require.NoError(t, s.PutBytes(ctx, "d/x", nil, blob.PutOptions{}))
	require.Equal(t, errs.OS, errs.KindOf(s.PutBytes(ctx, "d", nil, blob.PutOptions{})))
	_, err = s.Get(ctx, "d")
	require.ErrorIs(t, err, blob.ErrNotExist, "a folder is no object")
	_, err = s.Stat(ctx, "d")
	require.ErrorIs(t, err, blob.ErrNotExist)
	err = s.PutBytes(ctx, strings.Repeat("x", 300), nil, blob.PutOptions{})
	require.ErrorIs(t, err, syscall.ENAMETOOLONG)
}

func TestFileReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("nothing is read-only for root")
	}
	ctx, dir := context.Background(), t.TempDir()
	s := blob.NewFile(dir)
	require.NoError(t, s.PutBytes(ctx, "a", []byte("1"), blob.PutOptions{}))
	require.NoError(t, os.Chmod(dir, 0o500))
	defer os.Chmod(dir, 0o700)
	for _, err := range []error{
		s.PutBytes(ctx, "b", nil, blob.PutOptions{}), s.PutBytes(ctx, "c/d", nil, blob.PutOptions{}), s.Delete(ctx, "a"),
	} {
		require.Equal(t, errs.OS, errs.KindOf(err))
		require.ErrorIs(t, err, fs.ErrPermission)
	}
}

// TestFileMode: objects have the mode that the user's umask asks for, as files of other programs do.
func TestFileMode(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, blob.NewFile(dir).PutBytes(context.Background(), "a", nil, blob.PutOptions{}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), nil, 0o666))
	a, err := os.Stat(filepath.Join(dir, "a"))
	require.NoError(t, err)
	b, err := os.Stat(filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.Equal(t, b.Mode(), a.Mode())
}

// TestFileOfNoBytes: what is neither file nor folder is an error, at once: a pipe would wait for its writer, and a chunk that is
// not there is zeros.
func TestFileOfNoBytes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	_, err := blob.New(blob.FileDriver(dir)).ReadAll(context.Background(), "pipe")
	require.Equal(t, errs.OS, errs.KindOf(err))
	require.ErrorContains(t, err, "pipe is no regular file")
}

// TestLeftovers: what a killed writer left is told of when it is old; files that are somebody else's are not.
func TestLeftovers(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := blob.NewFile(dir)
	require.NoError(t, s.PutBytes(ctx, "a/b/1", nil, blob.PutOptions{}))
	now := time.Now()
	for name, age := range map[string]time.Duration{
		"a/b/.part-0123456789abcdef": time.Hour, "a/.part-00000000000000ff": time.Second, "a/.part-mine": time.Hour,
	} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte("abc"), 0o600))
		require.NoError(t, os.Chtimes(file, now.Add(-age), now.Add(-age)))
	}
	leftovers := func() (found []string) {
		for o, err := range s.Leftovers(ctx, now.Add(-time.Minute)) {
			require.NoError(t, err)
			require.EqualValues(t, 3, o.Size)
			found = append(found, o.Key)
		}
		return found
	}
	require.Equal(t, []string{"a/b/.part-0123456789abcdef"}, leftovers())
	require.NoError(t, s.Delete(ctx, leftovers()[0]))
	require.Empty(t, leftovers())
	for range blob.NewMemory().Leftovers(ctx, now) {
		t.Error("memory has leftovers")
	}
	for _, err := range blob.NewFile(filepath.Join(dir, "none")).Leftovers(ctx, now) {
		require.NoError(t, err)
	}
}
