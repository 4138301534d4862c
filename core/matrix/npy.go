package matrix

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/sbinet/npyio/npy"

	"numpywren/core/errs"
	"numpywren/core/tile"
)

// Widened is the type that an array of type d becomes in numpywren: float64, float32, int64 and bool stay, narrower integers
// become int64.
func Widened(d tile.DType) (tile.DType, error) { return tile.Widened(d) }

// Widen fills dst, whose type is Widened of src's, with the elements of src.
func Widen(dst, src *tile.Tile) error {
	if wide, err := tile.Widened(src.DType); err != nil || wide != dst.DType || dst.Len() != src.Len() {
		return errs.New(errs.Internal, "a tile of %v %s cannot be widened to %v %s", src.Shape, src.DType, dst.Shape, dst.DType)
	}
	tile.Convert(dst.Bytes(), dst.DType, src.Bytes(), src.DType)
	return nil
}

// Npy is a .npy file that is open for reading. ReadTile may be called by several goroutines at once.
type Npy struct {
	Shape        []int64
	DType        tile.DType // of the file; a tile to read into has it, or what Widened makes of it
	FortranOrder bool

	file npyFile
	path string
	data int64 // where the elements begin
	big  bool  // their bytes are big endian
}

// npyFile is where the bytes of a .npy file are.
type npyFile interface {
	ReadAtContext(ctx context.Context, p []byte, at int64) (int, error)
	Size() int64
	Close() error
}

// localFile is one of the operating system.
type localFile struct {
	*os.File
	size int64
}

func (f *localFile) ReadAtContext(_ context.Context, p []byte, at int64) (int, error) {
	return f.ReadAt(p, at)
}

func (f *localFile) Size() int64 { return f.size }

// OpenNpy opens a file in NumPy's format and checks its header and its size.
func OpenNpy(path string) (*Npy, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // or a pipe would wait for its writer
	if err != nil {
		return nil, errs.New(fileKind(err), "%w", err)
	}
	n, err := openLocal(f, path)
	if err != nil {
		_ = f.Close()
	}
	return n, err
}

func openLocal(f *os.File, path string) (*Npy, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, errs.New(errs.OS, "%w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errs.New(errs.Value, "%s is no .npy file: it is no regular file", path)
	}
	return openNpy(context.Background(), &localFile{f, info.Size()}, path)
}

// fileKind is the kind of an error of the operating system about a path.
func fileKind(err error) errs.Kind {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errs.NotFound
	case errors.Is(err, fs.ErrExist):
		return errs.Exists
	}
	return errs.OS
}

// Close closes the file.
func (n *Npy) Close() error { return n.file.Close() }

// openNpy checks the header and the size of a file.
func openNpy(ctx context.Context, f npyFile, path string) (*Npy, error) {
	n := &Npy{file: f, path: path}
	if err := n.header(ctx, f.Size()); err != nil {
		return nil, err
	}
	return n, n.checkSize()
}

func (n *Npy) checkSize() error {
	elements := int64(1)
	for _, s := range n.Shape {
		if s < 0 || s > 0 && elements > (1<<58)/s {
			return errs.New(errs.Value, "%s is corrupt: its header tells the shape %v", n.path, n.Shape)
		}
		elements *= max(s, 1)
	}
	for _, s := range n.Shape {
		if s == 0 {
			elements = 0
		}
	}
	switch size, got := elements*int64(n.DType.Size()), n.file.Size()-n.data; {
	case got < size:
		return errs.New(errs.Value, "%s is cut short: %d bytes of elements instead of %d (shape %v, %s)", n.path, got, size, n.Shape, n.DType)
	case got > size:
		return errs.New(errs.Value, "%s is too long: %d bytes of elements instead of %d (shape %v, %s)", n.path, got, size, n.Shape, n.DType)
	}
	return nil
}

// maxHeader is more than any header has that is not of a structured type.
const maxHeader = 64 << 10

// header reads the header of a file of the given size.
func (n *Npy) header(ctx context.Context, size int64) error {
	var lead [12]byte
	got, err := n.file.ReadAtContext(ctx, lead[:], 0)
	if err != nil && err != io.EOF {
		return errs.New(kindOr(err, errs.OS), "%s cannot be read: %w", n.path, err)
	}
	magic := npy.Magic[:]
	if got < len(magic) && bytes.HasPrefix(magic, lead[:got]) && got > 0 || got >= len(magic) && got < 10 && bytes.HasPrefix(lead[:], magic) {
		return errs.New(errs.Value, "%s is cut short: %d bytes end before its header does", n.path, size)
	}
	if !bytes.HasPrefix(lead[:], magic) {
		return errs.New(errs.Value, "%s is no .npy file: its %d bytes do not begin as one does", n.path, size)
	}
	begin, length := int64(10), int64(binary.LittleEndian.Uint16(lead[8:]))
	switch lead[6] {
	case 1:
	case 2, 3: // which differ in the names of fields only
		begin, length = 12, int64(binary.LittleEndian.Uint32(lead[8:]))
	default:
		return errs.New(errs.Value, "%s is of the .npy format %d.%d: 1.0, 2.0 and 3.0 can be read", n.path, lead[6], lead[7])
	}
	n.data = begin + length
	if n.data > size {
		return errs.New(errs.Value, "%s is cut short: %d bytes, its header alone takes %d", n.path, size, n.data)
	}
	if length > maxHeader {
		return errs.New(errs.Value, "%s has a header of %d bytes: at most %d can be read", n.path, length, maxHeader)
	}
	text := make([]byte, n.data)
	if _, err := n.file.ReadAtContext(ctx, text, 0); err != nil && err != io.EOF {
		return errs.New(kindOr(err, errs.OS), "%s cannot be read: %w", n.path, err)
	}
	if text[6] == 3 {
		text[6] = 2 // npyio's parser knows no other
	}
	return n.describe(text)
}

// describe reads a header: what it says of the elements.
func (n *Npy) describe(text []byte) error {
	header, err := parseHeader(text)
	if err != nil {
		return errs.New(errs.Value, "%s is corrupt: its header cannot be read: %w", n.path, err)
	}
	n.FortranOrder = header.Descr.Fortran
	n.Shape = make([]int64, len(header.Descr.Shape))
	for d, s := range header.Descr.Shape {
		n.Shape[d] = int64(s)
	}
	d, big, err := parseDescr(header.Descr.Type)
	if err != nil {
		return errs.New(errs.Type, "%s cannot be read: %w", n.path, err)
	}
	n.DType, n.big = d, big
	return nil
}

// parseHeader is npyio's parser, which slices what is not as it expects without looking: a panic is a header that is not one.
func parseHeader(text []byte) (h npy.Header, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it is no dictionary of descr, fortran_order and shape")
		}
	}()
	r, err := npy.NewReader(bytes.NewReader(text))
	if err != nil {
		return h, err
	}
	return r.Header, nil
}

var descrs = map[string]tile.DType{
	"b1": tile.Bool, "i1": tile.Int8, "i2": tile.Int16, "i4": tile.Int32, "i8": tile.Int64, "u1": tile.Uint8, "u2": tile.Uint16,
	"u4": tile.Uint32, "u8": tile.Uint64, "f4": tile.Float32, "f8": tile.Float64,
}

// parseDescr reads NumPy's short form of a dtype: the order of bytes, the kind, the bytes of an element.
func parseDescr(descr string) (d tile.DType, big bool, err error) {
	if len(descr) > 1 && strings.ContainsRune("<>|=", rune(descr[0])) {
		if d, ok := descrs[descr[1:]]; ok {
			return d, descr[0] == '>', nil
		}
	}
	const use = "use one of float64, float32, int64, bool and the narrower integers"
	switch {
	case strings.Contains(descr, "("):
		return 0, false, errs.New(errs.Type, "its dtype is structured: "+use)
	case strings.Contains(descr, "O"):
		return 0, false, errs.New(errs.Type, "its dtype is object: "+use)
	case strings.Contains(descr, "c"):
		return 0, false, errs.New(errs.Type, "its dtype %q is complex: "+use, descr)
	}
	return 0, false, errs.New(errs.Type, "its dtype %q is not supported: "+use, descr)
}

// ReadTile fills t with the elements of the array from start on.
func (n *Npy) ReadTile(ctx context.Context, start []int64, t *tile.Tile) error {
	if err := within(n.Shape, start, t); err != nil {
		return errs.New(errs.Internal, "%s: %w", n.path, err)
	}
	if wide, err := tile.Widened(n.DType); t.DType != n.DType && (err != nil || wide != t.DType) {
		return errs.New(errs.Type, "%s holds %s: it cannot be read into tiles of %s", n.path, n.DType, t.DType)
	}
	buf, wide := npyBuffers.Get().(*[npyBuffer]byte), npyBuffers.Get().(*[npyBuffer]byte)
	defer npyBuffers.Put(buf)
	defer npyBuffers.Put(wide)
	size, wideSize := int64(n.DType.Size()), int64(t.DType.Size())
	order := fileOrder(len(n.Shape), n.FortranOrder)
	lo, extent := n.region(start, t.Shape, order)
	first, place := slices.Clone(lo), slices.Clone(lo)
	return tile.Bands(extent, order, npyBuffer/max(size, wideSize), func(s, e []int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for d := range lo {
			first[d], place[d] = lo[d]+s[d], lo[d]+s[d]-start[d]
		}
		part, err := buf[:0], error(nil)
		for at, run := range runs(n.Shape, first, e, order) {
			part = part[:int64(len(part))+run*size]
			if err = n.readAt(ctx, part[int64(len(part))-run*size:], n.data+at*size); err != nil {
				return err
			}
		}
		if n.big {
			tile.SwapBytes(part, int(size))
		}
		if t.DType != n.DType {
			widened := wide[:int64(len(part))/size*wideSize]
			tile.Convert(widened, t.DType, part, n.DType)
			part = widened
		}
		t.PutBox(part, order, place, e)
		return nil
	})
}

func (n *Npy) readAt(ctx context.Context, p []byte, at int64) error {
	got, err := n.file.ReadAtContext(ctx, p, at)
	if got == len(p) {
		return nil
	}
	if err == io.EOF {
		return errs.New(errs.Value, "%s was cut short while it was open: it ends at byte %d instead of %d or later", n.path, at+int64(got), at+int64(len(p)))
	}
	return errs.New(kindOr(err, errs.OS), "%s cannot be read: %w", n.path, err)
}

// region is what is read for a tile: its own elements; or whole rows of the file, when these are so short that more reads
// would cost more.
func (n *Npy) region(start, shape []int64, order []int) (lo, extent []int64) {
	lo, extent = slices.Clone(start), slices.Clone(shape)
	if len(order) > 1 {
		fast := order[len(order)-1]
		if row := n.Shape[fast]; row*int64(n.DType.Size()) <= shortRow || row <= 2*shape[fast] && row*int64(n.DType.Size()) <= npyBuffer {
			lo[fast], extent[fast] = 0, row
		}
	}
	return lo, extent
}

const (
	npyBuffer = 512 << 10 // bytes that are read or written at a time
	shortRow  = 4 << 10   // bytes that are copied in the time of a system call
)

var npyBuffers = sync.Pool{New: func() any { return new([npyBuffer]byte) }}

// within checks that a tile lies in an array.
func within(shape, start []int64, t *tile.Tile) error {
	bad := len(start) != len(shape) || len(t.Shape) != len(shape)
	for d := 0; !bad && d < len(shape); d++ {
		bad = start[d] < 0 || t.Shape[d] < 0 || start[d] > shape[d]-t.Shape[d]
	}
	if bad {
		return errs.New(errs.Internal, "a tile of shape %v at %v does not lie in an array of shape %v", t.Shape, start, shape)
	}
	return nil
}

// fileOrder lists the dimensions from the slowest to the fastest.
func fileOrder(ndim int, fortran bool) []int {
	order := make([]int, ndim)
	for d := range order {
		order[d] = d
	}
	if fortran {
		slices.Reverse(order)
	}
	return order
}

// runs yields the parts of a box that lie together in an array, in order: the position of the first element and the number
// of elements.
func runs(shape, first, extent []int64, order []int) iter.Seq2[int64, int64] {
	strides, stride := make([]int64, len(shape)), int64(1)
	for k := len(order) - 1; k >= 0; k-- {
		strides[order[k]] = stride
		stride *= shape[order[k]]
	}
	// The run takes in a dimension as long as the faster ones are whole.
	cut, run := len(order), int64(1)
	for cut > 0 && (cut == len(order) || extent[order[cut]] == shape[order[cut]]) {
		cut--
		run *= extent[order[cut]]
	}
	at := int64(0)
	for d, x := range first {
		at += x * strides[d]
	}
	return func(yield func(int64, int64) bool) {
		index := make([]int64, len(shape))
		for {
			if !yield(at, run) {
				return
			}
			k := cut - 1
			for ; k >= 0; k-- {
				d := order[k]
				at += strides[d]
				if index[d]++; index[d] < extent[d] {
					break
				}
				at -= extent[d] * strides[d]
				index[d] = 0
			}
			if k < 0 {
				return
			}
		}
	}
}
