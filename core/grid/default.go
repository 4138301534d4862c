package grid

// What default blocks measure. The kernels are near their best from 512 on, and a tenth faster at 2048, where a tile is put in
// order for more arithmetic (docs/decisions/0006-default-blocks.md). The bounds leave enough tiles to share between workers, and
// keep a tile of a large matrix at some tens of megabytes.
const (
	minSide   = 512 // of a block of a side that has fewer than three
	maxSide   = 1024
	hugeSide  = 2048    // of a side from hugeFrom on
	hugeFrom  = 8192    // where hugeSide leaves four blocks
	multiple  = 128     // blocks are multiples of it
	leastLong = 256     // of the long side of a thin matrix
	longSide  = 1 << 16 // the most of it
	tileSize  = 8 << 20 // bytes of a tile of a thin matrix
	elements  = 1 << 20 // of a tile of one dimension, or of more than two
)

// DefaultBlock chooses blocks from the shape and the size of an element alone, never from the machine: the same call gives
// the same tiles, and so the same bits, everywhere. A type of fewer than 8 bytes has the blocks of float64.
func DefaultBlock(shape []int64, itemsize int) []int64 {
	block := make([]int64, len(shape))
	for d, n := range shape {
		block[d] = max(n, 1)
	}
	switch len(shape) {
	case 0:
	case 1:
		block[0] = min(block[0], elements)
	case 2:
		thin, long := 0, 1
		if shape[0] > shape[1] {
			thin, long = 1, 0
		}
		if shape[thin] > maxSide || shape[long] < 4*shape[thin] {
			block[thin], block[long] = square(shape[thin]), square(shape[long])
			break
		}
		// A thin matrix: whole rows (or columns), as many as make tileSize.
		most := tileSize / (block[thin] * max(int64(itemsize), 8))
		block[long] = side(shape[long], min(most/multiple*multiple, longSide))
	default:
		for size(block) > elements {
			halveLargest(block)
		}
	}
	return block
}

// square is the block of a side of n of a matrix that is not thin: three equal blocks, or as many of maxSide as it takes, and no
// more than there are of minSide.
func square(n int64) int64 {
	if n >= hugeFrom {
		return hugeSide
	}
	return equal(n, max(min(3, parts(n, minSide)), parts(n, maxSide)))
}

// side is the block of the long side of a thin matrix: about an eighth of it, but between leastLong and most.
func side(n, most int64) int64 {
	if n <= leastLong {
		return max(n, 1)
	}
	return max(leastLong, min(equal(n, 8), most))
}

func parts(n, most int64) int64 { return (n + most - 1) / most }

// equal is the block of a side of n in so many blocks, up to a multiple.
func equal(n, count int64) int64 {
	if count <= 1 {
		return max(n, 1)
	}
	return parts(parts(n, count), multiple) * multiple
}

func size(block []int64) int64 {
	n := int64(1)
	for _, b := range block {
		if n > elements {
			break // before it overflows
		}
		n *= b
	}
	return n
}

func halveLargest(block []int64) {
	largest := 0
	for d, b := range block {
		if b > block[largest] {
			largest = d
		}
	}
	block[largest] = (block[largest] + 1) / 2
}
