package tile

import "numpywren/core/errs"

// DType is the type of a tile's elements.
type DType uint8

// The types of NumPy that a tile can hold, and Pair.
const (
	Bool DType = iota + 1
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Float32
	Float64
	Complex64
	Complex128
	// Pair is a value in the low 8 bytes and an int64 index in the high ones: what argmin and argmax carry from tile to
	// tile. Zarr calls it "r128".
	Pair
)

var dtypes = [...]struct {
	name string
	size int
}{
	Bool: {"bool", 1}, Int8: {"int8", 1}, Int16: {"int16", 2}, Int32: {"int32", 4}, Int64: {"int64", 8},
	Uint8: {"uint8", 1}, Uint16: {"uint16", 2}, Uint32: {"uint32", 4}, Uint64: {"uint64", 8},
	Float32: {"float32", 4}, Float64: {"float64", 8}, Complex64: {"complex64", 8}, Complex128: {"complex128", 16},
	Pair: {"r128", 16},
}

// Size is the bytes of an element.
func (d DType) Size() int { return dtypes[d].size }

// String is NumPy's name of the type, which is Zarr's too.
func (d DType) String() string {
	if int(d) >= len(dtypes) || d == 0 {
		return "invalid"
	}
	return dtypes[d].name
}

// ParseDType finds a type by NumPy's name.
func ParseDType(name string) (DType, error) {
	for d, t := range dtypes {
		if d > 0 && t.name == name {
			return DType(d), nil
		}
	}
	return 0, errs.New(errs.Type, "dtype %q is not supported: use one of float64, float32, int64, bool, the other integers, complex64 and complex128", name)
}
