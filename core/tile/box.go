package tile

// Bands cuts an array into boxes of at most most elements that follow each other in memory, when the dimensions lie in the
// order given, from the slowest to the fastest; and calls f for each. The slices are used again for the next box.
func Bands(shape []int64, order []int, most int64, f func(start, extent []int64) error) error {
	start, extent := make([]int64, len(shape)), make([]int64, len(shape))
	if len(order) == 0 {
		return f(start, extent)
	}
	for d := range extent {
		extent[d] = 1
	}
	// Whole are the fastest dimensions that fit completely; the next one is cut, those before it go one by one.
	cut, inner := len(order)-1, int64(1)
	for ; cut > 0 && inner*shape[order[cut]] <= most; cut-- {
		inner *= shape[order[cut]]
		extent[order[cut]] = shape[order[cut]]
	}
	step := most / max(inner, 1)
	for {
		at := order[cut]
		for start[at] = 0; start[at] < shape[at]; start[at] += step {
			extent[at] = min(step, shape[at]-start[at])
			if err := f(start, extent); err != nil {
				return err
			}
		}
		start[at] = 0
		if !nextIndex(start, shape, order[:cut]) {
			return nil
		}
	}
}

// nextIndex counts up the dimensions given, the last one first, and says whether there is a next index.
func nextIndex(index, shape []int64, dims []int) bool {
	for k := len(dims) - 1; k >= 0; k-- {
		d := dims[k]
		if index[d]++; index[d] < shape[d] {
			return true
		}
		index[d] = 0
	}
	return false
}

// PutBox copies what lies within the tile of a box of elements. part holds the box with its dimensions in the order given,
// from the slowest to the fastest; lo is where it begins, counted from the tile's first element, and may be negative.
func (t *Tile) PutBox(part []byte, order []int, lo, extent []int64) {
	to, in, shape := intersect(t.Shape, lo, extent)
	if shape == nil {
		return
	}
	own, other := Strides(t.Shape, nil, t.DType), Strides(extent, order, t.DType)
	Copy(t.Bytes()[offset(to, own):], own, part[offset(in, other):], other, shape, t.DType)
}

// GetBox copies what lies within the tile to a box of elements, laid out as for PutBox.
func (t *Tile) GetBox(part []byte, order []int, lo, extent []int64) {
	from, in, shape := intersect(t.Shape, lo, extent)
	if shape == nil {
		return
	}
	own, other := Strides(t.Shape, nil, t.DType), Strides(extent, order, t.DType)
	Copy(part[offset(in, other):], other, t.Bytes()[offset(from, own):], own, shape, t.DType)
}

// intersect is the part of a box from lo on that lies within the shape: where it begins there, where it begins in the box,
// and its extent, nil when it is empty.
func intersect(shape, lo, extent []int64) (to, in, out []int64) {
	n := len(shape)
	to, in, out = make([]int64, n), make([]int64, n), make([]int64, n)
	for d := range shape {
		to[d] = max(lo[d], 0)
		in[d] = to[d] - lo[d]
		if out[d] = min(lo[d]+extent[d], shape[d]) - to[d]; out[d] <= 0 {
			return nil, nil, nil
		}
	}
	return to, in, out
}

func offset(start, strides []int64) int64 {
	n := int64(0)
	for d, s := range start {
		n += s * strides[d]
	}
	return n
}
