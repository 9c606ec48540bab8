package toys

import (
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/testing/laws"
)

const few = `
	_part | x float64 | y float64 | s string
	train | 0.5       | 1         | a
	train | 1e9       | 2         | b
	train | -3        | 0.1       | a
	valid | 2         | 4         | c
	test  | 7.25      | 5         | b
	train | 1         | 3         | c`

// TestLaws holds the toys to the laws: proofs that stand on broken operators would prove nothing.
func TestLaws(t *testing.T) {
	two := []string{few, "s string | z float64\na | 1\na | 2\nc | 3"}
	for name, c := range map[string]struct {
		op operators.Op
		in []string
	}{
		"toy.keep":     {&Keep{Cols: []string{"x"}}, []string{few}},
		"toy.rename":   {&Rename{To: map[string]string{"x": "u"}}, []string{few}},
		"toy.sum":      {&Sum{Names: []string{"u", "v"}, Of: [][]string{{"x", "y"}, {"y"}}, By: [][]float64{{1, 2}, {3}}, Plus: []float64{0, 1}}, []string{few}},
		"toy.at_least": {&AtLeast{Col: "x", As: "b", Least: 1}, []string{few}},
		"toy.filter":   {&Filter{Col: "x", Least: 1}, []string{few}},
		"toy.split":    {&Split{By: []string{"s"}, Train: 0.5, Valid: 0.2}, []string{few}},
		"toy.scale":    {&Scale{Cols: []string{"x", "y"}}, []string{few}},
		"toy.encode":   {&Encode{Cols: []string{"s"}, Label: "y"}, []string{few}},
		"toy.join":     {&Join{On: "s", Take: []string{"z"}}, two},
		"toy.big_join": {&BigJoin{On: "s", Take: "z"}, two},
		"toy.sort":     {&Sort{By: "x"}, []string{few}},
		"toy.kmeans":   {&KMeans{Cols: []string{"x", "y"}, K: 2, Iter: 3}, []string{few}},
		"toy.ridge":    {&Ridge{X: []string{"x"}, Y: "y", L2: 1}, []string{few}},
		"toy.descent":  {&Descent{X: []string{"x"}, Y: "y", Rate: 0.1, Rounds: 5}, []string{few}},
		"toy.rmse":     {&RMSE{Y: "y"}, []string{"_part | y float64 | pred float64\ntest | 1 | 2\ntrain | 1 | 3\ntest | 2 | 2.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range laws.Check(operators.Spec{Name: name, Version: 1, Doc: "A toy.", New: func() operators.Op { return c.op },
				Example: []operators.Example{{Doc: "a few rows", Options: "{}", In: c.in}}}) {
				if v.Law != laws.Total { // toys do not check types
					t.Error(v)
				}
			}
		})
	}
}
