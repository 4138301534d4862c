package deploy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"numpywren/core/errs"
)

// engine is the library that a worker loads from beside itself.
const engine = "libnpw_openblas.so"

// bootstrap is what Lambda runs of a function's code.
const bootstrap = "bootstrap"

// zipOf packs the worker: its program, as bootstrap, with the engine beside it if there is one, or a folder with a bootstrap and
// what it loads. The same files give the same bytes, so that Lambda's checksum says whether the function has them already. What is
// a zip is taken as it is.
func zipOf(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if path == "" || err != nil {
		return nil, errs.New(errs.NotFound, "worker is %q: the path of the worker's program, of a zip or of a folder with it as bootstrap, is wanted", path)
	}
	var code []byte
	switch {
	case info.IsDir():
		var files map[string]string
		files, err = folder(path)
		if err == nil && files[bootstrap] == "" {
			return nil, errs.New(errs.NotFound, "worker is %q: the folder has no bootstrap", path)
		}
		if err == nil {
			code, err = pack(files)
		}
	case filepath.Ext(path) == ".zip":
		code, err = os.ReadFile(path)
	default:
		files := map[string]string{bootstrap: path}
		beside := filepath.Join(filepath.Dir(path), engine)
		if _, err := os.Stat(beside); err == nil {
			files[engine] = beside
		}
		code, err = pack(files)
	}
	if err != nil {
		return nil, errs.New(errs.OS, "worker is %q: %w", path, err)
	}
	if len(code) > maxZip {
		return nil, errs.New(errs.Value, "worker is %q: %d bytes as a zip, Lambda takes at most %d", path, len(code), maxZip)
	}
	return code, nil
}

// pack makes a zip of files by their names in it.
func pack(files map[string]string) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return nil, err
		}
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// archOf is the processor that a zip's bootstrap is for, as Lambda calls it: that of the function has to be the same. A script says
// none.
func archOf(path string, code []byte) (string, error) {
	r, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return "", errs.New(errs.Value, "worker is %q: it is no zip: %w", path, err)
	}
	f, err := r.Open(bootstrap)
	if err != nil {
		return "", errs.New(errs.NotFound, "worker is %q: the zip has no bootstrap", path)
	}
	defer f.Close()
	head := make([]byte, 20) // up to the number of the machine
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(elf.ELFMAG)]) != elf.ELFMAG {
		return "", nil
	}
	switch machine := elf.Machine(binary.LittleEndian.Uint16(head[18:])); machine {
	case elf.EM_X86_64:
		return archX86, nil
	case elf.EM_AARCH64:
		return archArm, nil
	default:
		return "", errs.New(errs.Value, "worker is %q: a program for %v, and Lambda has x86_64 and arm64", path, machine)
	}
}

// pick settles which processor the function runs on: the one that was asked for, or else the one that its code is for.
func (d *Deployment) pick(code []byte) error {
	is, err := archOf(d.Worker, code)
	switch {
	case err != nil:
		return err
	case d.Arch == "" && is == "":
		d.Arch = archX86
	case d.Arch == "":
		d.Arch = is
	case is != "" && d.Arch != is:
		return errs.New(errs.Value, "arch is %q, and the worker %s is a program for %s: pass the one for %[1]s with --worker "+
			"(make worker-arm64 in numpywren's sources builds one for arm64, dist/numpywren-worker-arm64.zip), or leave arch out", d.Arch, d.Worker, is)
	}
	return nil
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
		return nil, err
	}
	return files, nil
}

// checksum is what Lambda calls CodeSha256.
func checksum(code []byte) string {
	sum := sha256.Sum256(code)
	return base64.StdEncoding.EncodeToString(sum[:])
}
