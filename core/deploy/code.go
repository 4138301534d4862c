package deploy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"numpywren/core/errs"
)

// engine is the library that a worker loads from beside itself.
const engine = "libnpw_openblas.so"

// zipOf packs the worker: its program, as bootstrap, with the engine beside it if there is one, or a folder with a bootstrap and
// what it loads. The same files give the same bytes, so that Lambda's checksum says whether the function has them already.
func zipOf(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if path == "" || err != nil {
		return nil, errs.New(errs.NotFound, "worker is %q: the path of the worker's program, or of a folder with it as bootstrap, is wanted", path)
	}
	files := map[string]string{"bootstrap": path}
	beside := filepath.Join(filepath.Dir(path), engine)
	if _, err := os.Stat(beside); err == nil {
		files[engine] = beside
	}
	if info.IsDir() {
		if files, err = folder(path); err != nil {
			return nil, err
		}
	}
	if files["bootstrap"] == "" {
		return nil, errs.New(errs.NotFound, "worker is %q: the folder has no bootstrap", path)
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return nil, errs.New(errs.OS, "worker: %w", err)
		}
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			return nil, errs.New(errs.OS, "worker: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, errs.New(errs.OS, "worker: %w", err)
	}
	if out.Len() > maxZip {
		return nil, errs.New(errs.Value, "worker is %q: %d bytes as a zip, Lambda takes at most %d", path, out.Len(), maxZip)
	}
	return out.Bytes(), nil
}

// folder lists a folder's regular files by their names in the zip.
func folder(root string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(root, path)
		files[filepath.ToSlash(name)] = path
		return err
	})
	if err != nil {
		return nil, errs.New(errs.OS, "worker is %q: %w", root, err)
	}
	return files, nil
}

// checksum is what Lambda calls CodeSha256.
func checksum(code []byte) string {
	sum := sha256.Sum256(code)
	return base64.StdEncoding.EncodeToString(sum[:])
}
