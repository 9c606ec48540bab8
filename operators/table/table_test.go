package table_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/optest"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/operators/rel"
	_ "github.com/headrace/headrace/operators/table"
	"github.com/headrace/headrace/testing/race"
)

func TestExamples(t *testing.T) {
	for _, name := range operators.Names() {
		t.Run(name, func(t *testing.T) { optest.Examples(t, name) })
	}
}

func TestFindings(t *testing.T) {
	const left, right = "k string? | x int64 | d date | v vector[p]", "k string | n int32 | x bool | d string | v vector[p]"
	for _, c := range []struct {
		name, options string
		in            []string
		want          []string
	}{
		{"table.join", "{}", []string{left, right}, []string{"E0207 on: "}},
		{"table.join", "{on: k}", []string{left}, []string{"E0210 : "}},
		{"table.join", "{on: k, columns: [n]}", []string{left, right}, nil},
		{"table.join", "{on: k, columns: [n, x]}", []string{left, right}, []string{`E0302 columns.1: both tables have a column "x"`}},
		{"table.join", "{on: k, columns: [k, n]}", []string{left, right}, []string{`E0302 columns.0: both tables have a column "k"`}},
		{"table.join", "{on: [k, z, d, v], columns: n}", []string{left, right},
			[]string{"E0212 on.1: ", `E0212 on.1: no column "z" in the right table`, "E0301 on.2: ", "E0301 on.3: "}},
		{"table.join", "{on: {kk: k, x: nn, d: x}, columns: n}", []string{left, right}, []string{"E0212 on.kk!: ", "E0212 on.x: ", "E0301 on.d: "}},
		{"table.join", "{on: {x: [n]}, columns: n}", []string{left, right}, []string{"E0205 on.x: "}},
		{"table.join", "{on: [], columns: n}", []string{left, right}, []string{"E0207 on: "}},
		{"table.join", "{on: {x: n}, suffix: _r}", []string{left, right}, []string{"E0301 columns: "}},
		{"table.join", "{on: {x: n}, columns: [zz], how: outer}", []string{left, right}, []string{"E0208 how: "}},
		{"table.join", "{on: {x: n}, columns: [zz]}", []string{left, right}, []string{"E0212 columns.0: "}},
		{"table.join", "{on: {x: n}, how: semi}", []string{left, right}, nil},
		{"table.join", "{on: {x: n}, how: anti, columns: [d]}", []string{left, right}, []string{"E0213 columns: "}},
		{"table.merge", "{}", []string{left, right}, []string{"E0207 on: "}},
		{"table.merge", "{on: k}", []string{left}, []string{"E0210 : "}},
		{"table.merge", "{on: k, columns: [n], how: left}", []string{left, right}, nil},
		{"table.merge", "{on: k, columns: [n, x]}", []string{left, right}, []string{`E0302 columns.1: both tables have a column "x"`}},
		{"table.merge", "{on: {x: n}, columns: n}", []string{left, right}, nil},
		{"table.merge", "{on: {x: n}, columns: n, how: full}", []string{left, right}, []string{"E0301 on.x: "}},
		{"table.merge", "{on: [z, d], columns: n}", []string{left, right}, []string{"E0212 on.0: ", `E0212 on.0: no column "z" in the right table`, "E0301 on.1: "}},
		{"table.asof", "{}", []string{left, right}, []string{"E0207 time: "}},
		{"table.asof", "{time: x}", []string{left}, []string{"E0210 : "}},
		{"table.asof", "{time: {x: n}, by: k, columns: [d, n], suffix: _r}", []string{left, right}, nil},
		{"table.asof", "{time: {x: n}, tolerance: 5, columns: [x]}", []string{left, right}, []string{`E0302 columns.0: both tables have a column "x"`}},
		{"table.asof", "{time: [x, d], columns: n}", []string{left, right}, []string{"E0301 time.0: ", "E0301 time.1: ", "E0205 time: time is one column of each table, not 2"}},
		{"table.asof", "{time: z, by: [y, v], columns: n}", []string{left, right},
			[]string{"E0212 by.0: ", `E0212 by.0: no column "y" in the right table`, "E0301 by.1: ", "E0212 time.0: ", `E0212 time.0: no column "z" in the right table`}},
		{"table.asof", "{time: k, columns: n}", []string{left, right}, []string{`E0301 time.0: column "k" is string, which is no time`}},
		{"table.asof", "{time: {x: n}, by: {kk: k}, columns: [zz], direction: back}", []string{left, right}, []string{"E0208 direction: "}},
		{"table.asof", "{time: {x: n}, by: {kk: k}, columns: [zz]}", []string{left, right}, []string{"E0212 by.kk!: ", "E0212 columns.0: "}},
		{"table.asof", "{time: {x: n}, columns: n, tolerance: 2h}", []string{left, right}, []string{"E0205 tolerance: "}},
		{"table.asof", "{time: {x: n}, columns: n, tolerance: -1}", []string{left, right}, []string{"E0206 tolerance: "}},
		{"table.asof", "{time: {x: n}, columns: n, tolerance: 0, strict: true}", []string{left, right}, []string{"E0213 tolerance: "}},
		{"table.asof", "{time: d, columns: k, suffix: _r, tolerance: 2d}", []string{left, "d date | k string"}, nil},
		{"table.asof", "{time: d, columns: k, suffix: _r, tolerance: 1}", []string{left, "d date | k string"}, []string{"E0205 tolerance: "}},
		{"table.asof", "{time: d, columns: k, suffix: _r, tolerance: 36h}", []string{left, "d date | k string"}, []string{"E0213 tolerance: 36h is no whole number of what date counts"}},
		{"table.asof", "{time: d, columns: k, suffix: _r, tolerance: 0, strict: true}", []string{left, "d date | k string"}, []string{"E0213 tolerance: "}},
		{"table.asof", "{time: f, tolerance: 1e-3, strict: true}", []string{"f float64", "f float32 | k string"}, nil},
		{"table.asof", "{time: f, tolerance: nan}", []string{"f float64", "f float32 | k string"}, []string{"E0205 tolerance: "}},
		{"table.asof", "{time: f, tolerance: -0.5}", []string{"f float64", "f float32 | k string"}, []string{"E0206 tolerance: "}},
		{"table.zip", "{}", []string{left}, []string{"E0210 : "}},
		{"table.zip", "{on: k}", []string{left, right}, []string{"E0204 on!: "}},
		{"table.aggregate", "{by: k}", []string{left}, []string{"E0207 aggregates: "}},
		{"table.aggregate", "{by: [zz, v], aggregates: {n: count()}}", []string{left}, []string{"E0212 by.0: ", "E0301 by.1: "}},
		{"table.aggregate", "{by: k, aggregates: {k: count(), '@a': count(), b: mode(x), c: sum(zz), e: sum, f: sum(), g: sum(k), h: mean(d), i: max(v), j: 'max(col(x))'}}",
			[]string{left}, []string{"E0302 aggregates.k!: ", "E0108 aggregates.@a!: ", `E0305 aggregates.b: no aggregate function "mode"`, "E0212 aggregates.c: ",
				"E0303 aggregates.e: ", "E0305 aggregates.f: sum needs a column", "E0301 aggregates.g: ", "E0301 aggregates.h: ", "E0301 aggregates.i: ", "E0303 aggregates.j: "}},
		{"table.aggregate", "{aggregates: {a: 'quantile(x)', b: 'quantile(x, 1.5)', c: 'quantile(x, half)', e: 'quantile(k, 0.5)', f: 'approx_quantile(d, 0.5)', g: median(k), h: 'quantile(zz, 0.5)', " +
			"i: 'quantile(x, NaN)', j: 'median(x, 0.5)', l: 'quantile(, 0.5)', m: 'quantile(col(\"x\"), 0.5)', n: 'quantile(d, 1)'}}",
			[]string{left}, []string{"E0305 aggregates.a: quantile needs a column and a share", `E0206 aggregates.b: "1.5" is no share from 0 to 1`, `E0206 aggregates.c: "half" is no share`,
				`E0301 aggregates.e: column "k" is string, of which there is no quantile`, `E0301 aggregates.f: column "d" is date, of which there is no approx_quantile`,
				`E0301 aggregates.g: column "k" is string, of which there is no median`, "E0212 aggregates.h: ", `E0206 aggregates.i: "NaN" is no share`,
				"E0212 aggregates.j: ", "E0305 aggregates.l: quantile needs a column"}},
		{"table.sort", "{}", []string{left}, []string{"E0207 by: "}},
		{"table.sort", "[k desc, x nulls first, d asc nulls last]", []string{left}, nil},
		{"table.sort", "k descending", []string{left}, []string{`E0212 by: no column "k descending"`}},
		{"table.sort", "[zz desc, v, k, k desc, 'col(x']", []string{left}, []string{"E0212 by.0: ", "E0301 by.1: ", "E0302 by.3: ", "E0303 by.4: "}},
		{"table.sort", "nulls first", []string{"nulls int64"}, []string{"E0212 by: "}},
		{"table.window", "{}", []string{left}, []string{"E0207 columns: "}},
		{"table.window", "{by: [zz, v], order: [x desc, yy], columns: {a: lag(x)}}", []string{left}, []string{"E0212 by.0: ", "E0301 by.1: ", "E0212 order.1: "}},
		{"table.window", "{columns: {x: lag(x), '@a': rank(), b: median(x), c: sum(zz), e: lag, f: lag(), g: 'sum(k, 3)', h: 'mean(d, 3)', i: 'max(v, 2)', j: mean(x), l: 'lag(x, 0)', m: rank(x), n: 'lag(v, 2)'}}",
			[]string{left}, []string{"E0108 columns.@a!: ", `E0305 columns.b: no function "median"`, "E0305 columns.c: ", "E0212 columns.c: ",
				"E0303 columns.e: ", "E0305 columns.f: lag needs a column", "E0301 columns.g: ", "E0301 columns.h: ", "E0301 columns.i: ", "E0305 columns.j: ",
				"E0206 columns.l: ", "E0305 columns.m: "}},
	} {
		t.Run(c.name+" "+c.options, func(t *testing.T) {
			optest.Want(t, optest.Findings(t, c.name, c.options, operators.Task{}, c.in...), c.want...)
		})
	}
}

func TestAggregateTypes(t *testing.T) {
	op, _ := optest.Op("table.aggregate", "{by: g, aggregates: {a: sum(b), c: sum(i), d: sum(f), e: mean(b), f: last(s), h: var(i), j: min(s), k: 'quantile(d, 0.5)', l: median(i), m: 'approx_quantile(f, 1)'}}")
	o, l := op.Check(optest.Site(operators.Task{}, optest.Parse(t, "g int32? | b bool | i int32? | f float32 | s string | d timestamp[ms]")))
	if len(l) > 0 {
		t.Fatal(l)
	}
	var got []string
	for _, m := range o.Made {
		null := ""
		if m.Nullable {
			null = "?"
		}
		got = append(got, fmt.Sprintf("%s %s%s %v", m.Name, m.Type, null, m.Apply))
	}
	want := "g int32? [g], a int64 [g b], c int64? [g i], d float64 [g f], e float64 [g b], f string [g s], h float64? [g i], j string [g s], " +
		"k timestamp[ms] [g d], l float64? [g i], m float64 [g f]"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
	}
	if n := strings.Join(o.Needs[0], " "); n != "g b i f s d" {
		t.Errorf("needs %s", n)
	}
}

func TestWindowTypes(t *testing.T) {
	op, _ := optest.Op("table.window", `{by: g, order: [i desc], columns: {a: 'sum(b, 2)', c: 'mean(i, 3)', d: 'sum(f, 2)', e: 'lag(col("s, t"), 2)', f: rank(), h: 'min(i, 1)'}}`)
	in := `g int32? | b bool | i int32? | f float32 | "s, t" string`
	site := optest.Site(operators.Task{}, optest.Parse(t, in))
	o, l := op.Check(site)
	if len(l) > 0 {
		t.Fatal(l)
	}
	var got []string
	for _, m := range o.Made {
		null := ""
		if m.Nullable {
			null = "?"
		}
		got = append(got, fmt.Sprintf("%s %s%s %q", m.Name, m.Type, null, m.Apply))
	}
	want := `a int64 ["g" "i" "b"], c float64? ["g" "i"], d float64 ["g" "i" "f"], e string? ["g" "i" "s, t"], f int64 ["g" "i"], h int32? ["g" "i"]`
	if strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
	}
	n := op.Narrow(site, []string{"e"}).(operators.Rel).Lower(site, []rel.Node{rel.In{}}).(rel.Window)
	if len(n.Columns) != 1 || n.Columns[0].Of != "s, t" || n.Columns[0].K != 2 || len(n.By) != 1 || !n.Order[0].Descending {
		t.Errorf("%+v", n)
	}
}

func TestAsOfTypes(t *testing.T) {
	op, _ := optest.Op("table.asof", "{time: {at: seen}, by: [g, h], how: inner, strict: true, direction: nearest, tolerance: 90s, columns: [v, seen, w], prefix: r_}")
	site := optest.Site(operators.Task{}, optest.Parse(t, "g int32? | h bool | at timestamp[ms]? | x int64", "w vector[p] | g int64 | seen timestamp[ms]? | v float32? | h bool"))
	if _, l := op.Check(site); len(l) != 1 || l[0].Code != diag.ColumnType {
		t.Fatal(l)
	}
	site = optest.Site(operators.Task{}, optest.Parse(t, "g int32? | h bool | at timestamp[ms]? | x int64", "w string | g int64 | seen timestamp[ms]? | v float32? | h bool"))
	o, l := op.Check(site)
	if len(l) > 0 {
		t.Fatal(l)
	}
	want := "[{{r_v float32 true []} [g h at]} {{r_seen timestamp[ms] true []} [g h at]} {{r_w string false []} [g h at]}]"
	if got := fmt.Sprint(o.Made); got != want || fmt.Sprint(o.Needs, o.NotNull, o.Only) != "[[g h at] [g h seen v w]] [g at] [g h at x]" || o.Class != operators.Break {
		t.Errorf("%s %v %v %v", got, o.Needs, o.NotNull, o.Only)
	}
	n := op.Narrow(site, []string{"r_seen", "x"}).(operators.Rel).Lower(site, []rel.Node{rel.In{}, rel.In{I: 1}}).(rel.AsOf)
	if fmt.Sprintln(n.Take, n.LBy, n.RBy, n.LTime, n.RTime) != "map[seen:r_seen] [g h] [g h] at seen\n" || !n.Inner || !n.Strict || !n.Bounded || n.Ticks != 90000 || n.Direction != rel.Nearest {
		t.Errorf("%+v", n)
	}
}

func TestAggregateNarrow(t *testing.T) {
	op, _ := optest.Op("table.aggregate", "{by: g, aggregates: {a: sum(x), n: count()}}")
	site := optest.Site(operators.Task{}, optest.Parse(t, "g int32 | x int64"))
	n := op.Narrow(site, []string{"n"}).(operators.Rel).Lower(site, []rel.Node{rel.In{}}).(rel.Aggregate)
	if len(n.By) != 1 || len(n.Aggs) != 1 || n.Aggs[0].Name != "n" || n.Aggs[0].Type != batch.T(batch.Int64) {
		t.Errorf("%+v", n)
	}
}

// -0 is 0, in keys of one column and of two; the first row stays, in whatever order accumulators are merged.
func TestJoinFloatKeys(t *testing.T) {
	left := "f float64 | g float64\n0 | 0\n-0 | -0\nNaN | 1\n1 | NaN"
	right := "a float32 | b float64 | n int64\n-0 | -0 | 1\n0 | 0 | 2\nNaN | 1 | 3\n2 | 2 | 4"
	for _, options := range []string{"{on: {f: a}, columns: n}", "{on: {f: a, g: b}, columns: n}"} {
		op, l := optest.Op("table.join", options)
		if len(l) > 0 {
			t.Fatal(l)
		}
		optest.Same(t, optest.Run(t, op, operators.Task{}, optest.Parse(t, left, right)),
			"f float64 | g float64 | n int64?\n0 | 0 | 1\n-0 | -0 | 1\nNaN | 1 | 3\n1 | NaN | nil")
	}
}

// Many duplicates, so that rows that give way are cleared out.
func TestJoinManyDuplicates(t *testing.T) {
	var right strings.Builder
	right.WriteString("k int64 | s string\n")
	for i := range 60 {
		fmt.Fprintf(&right, "%d | %s%d\n", i%3, strings.Repeat("x", 40000), i)
	}
	op, _ := optest.Op("table.join", "{on: k}")
	site := optest.Site(operators.Task{}, optest.Parse(t, "k int64", "k int64 | s string"))
	in := optest.Parse(t, right.String())[0]
	fit := op.(operators.Learn).Begin(site)
	a := fit.Acc()
	for i := in.N - 1; i >= 0; i-- { // from the last to the first: each row displaces one
		if err := a.Add(nil, in.Slice(nil, i, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if b := a.Bytes(); b > 3<<20 {
		t.Errorf("%d bytes held for 3 rows of 40 KB", b)
	}
	whole := fit.Acc()
	if err := whole.Add(nil, in.Batch); err != nil {
		t.Fatal(err)
	}
	x, _ := a.MarshalBinary()
	y, _ := whole.MarshalBinary()
	if string(x) != string(y) {
		t.Error("another state from the same rows")
	}
}

// State that no fit has written is refused.
func TestJoinRefusesBadState(t *testing.T) {
	op, _ := optest.Op("table.join", "{on: k}")
	in := optest.Parse(t, "k int64", "k int64 | s string\n1 | a\n2 | b")
	other, _ := optest.Op("table.join", "{on: k}")
	wrong := optest.Parse(t, "k string", "k string | s int64\na | 1")
	acc := func(op operators.Op, in []optest.Table) operators.Acc {
		return op.(operators.Learn).Begin(optest.Site(operators.Task{}, in)).Acc()
	}
	a, b := acc(op, in), acc(other, wrong)
	_ = a.Add(nil, in[1].Batch)
	_ = b.Add(nil, wrong[1].Batch)
	good, _ := a.MarshalBinary()
	bad, _ := b.MarshalBinary()
	if acc(op, in).UnmarshalBinary(good) != nil {
		t.Error("good state is refused")
	}
	if acc(op, in).UnmarshalBinary(bad) == nil {
		t.Error("state of other types is read")
	}
	for n := range good {
		if acc(op, in).UnmarshalBinary(good[:n]) == nil {
			t.Errorf("%d of %d bytes are read", n, len(good))
		}
	}
}

// TestJoinFilters holds that semi and anti part the rows between them, a null on neither side being equal to one.
func TestJoinFilters(t *testing.T) {
	for how, want := range map[string]string{"semi": "true false false true", "anti": "false true true false"} {
		op, _ := optest.Op("table.join", "{on: k, how: "+how+"}")
		left, right := "k int64? | x int64\n1 | 1\nnil | 2\n3 | 3\n2 | 4", "k int64? | y int64\n2 | 1\nnil | 2\n1 | 3\n2 | 4"
		site := optest.Site(operators.Task{}, optest.Parse(t, left, right))
		o, l := op.Check(site)
		if len(l) > 0 || len(o.Made) > 0 || o.Class != operators.Rows || o.Keep == "" {
			t.Fatal(how, l, o)
		}
		fit := op.(operators.Learn).Begin(site)
		_, b, err := operators.ParseRows(right)
		if err != nil {
			t.Fatal(err)
		}
		b.Cols = b.Cols[:1]
		acc := fit.Acc()
		if err := acc.Add(nil, b); err != nil {
			t.Fatal(err)
		}
		if _, err := fit.End(operators.TestEnv(), acc); err != nil {
			t.Fatal(err)
		}
		_, in, err := operators.ParseRows(left)
		if err != nil {
			t.Fatal(err)
		}
		g := fit.Fitted().Program
		got, err := g.Batch(nil, in.N, in.Cols[:1])
		if err != nil {
			t.Fatal(err)
		}
		var stay []string
		for i := range in.N {
			stay = append(stay, fmt.Sprint(got[0].Bit(i) && !got[0].Null(i)))
		}
		if s := strings.Join(stay, " "); s != want {
			t.Errorf("%s: %s, want %s", how, s, want)
		}
	}
}

// TestJoinKeys joins by columns of every type, as many as share a word and more, and compares with a search: however the rows are cut
// and accumulators merged, in any order, and from state.
func TestJoinKeys(t *testing.T) {
	kinds := []string{"string", "date", "int32", "bool", "float64", "int64", "bytes", "float32", "timestamp[s]"}
	cell := map[string][]string{"string": {"a", "bb", `""`, "nil"}, "date": {"1969-12-31", "2001-01-01"}, "int32": {"-1", "2", "nil"},
		"bool": {"true", "false"}, "float64": {"0", "-0", "NaN", "1.5", "nil"}, "int64": {"-1", "4294967295", "7"}, "bytes": {"x", "y"},
		"float32": {"0", "-0", "NaN"}, "timestamp[s]": {"2001-01-01", "1960-01-01", "nil"}}
	r := rand.New(rand.NewPCG(2, 2))
	for range race.Few(60) {
		var head, names []string
		perm := r.Perm(len(kinds))[:1+r.IntN(4)]
		for i, k := range perm {
			names = append(names, fmt.Sprint("k", i))
			head = append(head, fmt.Sprintf("k%d %s?", i, kinds[k]))
		}
		rows := func(n int, more func(i int) string) string {
			var b strings.Builder
			for i := range n {
				for _, k := range perm {
					c := cell[kinds[k]]
					b.WriteString(c[r.IntN(len(c))] + " | ")
				}
				b.WriteString(more(i) + "\n")
			}
			return b.String()
		}
		left := strings.Join(head, " | ") + " | x int64\n" + rows(40, func(i int) string { return fmt.Sprint(i) })
		right := strings.Join(head, " | ") + " | s string? | n float64\n" + rows(60, func(i int) string {
			return []string{"nil", "text ", `""`}[i%3] + []string{"", fmt.Sprint(i), ""}[i%3] + " | " + []string{"NaN", "-0", fmt.Sprint(i)}[i%3]
		})
		in := optest.Parse(t, left, right)
		op, l := optest.Op("table.join", "{on: ["+strings.Join(names, ", ")+"]}")
		if len(l) > 0 {
			t.Fatal(l)
		}
		var want strings.Builder
		want.WriteString(strings.Join(head, " | ") + " | x int64 | s string? | n float64?\n")
		lines, others := strings.Split(left, "\n")[1:], strings.Split(right, "\n")[1:]
		key := func(i int, of optest.Table) (k string, ok bool) {
			for j := range names {
				v := program.ValueOf(&of.Cols[j], i)
				if v.IsNull() {
					return "", false
				}
				v.F += 0 // -0 is 0
				k += v.String() + "|"
			}
			return k, true
		}
		for i := range in[0].N {
			match := "nil | nil"
			if k, ok := key(i, in[0]); ok {
				for o := range in[1].N {
					if q, ok := key(o, in[1]); ok && q == k {
						cells := strings.Split(others[o], " | ")
						match = strings.Join(cells[len(names):], " | ")
						break
					}
				}
			}
			want.WriteString(lines[i] + " | " + match + "\n")
		}
		optest.Same(t, optest.Run(t, op, operators.Task{}, in), want.String())
	}
}
