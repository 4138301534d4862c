package matrix

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sbinet/npyio/npy"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// NpyWriter writes a .npy file in C order, tile by tile. The file has its name from Commit on; what no tile covers is zeros.
// WriteTile may be called by several goroutines at once.
type NpyWriter struct {
	file  *os.File
	path  string
	dtype tile.DType
	shape []int64
	data  int64
}

// CreateNpy begins a file, beside the one that it will replace: behind a link that is the file, and it lends its
// permissions. It ends in Commit or Abort.
func CreateNpy(path string, d tile.DType, shape []int64) (*NpyWriter, error) {
	header, err := NpyHeader(d, shape)
	if err != nil {
		return nil, err
	}
	replaced, _ := os.Stat(path) // nil: none, or an error that creating the file has too
	switch {
	case replaced == nil:
	case replaced.IsDir():
		return nil, errs.New(errs.OS, "%s is a folder: give the path of a file", path)
	case !replaced.Mode().IsRegular(): // a device, which a file would take the place of
		return nil, errs.New(errs.OS, "%s cannot be written: it is no regular file", path)
	default:
		if behind, err := filepath.EvalSymlinks(path); err == nil {
			path = behind
		}
	}
	f, err := os.OpenFile(fmt.Sprintf("%s.part-%08x", path, rand.Uint32()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil && replaced != nil {
		err = f.Chmod(replaced.Mode().Perm())
	}
	if err != nil {
		return nil, errs.New(fileKind(err), "%s cannot be written: %w", path, err)
	}
	w := &NpyWriter{file: f, path: path, dtype: d, shape: shape, data: int64(len(header))}
	size := int64(d.Size())
	for _, s := range shape {
		size *= s
	}
	if _, err = f.WriteAt(header, 0); err == nil {
		err = f.Truncate(w.data + size)
	}
	if err != nil {
		w.Abort()
		return nil, w.failure(err)
	}
	return w, nil
}

// NpyHeader is the head of a file of version 1.0 in C order, padded so that the elements begin at a multiple of 64 bytes.
func NpyHeader(d tile.DType, shape []int64) ([]byte, error) {
	descr := ""
	for short, known := range descrs {
		if known == d {
			descr = short
		}
	}
	if descr == "" {
		return nil, errs.New(errs.Type, "an array of %s cannot be written to a .npy file", d)
	}
	order := "<"
	if d.Size() == 1 {
		order = "|"
	}
	return npyHeader(order+descr, shape), nil
}

func npyHeader(descr string, shape []int64) []byte {
	sides := make([]string, len(shape))
	for d, s := range shape {
		sides[d] = strconv.FormatInt(s, 10)
	}
	text := strings.Join(sides, ", ")
	if len(shape) == 1 {
		text += ","
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, text)
	dict += strings.Repeat(" ", 63-(10+len(dict))%64) + "\n"
	header := append(npy.Magic[:], 1, 0)
	header = binary.LittleEndian.AppendUint16(header, uint16(len(dict)))
	return append(header, dict...)
}

func (w *NpyWriter) failure(err error) error {
	return errs.New(errs.OS, "%s cannot be written: %w", w.path, err)
}

// WriteTile writes the elements of the array from start on.
func (w *NpyWriter) WriteTile(start []int64, t *tile.Tile) error {
	if err := within(w.shape, start, t); err != nil {
		return err
	}
	if t.DType != w.dtype {
		return errs.New(errs.Internal, "a tile of %s for a file of %s", t.DType, w.dtype)
	}
	buf := npyBuffers.Get().(*[npyBuffer]byte)
	defer npyBuffers.Put(buf)
	size, order := int64(w.dtype.Size()), fileOrder(len(w.shape), false)
	first := make([]int64, len(start))
	return tile.Bands(t.Shape, order, npyBuffer/size, func(s, e []int64) error {
		for d := range first {
			first[d] = start[d] + s[d]
		}
		t.GetBox(buf[:], order, s, e)
		part := buf[:]
		for at, run := range runs(w.shape, first, e, order) {
			if _, err := w.file.WriteAt(part[:run*size], w.data+at*size); err != nil {
				return w.failure(err)
			}
			part = part[run*size:]
		}
		return nil
	})
}

// Commit gives the file its name, replacing one that has it.
func (w *NpyWriter) Commit() error {
	err := w.file.Close()
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		_ = os.Remove(w.file.Name())
		return w.failure(err)
	}
	return nil
}

// Abort removes what was written.
func (w *NpyWriter) Abort() {
	_ = w.file.Close()
	_ = os.Remove(w.file.Name())
}
