// Package laws holds operators to the contract: what an operator promises, its program, its accumulators and its narrowed forms are
// tried on its examples and on rows made from them.
//
// An operator outside this repository is held to the same laws by one line in a test of its own: laws.Run(t, spec).
package laws

import (
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// Law is a promise that every operator makes.
type Law string

// The laws.
const (
	Example   Law = "example"   // options decode, the check finds nothing, and the rows shown come out
	Total     Law = "total"     // mistakes are findings: no option, schema or task makes the check, or what follows a good check, panic
	Promise   Law = "promise"   // columns have the names, types and nulls, rows the parts, that Check said
	Reads     Law = "reads"     // what is not declared to be read changes nothing
	Restore   Law = "restore"   // a program is the same after it was stored
	Inputs    Law = "inputs"    // what goes in stays as it was
	Arena     Law = "arena"     // nothing is kept of memory that is freed
	Nulls     Law = "nulls"     // what stands under a null never matters
	Layout    Law = "layout"    // text plain or dictionary-coded is the same text
	Cuts      Law = "cuts"      // a row gives the same whatever batch it comes in
	RowForm   Law = "row form"  // one row by itself gives the bits that it gives in a batch
	Prune     Law = "prune"     // rows that are not read, for their bounds say so, would have gone
	Canonical Law = "canonical" // equal states are equal bytes
	State     Law = "state"     // a state read back goes on as if it had never been stored; bytes that are none are an error
	Argument  Law = "argument"  // Merge leaves its argument as it was
	Monoid    Law = "monoid"    // any cut, order and grouping of the rows gives the same state
	Passes    Law = "passes"    // a fit may be stored between any two passes
	Narrow    Law = "narrow"    // of less than all columns, each is the same to the bit, and no more is read
	Gather    Law = "gather"    // a fit of all rows does not hang on which task runs when
)

// Violation is a law broken, with where and how.
type Violation struct {
	Law    Law
	Where  string // the example, and the rows made from it
	Detail string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Law, v.Where, v.Detail) }

// Run fails the test for each law that the operator breaks.
func Run(t *testing.T, spec operators.Spec) {
	t.Helper()
	for _, v := range Check(spec) {
		t.Errorf("%s: %s", spec.Name, v)
	}
}

// Check tries all laws on an operator. The operator need not be registered. In one place, what hangs on a broken law is not tried any
// more, so that one mistake is one violation.
func Check(spec operators.Spec) []Violation {
	s := &suite{spec: spec}
	s.where = "options"
	s.guard(Total, s.options)
	if len(spec.Example) == 0 {
		s.breaks(Example, "the operator has no example")
	}
	for i, ex := range spec.Example {
		s.where = fmt.Sprintf("example %d", i+1)
		s.guard(Example, func() { s.example(ex) })
	}
	return s.broken
}

// suite is one operator under trial.
type suite struct {
	spec   operators.Spec
	where  string
	broken []Violation
	sums   []string // what Digest is made of
}

// breaks notes a violation; one law is noted once a place.
func (s *suite) breaks(law Law, format string, args ...any) {
	for _, v := range s.broken {
		if v.Law == law && v.Where == s.where {
			return
		}
	}
	s.broken = append(s.broken, Violation{law, s.where, fmt.Sprintf(format, args...)})
}

// guard notes a panic of f as a violation of law, and says whether f found nothing.
func (s *suite) guard(law Law, f func()) bool {
	before := len(s.broken)
	func() {
		defer func() {
			if v := recover(); v != nil {
				s.breaks(law, "panic: %v%s", v, top(string(debug.Stack())))
			}
		}()
		f()
	}()
	return len(s.broken) == before
}

// top is where a panic began, as far as it is of use.
func top(stack string) string {
	_, rest, ok := strings.Cut(stack, "panic(")
	if !ok {
		return ""
	}
	lines := strings.Split(rest, "\n")
	for i, l := range lines {
		if i < 2 || !strings.HasPrefix(l, "\t") || strings.Contains(l, "/runtime/") || strings.Contains(l, "/operators/batch/") {
			continue
		}
		l, _, _ = strings.Cut(strings.TrimSpace(l), " +")
		if k := strings.LastIndex(l, "/operators/"); k >= 0 {
			l = l[k+1:]
		}
		return " at " + l
	}
	return ""
}

// decode makes an operator of options as they stand behind its name.
func decode(spec operators.Spec, options string) (operators.Op, diag.List) {
	n, l := dags.Read("options", []byte(options))
	if l.Failed() || n == nil {
		return spec.New(), l
	}
	return build(spec, n)
}

func build(spec operators.Spec, n *param.Node) (operators.Op, diag.List) {
	if spec.Main != "" && n.Kind != param.Map {
		n = &param.Node{Kind: param.Map, Keys: []*param.Node{param.Value(spec.Main)}, Items: []*param.Node{n}}
	}
	op := spec.New()
	return op, param.Decode(n, op)
}

// options tries wrong options: each is found where it is, and the check takes what is left of them.
func (s *suite) options() {
	one := operators.Site{In: []operators.Schema{operators.Of()}, Task: operators.Task{Kind: operators.NoTask}}
	for _, bad := range param.Bad(s.spec.New()) {
		s.guard(Total, func() {
			op := s.spec.New()
			l := param.Decode(bad.Node, op)
			if !l.Failed() {
				s.breaks(Total, "the option %s is taken", bad.Why)
				return
			}
			for range 2 {
				op.Check(one)
				one.In = []operators.Schema{{Open: true}}
			}
		})
	}
}
