package clean

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/param"
)

// Rename is clean.rename. It runs no code: names are the plan's.
type Rename struct {
	Names param.Pairs[string] `param:",inline" doc:"the old name, then the new one"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.rename", Version: 1, New: func() operators.Op { return &Rename{} },
		Doc: "Gives columns other names. All are renamed at once, so that two columns can swap theirs.",
		Example: []operators.Example{{
			Doc:     "one column",
			Options: "{arr_delay: delay}",
			In: []string{`
				arr_delay int64? | origin string
				16               | SFO
				nil              | LAX`},
			Out: `
				delay int64? | origin string
				16           | SFO
				nil          | LAX`,
		}, {
			Doc:     "a swap",
			Options: `{a: b, b: a, "a name": c}`,
			In: []string{`
				a int64 | b string? | "a name" bool
				1       | nil       | true`},
			Out: `
				b int64 | a string? | c bool
				1       | nil       | true`,
		}},
	})
}

// Check finds the columns, and names that would be there twice.
func (r *Rename) Check(s operators.Site) (operators.Output, diag.List) {
	var l diag.List
	in := s.In[0]
	renamed := map[string]string{}
	if len(r.Names) == 0 {
		l.Add(diag.New(diag.OptionMissing, diag.At{}, "no column is renamed").WithHelp("write old: new"))
	}
	for _, p := range r.Names {
		key := diag.At{Path: []string{p.Key}, Key: true}
		f, bad := in.Want(p.Key, key)
		l.Add(bad...)
		bad = append(bad, checks.Name(p.Value, diag.Option(p.Key))...)
		l.Add(checks.Name(p.Value, diag.Option(p.Key))...)
		if len(bad) == 0 {
			renamed[f.Name] = p.Value
		}
	}
	taken := map[string]string{}
	for _, f := range in.Fields {
		if _, gone := renamed[f.Name]; !gone {
			taken[f.Name] = "a column that is there already"
		}
	}
	for _, p := range r.Names {
		if renamed[p.Key] == "" {
			continue
		}
		if who, ok := taken[p.Value]; ok {
			l.Add(diag.New(diag.ColumnTwice, diag.Option(p.Key), "%q is the name of %s", p.Value, who).
				WithHelp("drop or rename the other one too"))
			delete(renamed, p.Key)
			continue
		}
		taken[p.Value] = "what " + p.Key + " becomes"
	}
	return operators.Output{Renamed: renamed}, l
}

// Narrow gives itself: it makes nothing.
func (r *Rename) Narrow(operators.Site, []string) operators.Op { return r }
