package lambdapack

// Elements calls f for every elementwise call of a file whose expression stands there as a text: with the text's place, and the
// number of operands. What the text means, kernels know; this package does not.
func (f *File) Elements(visitor func(pos Pos, text string, operands int)) {
	var stmts func(body []Stmt)
	stmts = func(body []Stmt) {
		for _, s := range body {
			nodes, inner := stmtParts(s)
			for _, n := range nodes {
				visit(n, func(n Node) {
					if call, ok := n.(*Apply); ok && call.Func == "ew" && len(call.Args) > 0 {
						if text, ok := call.Args[0].(*Literal); ok {
							if t, ok := text.Value.(string); ok {
								visitor(text.Pos, t, len(call.Args)-1)
							}
						}
					}
				})
			}
			for _, b := range inner {
				stmts(b)
			}
		}
	}
	for _, def := range f.Defs {
		stmts(def.Body)
	}
}
