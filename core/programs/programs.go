// Package programs is the library of LAmbdaPACK programs that ship with the product. Their texts are the *.lp files beside
// this one, embedded; other programs call them by name.
package programs

import (
	"embed"
	"fmt"
	"slices"
	"sync"

	"numpywren/core/errs"
	"numpywren/core/lambdapack"
)

//go:embed *.lp
var texts embed.FS

// Library finds the programs of this package.
var Library lambdapack.Library = library{}

type library struct{}

// program is a definition, and the text of the file that it is from.
type program struct {
	def    *lambdapack.Def
	source string
}

// all parses the texts when a program is first looked up, so that starting costs nothing.
var all = sync.OnceValue(func() map[string]program {
	found := map[string]program{}
	entries, err := texts.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("programs: %v", err))
	}
	for _, e := range entries {
		source, err := texts.ReadFile(e.Name())
		if err != nil {
			panic(fmt.Sprintf("programs: %v", err))
		}
		file, err := lambdapack.Parse(e.Name(), source)
		if err != nil {
			panic(fmt.Sprintf("programs: %v", err))
		}
		for _, def := range file.Defs {
			if other, taken := found[def.Name]; taken {
				panic(fmt.Sprintf("programs: %s is defined at %s and at %s", def.Name, other.def.Pos, def.Pos))
			}
			found[def.Name] = program{def, string(source)}
		}
	}
	return found
})

// Lookup finds a program by name.
func (library) Lookup(name string) (*lambdapack.Def, bool) {
	p, ok := all()[name]
	return p.def, ok
}

// Bind makes the plan of a text: of its definition called entry, which may call the others, and those of this package.
func Bind(text, entry string, inputs []lambdapack.Input, opt lambdapack.Options) (*lambdapack.Plan, error) {
	file, err := lambdapack.Parse("program", text)
	if err != nil {
		return nil, err
	}
	def, ok := file.Lookup(entry)
	if !ok {
		return nil, errs.New(errs.Value, "the program has no definition of %s", entry)
	}
	return lambdapack.Bind(def, Library, inputs, nil, opt)
}

// Source is the text of the file that defines a program.
func Source(name string) (string, bool) {
	p, ok := all()[name]
	return p.source, ok
}

// Names are the programs' names, sorted.
func Names() []string {
	var names []string
	for name := range all() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
