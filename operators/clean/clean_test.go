package clean_test

import (
	"testing"

	"github.com/headrace/headrace/operators"
	_ "github.com/headrace/headrace/operators/clean"
	"github.com/headrace/headrace/operators/internal/optest"
)

func TestExamples(t *testing.T) {
	for _, name := range operators.Names() {
		t.Run(name, func(t *testing.T) { optest.Examples(t, name) })
	}
}

const flights = "delay int64? | origin string? | x float64 | at timestamp[s, UTC] | day date | ok bool | v vector[p]"

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name, options string
		want          []string
	}{
		{"clean.keep", "[delay, orgin, x, zz]", []string{`E0212 columns.1: no column "orgin"`, `E0212 columns.3: no column "zz"`}},
		{"clean.keep", "[]", []string{"E0310 columns: no column is selected"}},
		{"clean.keep", "{}", []string{"E0207 "}},
		{"clean.drop", `["zz*"]`, []string{`E0212 columns.0: no column matches "zz*"`}},
		{"clean.drop", "all()", []string{"E0310 columns: no column is left"}},
		{"clean.rename", "{}", []string{"E0207 : no column is renamed"}},
		{"clean.rename", "{orgin: a, delay: x, x: '@a', day: ''}",
			[]string{`E0212 orgin!: no column "orgin"`, "E0108 x: ", "E0108 day: ", `E0302 delay: "x" is the name of a column that is there already`}},
		{"clean.rename", "{delay: a, x: a}", []string{`E0302 x: "a" is the name of what delay becomes`}},
		{"clean.filter", `"orgin != nil"`, []string{"E0212 where: "}},
		{"clean.filter", `"delay + 1"`, []string{"E0304 where: the condition is int64, not bool"}},
		{"clean.filter", "{}", []string{"E0207 "}},
		{"clean.drop_missing", "{columns: [zz], how: some}", []string{"E0208 how: "}},
		{"clean.drop_missing", "[zz]", []string{"E0212 columns.0: "}},
		{"clean.cast", "{types: {zz: int64, ok: date, day: int64, at: \"timestamp[s, Europe/Berlin]\", x: number}}",
			[]string{"E0205 types.x: "}},
		{"clean.cast", "{types: {zz: int64, ok: date, day: int64, at: \"timestamp[s, Europe/Berlin]\"}}",
			[]string{"E0212 types.zz!: ", `E0301 types.ok: column "ok" is bool, which cannot become date`, "E0301 types.day: ", "E0301 types.at: "}},
		{"clean.fill", "{}", []string{"E0207 : method constant needs a value"}},
		{"clean.fill", "{value: 0}", []string{`E0205 value: "0" is no `}[:0]}, // text takes any value
		{"clean.fill", "{columns: [delay, x], value: a}",
			[]string{`E0205 value: "a" is no int64, the type of column "delay"`, `E0205 value: "a" is no float64`}},
		{"clean.fill", "{columns: [delay], method: mean, value: 1}", []string{"E0213 value: "}},
		{"clean.fill", "{columns: [delay, origin], method: mean}", []string{`E0301 columns.1: column "origin" is string, of which there is no mean`}},
		{"clean.fill", "{columns: all(), method: median}", []string{`E0301 columns: column "origin" is string, of which there is no median`}},
	} {
		t.Run(c.name+" "+c.options, func(t *testing.T) {
			optest.Want(t, optest.Findings(t, c.name, c.options, operators.Task{}, flights), c.want...)
		})
	}
	optest.Want(t, optest.Findings(t, "clean.fill", "{value: 0, indicator: true}", operators.Task{}, "a int64? | a_missing bool"),
		`E0302 indicator: there is a column "a_missing" already`)
}

// An input that an erroneous step left open makes no second error.
func TestOpenInput(t *testing.T) {
	for _, c := range [][2]string{{"clean.keep", "[zz]"}, {"clean.drop", "[zz]"}, {"clean.rename", "{zz: a}"}, {"clean.filter", `"zz > 1"`},
		{"clean.drop_missing", "[zz]"}, {"clean.cast", "{types: {zz: int64}}"}, {"clean.fill", "{columns: [zz], method: mean}"}} {
		op, l := optest.Op(c[0], c[1])
		if l.Failed() {
			t.Fatal(l)
		}
		if _, l := op.Check(operators.Site{In: []operators.Schema{{Open: true}}}); l.Failed() {
			t.Errorf("%s: %v", c[0], l)
		}
	}
}

// What a filter says of nulls holds for what passes it.
func TestFilterNotNull(t *testing.T) {
	op, _ := optest.Op("clean.filter", `"delay != nil or x > 1.0"`)
	in := optest.Parse(t, "delay int64? | x float64\nnil | 2\n1 | 0\nnil | 0")
	optest.Same(t, optest.Run(t, op, operators.Task{}, in), "delay int64? | x float64\nnil | 2\n1 | 0")
}

func TestDropMissingAll(t *testing.T) {
	op, _ := optest.Op("clean.drop_missing", "{how: all}")
	in := optest.Parse(t, "a int64? | b string\nnil | x\n1 | y")
	// b is never missing, so no row goes
	optest.Same(t, optest.Run(t, op, operators.Task{}, in), "a int64? | b string\nnil | x\n1 | y")
	op, _ = optest.Op("clean.drop_missing", "{columns: [a], how: all}")
	optest.Same(t, optest.Run(t, op, operators.Task{}, in), "a int64 | b string\n1 | y")
}

// Rows that the train part does not have teach nothing, and none at all is an error of the data.
func TestFillNothing(t *testing.T) {
	for _, method := range []string{"mean", "median", "most_frequent"} {
		for _, cell := range []string{"int64?\ntrain | nil", "float64\ntrain | NaN", "int64?\nvalid | 3"} {
			op, _ := optest.Op("clean.fill", "{method: "+method+"}")
			in := optest.Parse(t, "_part | a "+cell)
			if err := optest.FitError(t, op, operators.Task{}, in); err == nil {
				t.Errorf("%s of %q is learnt", method, cell)
			}
		}
	}
}

func TestFillMeanIsExact(t *testing.T) {
	op, _ := optest.Op("clean.fill", "{method: mean}")
	in := optest.Parse(t, `
		a int64?             | b float64 | c decimal(6, 2)?
		9223372036854775807  | 1e16      | 0.01
		9223372036854775805  | -1e16     | 0.02
		nil                  | NaN       | nil
		9223372036854775806  | 0.75      | 0.02
		nil                  | 0.25      | nil`)
	optest.Same(t, optest.Run(t, op, operators.Task{}, in), `
		a int64             | b float64 | c decimal(6, 2)
		9223372036854775807 | 1e16      | 0.01
		9223372036854775805 | -1e16     | 0.02
		9223372036854775806 | 0.25      | 0.02
		9223372036854775806 | 0.75      | 0.02
		9223372036854775806 | 0.25      | 0.02`)
}
