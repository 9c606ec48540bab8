package operators

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

func wide() Schema {
	f := func(name string, k batch.Kind) Field { return Field{Name: name, Type: batch.T(k)} }
	return Of(f("tail_a", batch.Float64), f("tail_b", batch.Int32), f("name", batch.String), f("raw", batch.Bytes), f("day", batch.Date),
		f("at", batch.Timestamp), f("late", batch.Bool), f("km/h", batch.Float32), f("count()", batch.Int64), f("a*", batch.Int64), f("-x", batch.Int64),
		f("price", batch.Decimal), f("vec", batch.Vector))
}

func TestSelect(t *testing.T) {
	for _, c := range []struct{ sel, want, errs string }{
		{"price, tail_a", "price, tail_a", ""},
		{"", "", ""},
		{"tail_a, tail_a", "tail_a", ""},
		{"tail_b, tail_*", "tail_b, tail_a", ""}, // entries in their order, columns of one entry in the schema's
		{"tail_?", "tail_a, tail_b", ""},
		{"tail_[b-z]", "tail_b", ""},
		{"numeric()", "tail_a, tail_b, km/h, count(), a*, -x, price", ""},
		{"string()", "name, raw", ""},
		{"temporal()", "day, at", ""},
		{"bool()", "late", ""},
		{"late, all()", "late, tail_a, tail_b, name, raw, day, at, km/h, count(), a*, -x, price, vec", ""},
		{"numeric(), -tail_a", "tail_b, km/h, count(), a*, -x, price", ""},
		{"numeric(), -tail_*, -price", "km/h, count(), a*, -x", ""},
		{"all(), -numeric(), -string()", "day, at, late, vec", ""},
		{"-numeric(), -string()", "day, at, late, vec", ""},
		{"-tail_a, -all()", "", ""},
		{"name, -price", "name", ""}, // price is a column here, if not selected: no mistake
		{"name, -name, name", "name", ""},
		// what is there under the very name is no pattern, no set and no subtraction
		{"a*", "a*", ""},
		{"count()", "count()", ""},
		{"-x", "-x", ""},
		{"name, --x, -x", "name, -x", ""},
		{"all(), --x, -count(), -a*", "tail_a, tail_b, name, raw, day, at, late, km/h, price, vec", ""},
		{"km*", "km/h", ""}, // a slash is a character like others
		{"*", "tail_a, tail_b, name, raw, day, at, late, km/h, count(), a*, -x, price, vec", ""},
		{"*/?", "km/h", ""},
		// mistakes
		{"tail_c", "", `E0212 cols 0 no column "tail_c"; did you mean "tail_a"?`},
		{"name, nope, day, x_*", "name, day", `E0212 cols 1 no column "nope"|E0212 cols 3 no column matches "x_*"`},
		{"-nope", "tail_a, tail_b, name, raw, day, at, late, km/h, count(), a*, -x, price, vec", `E0212 cols 0 no column "nope"`},
		{"[", "", `E0205 cols 0 bad pattern "["`},
		{"number()", "", `E0212 cols 0 no set of columns "number()"; there are numeric(), string(), temporal(), bool(), all()`},
		{"name, -", "name", `E0212 cols 1 no column ""`},
	} {
		sel := Columns{}
		if c.sel != "" {
			sel = strings.Split(c.sel, ", ")
		}
		s := wide()
		got, l := sel.Select(s, "cols")
		if names := strings.Join(FieldNames(got), ", "); names != c.want {
			t.Errorf("%s: %s\nwant %s", c.sel, names, c.want)
		}
		var errs []string
		for _, d := range l {
			errs = append(errs, fmt.Sprintf("%s %s %s; %s", d.Code, strings.Join(d.At.Path, " "), d.Message, d.Help))
		}
		want := strings.Split(c.errs, "|")
		if len(errs) != len(want) && c.errs != "" || len(errs) > 0 && c.errs == "" {
			t.Errorf("%s: %q, want %q", c.sel, errs, c.errs)
			continue
		}
		for i := range errs {
			if !strings.HasPrefix(errs[i], want[i]) {
				t.Errorf("%s: %q, want %q", c.sel, errs[i], want[i])
			}
		}
		if !slices.Equal(s.Names(), wide().Names()) {
			t.Errorf("%s: the schema was changed", c.sel)
		}
		for _, f := range got {
			if w, _ := s.Field(f.Name); w.Type != f.Type {
				t.Errorf("%s: %s is %s", c.sel, f.Name, f.Type)
			}
		}
	}
}

// In an open schema a name that is not found is no mistake; a set that does not exist is one anywhere.
func TestSelectOpen(t *testing.T) {
	s := wide()
	s.Open = true
	got, l := Columns{"nope", "x_*", "-gone", "name"}.Select(s, "cols")
	if len(l) != 0 || !slices.Equal(FieldNames(got), []string{"name"}) {
		t.Errorf("%v %v", FieldNames(got), l)
	}
	if _, l := (Columns{"number()"}).Select(s, "cols"); len(l) != 1 {
		t.Errorf("%v", l)
	}
}

// What Narrowed gives selects, on the same schema, exactly the columns that are made of what the selection selects.
func TestNarrowed(t *testing.T) {
	s := wide()
	s.Fields = append(s.Fields, Field{Name: "x", Type: batch.T(batch.Int64)}, Field{Name: "numeric()", Type: batch.T(batch.Int64)})
	all := s.Names()
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var made []string
		for _, n := range all {
			if r.IntN(3) == 0 {
				made = append(made, n)
			}
		}
		sel := []Columns{{"all()"}, {"*"}, {"string()", "x", "-x"}, {"tail_*", "-tail_a", "numeric()"}}[r.IntN(4)]
		from, _ := sel.Select(s, "")
		var want []string
		for _, f := range from {
			if slices.Contains(made, f.Name) {
				want = append(want, f.Name)
			}
		}
		got, l := sel.Narrowed(s, made).Select(s, "")
		if len(l) != 0 || !slices.Equal(FieldNames(got), want) {
			t.Fatalf("%v narrowed to %v selects %v, want %v: %v", sel, made, FieldNames(got), want, l.Err())
		}
	}
}

// Ten thousand columns are a table like others.
func TestSelectManyColumns(t *testing.T) {
	s := Schema{}
	for i := range 10000 {
		s.Fields = append(s.Fields, Field{Name: fmt.Sprintf("column_%05d", i), Type: batch.T(batch.Float64)})
	}
	start := time.Now()
	got, l := Columns{"all()", "column_*", "-*_0*", "numeric()"}.Select(s, "cols")
	if len(got) != 10000 || l.Failed() {
		t.Errorf("%d columns, %v", len(got), l)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("selecting took %v", took)
	}
}

func TestDecodeColumns(t *testing.T) {
	scalar := func(s string) *param.Node { return &param.Node{Kind: param.Scalar, Text: s} }
	var c Columns
	if l := c.DecodeParam(scalar("a")); l.Failed() || !slices.Equal(c, Columns{"a"}) {
		t.Errorf("%v %v", c, l)
	}
	l := c.DecodeParam(&param.Node{Kind: param.List, Items: []*param.Node{scalar("a"), scalar(""), scalar("b"), {Kind: param.List}}})
	if !slices.Equal(c, Columns{"a", "b"}) || len(l) != 2 || l[0].At.Path[0] != "1" || l[1].At.Path[0] != "3" || l[0].Code != diag.OptionType {
		t.Errorf("%v %v", c, l)
	}
}

func TestSchema(t *testing.T) {
	s := wide()
	if s.Index("name") != 2 || s.Index("nope") != -1 || !s.Has("raw") || s.Has("") {
		t.Error("Index, Has")
	}
	if _, ok := s.Field("nope"); ok {
		t.Error("a closed schema found a column that it has not")
	}
	f, l := s.Want("tail_c", diag.Option("by", "2"))
	if len(l) != 1 || l[0].Code != diag.NoColumn || !slices.Equal(l[0].At.Path, []string{"by", "2"}) || f.Name != "tail_c" || f.Type.Kind != batch.Unknown || !f.Nullable {
		t.Errorf("%+v %v", f, l)
	}
	s.Open = true
	if f, l := s.Want("tail_c", diag.At{}); l != nil || f.Name != "tail_c" || f.Type.Kind != batch.Unknown {
		t.Errorf("%+v %v", f, l)
	}
}

func TestBelow(t *testing.T) {
	i64, str := batch.T(batch.Int64), batch.T(batch.String)
	in := Of(Field{Name: "a", Type: i64, Nullable: true}, Field{Name: "b", Type: str, Categories: []string{"x"}}, Field{Name: "c", Type: i64})
	made := []Made{{Field: Field{Name: "b", Type: i64}, Apply: []string{"a"}}, {Field: Field{Name: "d", Type: str}}}
	for _, c := range []struct {
		what string
		o    Output
		want string
	}{
		{"nothing", Output{}, "a int64? b string c int64"},
		{"made", Output{Made: made}, "a int64? b int64 c int64 d string"},
		{"only", Output{Only: []string{"c", "a"}}, "a int64? c int64"},
		{"none", Output{Only: []string{}}, ""},
		{"renamed", Output{Renamed: map[string]string{"a": "z"}}, "z int64? b string c int64"},
		{"swapped", Output{Renamed: map[string]string{"a": "b", "b": "a"}}, "b int64? a string c int64"},
		{"renamed, made over it", Output{Renamed: map[string]string{"a": "d"}, Made: made}, "d string b int64 c int64"},
		{"renamed, not passing", Output{Renamed: map[string]string{"a": "z"}, Only: []string{"b"}}, "b string"},
		{"renamed onto one that passes, not passing", Output{Renamed: map[string]string{"a": "b"}, Only: []string{"b"}}, "b string"},
		{"two renamed, one passing", Output{Renamed: map[string]string{"a": "z", "c": "z"}, Only: []string{"c"}}, "z int64"},
		{"not null", Output{NotNull: []string{"a", "nope"}}, "a int64 b string c int64"},
		{"not null under the new name", Output{NotNull: []string{"z"}, Renamed: map[string]string{"a": "z"}}, "z int64 b string c int64"},
		{"break", Output{Class: Break, Made: made}, "b int64 d string"},
		{"break that passes", Output{Class: Break, Only: []string{"a"}, Made: made}, "a int64? b int64 d string"},
		{"break, renamed", Output{Class: Break, Renamed: map[string]string{"a": "z"}}, ""},
	} {
		below := c.o.Below(in)
		var got []string
		for _, f := range below.Fields {
			null := ""
			if f.Nullable {
				null = "?"
			}
			got = append(got, f.Name+" "+f.Type.String()+null)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.what, s, c.want)
		}
		passes(t, c.what, c.o, in, below)
		if in.Fields[0].Nullable != true || in.Fields[1].Type != str {
			t.Fatalf("%s: the schema above was changed", c.what)
		}
	}
	in.Open = true
	if !(Output{}).Below(in).Open {
		t.Error("below an open schema is a closed one")
	}
}

// passes holds Passes to what Below does.
func passes(t *testing.T, what string, o Output, in, below Schema) {
	t.Helper()
	for _, name := range []string{"a", "b", "c", "d", "z"} {
		from, ok := o.Passes(name)
		made := slices.ContainsFunc(o.Made, func(m Made) bool { return m.Name == name })
		if ok && made {
			t.Errorf("%s: %s is made and passes", what, name)
		}
		if want := below.Has(name) && !made; in.Has(from) && ok != want || want && !ok {
			t.Errorf("%s: %s passes: %v, it is below: %v", what, name, ok, below.Has(name))
		}
		if ok && in.Has(from) {
			a, _ := in.Field(from)
			b, _ := below.Field(name)
			if a.Type != b.Type {
				t.Errorf("%s: %s is %s, of %s which is %s", what, name, b.Type, from, a.Type)
			}
		}
	}
}
