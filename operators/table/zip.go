package table

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Zip is table.zip. It runs no code: the engine lays the columns side by side.
type Zip struct{}

func init() {
	operators.Register(operators.Spec{
		Name: "table.zip", Version: 1, New: func() operators.Op { return &Zip{} },
		Doc: "Joins branches of the same rows side by side. The branches must hold the same rows, told by their identity: " +
			"they come from one step, and none of them drops, adds or orders rows. " +
			"A column that one branch makes and the others only pass on is taken from the one that makes it.",
		Inputs: []operators.Input{{Doc: "the branches, two or more", Many: true}},
		Example: []operators.Example{{
			Doc:     "two branches",
			Options: "{}",
			In: []string{`
				a int64 | s string?
				1       | x
				2       | nil`, `
				b float64 | c bool?
				0.5       | true
				NaN       | nil`},
			Out: `
				a int64 | s string? | b float64 | c bool?
				1       | x         | 0.5       | true
				2       | nil       | NaN       | nil`,
		}},
	})
}

// Check wants two inputs at least; the plan finds names that are made on both sides, and rows that are not the same.
func (*Zip) Check(s operators.Site) (operators.Output, diag.List) {
	var l diag.List
	if len(s.In) < 2 {
		l.Add(diag.New(diag.InputCount, diag.At{}, "there is one input, and nothing to put beside it").
			WithHelp("write from: [one, two]"))
	}
	return operators.Output{Zip: true}, l
}

// Narrow gives itself: it makes nothing.
func (z *Zip) Narrow(operators.Site, []string) operators.Op { return z }
