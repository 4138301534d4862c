package kernel

import (
	"sync"
	"sync/atomic"

	"numpywren/core/tile"
)

// ewProgram is an expression for operands of certain types, compiled. It is immutable and shared by all calls.
type ewProgram struct {
	values []ewValue // in single-assignment form
	last   int       // the value that is the result

	// The same for a machine with registers, each of which holds a strip of elements: first the operands, then the constants,
	// then the temporaries, then the result's memory. Only the last instruction writes that, and no other if there is none.
	code    []ewInstr
	consts  []ewConstant
	temps   int
	result  uint16 // the register of the result, an operand's or a constant's when there is no code
	operand []bool // those that occur
	widest  int    // the size of the largest element
}

// ewInstr is an instruction; ew.h has the same struct. A cast's destination type is in b.
type ewInstr struct {
	op, t        uint8
	dst, a, b, c uint16
}

// ewConstant fills a register.
type ewConstant struct {
	bits uint64
	size int64
}

type ewKey struct {
	text     string
	n        int
	in       [ewMaxOperands]tile.DType
	via, out tile.DType
}

// ewPrograms keeps what was compiled. It is emptied when it is full: programs have few expressions, but may come and go.
var (
	ewPrograms sync.Map // ewKey to *ewProgram
	ewCompiled atomic.Int64
)

const (
	ewMostKept  = 2048
	ewMostBytes = 1 << 14 // longer texts are compiled each time
)

// compileEw compiles the expression for operands of the types in, with a result that is converted to via and then to out.
func compileEw(text string, in []tile.DType, via, out tile.DType) (*ewProgram, error) {
	if len(in) > ewMaxOperands {
		_, err := parseEw(text, len(in))
		return nil, err
	}
	key := ewKey{text: text, n: len(in), via: via, out: out}
	copy(key.in[:], in)
	if p, ok := ewPrograms.Load(key); ok {
		return p.(*ewProgram), nil
	}
	values, last, err := buildEw(text, in, via, out)
	if err != nil {
		return nil, err
	}
	p := &ewProgram{values: values, last: last}
	p.allocate(in)
	if len(text) <= ewMostBytes {
		if ewCompiled.Add(1) > ewMostKept {
			ewPrograms.Clear()
			ewCompiled.Store(1)
		}
		ewPrograms.Store(key, p)
	}
	return p, nil
}

// allocate makes code of the values: it leaves out what the result does not need, and uses a temporary again after its last
// reader.
func (p *ewProgram) allocate(in []tile.DType) {
	p.operand = make([]bool, len(in))
	lastUse := p.lastUses()
	reg := make([]uint16, len(p.values))
	p.constants(in, lastUse, reg)
	firstTemp := len(in) + len(p.consts)
	var free []uint16
	release := func(v *ewValue, at int, size int, same bool) {
		for k := range ewArity(v.op) {
			arg := v.args[k]
			repeated := k > 0 && arg == v.args[0] || k > 1 && arg == v.args[1]
			if p.values[arg].op < ewOps && lastUse[arg] == at && !repeated && (p.values[arg].result().Size() == size) == same {
				free = append(free, reg[arg])
			}
		}
	}
	for at := range p.values {
		v := &p.values[at]
		if v.op >= ewOps || lastUse[at] < 0 {
			continue
		}
		size := v.result().Size()
		p.widest = max(p.widest, size)
		release(v, at, size, true) // elements of one size may be overwritten one by one
		switch n := len(free); {
		case n > 0:
			reg[at], free = free[n-1], free[:n-1]
		default:
			reg[at] = uint16(firstTemp + p.temps)
			p.temps++
		}
		release(v, at, size, false)
		p.code = append(p.code, p.instr(v, reg[at], reg))
	}
	p.result = reg[p.last]
	if n := len(p.code); n > 0 {
		p.result = uint16(firstTemp + p.temps)
		p.code[n-1].dst = p.result
	}
}

// lastUses is the position of each value's last reader, -1 for those that the result does not need.
func (p *ewProgram) lastUses() []int {
	use := make([]int, len(p.values))
	for k := range use {
		use[k] = -1
	}
	use[p.last] = len(p.values)
	for at := p.last; at >= 0; at-- {
		if v := &p.values[at]; v.op < ewOps && use[at] >= 0 {
			for k := range ewArity(v.op) {
				use[v.args[k]] = max(use[v.args[k]], at)
			}
		}
	}
	return use
}

// constants gives registers to the operands and constants that are needed.
func (p *ewProgram) constants(in []tile.DType, lastUse []int, reg []uint16) {
	for at := range p.values {
		v := &p.values[at]
		if lastUse[at] < 0 || v.op < ewOps {
			continue
		}
		p.widest = max(p.widest, v.t.Size())
		if v.op == ewOperand {
			p.operand[v.n] = true
			reg[at] = uint16(v.n)
			continue
		}
		reg[at] = uint16(len(in) + len(p.consts))
		p.consts = append(p.consts, ewConstant{v.bits, int64(v.t.Size())})
	}
}

func (p *ewProgram) instr(v *ewValue, dst uint16, reg []uint16) ewInstr {
	i := ewInstr{op: uint8(v.op), t: uint8(v.t), dst: dst, a: reg[v.args[0]]}
	if v.op == ewCast {
		i.b = uint16(v.n)
		return i
	}
	if ewArity(v.op) > 1 {
		i.b = reg[v.args[1]]
	}
	if ewArity(v.op) > 2 {
		i.c = reg[v.args[2]]
	}
	return i
}
