package feature_test

import (
	"testing"

	"github.com/headrace/headrace/operators"
	_ "github.com/headrace/headrace/operators/feature"
	"github.com/headrace/headrace/operators/internal/optest"
)

func TestExamples(t *testing.T) {
	for _, name := range operators.Names() {
		t.Run(name, func(t *testing.T) { optest.Examples(t, name) })
	}
}

var (
	binary     = operators.Task{Kind: operators.Binary, Label: "y"}
	regression = operators.Task{Kind: operators.Regression, Label: "y"}
)

func TestFindings(t *testing.T) {
	const cols = "x int64? | s string? | f float64 | v vector[p] | y bool"
	for _, c := range []struct {
		name, options string
		task          operators.Task
		want          []string
	}{
		{"feature.derive", "{}", binary, []string{"E0207 : no column is derived"}},
		{"feature.derive", `{a: "zz + 1", "@b": "x", c: "x +", d: "s + 1"}`, binary, []string{"E0212 a: ", "E0108 @b!: ", "E0303 c: ", "E0304 d: "}},
		{"feature.derive", `{a: [x]}`, binary, []string{"E0205 a: "}},
		{"feature.scale", "[x, s]", binary, []string{`E0301 columns.1: column "s" is string, which is no number`}},
		{"feature.scale", "all()", binary, []string{"E0301 columns: ", "E0301 columns: "}},
		{"feature.scale", "{columns: x, method: robust}", binary, []string{"E0208 method: "}},
		{"feature.encode", "{columns: [s, f, v]}", binary, []string{`E0301 columns.1: column "f" is float64`, "E0301 columns.2: "}},
		{"feature.encode", "{columns: s, method: target}", operators.Task{}, []string{"E0501 method: "}},
		{"feature.encode", "{columns: s, method: target}", operators.Task{Kind: operators.Multiclass, Label: "y"}, []string{"E0213 method: "}},
		{"feature.encode", "{columns: s, method: target}", operators.Task{Kind: operators.Binary, Label: "z"}, []string{"E0212 method: "}},
		{"feature.encode", "{columns: s, method: target}", operators.Task{Kind: operators.Regression, Label: "x"}, []string{"E0307 method: "}},
		{"feature.encode", "{columns: x, method: target}", operators.Task{Kind: operators.Binary, Label: "s"}, []string{"E0307 method: ", "E0502 method: "}},
		{"feature.encode", "{columns: x, method: target}", operators.Task{Kind: operators.Regression, Label: "v"}, []string{"E0502 method: "}},
		{"feature.encode", "{columns: x, method: target}", operators.Task{Kind: operators.Binary, Label: "y", Positive: "yes"}, []string{"E0502 method: "}},
		{"feature.encode", "{columns: [s, y], method: target}", binary, []string{"E0403 columns.1: "}},
		{"feature.encode", "{columns: s, smoothing: -1, cross_fit: 1000, min_count: 0}", binary,
			[]string{"E0206 smoothing: ", "E0206 cross_fit: ", "E0206 min_count: "}},
	} {
		t.Run(c.name+" "+c.options, func(t *testing.T) {
			optest.Want(t, optest.Findings(t, c.name, c.options, c.task, cols), c.want...)
		})
	}
}

func TestEncodeReads(t *testing.T) {
	op, _ := optest.Op("feature.encode", "{columns: [s], method: target, cross_fit: 4}")
	o, l := op.Check(optest.Site(binary, optest.Parse(t, "s string | y bool")))
	if len(l) > 0 || o.CrossFit != 4 || len(o.Reads.Cols) != 2 || o.Reads.Cols[1] != "y" {
		t.Errorf("%v %+v", l, o)
	}
	if a := o.Made[0].Apply; len(a) != 1 || a[0] != "s" {
		t.Errorf("a row needs %v: the label is read by the fit alone", a)
	}
}

func encode(t *testing.T, options string, task operators.Task, in string) optest.Table {
	t.Helper()
	op, l := optest.Op("feature.encode", options)
	if len(l) > 0 {
		t.Fatal(l)
	}
	return optest.Run(t, op, task, optest.Parse(t, in))
}

func TestTargetLabels(t *testing.T) {
	const options = "{columns: s, method: target, smoothing: 0, cross_fit: 0}"
	for _, c := range []struct {
		task operators.Task
		in   string
		want string
	}{
		{operators.Task{Kind: operators.Binary, Label: "y", Positive: "false"},
			"s string | y bool\na | true\na | false\nb | true", "s float64 | y bool\n0.5 | true\n0.5 | false\n0 | true"},
		{operators.Task{Kind: operators.Binary, Label: "y", Positive: ">50K"},
			"s string | y string\na | >50K\na | <=50K\nb | <=50K", "s float64 | y string\n0.5 | >50K\n0.5 | <=50K\n0 | <=50K"},
		{operators.Task{Kind: operators.Binary, Label: "y", Positive: "2"},
			"s string | y int32\na | 2\na | 1\nb | 1", "s float64 | y int32\n0.5 | 2\n0.5 | 1\n0 | 1"},
		{binary, "s string | y int64\na | 1\na | 0\nb | 0", "s float64 | y int64\n0.5 | 1\n0.5 | 0\n0 | 0"},
		{regression, "s string | y int64\na | 7\na | 2\nb | -3", "s float64 | y int64\n4.5 | 7\n4.5 | 2\n-3 | -3"},
		{regression, "s string | y decimal(4, 1)\na | 0.5\na | 1.0\nb | 2.0", "s float64 | y decimal(4, 1)\n0.75 | 0.5\n0.75 | 1.0\n2 | 2.0"},
	} {
		optest.Same(t, encode(t, options, c.task, c.in), c.want)
	}
	for _, c := range []struct {
		task operators.Task
		in   string
	}{
		{binary, "s string | y int64\na | 2"},
		{binary, "s string | y float64\na | NaN"},
		{regression, "s string | y float64\na | NaN"},
		{binary, "_part | s string | y bool\ntest | a | true"},
	} {
		op, _ := optest.Op("feature.encode", options)
		if optest.FitError(t, op, c.task, optest.Parse(t, c.in)) == nil {
			t.Errorf("learnt from %q", c.in)
		}
	}
}

func TestTargetRareValues(t *testing.T) {
	got := encode(t, "{columns: s, method: target, smoothing: 1, cross_fit: 0, min_count: 2}", regression,
		"s string? | y float64\na | 4\na | 6\nb | 1\nnil | 1")
	// prior 3; a is (10+3)/3, the others are too rare
	optest.Same(t, got, "s float64 | y float64\n4.333333333333333 | 4\n4.333333333333333 | 6\n3 | 1\n3 | 1")
}

// Sums are exact: the order in which large and small labels come does not show.
func TestTargetIsExact(t *testing.T) {
	got := encode(t, "{columns: b, method: target, smoothing: 0, cross_fit: 0}", regression,
		"b bool | y float64\ntrue | 1e16\ntrue | 1\ntrue | -1e16\ntrue | 1")
	optest.Same(t, got, "b float64 | y float64\n0.5 | 1e16\n0.5 | 1\n0.5 | -1e16\n0.5 | 1")
}

func TestScaleRefusesInfinity(t *testing.T) {
	for _, options := range []string{"x", "{columns: x, method: minmax}"} {
		op, _ := optest.Op("feature.scale", options)
		if optest.FitError(t, op, binary, optest.Parse(t, "x float64\n1\nInf")) == nil {
			t.Errorf("%s: a scale of infinity", options)
		}
	}
}

func TestScaleNearlyConstant(t *testing.T) {
	op, _ := optest.Op("feature.scale", "x")
	got := optest.Run(t, op, binary, optest.Parse(t, "x float64\n1000000000\n1000000001\n1000000002"))
	optest.Same(t, got, "x float64\n-1.224744871391589\n0\n1.224744871391589")
}
