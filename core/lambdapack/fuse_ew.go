package lambdapack

import (
	"regexp"
	"strings"
)

// maxElementText is how long the text of a merged elementwise expression can be.
const maxElementText = 1024

// castable are the types that the elementwise language can convert to.
var castable = map[string]bool{"bool": true, "int8": true, "int16": true, "int32": true, "int64": true, "uint8": true, "uint16": true,
	"uint32": true, "uint64": true, "float32": true, "float64": true}

// element is a call of ew, taken apart.
type element struct {
	tokens   []string
	operands []Node
	dtype    string
}

// elementToken is a number, a name, or whatever else. A number goes before a name: the e of 1e5 is none.
var elementToken = regexp.MustCompile(`(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*|.`)

// asElement takes a call of ew apart; false when it is something else, or not of the usual form.
func asElement(n Node) (e element, ok bool) {
	call, isCall := n.(*Apply)
	if !isCall || call.Func != "ew" || len(call.Args) < 2 || len(call.Attrs) > 1 {
		return e, false
	}
	lit, isLit := call.Args[0].(*Literal)
	text, isText := "", false
	if isLit {
		text, isText = lit.Value.(string)
	}
	if !isText || len(text) > maxElementText || strings.ContainsAny(text, "\n\r") {
		return e, false
	}
	e.operands, e.dtype = call.Args[1:], "float64"
	for _, a := range call.Attrs {
		lit, isLit := a.Value.(*Literal)
		if a.Name != "dtype" || !isLit {
			return e, false
		}
		e.dtype, _ = lit.Value.(string)
	}
	depth := 0
	e.tokens = elementToken.FindAllString(text, -1)
	for _, t := range e.tokens {
		switch {
		case t == "(":
			depth++
		case t == ")":
			if depth--; depth < 0 {
				return e, false
			}
		case isOperand(t) && int(t[0]-'a') >= len(e.operands):
			return e, false
		}
	}
	return e, depth == 0 && castable[e.dtype]
}

func isOperand(token string) bool { return len(token) == 1 && 'a' <= token[0] && token[0] <= 'z' }

// mergeEw makes one elementwise expression of nested ones: ew("a * 2", ew("a + 1", X)) becomes ew("float64(a + 1) * 2", X). The
// cast is what storing the inner result would have done; where it changes nothing, it costs nothing. An inner expression that
// is used more than once stays a call of its own, so that it is computed once.
func mergeEw(n *Apply) *Apply {
	outer, ok := asElement(n)
	if !ok {
		return n
	}
	uses := map[string]int{}
	for _, t := range outer.tokens {
		uses[t]++
	}
	m := &merging{letters: map[string]string{}}
	texts := map[string]string{} // what stands for the outer operands
	merged := false
	for i, a := range outer.operands {
		letter := string(rune('a' + i))
		inner, ok := asElement(a)
		if !ok || uses[letter] != 1 {
			texts[letter] = m.operand(a)
			continue
		}
		names := map[string]string{}
		for j, b := range inner.operands {
			names[string(rune('a'+j))] = m.operand(b)
		}
		texts[letter] = castText(inner.dtype, substituteTokens(inner.tokens, names))
		merged = true
	}
	text := substituteTokens(outer.tokens, texts)
	if !merged || len(text) > maxElementText || len(m.operands) > len(letters) {
		return n
	}
	args := append([]Node{&Literal{Pos: n.Args[0].Start(), Value: text}}, m.operands...)
	return &Apply{Pos: n.Pos, Func: "ew", Args: args, Attrs: n.Attrs}
}

// castText converts an expression, unless it is a conversion to the type already.
func castText(dtype, text string) string {
	if rest, ok := strings.CutPrefix(text, dtype+"("); ok && strings.HasSuffix(rest, ")") {
		depth := 0
		for _, c := range rest[:len(rest)-1] {
			switch c {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth < 0 {
				break
			}
		}
		if depth == 0 {
			return text
		}
	}
	return dtype + "(" + text + ")"
}

const letters = "abcdefghijklmnopqrstuvwxyz"

// merging gathers the operands of a merged expression, equal ones once.
type merging struct {
	operands []Node
	letters  map[string]string // by text
}

func (m *merging) operand(n Node) string {
	text := nodeText(n)
	letter, ok := m.letters[text]
	if !ok {
		letter = string(rune('a' + len(m.operands)))
		m.letters[text] = letter
		m.operands = append(m.operands, n)
	}
	return letter
}

func substituteTokens(tokens []string, by map[string]string) string {
	var b strings.Builder
	for _, t := range tokens {
		if to, ok := by[t]; ok {
			t = to
		}
		b.WriteString(t)
	}
	return b.String()
}
