package sample

import (
	"fmt"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/rel"
)

// Parts is sample.parts.
type Parts struct {
	Valid float64 `param:"valid" doc:"share of the train rows that is cut off for validation, by a hash of their contents" min:"0" max:"<1" default:"0"`
	Seed  int     `param:"seed" doc:"seed of the random draws; the same seed gives the same result" default:"0"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "sample.parts", Version: 1, New: func() operators.Op { return &Parts{} },
		Doc: "Stacks tables that are the parts already: from: {train: a, test: b, valid: c}, of which valid may be left out. " +
			"Rows are numbered anew, train first, then test, then valid. " +
			"Columns are those of train; the others must have them all, of the same types.",
		Inputs: []operators.Input{
			{Name: "train", Doc: "the rows to learn from"},
			{Name: "test", Doc: "the rows to judge by"},
			{Name: "valid", Doc: "the rows to stop and choose by", Optional: true},
		},
		Example: []operators.Example{{
			Doc:     "two files",
			Options: "{}",
			In: []string{`
				a int64? | s string
				1        | x
				nil      | y`, `
				s string | a int64
				z        | 3`},
			Out: `
				_part | a int64? | s string
				train | 1        | x
				train | nil      | y
				test  | 3        | z`,
		}, {
			Doc:     "three files",
			Options: "{}",
			In:      []string{"a bool\ntrue", "a bool\nfalse", "a bool\nfalse\ntrue"},
			Out: `
				_part | a bool
				train | true
				test  | false
				valid | false
				valid | true`,
		}},
	})
}

var inputNames = [...]string{"train", "test", "valid"}

var inputParts = []batch.Part{batch.Train, batch.Test, batch.Valid}

// Check compares the inputs.
func (p *Parts) Check(s operators.Site) (operators.Output, diag.List) {
	var l diag.List
	n := len(s.In)
	o := operators.Output{Class: operators.Rows, Union: true, Splits: true, PartsOut: batch.TrainRows | batch.TestRows, Needs: make([][]string, n)}
	if n < 2 || n > 3 {
		l.Add(diag.New(diag.InputCount, diag.At{}, "there are %d inputs: train and test are wanted, and perhaps valid", n).
			WithHelp("write from: {train: one, test: two}"))
	}
	if n == 3 || p.Valid > 0 {
		o.PartsOut |= batch.ValidRows
	}
	if n == 3 && p.Valid > 0 {
		l.Add(diag.New(diag.OptionConflict, diag.Option("valid"), "there is an input for valid rows already"))
	}
	if p.Valid > 0 && s.Task.Kind == operators.Ranking {
		l.Add(diag.New(diag.OptionConflict, diag.Option("valid"), "rows are cut off by what they hold, and a ranking is of whole groups").
			WithHelp("leave it out, and give the valid rows as an input: from: {train: one, test: two, valid: three}"))
	}
	for i := 1; i < n; i++ {
		name := fmt.Sprint("input ", i)
		if i < len(inputNames) {
			name = inputNames[i]
		}
		l.Add(same(s.In[0], s.In[i], name)...)
	}
	if p.Valid > 0 && n > 0 {
		o.Needs[0] = contents(s.In[0])
	}
	return o, l
}

// same says where the columns of an input are not those of train.
func same(train, other operators.Schema, name string) (l diag.List) {
	for _, f := range train.Fields {
		g, ok := other.Field(f.Name)
		switch {
		case !ok:
			l.Add(diag.New(diag.NoColumn, diag.At{}, "%s has no column %q, which train has", name, f.Name).
				WithHelp("%s", diag.DidYouMean(f.Name, "columns", other.Names())))
		case f.Type.Kind == batch.Unknown || g.Type.Kind == batch.Unknown:
		case f.Type != g.Type:
			l.Add(diag.New(diag.ColumnType, diag.At{}, "column %q is %s in train and %s in %s", f.Name, f.Type, g.Type, name).
				WithHelp("clean.cast makes them one"))
		case g.Nullable && !f.Nullable:
			l.Add(diag.New(diag.Nullable, diag.At{}, "column %q may be null in %s, but never is in train", f.Name, name).
				WithHelp("clean.fill or clean.drop_missing in %s, or nullable: true where the source of train is declared", name))
		}
	}
	for _, f := range other.Fields {
		if _, ok := train.Field(f.Name); !ok {
			l.Add(diag.New(diag.NoColumn, diag.At{}, "train has no column %q, which %s has", f.Name, name).
				WithHelp("clean.drop leaves it out"))
		}
	}
	return l
}

// contents are the columns by which a row without a key is told from others.
func contents(s operators.Schema) []string {
	var names []string
	for _, f := range s.Fields {
		if counts.Takes(f.Type) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Narrow gives itself: it makes nothing.
func (p *Parts) Narrow(operators.Site, []string) operators.Op { return p }

// Lower states the union.
func (p *Parts) Lower(s operators.Site, in []rel.Node) rel.Node {
	u := rel.Union{From: in, Parts: inputParts[:len(in)]}
	if p.Valid > 0 {
		u.ValidShare, u.By, u.Seed = p.Valid, contents(s.In[0]), seed(s, p.Seed)
	}
	return u
}
