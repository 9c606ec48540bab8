package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/race"
)

// TestMeaning shows the language on constants: what an expression is, as text.
func TestMeaning(t *testing.T) {
	for _, c := range [][2]string{
		{"1 + 2 * 3", "7"}, {"7 / 2", "3.5"}, {"div(7, 2)", "3"}, {"div(-7, 2)", "-3"}, {"-7 % 3", "-1"}, {"2 ** 10", "1024"},
		{"2 ** 3 ** 2", "512"}, {"1 + 0.5", "1.5"}, {"1 < 2 and 2 < 3", "true"}, {"1 < 3 < 2", "false"}, {"not true or true", "true"},
		{"5 in 1..5", "true"}, {"6 in 1..5", "false"}, {`"b" in ["a", "b"]`, "true"}, {`"x" not in ["a"]`, "true"},
		{"true ? 1 : 2.5", "1"}, {"try_int(\"x\") ?? 7", "7"}, {"try_int(\"12\") ?? 7", "12"}, {"try_int(\"x\") == nil", "true"},
		{`"abc" contains "b" && "abc" startsWith "a" && "abc" endsWith "c"`, "true"}, {`"SFO" matches "^S"`, "true"},
		{`lower("ÄB") + upper("c") + trim(" d ")`, "äbCd"}, {`length("日本")`, "2"}, {`replace("a-b-c", "-", "")`, "abc"},
		{`year(date("2001-02-03"))`, "2001"}, {`weekday(date("2024-01-01"))`, "1"}, {`weekday(date("2024-01-07"))`, "7"},
		{`yearday(date("2024-12-31"))`, "366"}, {`hour(timestamp("2001-01-05 23:59:59.5"))`, "23"}, {`date("05.01.2001", "%d.%m.%Y")`, "2001-01-05"},
		{`timestamp("5 Jan 2001 1:02 pm", "%d %b %Y %I:%M %p")`, "2001-01-05T13:02:00"}, {`date("2001 60", "%Y %j")`, "2001-03-01"},
		{`days_between(date("2001-01-01"), date("2001-03-01"))`, "59"}, {`seconds_between(timestamp("2001-01-01"), timestamp("2001-01-01T00:00:01.5"))`, "1.5"},
		{`date("2001-01-05") < date("2001-01-06")`, "true"}, {`timestamp(date("2001-01-05"))`, "2001-01-05T00:00:00"},
		{"int(2.9)", "2"}, {"int(-2.9)", "-2"}, {"round(2.5)", "3"}, {"round(-2.5)", "-3"}, {"floor(-0.5)", "-1"}, {"ceil(1.2)", "2"},
		{"float(\"nan\") == float(\"nan\")", "false"}, {"float(\"nan\") != float(\"nan\")", "true"}, {"float(\"nan\") < 1", "false"}, {"is_nan(0.0 / 0)", "true"},
		{"min(3, 1, 2)", "1"}, {"max(1, 2.5)", "2.5"}, {"clip(7, 0, 5)", "5"}, {"abs(-3)", "3"}, {"sqrt(16)", "4"}, {"bool(0)", "false"},
		{"string(1e21)", "1e+21"}, {"string(0.1)", "0.1"}, {"let a = 2; let b = a * a; b + a", "6"}, {"-5", "-5"}, {"2001-01-05", "1995"},
		{"let x = 3; x > 2 ? \"big\" : \"small\"", "big"}, {"1 == 1.0", "true"}, {"0.1 + 0.2", "0.30000000000000004"},
	} {
		v, l := EvalConst(c[0], nil)
		if l.Failed() || v.Text() != c[1] {
			t.Errorf("%s is %q, %v, not %q", c[0], v.Text(), l.Err(), c[1])
		}
	}
}

func TestConst(t *testing.T) {
	vars := map[string]Const{"params.trees": ConstInt(100), "params.rate": ConstFloat(0.1), "run.date": ConstText("2024-03-01"), "params.big": ConstBool(true)}
	for _, c := range [][2]string{{"params.trees * 2", "200"}, {`"out/" + run.date + ".parquet"`, "out/2024-03-01.parquet"},
		{"params.big ? params.rate : 1", "0.1"}, {"year(date(run.date)) - 1", "2023"}, {"date(run.date)", "2024-03-01"}} {
		if v, l := EvalConst(c[0], vars); l.Failed() || v.Text() != c[1] {
			t.Errorf("%s is %q, %v, not %q", c[0], v.Text(), l.Err(), c[1])
		}
	}
	for src, want := range map[string]string{"params.treees": `did you mean "params.trees"`, "col(\"x\")": "no function", "nil": "is nil", "try_int(\"x\")": "the value is nil",
		"1 % 0": "division by zero", "params.trees + run.date": "numbers are asked for"} {
		_, l := EvalConst(src, vars)
		if len(l) != 1 || !strings.Contains(l[0].Message+" "+l[0].Help, want) {
			t.Errorf("%s: %v", src, l)
		}
	}
}

var flights = operators.Of(
	operators.Field{Name: "delay", Type: intType, Nullable: true},
	operators.Field{Name: "distance", Type: intType},
	operators.Field{Name: "origin", Type: stringType},
	operators.Field{Name: "late", Type: boolType},
	operators.Field{Name: "date", Type: ts(batch.Micro, "")},
	operators.Field{Name: "zoned", Type: ts(batch.Micro, "Europe/Berlin")},
	operators.Field{Name: "price", Type: batch.Type{Kind: batch.Decimal, Precision: 10, Scale: 2}},
	operators.Field{Name: "speed", Type: floatType},
	operators.Field{Name: "capital-gain", Type: intType},
	operators.Field{Name: "hour", Type: intType},
	operators.Field{Name: "a.b", Type: intType},
	operators.Field{Name: "wide", Type: batch.T(batch.Vector)},
	operators.Field{Name: "list", Type: batch.Type{Kind: batch.List, Elem: batch.Int64}},
	operators.Field{Name: "lost", Type: batch.T(batch.Unknown)},
)

// TestMistakes: one finding a mistake, with its code, the characters it is about, and what would help.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ src, at, code, says string }{
		{"delya > 3", "delya", "E0212", `did you mean "delay"`},
		{"delay > 3 and orgin == \"a\"", "orgin", "E0212", `did you mean "origin"`},
		{"ünïcode == 1 or delya > 2", "ünïcode|delya", "E0212", ""},
		{"hou(date)", "hou", "E0305", `did you mean "hour"`},
		{"delay(3)", "delay", "E0305", "there is a column"},
		{"year > 3", "year", "E0212", "year is a function"},
		{"hour(date, 1)", "hour(date, 1)", "E0305", "hour(t)"},
		{"origin > 3", "origin > 3", "E0304", "cannot be compared"},
		{"origin + 3", "origin + 3", "E0304", "numbers are asked for"},
		{"delay and late", "delay", "E0304", "write != 0"},
		{"not delay", "delay", "E0304", "truth value"},
		{"nil", "nil", "E0304", "no type"},
		{"delay + nil", "nil", "E0304", "x == nil"},
		{"nil == nil", "nil == nil", "E0304", "nil"},
		{"late ? nil : nil", "late ? nil : nil", "E0304", "both"},
		{"late ? 1 : origin", "late ? 1 : origin", "E0304", "in common"},
		{"date > \"2001-13-05\"", "date > \"2001-13-05\"", "E0304", "is no timestamp"},
		{"date == \"yesterday\"", "date == \"yesterday\"", "E0304", "2001-01-05T10:20:30"},
		{"hour(zoned)", "zoned", "E0304", "in_zone"},
		{"hour(origin)", "origin", "E0304", "timestamp(x)"},
		{"in_zone(zoned, \"Europe/Berln\")", "\"Europe/Berln\"", "E0304", "no time zone"},
		{"in_zone(date, \"UTC\")", "date", "E0304", "as written"},
		{"date > zoned", "date > zoned", "E0304", "in_zone"},
		{"speed % 2", "speed % 2", "E0304", "integers"},
		{"origin matches origin", "origin", "E0304", "literal"},
		{"origin matches \"(\"", "\"(\"", "E0304", "does not parse"},
		{"origin matches \"(a{1000}){1000}\"", "\"(a{1000}){1000}\"", "E0304", "does not parse"},
		{"delay in []", "[]", "E0304", "empty"},
		{"delay in origin", "origin", "E0304", "list or a range"},
		{"delay in [1, nil]", "nil", "E0304", "no type"},
		{"delay == [1]", "[1]", "E0304", "right of in"},
		{"9223372036854775807 + 1", "9223372036854775807 + 1", "E0304", "overflow"},
		{"delay + div(1, 0)", "div(1, 0)", "E0304", "division by zero"},
		{"delay = 3", "=", "E0303", "=="},
		{"delay >", "", "E0303", "too early"},
		{"delay & late", "", "E0303", "and"},
		{"\"abc", "", "E0303", "does not end"},
		{"delay ?? 0 + 1", "+", "E0303", "brackets"},
		{"", "", "E0303", "empty"},
		{"a.b > 1", "a.b", "E0212", "col(\"a.b\")"},
		{"params.x > 1", "params.x", "E0212", "${{"},
		{"origin[1]", "origin[1", "E0303", "indexes"},
		{"filter(origin, # > 1)", "", "E0303", ""},
		{"{a: 1}", "", "E0303", "a map"},
		{"origin[1:2]", "", "E0303", "slice"},
		{"now()", "now", "E0305", "no function"},
		{"len(origin)", "len", "E0305", "no function"},
		{"wide > 1", "wide", "E0308", "wide"},
		{"list == nil", "list", "E0304", "a list"},
		{"col(origin)", "col(origin)", "E0305", "capital-gain"},
		{"let delay = 1; delay", "1", "E0304", "name of a column"},
		{"lower(delay)", "delay", "E0304", "string(x)"},
		{"date(\"2001-01-05\", \"%Q\")", "\"%Q\"", "E0304", "%Q"},
		{"date - date", "date - date", "E0304", "days_between"},
	} {
		typed, l := Check(c.src, flights, diag.Option("where"))
		var at []string
		for _, d := range l {
			r := []rune(c.src)
			if d.At.Width > 0 && d.At.Offset+d.At.Width <= len(r) {
				at = append(at, string(r[d.At.Offset:d.At.Offset+d.At.Width]))
			}
			if string(d.Code) != c.code || !strings.Contains(d.Message+" "+d.Help, c.says) || d.At.Path[0] != "where" {
				t.Errorf("%s: [%s] %s (%s)", c.src, d.Code, d.Message, d.Help)
			}
		}
		want := max(1, strings.Count(c.at, "|")+1)
		if len(l) != want || typed.Type.Kind != batch.Unknown || c.at != "" && strings.Join(at, "|") != c.at {
			t.Errorf("%s: %d findings at %q, type %s: %v", c.src, len(l), at, typed.Type, l)
		}
	}
}

// TestTyped: types, null-ness, columns used, and what is not null where the expression is true.
func TestTyped(t *testing.T) {
	for _, c := range []struct{ src, typ, columns, notNil string }{
		{"delay != nil and delay < 1440", "bool", "delay", "delay"},
		{"delay > 15", "bool?", "delay", "delay"},
		{"delay == nil or delay > 3", "bool", "delay", ""},
		{"not (delay == nil)", "bool", "delay", "delay"},
		{"not (delay == nil or distance < 3)", "bool", "delay distance", "delay distance"},
		{"(delay ?? 0) > 3", "bool", "delay", ""},
		{"delay == nil ? 0 : delay", "int64", "delay", ""},
		{"delay != nil ? delay * 2 : 0", "int64", "delay", ""},
		{"delay ?? 1.5", "float64", "delay", ""},
		{"delay + distance", "int64?", "delay distance", ""},
		{"hour(date) + col(\"capital-gain\")", "int64", "capital-gain date", ""},
		{"hour + hour(date)", "int64", "date hour", ""},
		{"distance / 2", "float64", "distance", ""},
		{"price * 2", "float64", "price", ""},
		{"price", "decimal(10, 2)", "price", ""},
		{"in_zone(zoned, \"UTC\")", "timestamp[us]", "zoned", ""},
		{"late ? nil : distance", "int64?", "distance late", ""},
		{"lost > 3", "unknown?", "lost", ""},
		{"lost > 3 and distance > 2", "unknown?", "distance lost", ""},
		{"origin in [\"a\", \"b\"]", "bool", "origin", "origin"},
		{"let unused = distance; late", "bool", "late", "late"},
		{"try_int(origin)", "int64?", "origin", ""},
		{"date >= \"2001-01-05\" and date < \"2001-02-01T12:00:00\"", "bool", "date", "date"},
	} {
		typed, l := Check(c.src, flights, diag.At{})
		got := typed.Type.String()
		if typed.Nullable {
			got += "?"
		}
		if l.Failed() || got != c.typ || strings.Join(typed.Columns, " ") != c.columns || strings.Join(typed.NotNil, " ") != c.notNil {
			t.Errorf("%s: %s of %v, not nil %v; %v", c.src, got, typed.Columns, typed.NotNil, l.Err())
		}
	}
	open := operators.Schema{Open: true}
	if typed, l := Check("nowhere > 3 and orgin(1) == 2", open, diag.At{}); len(l) != 1 || typed.Type.Kind != batch.Unknown {
		t.Errorf("an open schema: %v", l)
	}
}

// TestRowErrors: what a row that fails says.
func TestRowErrors(t *testing.T) {
	s := operators.Of(operators.Field{Name: "x", Type: intType}, operators.Field{Name: "t", Type: stringType})
	for src, want := range map[string]string{
		"x + 1":                           "integer overflow: 9223372036854775807 + 1",
		"div(1, x - x)":                   "integer division by zero: 1 div 0",
		"int(t)":                          `int("abc") is no integer: try_int gives nil`,
		"date(t)":                         `date("abc") is no date: try_date gives nil`,
		"lower(t) == \"a\" or int(t) > 1": `int("abc") is no integer: try_int gives nil`,
		"int(1e300 * x)":                  "int(9.223372036854775e+318",
	} {
		typed, l := Check(src, s, diag.At{})
		if l.Failed() {
			t.Fatal(l.Err())
		}
		g := typed.Program("y", batch.Type{})
		cols := map[string]batch.Column{"x": batch.OfInt64s([]int64{math.MaxInt64}), "t": batch.OfStrings([]string{"abc"})}
		var in []batch.Column
		for _, p := range g.In {
			in = append(in, cols[p.Name])
		}
		_, err := g.Batch(nil, 1, in)
		if err == nil || !strings.Contains(err.Error(), want) && src != "int(1e300 * x)" {
			t.Errorf("%s: %v", src, err)
		}
	}
}

// TestBombs: what is too long, deep or costly is refused at once.
func TestBombs(t *testing.T) {
	rep := strings.Repeat
	for name, src := range map[string]string{
		"long":       "delay > " + rep("1", BytesMax),
		"brackets":   rep("(", 30000) + "1" + rep(")", 30000),
		"lists":      rep("[", 30000),
		"minus":      rep("-", 60000) + "1",
		"not":        rep("not ", 16000) + "late",
		"power":      "2" + rep("**2", 20000),
		"ternary":    rep("late?1:", 9000) + "2",
		"lets":       rep("let a=1;", 8000) + "1",
		"calls":      rep("abs(", 200) + rep("abs(", 200) + "1" + rep(")", 400),
		"nodes":      rep("1+", 12000) + "1",
		"comparison": rep("delay<(", 120) + "delay<1<2" + rep(")<3", 120),
		"elvis":      "late" + rep("?:late", 200),
		"doubling":   `let a0 = origin + "0123456789"; ` + doubling(40) + "length(a40) > 0",
		"constants":  `let a0 = "0123456789"; ` + doubling(40) + "length(a40) > 0",
		"regex":      `origin matches "` + rep("(a{900}b{900})", 300) + `"`,
		"regexes":    rep(`origin matches "x{999}y{999}z{999}" or `, 200) + "late",
		"nested":     `origin matches "` + rep("(", 900) + "a" + rep(")*", 900) + `"`,
		"quotes":     rep(`"`, 60000),
		"comment":    rep("/*", 30000),
		"members":    "a" + rep(".a", 9000),
		"chain":      "late" + rep(" and late or late", 2000),
		"conjuncts":  conjuncts(2000),
	} {
		start := time.Now()
		typed, l := Check(src, flights, diag.At{})
		if typed.Type.Kind != batch.Unknown {
			func() {
				defer func() { recover() }() // the patterns of one program may be too big together
				g := typed.Program("x", batch.Type{})
				program.Unmarshal(g.Marshal())
			}()
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: %v", name, d)
		}
		if name != "chain" && name != "conjuncts" && name != "doubling" && name != "elvis" && !l.Failed() {
			t.Errorf("%s is taken", name)
		}
		if len(l) > findingsMax+1 {
			t.Errorf("%s: %d findings", name, len(l))
		}
	}
}

// TestLongTexts: texts that double are an error of the row before they fill the memory.
func TestLongTexts(t *testing.T) {
	typed, l := Check(`let a0 = origin + "0123456789"; `+doubling(30)+"a16 + a30", flights, diag.At{})
	if l.Failed() {
		t.Fatal(l.Err())
	}
	g := typed.Program("y", batch.Type{})
	col := make([]string, 2000)
	_, err := g.Batch(nil, len(col), []batch.Column{batch.OfStrings(col)})
	if err == nil || !strings.Contains(err.Error(), "concat makes a text of more than 1048576 bytes") {
		t.Error(err)
	}
}

func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "let a%d = a%d + a%d; ", i+1, i, i)
	}
	return b.String()
}

func conjuncts(n int) string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("delay != %d", i)
	}
	return strings.Join(s, " and ")
}

func TestScalar(t *testing.T) {
	values := map[string]float64{"auc": 0.7, "champion.auc": 0.69, `slice(auc, "origin", "SFO")`: 0.6, `worst(auc, "origin")`: 0.5, "rmse": math.NaN()}
	names := []string{"auc", "rmse", "champion.auc"}
	known := func(n string) bool { return slices.Contains(names, n) }
	value := func(n string) (float64, bool) { v, ok := values[n]; return v, ok }
	for _, c := range []struct{ src, metrics, want string }{
		{"auc >= 0.65", "auc", "true"},
		{"auc >= champion.auc - 0.002", "auc, champion.auc", "true"},
		{"champion.auc > auc", "champion.auc, auc", "false"},
		{`slice(auc, 'origin', "SFO") > 0.55 and worst( auc, "origin" ) > 0.55`, `slice(auc, "origin", "SFO"), worst(auc, "origin")`, "false"},
		{`slice(champion.auc, "origin", "SFO") > 0`, `slice(champion.auc, "origin", "SFO")`, `slice(champion.auc, "origin", "SFO") is absent`},
		{"rmse < 3", "rmse", "rmse is NaN"},
		{"abs(auc - 0.7) < 1e-9", "auc", "true"},
	} {
		s, l := CheckScalar(c.src, known, names, diag.At{})
		if l.Failed() {
			t.Fatalf("%s: %v", c.src, l.Err())
		}
		var ms []string
		for _, m := range s.Metrics() {
			ms = append(ms, m.Name)
		}
		verdict, parts, err := s.Eval(value)
		got := fmt.Sprint(verdict)
		if err != nil {
			if got = err.Error(); verdict {
				t.Errorf("%s passes in spite of %v", c.src, err)
			}
		}
		if got != c.want || strings.Join(ms, ", ") != c.metrics || len(parts) != len(ms) {
			t.Errorf("%s: %s, metrics %v, parts %v", c.src, got, ms, parts)
		}
	}
	for src, want := range map[string]string{"auk > 1": `did you mean "auc"`, "auc + 1": "not true or false", "1 < 2": "names no metric",
		"slice(auc, 1, 2) > 0": "literal texts", "worst(auk, \"x\") > 1": "no metric", "auc > \"x\"": "cannot be compared", "champion.auk > 1": "champion.auc"} {
		s, l := CheckScalar(src, known, names, diag.At{})
		if s != nil || len(l) != 1 || !strings.Contains(l[0].Message+l[0].Help, want) {
			t.Errorf("%s: %v", src, l)
		}
	}
}

// TestNever: what says never is never true of a row within the bounds, and the plain cases are found.
func TestNever(t *testing.T) {
	has := func(all ...any) func(any) bool { return func(v any) bool { return slices.Contains(all, v) } }
	bounds := func(c string) (batch.Bounds, bool) {
		switch c {
		case "i":
			return batch.Bounds{Min: int64(10), Max: int64(20), Has: has(int64(10), int64(15), int64(20))}, true
		case "i0":
			return batch.Bounds{Min: int64(10), Max: int64(20), Nulls: 3, Rows: 4}, true
		case "f":
			return batch.Bounds{Min: 1.0, Max: 2.0, Has: has(1.5)}, true
		case "s":
			return batch.Bounds{Min: "lax", Max: "sfo", Has: has("mia", "sfo")}, true
		case "s0":
			return batch.Bounds{Nulls: 4, Rows: 4}, true
		case "d":
			return batch.Bounds{Min: int64(11000), Max: int64(11016)}, true
		}
		return batch.Bounds{}, false
	}
	for src, want := range map[string]bool{
		"i < 10": true, "i < 11": false, "i > 20": true, "i >= 20": false, "i == 21": true, "i == 15": false, "i != 15": false, "30 < i": true,
		"i < 5 or i > 25": true, "i < 5 or i > 15": false, "i < 5 and b": true, "b and i < 5": true, "i0 < 5": true, "not (i < 30)": true, "not (i0 < 30)": true,
		"f < 1": true, "not (f < 3)": false, "f != f": false, "s < \"a\"": true, "s startsWith \"a\"": true, "s startsWith \"z\"": true, "s startsWith \"s\"": false,
		"s in [\"a\", \"z\"]": true, "s in [\"mia\"]": false, "d > \"2000-02-29\"": true, "d >= \"2000-02-29\"": false, "i == nil": true, "i0 == nil": false,
		"i < 5.5": true, "int(s) > 3 and i < 5": false, "i < 5 and int(s) > 3": true, "i + 1 > 3": false, "i in [1, 2]": true, "i in 1..9": true, "k < 5": false,
		"i == 16": true, "16 == i": true, "i in [11, 16]": true, "i in [15, 16]": false, "i != 16": false, "i == 15.0": false, "i == 15.5": false,
		"f == 1.25": true, "f == 1.5": false, "not (f != 1.25)": false, "s == \"nyc\"": true, "s == \"mia\"": false, "s in [\"nyc\", \"pdx\"]": true,
		"s == \"nyc\" or i == 16": true, "s0 == \"a\"": true, "s0 != \"a\"": true, "not (s0 in [\"a\"])": true, "s0 startsWith \"a\"": true, "s0 == nil": false,
		"s0 < \"a\" or s0 >= \"a\"": true, "s0 != nil": true,
		"i < 5 ? b : false": true, "i > 15 ? b : false": false, "false": true, "true": false, "i0 != nil and i0 < 3": true, "d == \"2001-01-05\"": true,
	} {
		typed, l := Check(src, lawSchema, diag.At{})
		if l.Failed() {
			t.Fatal(src, l.Err())
		}
		if got := typed.Never(bounds); got != want {
			t.Errorf("%s: never is %v", src, got)
		}
	}
	// random: bounds of the rows themselves
	r := rand.New(rand.NewPCG(9, 9))
	found := 0
	for range 3000 {
		typed, l := Check(generate(r, 'b', 1+r.IntN(3)), lawSchema, diag.At{})
		if l.Failed() {
			continue
		}
		rows := make([][]any, 1+r.IntN(3))
		for i := range rows {
			for _, f := range typed.cols {
				rows[i] = append(rows[i], randomValue(r, f))
			}
		}
		if !typed.Never(func(c string) (batch.Bounds, bool) { return boundsOf(typed, rows, c), true }) {
			continue
		}
		found++
		for _, row := range rows {
			e := &naive{t: typed, row: row}
			v := e.at(len(typed.nodes) - 1)
			if _, bad := v.(error); bad || v == true {
				t.Fatalf("never, but %v of %v", v, row)
			}
		}
	}
	if found < 20 {
		t.Errorf("never was said %d times", found)
	}
}

func boundsOf(t *Typed, rows [][]any, c string) batch.Bounds {
	b := batch.Bounds{Rows: int64(len(rows))}
	var values []any
	for j, f := range t.cols {
		if f.Name != c {
			continue
		}
		for _, row := range rows {
			v := row[j]
			if x, is := v.(float64); is && x != x {
				continue
			}
			if v == nil {
				b.Nulls++
				continue
			}
			values = append(values, v)
			if x, ok := order(v, b.Min); b.Min == nil || ok && x < 0 {
				b.Min = v
			}
			if x, ok := order(v, b.Max); b.Max == nil || ok && x > 0 {
				b.Max = v
			}
		}
	}
	b.Has = func(v any) bool { return slices.Contains(values, v) }
	return b
}

func TestSource(t *testing.T) {
	var s Source
	if l := s.DecodeParam(&param.Node{Kind: param.Scalar, Text: "delay > 3"}); l.Failed() || s != "delay > 3" {
		t.Error(l, s)
	}
	if l := s.DecodeParam(&param.Node{Kind: param.List}); !l.Failed() {
		t.Error("a list is taken")
	}
}

func TestFunctionsAreTested(t *testing.T) {
	all := strings.Join(lawCases, "\n")
	for _, f := range Functions() {
		if f.Doc == "" || !strings.HasPrefix(f.Signature, f.Name+"(") {
			t.Errorf("%+v", f)
		}
		if !strings.Contains(all, f.Name+"(") {
			t.Errorf("no law case has %s", f.Name)
		}
	}
	seen := map[string]bool{}
	for _, src := range lawCases {
		typed, _ := Check(src, lawSchema, diag.At{})
		for _, nd := range typed.nodes {
			seen[nd.Op] = true
		}
	}
	for _, op := range program.ExprOps() {
		if !seen[op] && op != "to_int32" && op != "to_float32" { // those two are of Program
			t.Errorf("no law case has operation %s", op)
		}
	}
}

func TestRowDoesNotAllocate(t *testing.T) {
	if race.On {
		t.Skip("pools forget under the race detector")
	}
	for _, src := range []string{"delay != nil and delay < 1440", "hour(date) + 1", "lower(origin) == \"sfo\"", "replace(origin, \"a\", \"b\")",
		"try_int(origin) ?? 3", "sqrt(speed) > 2 ? origin : \"x\"", "in_zone(zoned, \"Asia/Tehran\") > \"2001-01-01\""} {
		typed, l := Check(src, flights, diag.At{})
		if l.Failed() {
			t.Fatal(l.Err())
		}
		g := typed.Program("y", batch.Type{})
		f := g.Frame()
		for _, p := range g.In {
			f.S[p.Slot] = "San Francisco"
		}
		if n := testing.AllocsPerRun(200, func() {
			if err := g.Row(f); err != nil {
				t.Fatal(err)
			}
		}); n > 0.1 {
			t.Errorf("%s: %v allocations a row", src, n)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range lawCases {
		f.Add(s)
	}
	for _, s := range []string{"", "(", "a?:b", "::filter(x, #)", "b\"x\"", "x|y(1)", "1..2", "let a = a; a", "if a {1} else {2}", "delay < (delay < 3) < 4", "\x00", "$env", "#", "-9223372036854775808", "not not in", "a ? b", "1e999", "0x", "date == '2001'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		start := time.Now()
		typed, l := Check(src, lawSchema, diag.At{})
		n := len([]rune(src))
		for _, d := range l {
			if d.At.Offset < 0 || d.At.Offset > n || d.Message == "" {
				t.Fatalf("%q: %+v", src, d)
			}
		}
		if (typed.Type.Kind == batch.Unknown) != l.Failed() {
			t.Fatalf("%q: type %s and %v", src, typed.Type, l)
		}
		EvalConst(src, nil)
		CheckScalar(src, func(string) bool { return true }, nil, diag.At{})
		if d := time.Since(start); d > time.Second {
			t.Fatalf("%q took %v", src, d)
		}
		if l.Failed() {
			return
		}
		g := typed.Program("y", batch.Type{})
		cols := make([]batch.Column, len(g.In))
		for j, p := range g.In {
			fd, _ := lawSchema.Field(p.Name)
			v := make([]any, 65)
			for i := range v {
				v[i] = randomValue(rand.New(rand.NewPCG(uint64(i), 3)), fd)
			}
			cols[j] = columnOf(rand.New(rand.NewPCG(1, 3)), fd, v, false)
		}
		g.Batch(nil, 65, cols)
	})
}

func BenchmarkExpr(b *testing.B) {
	const n = 1 << 14
	r := rand.New(rand.NewPCG(1, 2))
	cols := map[string]batch.Column{}
	for _, f := range lawSchema.Fields {
		rows := make([]any, n)
		for i := range rows {
			rows[i] = randomValue(r, f)
			if v, ok := rows[i].(int64); ok && f.Type.Integer() {
				rows[i] = v % 1000
			} else if ok && f.Type.Kind == batch.Timestamp {
				rows[i] = v % 1e15
			}
		}
		cols[f.Name] = columnOf(r, f, rows, f.Name[0] == 'c')
	}
	for _, src := range []string{"i0 != nil and i0 < 1440", "i + i * i", "f * 2 + f0", "hour(tu)", "year(d)", "weekday(tu)", "s == \"SFO\"", "c0 == \"SFO\"", "lower(s)", "lower(c0)",
		"f0 ?? 0", "exp(f)", "hour(in_zone(z, \"Europe/Berlin\"))", "b ? i : f", "try_int(s0)", "i in [1, 2, 3, 4]", "s in [\"SFO\", \"LAX\", \"ORD\"]", "s startsWith \"S\"",
		"c0 == \"SFO\" ? 1 : 0", "i / 3", "f * 1.1 + 0.5 * i > 700.0",
		"(f * 2 - i) * (f + 3) / (i * i + 1) + f * 0.5 - i / 4 > f0 and i * 3 < 1000"} {
		typed, l := Check(src, lawSchema, diag.At{})
		if l.Failed() {
			b.Fatal(l.Err())
		}
		g := typed.Program("y", batch.Type{})
		in := make([]batch.Column, len(g.In))
		for j, p := range g.In {
			in[j] = cols[p.Name]
		}
		b.Run(strings.ReplaceAll(src, " ", "_"), func(b *testing.B) {
			ctx := &batch.Ctx{}
			for b.Loop() {
				ctx.Reset()
				if _, err := g.Batch(ctx, n, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
		b.Run("row_"+strings.ReplaceAll(src, " ", "_"), func(b *testing.B) {
			f := g.Frame()
			i := 0
			for b.Loop() {
				for j := range in {
					f.SetRow(g.In[j].Slot, &in[j], i&(n-1))
				}
				_ = g.Row(f)
				i++
			}
		})
	}
}
