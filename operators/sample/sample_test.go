package sample_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/optest"
	"github.com/headrace/headrace/operators/rel"
	_ "github.com/headrace/headrace/operators/sample"
)

func TestExamples(t *testing.T) {
	for _, name := range operators.Names() {
		t.Run(name, func(t *testing.T) { optest.Examples(t, name) })
	}
}

func run(t *testing.T, name, options string, in optest.Table) optest.Table {
	t.Helper()
	op, l := optest.Op(name, options)
	if len(l) > 0 {
		t.Fatal(l)
	}
	return optest.Run(t, op, operators.Task{Group: "g"}, []optest.Table{in})
}

// many is n rows: a number, then a group of three rows each.
func many(t *testing.T, n int) optest.Table {
	var b strings.Builder
	b.WriteString("x int64 | g string?\n")
	for i := range n {
		g := fmt.Sprint("g", i/3)
		if i%10 == 9 {
			g = "nil"
		}
		fmt.Fprintf(&b, "%d | %s\n", i, g)
	}
	return optest.Parse(t, b.String())[0]
}

func shares(x optest.Table) (n [3]float64) {
	for i := range x.N {
		n[x.PartAt(i)] += 1 / float64(x.N)
	}
	return n
}

func TestRandomShares(t *testing.T) {
	in := many(t, 600)
	got := run(t, "sample.split", "{train: 0.5, valid: 0.2, test: 0.3}", in)
	for i, want := range []float64{0.5, 0.2, 0.3} {
		if s := shares(got)[i]; math.Abs(s-want) > 0.06 {
			t.Errorf("%s: %.3f of the rows, want about %.2f", batch.Part(i), s, want)
		}
	}
	other := run(t, "sample.split", "{train: 0.5, valid: 0.2, test: 0.3, seed: 1}", in)
	same := 0
	for i := range got.N {
		if got.PartAt(i) == other.PartAt(i) {
			same++
		}
	}
	if same > 300 {
		t.Errorf("another seed moved %d of 600 rows only", 600-same)
	}
	for i := range got.N {
		if got.KeyAt(i) != other.KeyAt(i) {
			t.Fatal("the key of folds hangs on the seed")
		}
	}
}

// A row's part does not depend on the rows around it.
func TestRandomKeepsParts(t *testing.T) {
	in := many(t, 100)
	all := run(t, "sample.split", "{key: x, train: 0.5, test: 0.5}", in)
	half := run(t, "sample.split", "{key: [x], train: 0.5, test: 0.5}", optest.Table{Schema: in.Schema, Batch: in.Slice(nil, 50, 100)})
	for i := range half.N {
		if half.PartAt(i) != all.PartAt(50+i) {
			t.Errorf("row %d moves from %s to %s", 50+i, all.PartAt(50+i), half.PartAt(i))
		}
	}
}

func TestGroupsStayTogether(t *testing.T) {
	for _, options := range []string{"{by: group, column: g, train: 0.5, test: 0.5}", "{by: group, train: 0.5, test: 0.5}"} {
		got := run(t, "sample.split", options, many(t, 300))
		part, key := map[string]batch.Part{}, map[string]uint64{}
		for i := range got.N {
			g := operators.FormatValue(&got.Cols[1], i)
			if _, ok := part[g]; !ok {
				part[g], key[g] = got.PartAt(i), got.KeyAt(i)
			}
			if part[g] != got.PartAt(i) || key[g] != got.KeyAt(i) {
				t.Errorf("group %s is in two parts", g)
			}
		}
		if s := shares(got); s[batch.Valid] > 0 || s[batch.Test] < 0.3 || s[batch.Test] > 0.7 {
			t.Errorf("shares %v", s)
		}
	}
}

// Cuts stand where shares say, though 0.1 + 0.2 is more than 0.3.
func TestTimeCuts(t *testing.T) {
	got := run(t, "sample.split", "{by: time, column: x, train: 0.1, valid: 0.2, test: 0.7}", many(t, 10))
	for i := range got.N {
		want := batch.Test
		if i < 1 {
			want = batch.Train
		} else if i < 3 {
			want = batch.Valid
		}
		if got.PartAt(i) != want {
			t.Errorf("row %d is %s, want %s", i, got.PartAt(i), want)
		}
	}
	one := run(t, "sample.split", "{by: time, column: x, train: 0.5, test: 0.5}", optest.Parse(t, "x int64\n7\n7\n7")[0])
	if shares(one)[batch.Train] < 0.99 {
		t.Errorf("one time is parted: %v", one.Part)
	}
}

func TestTimeGaps(t *testing.T) {
	text := "d date\n"
	for i := 1; i <= 10; i++ {
		text += fmt.Sprintf("2001-01-%02d\n", i)
	}
	got := run(t, "sample.split", "{by: time, column: d, train: 0.4, valid: 0.3, test: 0.3, gap: 2d}", optest.Parse(t, text)[0])
	optest.Same(t, got, "_part | d date\ntrain | 2001-01-01\ntrain | 2001-01-02\ntrain | 2001-01-03\ntrain | 2001-01-04\nvalid | 2001-01-07\ntest | 2001-01-10")
}

func TestTimeWithoutRows(t *testing.T) {
	op, _ := optest.Op("sample.split", "{by: time, column: x, train: 0.5, test: 0.5}")
	if optest.FitError(t, op, operators.Task{}, optest.Parse(t, "x int64")) == nil {
		t.Error("cuts of no rows")
	}
}

func TestRows(t *testing.T) {
	in := many(t, 200)
	for _, n := range []int{1, 7, 199, 200, 201} {
		a := run(t, "sample.rows", fmt.Sprintf("{n: %d}", n), in)
		if a.N != min(n, 200) {
			t.Errorf("%d rows, want %d", a.N, n)
		}
		b := run(t, "sample.rows", fmt.Sprintf("{n: %d, seed: 3}", n), in)
		if n == 7 && operators.FormatRows(a.Schema, a.Batch) == operators.FormatRows(b.Schema, b.Batch) {
			t.Error("another seed draws the same rows")
		}
		for i := 1; i < a.N; i++ {
			if a.Cols[0].Int64s()[i] <= a.Cols[0].Int64s()[i-1] {
				t.Error("rows are out of order")
			}
		}
	}
	if f := run(t, "sample.rows", "0.25", in); f.N < 25 || f.N > 75 {
		t.Errorf("%d of 200 rows for a fraction of a quarter", f.N)
	}
}

// Rows drawn one by one would be n+1 here: the accumulator is given two rows of one identity, which share their draw.
func TestRowsWithEqualDraws(t *testing.T) {
	op, _ := optest.Op("sample.rows", "{n: 1}")
	in := optest.Parse(t, "x int64\n1\n2")
	site := optest.Site(operators.Task{}, in)
	fit := op.(operators.Learn).Begin(site)
	acc := fit.Acc()
	b := in[0].Batch
	b.ID = batch.IDs{Ordinals: []uint64{5, 5}}
	if err := acc.Add(nil, b); err != nil {
		t.Fatal(err)
	}
	before, _ := fit.MarshalBinary()
	again, err := fit.End(operators.TestEnv(), acc)
	after, _ := fit.MarshalBinary()
	if !again || err != nil || string(before) == string(after) {
		t.Errorf("no new draw: %v %v", again, err)
	}
}

func TestPartsLower(t *testing.T) {
	op, _ := optest.Op("sample.parts", "{valid: 0.25, seed: 1}")
	in := optest.Parse(t, "a int64 | b list[int64]"[:7], "a int64")
	site := optest.Site(operators.Task{}, in)
	o, l := op.Check(site)
	if len(l) > 0 || o.PartsOut != batch.AllRows || len(o.Needs) != 2 || len(o.Needs[0]) != 1 || len(o.Needs[1]) != 0 {
		t.Errorf("%v %+v", l, o)
	}
	u := op.(operators.Rel).Lower(site, []rel.Node{rel.In{I: 0}, rel.In{I: 1}}).(rel.Union)
	if u.ValidShare != 0.25 || len(u.By) != 1 || u.By[0] != "a" || u.Seed == site.Seed || u.Parts[1] != batch.Test {
		t.Errorf("%+v", u)
	}
}

func TestFindings(t *testing.T) {
	const cols = "x int64 | d date? | at timestamp[s] | f float64 | v vector[p]"
	for _, c := range []struct {
		name, options string
		want          []string
	}{
		{"sample.split", "{}", []string{"E0207 "}},
		{"sample.split", "{train: 0.5, test: 0.4}", []string{"E0213 : train, valid and test are 0.9 together"}},
		{"sample.split", "{train: 1, by: chance}", []string{"E0208 by"}},
		{"sample.split", "{train: 0, test: 1}", []string{"E0206 train", "E0206 test"}},
		{"sample.split", "{train: 1, key: [zz, v]}", []string{"E0212 key.0", `E0301 key.1: column "v" is vector`}},
		{"sample.split", "{train: 1, column: x, gap: 1d}", []string{"E0213 column", "E0213 gap"}},
		{"sample.split", "{train: 1, by: time, key: x, seed: 3}", []string{"E0213 key", "E0213 seed", "E0207 : by: time needs a column"}},
		{"sample.split", "{train: 1, by: group}", []string{"E0207 : by: group needs a column"}},
		{"sample.split", "{train: 1, by: group, column: v}", []string{"E0301 column"}},
		{"sample.split", "{train: 1, by: time, column: f}", []string{"E0301 column"}},
		{"sample.split", "{train: 1, by: time, column: d}", []string{`E0307 column: column "d" may be null`}},
		{"sample.split", "{train: 1, by: time, column: zz}", []string{"E0212 column"}},
		{"sample.split", "{train: 1, by: time, column: at, gap: 1500ms}", []string{"E0213 gap"}},
		{"sample.split", "{train: 1, by: time, column: x, gap: 1s}", []string{"E0213 gap"}},
		{"sample.rows", "{}", []string{"E0207 "}},
		{"sample.rows", "{n: 1, fraction: 0.5}", []string{"E0213 n"}},
		{"sample.rows", "{n: 0}", []string{"E0206 n", "E0207 "}[:1]},
		{"sample.rows", "2", []string{"E0206 fraction"}},
		{"sample.parts", "{}", []string{"E0210 : there are 1 inputs"}},
	} {
		t.Run(c.name+" "+c.options, func(t *testing.T) {
			optest.Want(t, optest.Findings(t, c.name, c.options, operators.Task{}, cols), c.want...)
		})
	}
	optest.Want(t, optest.Findings(t, "sample.parts", "{valid: 0.5}", operators.Task{}, "a int64 | b string | c bool", "a int32 | c bool? | e bool", "a int64 | b string | c bool"),
		"E0213 valid", `E0301 : column "a" is int64 in train and int32 in test`, `E0212 : test has no column "b", which train has`,
		`E0307 : column "c" may be null in test`, `E0212 : train has no column "e", which test has`)
}

// A ranking is of whole groups: what would part them is an error.
func TestRankingKeepsGroups(t *testing.T) {
	task := operators.Task{Kind: operators.Ranking, Label: "x", Group: "g"}
	for _, c := range []struct{ name, options, want string }{
		{"sample.split", "{train: 0.5, test: 0.5}", "a ranking is of whole groups"},
		{"sample.split", "{by: random, key: [g], train: 0.5, test: 0.5}", ""},
		{"sample.split", "{by: group, train: 0.5, test: 0.5}", ""},
		{"sample.parts", "{valid: 0.1}", "a ranking is of whole groups"},
		{"sample.parts", "{}", ""},
	} {
		in := []string{"x int64 | g string\n1 | a"}
		if c.name == "sample.parts" {
			in = append(in, in[0])
		}
		l := optest.Findings(t, c.name, c.options, task, in...)
		if (c.want == "") != (len(l) == 0) || c.want != "" && !strings.Contains(l[0], c.want) {
			t.Errorf("%s: %s: %v, want %q", c.name, c.options, l, c.want)
		}
	}
}
