package program

import (
	"fmt"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Rule is what Expect holds a column to.
type Rule struct {
	Name       string // for messages
	NotNull    bool
	HasMin     bool
	HasMax     bool
	Min, Max   float64  // of numbers; NaN breaks either
	Categories []string // of text; nil: any
}

// Expect passes columns on and refuses rows that break their rules: for i { if breaks(in[j][i]) { error } }. A null breaks NotNull
// only.
type Expect struct {
	Rules []Rule // one a column
	sets  []map[string]bool
	types []batch.Type
}

func init() { Register(func() Kind { return &Expect{} }) }

// ID is "expect".
func (*Expect) ID() string { return "expect" }

// Init checks that the columns pass unchanged and that bounds stand on numbers, categories on text.
func (k *Expect) Init(in, out []batch.Type) error {
	if len(in) != len(k.Rules) || len(out) != len(in) {
		return fmt.Errorf("%d rules for %d columns", len(k.Rules), len(in))
	}
	k.types = in
	k.sets = make([]map[string]bool, len(k.Rules))
	for j, r := range k.Rules {
		switch {
		case in[j] != out[j]:
			return fmt.Errorf("column %d changes its type", j)
		case (r.HasMin || r.HasMax) && !in[j].Numeric():
			return fmt.Errorf("bounds on %s", in[j])
		case r.Categories != nil && !in[j].Text():
			return fmt.Errorf("categories on %s", in[j])
		}
		if r.Categories != nil {
			k.sets[j] = make(map[string]bool, len(r.Categories))
			for _, c := range r.Categories {
				k.sets[j][c] = true
			}
		}
	}
	return nil
}

// Fails counts the rules that a row can break.
func (k *Expect) Fails() (n int) {
	for _, r := range k.Rules {
		if r.NotNull || r.HasMin || r.HasMax || r.Categories != nil {
			n++
		}
	}
	return n
}

// BrokenRule is what a value does not keep to.
type BrokenRule struct {
	Column string
	what   string
}

func (e *BrokenRule) Error() string { return fmt.Sprintf("column %q is %s", e.Column, e.what) }

func (r *Rule) breaks(format string, args ...any) error {
	return &BrokenRule{r.Name, fmt.Sprintf(format, args...)}
}

func (r *Rule) number(x float64) error {
	if r.HasMin && !(x >= r.Min) {
		return r.breaks("%v, its contract says at least %v", x, r.Min)
	}
	if r.HasMax && !(x <= r.Max) {
		return r.breaks("%v, its contract says at most %v", x, r.Max)
	}
	return nil
}

func (k *Expect) text(j int, s string) error {
	if k.sets[j] != nil && !k.sets[j][s] {
		return k.Rules[j].breaks("%q, which is none of its categories", s)
	}
	return nil
}

func (r *Rule) null() error {
	if r.NotNull {
		return r.breaks("null, its contract says it never is (nullable: true would allow it)")
	}
	return nil
}

// Batch shares the columns. Of the rows that break a rule it tells the first, and of its columns the first, so that the message does
// not depend on where the batches were cut.
func (k *Expect) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	first, of := n, 0
	for j := range in {
		out[j] = in[j]
		if i := k.breaks(c, j, &in[j], first); i < first {
			first, of = i, j
		}
	}
	if first == n {
		return nil
	}
	r, col := &k.Rules[of], &in[of]
	var err error
	switch {
	case col.Null(first):
		err = r.null()
	case r.HasMin || r.HasMax:
		err = r.number(c.Floats(*col)[first])
	default:
		err = k.text(of, col.Str(first))
	}
	return &RowError{Row: first, Err: err}
}

// breaks gives the first of n rows of column j that breaks its rule, n where none does.
func (k *Expect) breaks(c *batch.Ctx, j int, col *batch.Column, n int) int {
	r := &k.Rules[j]
	if r.NotNull && col.Valid != nil {
		for i := range n {
			if col.Null(i) {
				n = i
				break
			}
		}
	}
	if r.HasMin || r.HasMax {
		for i, v := range c.Floats(*col)[:n] {
			if (r.HasMin && !(v >= r.Min) || r.HasMax && !(v <= r.Max)) && !col.Null(i) {
				return i
			}
		}
	}
	if k.sets[j] != nil {
		for i := range n {
			if !col.Null(i) && !k.sets[j][col.Str(i)] {
				return i
			}
		}
	}
	return n
}

// Row passes a row on.
func (k *Expect) Row(f *Frame, in, out []int) error {
	for j := range in {
		r, s, o := &k.Rules[j], in[j], out[j]
		f.Null[o], f.I[o], f.F[o], f.S[o], f.V[o] = f.Null[s], f.I[s], f.F[s], f.S[s], f.V[s]
		if f.Null[s] {
			if err := r.null(); err != nil {
				return &RowError{Row: -1, Err: err}
			}
			continue
		}
		if r.HasMin || r.HasMax {
			if err := r.number(frameNumber(f, k.types[j], s)); err != nil {
				return &RowError{Row: -1, Err: err}
			}
		}
		if err := k.text(j, f.S[s]); err != nil {
			return &RowError{Row: -1, Err: err}
		}
	}
	return nil
}

// Narrow keeps the rules of the columns wanted.
func (k *Expect) Narrow(keep []bool) (Kind, []int) {
	n, in := &Expect{}, []int(nil)
	for j, ok := range keep {
		if ok {
			n.Rules, in = append(n.Rules, k.Rules[j]), append(in, j)
		}
	}
	return n, in
}

// Encode writes the rules.
func (k *Expect) Encode(w *canon.Writer) {
	w.Uint(uint64(len(k.Rules)))
	for _, r := range k.Rules {
		w.String(r.Name)
		w.Bool(r.NotNull)
		w.Bool(r.HasMin)
		w.Bool(r.HasMax)
		w.Float(r.Min)
		w.Float(r.Max)
		w.Bool(r.Categories != nil)
		w.Strings(r.Categories)
	}
}

// Decode reads the rules.
func (k *Expect) Decode(r *canon.Reader) {
	for range r.Len(21) {
		c := Rule{Name: r.String(), NotNull: r.Bool(), HasMin: r.Bool(), HasMax: r.Bool(), Min: r.Float(), Max: r.Float()}
		has := r.Bool()
		if c.Categories = r.Strings(); has && c.Categories == nil {
			c.Categories = []string{}
		}
		k.Rules = append(k.Rules, c)
	}
}
