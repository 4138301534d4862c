//go:build purego

package kernel

import "numpywren/core/tile"

// run computes the expression into out, which may be the memory of an operand of its size.
func (c *ewCall) run(out *tile.Tile) error { return c.runReference(out) }

// reduce folds the expression over the dimensions that are 1 in out.
func (c *ewCall) reduce(op reduction, _ []bool, out *tile.Tile) error {
	return c.reduceReference(op, out)
}

// argpart finds the places of the extremes of the expression.
func (c *ewCall) argpart(search *argSearch, out *tile.Tile) error {
	return c.argpartReference(search, out)
}

// applyEw is acc = acc op x, for tiles that are alike.
func applyEw(op ewOp, acc, x *tile.Tile) error {
	to, from := acc.Bytes(), x.Bytes()
	for k := range acc.Len() {
		bits, _ := evalEw(op, acc.DType, acc.DType, element(to, acc.DType, k), element(from, acc.DType, k), 0)
		setElement(to, acc.DType, k, bits)
	}
	return nil
}
