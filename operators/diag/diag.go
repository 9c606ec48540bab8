// Package diag describes what is wrong with what a user wrote, where it stands, and what would be right.
package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding stops the run.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Place is a position in a file. Line and Column count from 1, Column and Width in characters.
type Place struct {
	File   string
	Line   int
	Column int
	Width  int
}

// At says which option of an operator a finding is about. Path is the way down from the operator's options
// ("columns", "0"); nil is the operator itself. Offset and Width are characters inside the scalar found there (an
// expression); Width 0 is the whole of it. Key is true where the finding is about the last element of Path as a key and not
// about its value.
type At struct {
	Path   []string
	Offset int
	Width  int
	Key    bool
}

// Option makes an At of a path.
func Option(path ...string) At { return At{Path: path} }

// Under is the same place, one level deeper: p is put before the path.
func (a At) Under(p ...string) At {
	a.Path = append(slices.Clone(p), a.Path...)
	return a
}

// Diagnostic is one finding. An operator fills At, Code, Message and Help; who knows the file turns At into Place.
type Diagnostic struct {
	Code     Code
	Severity Severity
	Step     string // the step's id, "features[0]" for an item of a do list
	At       At
	Place    Place
	Source   string // the line of the file, for the caret
	Message  string
	Help     string
}

// New makes an error.
func New(code Code, at At, format string, args ...any) Diagnostic {
	return Diagnostic{Code: code, Severity: code.Severity(), At: at, Message: fmt.Sprintf(format, args...)}
}

// WithHelp adds what would be right.
func (d Diagnostic) WithHelp(format string, args ...any) Diagnostic {
	d.Help = fmt.Sprintf(format, args...)
	return d
}

// Error is the finding in one line, without the caret.
func (d Diagnostic) Error() string {
	var b strings.Builder
	if d.Place.File != "" {
		fmt.Fprintf(&b, "%s:", d.Place.File)
		if d.Place.Line > 0 {
			fmt.Fprintf(&b, "%d:%d:", d.Place.Line, d.Place.Column)
		}
		b.WriteByte(' ')
	}
	fmt.Fprintf(&b, "%s[%s]: ", d.Severity, d.Code)
	if d.Step != "" {
		fmt.Fprintf(&b, "step %q: ", d.Step)
	}
	b.WriteString(d.Message)
	return b.String()
}

// List is findings in the order of their finding; Sort puts them in the order of the file.
type List []Diagnostic

// Add appends.
func (l *List) Add(d ...Diagnostic) { *l = append(*l, d...) }

// Failed says whether an error (not only warnings) is among them.
func (l List) Failed() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Errors counts the errors.
func (l List) Errors() (n int) {
	for _, d := range l {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

// Under puts every finding one level deeper in the options.
func (l List) Under(path ...string) List {
	out := slices.Clone(l)
	for i := range out {
		out[i].At = out[i].At.Under(path...)
	}
	return out
}

// Sort orders by file, line, column, width, code and message, and drops what is there twice. Of findings without a place, those of
// other steps or options are others.
func (l List) Sort() List {
	out := slices.Clone(l)
	order := func(a, b Diagnostic) int {
		o := cmp.Or(cmp.Compare(a.Place.File, b.Place.File), cmp.Compare(a.Place.Line, b.Place.Line),
			cmp.Compare(a.Place.Column, b.Place.Column), cmp.Compare(a.Place.Width, b.Place.Width),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
		if o == 0 && a.Place.Line == 0 {
			o = cmp.Or(cmp.Compare(a.Step, b.Step), slices.Compare(a.At.Path, b.At.Path), cmp.Compare(a.At.Offset, b.At.Offset))
		}
		return o
	}
	slices.SortStableFunc(out, order)
	return slices.CompactFunc(out, func(a, b Diagnostic) bool { return order(a, b) == 0 })
}

// Err is nil when nothing failed, else an error that unwraps to the findings.
func (l List) Err() error {
	if !l.Failed() {
		return nil
	}
	return listError(l)
}

type listError List

func (e listError) Error() string {
	var b strings.Builder
	for i, d := range e {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(d.Error())
	}
	return b.String()
}

// From gives the findings that an error carries.
func From(err error) (List, bool) {
	var l listError
	if errors.As(err, &l) {
		return List(l), true
	}
	return nil, false
}

// Nearest gives the candidate closest to name by edit distance (with transpositions), "" when none is near enough to be
// worth saying: at most a third of the length, and at least one edit. Nothing is near no name.
func Nearest(name string, candidates []string) string {
	if name == "" {
		return ""
	}
	best, at := 1+max(1, len([]rune(name))/3), ""
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if c == name {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(c))
		if d < best {
			best, at = d, c
		}
	}
	return at
}

// DidYouMean is the help line for an unknown name: the nearest one, if any, then all there are (cut at 12).
func DidYouMean(name, what string, have []string) string {
	var b strings.Builder
	if n := Nearest(name, have); n != "" {
		fmt.Fprintf(&b, "did you mean %q? ", n)
	}
	if len(have) == 0 {
		fmt.Fprintf(&b, "there are no %s here", what)
		return b.String()
	}
	s := slices.Sorted(slices.Values(have))
	more := ""
	if len(s) > 12 {
		s, more = s[:12], fmt.Sprintf(", and %d more", len(have)-12)
	}
	fmt.Fprintf(&b, "%s here: %s%s", what, strings.Join(s, ", "), more)
	return b.String()
}

// distance is the optimal string alignment distance.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	two, one, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			c := 1
			if x[i-1] == y[j-1] {
				c = 0
			}
			cur[j] = min(one[j]+1, cur[j-1]+1, one[j-1]+c)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], two[j-2]+1)
			}
		}
		two, one, cur = one, cur, two
	}
	return one[len(y)]
}
