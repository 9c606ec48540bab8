package operators

import (
	"slices"
	"strings"
)

// Spec is an operator's entry in the catalogue. Reference, schema, checks, CLI help and law tests are made from it.
type Spec struct {
	Name    string // family.verb
	Version int    // of its state and bits: raised when the same options give others
	Doc     string // the first sentence says what it does; more may follow
	Main    string // the option that may stand bare; "" for none
	New     func() Op
	Inputs  []Input  // nil: one
	Outputs []string // declared besides the main one: "rejected", "oob"
	Example []Example
}

// Input is an input; most operators have one, without a name.
type Input struct {
	Name     string
	Doc      string
	Optional bool // it may be left out
	Many     bool // it stands for any number of inputs, named or not; the last one
}

// Example shows an operator, and is its first test. In and Out are tables in the notation of ParseRows.
type Example struct {
	Doc     string
	Behind  string   // of a Probe: the model step that it stands behind and whose input In is, as it stands in a DAG file
	Options string   // YAML, as it stands behind the operator's name
	Task    Task     // where the operator needs one
	In      []string // one an input
	Out     string   // all columns of all rows, in order; floats are compared to 1e-9
}

var catalogue = map[string]Spec{}

// Register puts an operator in the catalogue. It is called from init; a bad or second entry panics.
func Register(s Spec) {
	family, verb, ok := strings.Cut(s.Name, ".")
	switch {
	case !ok || family == "" || verb == "":
		panic("operators: " + s.Name + " is not family.verb")
	case catalogue[s.Name].Name != "":
		panic("operators: " + s.Name + " registered twice")
	case s.Version < 1 || s.Doc == "" || s.New == nil:
		panic("operators: " + s.Name + " lacks version, doc or New")
	}
	catalogue[s.Name] = s
}

// Lookup finds an operator.
func Lookup(name string) (Spec, bool) {
	s, ok := catalogue[name]
	return s, ok
}

// Catalogue is all operators, by name.
func Catalogue() []Spec {
	var all []Spec
	for _, s := range catalogue {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Names are the operators' names, sorted.
func Names() []string {
	var n []string
	for _, s := range Catalogue() {
		n = append(n, s.Name)
	}
	return n
}
