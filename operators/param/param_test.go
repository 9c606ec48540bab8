package param

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

type method string

type early struct {
	Part   string `param:"part" enum:"valid|test" default:"valid" doc:"the part that is watched"`
	Rounds int    `param:"rounds" min:"1" required:"true" doc:"how long no gain is waited for"`
}

type names []string

func (c *names) DecodeParam(n *Node) diag.List {
	if n.Kind != List {
		return diag.List{diag.New(diag.OptionType, diag.At{}, "names are a list")}
	}
	for i, it := range n.Items {
		if it.Text == "bad" {
			return diag.List{diag.New(diag.NoColumn, diag.At{Path: []string{string(rune('0' + i))}, Offset: 1, Width: 2}, "bad name")}
		}
		*c = append(*c, it.Text)
	}
	return nil
}
func (names) ParamType() string           { return "names" }
func (names) ParamDoc() string            { return "Names." }
func (names) ParamSchema() map[string]any { return map[string]any{"type": "array"} }

type shared struct {
	Seed int64 `param:"seed" default:"7"`
}

type options struct {
	shared
	Common    shared        `param:",inline"`
	Trees     int           `param:"trees" default:"100" min:"10" max:"5000" doc:"how many trees"`
	Rate      float64       `param:"rate" default:"0.1" min:">0" max:"1"`
	Level     *float64      `param:"level" min:"0" max:"<1"`
	Any       float64       `param:"any" nan:"true" inf:"true"`
	Method    method        `param:"method" enum:"target|one_hot" required:"true"`
	Title     string        `param:"title" min:"2" max:"5"`
	Wait      time.Duration `param:"wait" default:"30s" min:"1s" max:"2d"`
	Cache     Bytes         `param:"cache" default:"1GiB" min:"1KiB"`
	On        bool          `param:"on" default:"true"`
	Key       []string      `param:"key"`
	Quantiles []float64     `param:"quantiles" default:"0.25, 0.5" min:"0" max:"1"`
	Counts    []int64       `param:"counts"`
	Early     *early        `param:"early"`
	Rules     []early       `param:"rules"`
	As        batch.Type    `param:"as" default:"timestamp[us]"`
	Names     names         `param:"names"`
	Weights   Pairs[int]    `param:"weights" min:"1"`
	Password  string        `param:"password" secret:"true"`
	hidden    int           //nolint:unused // it is there to be left alone
	NotMine   int
}

type derive struct {
	Columns Pairs[string] `param:",inline" doc:"a column and its expression"`
}

// m makes a map of keys and values, in turn; a value is a text or a node.
func m(kv ...any) *Node {
	n := &Node{Kind: Map}
	for i := 0; i < len(kv); i += 2 {
		n.Keys = append(n.Keys, Value(kv[i].(string)))
		n.Items = append(n.Items, node(kv[i+1]))
	}
	return n
}

func node(v any) *Node {
	if s, ok := v.(string); ok {
		return Value(s)
	}
	return v.(*Node)
}

func list(v ...any) *Node {
	n := &Node{Kind: List}
	for _, x := range v {
		n.Items = append(n.Items, node(x))
	}
	return n
}

func TestDecode(t *testing.T) {
	var o options
	l := Decode(m("trees", "+200", "rate", "1E-2", "level", "0", "any", "-inf", "method", "target", "title", "NO", "wait", "1h30m",
		"cache", "1.5GiB", "on", "false", "key", "007", "quantiles", list("0", "1"), "counts", list("-3"), "early", m("rounds", "3"),
		"rules", list(m("rounds", "1", "part", "test")), "as", "timestamp[ms, Europe/Berlin]", "names", list("a", "b"),
		"weights", m("b", "2", "a", "1"), "password", "secret://env/X", "seed", "9"), &o)
	if l != nil {
		t.Fatal(l.Err())
	}
	level := 0.0
	want := options{Common: shared{9}, Trees: 200, Rate: 0.01, Level: &level, Any: math.Inf(-1), Method: "target", Title: "NO",
		Wait: 90 * time.Minute, Cache: 3 << 29, Key: []string{"007"}, Quantiles: []float64{0, 1}, Counts: []int64{-3},
		Early: &early{Part: "valid", Rounds: 3}, Rules: []early{{Part: "test", Rounds: 1}},
		As: batch.Type{Kind: batch.Timestamp, Unit: batch.Milli, Zone: "Europe/Berlin"}, Names: names{"a", "b"},
		Weights: Pairs[int]{{Key: "b", Value: 2}, {Key: "a", Value: 1}}, Password: "secret://env/X"}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
	if v, ok := o.Weights.Get("a"); v != 1 || !ok {
		t.Error("Get")
	}
}

func TestDefaults(t *testing.T) {
	o := options{Trees: 5}
	Defaults(&o)
	want := options{Common: shared{7}, Trees: 5, Rate: 0.1, Wait: 30 * time.Second, Cache: 1 << 30, On: true, Quantiles: []float64{0.25, 0.5},
		As: batch.Type{Kind: batch.Timestamp, Unit: batch.Micro}}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
	var p options
	if l := Decode(nil, &p); len(l) != 1 || l[0].Code != diag.OptionMissing {
		t.Errorf("of nothing, only the required option is missing: %v", l)
	}
}

// TestMistakes has all mistakes at once, each once, in its place.
func TestMistakes(t *testing.T) {
	unknown := &Node{Kind: Scalar, Unknown: true}
	n := m("trees", "9", "rate", "0", "level", "1", "any", "x", "method", "targte", "title", "x", "wait", "3d", "cache", "5MB", "on", "yes",
		"key", m("a", "1"), "quantiles", list("0.5", "2", "x"), "counts", "1.0", "early", m("prat", "valid"),
		"rules", list(m("rounds", "0"), "x"), "as", "int", "names", list("a", "bad"), "weights", m("a", "0", "b", list()),
		"pasword", "x", "seed", unknown, "hidden", "1")
	var o options
	var got []string
	for _, d := range Decode(n, &o) {
		got = append(got, string(d.Code)+" "+strings.Join(d.At.Path, ".")+map[bool]string{true: "@"}[d.At.Key]+": "+d.Message+" ("+d.Help+")")
	}
	want := []string{
		`E0206 trees: option "trees" is 9, which must be at least 10 (from 10 to 5000)`,
		`E0206 rate: option "rate" is 0, which must be above 0 (above 0 to 1)`,
		`E0206 level: option "level" is 1, which must be below 1 (from 0 to below 1)`,
		`E0205 any: option "any": a number is asked for, not "x" ()`,
		`E0208 method: option "method" cannot be "targte" (did you mean "target"? there are target, one_hot)`,
		`E0206 title: option "title" has 1 character, which must be at least 2 (from 2 to 5)`,
		`E0206 wait: option "wait" is 3d, which must be at most 2d (from 1s to 2d)`,
		`E0205 cache: option "cache": a size is counted in powers of 1024, not "5MB" (write 5MiB)`,
		`E0205 on: option "on": true or false is asked for, not "yes" (write true)`,
		`E0205 key: option "key": a list is asked for, not a map ()`,
		`E0206 quantiles.1: option "quantiles.1" is 2, which must be at most 1 (from 0 to 1)`,
		`E0205 quantiles.2: option "quantiles.2": a number is asked for, not "x" ()`,
		`E0205 counts.0: option "counts.0": a whole number in plain decimal is asked for, not "1.0" (write 1)`,
		`E0204 early.prat@: no option "prat" (did you mean "part"? options here: part, rounds)`,
		`E0207 early.rounds: option "rounds" must be given (how long no gain is waited for)`,
		`E0206 rules.0.rounds: option "rules.0.rounds" is 0, which must be at least 1 ()`,
		`E0205 rules.1: option "rules.1": a map is asked for, not "x" (options here: part, rounds)`,
		`E0205 as: option "as": no type "int": there are bool, int32, int64, float32, float64, string, bytes, date, timestamp[unit, zone], decimal(precision, scale), list[type] ()`,
		`E0212 names.1: bad name ()`,
		`E0206 weights.a: option "weights.a" is 0, which must be at least 1 ()`,
		`E0205 weights.b: option "weights.b": a whole number is asked for, not a list ()`,
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%d\n got  %s\n want %s", i, got[i], want[i])
		}
	}
	rest := got[min(len(got), len(want)):]
	if len(rest) != 2 || !strings.Contains(rest[0], `did you mean "password"?`) || !strings.Contains(rest[1], `no option "hidden"`) {
		t.Errorf("rest: %q", rest)
	}
	if o.Trees != 100 || o.Rate != 0.1 || o.Common.Seed != 7 || !o.On || o.Early != nil {
		t.Errorf("what is mistaken keeps its default: %+v", o)
	}
	if l := Decode(m("method", "target", "title", "secret://env/X"), &options{}); len(l) != 1 || !strings.Contains(l[0].Message, "secret") {
		t.Errorf("a secret in a field without the mark: %v", l)
	}
}

func TestInline(t *testing.T) {
	var d derive
	n := m("late", "delay > 15", "hour", list(), "late", "x")
	l := Decode(n, &d)
	if len(l) != 1 || strings.Join(l[0].At.Path, ".") != "hour" {
		t.Errorf("%v", l)
	}
	if len(d.Columns) != 2 || d.Columns[0].Key != "late" || d.Columns[0].Value != "delay > 15" || d.Columns[1].Key != "hour" {
		t.Errorf("%+v", d)
	}
}

func TestBad(t *testing.T) {
	for _, o := range []any{&options{}, &derive{}} {
		bads := Bad(o)
		if len(bads) == 0 {
			t.Fatal("nothing bad")
		}
		for _, b := range bads {
			into := reflect.New(reflect.TypeOf(o).Elem()).Interface()
			found := 0
			for _, d := range Decode(b.Node, into) {
				if d.Code == b.Code && reflect.DeepEqual(d.At.Path, b.At.Path) && d.At.Key == b.At.Key {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s: %v is found %d times at %v: %v", b.Why, b.Code, found, b.At.Path, Decode(b.Node, into))
			}
		}
	}
}

func TestSchemaAndDescribe(t *testing.T) {
	a, err := json.Marshal(Schema(&options{}))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(Schema(options{})); string(a) != string(b) {
		t.Error("the schema differs from call to call")
	}
	for _, want := range []string{`"additionalProperties":false`, `"exclusiveMinimum":0`, `"exclusiveMaximum":1`, `"maximum":5000`,
		`"enum":["target","one_hot"]`, `"required":["method"]`, `"default":100`, `"description":"how many trees"`} {
		if !strings.Contains(string(a), want) {
			t.Errorf("no %s in %s", want, a)
		}
	}
	d := Describe(&options{})
	byName := map[string]Option{}
	for _, o := range d {
		byName[o.Name] = o
	}
	if d[0].Name != "seed" || len(d) != 19 {
		t.Errorf("%d options, first %q", len(d), d[0].Name)
	}
	for name, typ := range map[string]string{"quantiles": "list of float", "early": "map", "rules": "list of map", "weights": "map of int",
		"names": "names", "wait": "duration", "cache": "size", "level": "float", "as": "type"} {
		if byName[name].Type != typ {
			t.Errorf("%s is %q, want %q", name, byName[name].Type, typ)
		}
	}
	if len(byName["rules"].Sub) != 2 || !byName["password"].Secret || byName["rate"].Min != ">0" {
		t.Error("sub, secret, bounds")
	}
	if s := Schema(&derive{})["additionalProperties"]; s == false {
		t.Error("the inline map takes any key")
	}
}

func TestScalars(t *testing.T) {
	for s, want := range map[string]time.Duration{"0": 0, "250ms": 250 * time.Millisecond, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour} {
		if d, err := ParseDuration(s); d != want || err != nil {
			t.Errorf("%s: %v %v", s, d, err)
		}
		if back, err := ParseDuration(FormatDuration(want)); back != want || err != nil {
			t.Errorf("%s does not read back", FormatDuration(want))
		}
	}
	for _, s := range []string{"", "5", "s", "5x", "-5s", "5s 6s", "9999999999d", "5 s", "1e3s"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
	for s, want := range map[string]Bytes{"0": 0, "123": 123, "1KiB": 1024, "8 GiB": 8 << 30, "0.5MiB": 1 << 19, "1TiB": 1 << 40} {
		if b, err := ParseBytes(s); b != want || err != nil {
			t.Errorf("%s: %v %v", s, b, err)
		}
		if back, err := ParseBytes(want.String()); back != want || err != nil {
			t.Errorf("%s does not read back", want)
		}
	}
	for _, s := range []string{"", "GiB", "1GB", "1.5", "9999999TiB", "-1", "1 gib x"} {
		if b, err := ParseBytes(s); err == nil {
			t.Errorf("%q is %v", s, b)
		}
	}
}

func TestInside(t *testing.T) {
	at := func(n *Node, off, w int) [3]int { p, _ := n.Inside(off, w); return [3]int{p.Line, p.Column, p.Width} }
	plain := &Node{Kind: Scalar, Text: "é > 15", Plain: true, Place: diag.Place{Line: 4, Column: 10, Width: 6}}
	if got := at(plain, 4, 2); got != [3]int{4, 14, 2} {
		t.Error(got)
	}
	quoted := *plain
	quoted.Plain = false
	if got := at(&quoted, 4, 2); got != [3]int{4, 15, 2} {
		t.Error(got)
	}
	block := &Node{Kind: Scalar, Text: "a >\n  b", Place: diag.Place{Line: 4, Column: 10},
		Runs: []Run{{0, 5, 7, "      a >"}, {4, 6, 7, "        b"}}}
	if got := at(block, 6, 1); got != [3]int{6, 9, 1} {
		t.Error(got)
	}
	if got := at(block, 0, 7); got != [3]int{5, 7, 3} {
		t.Error("cut at the end of the line:", got)
	}
	quoted.Computed = true
	if got := at(&quoted, 4, 2); got != [3]int{4, 10, 6} {
		t.Error("a computed text stands as a whole:", got)
	}
}

func TestCanonical(t *testing.T) {
	a := m("a", "1", "b", list("x", "y", &Node{}))
	if s := a.Canonical(); s != `{"a":"1","b":["x","y",~]}` {
		t.Error(s)
	}
	if list("a", "b").Canonical() == list(`a","b`).Canonical() {
		t.Error("two lists with one canonical text")
	}
}

// TestBadTags holds that mistakes in tags do not wait for a user.
type byGroup struct {
	A      int    `param:"a" group:"one"`
	B      int    `param:"b"`
	C      Inside `param:"c" group:"two"`
	Inside `param:",inline"`
	D      int `param:"d" group:"one"`
}

type Inside struct {
	X int `param:"x"`
}

// An option without a group is in that of the option before it, and those of a group are described together.
func TestGroups(t *testing.T) {
	var got []string
	for _, o := range Describe(&byGroup{}) {
		got = append(got, o.Group+"."+o.Name)
	}
	if want := "one.a one.b one.d two.c two.x"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %s", got, want)
	}
	if sub := Describe(&byGroup{})[3].Sub; len(sub) != 1 || sub[0].Group != "" {
		t.Errorf("%+v", sub)
	}
}

func TestBadTags(t *testing.T) {
	for _, o := range []any{
		&struct {
			A chan int `param:"a"`
		}{}, &struct {
			A int `param:"a" min:"x"`
		}{}, &struct {
			A, B int `param:"a"`
		}{}, &struct {
			A bool `param:"a" enum:"x"`
		}{}, &struct {
			A int `param:"a" default:"1" required:"true"`
		}{}, &struct {
			A int `param:"a" default:"x"`
		}{}, &struct {
			A string `param:"a" default:"x" oneof:"x,y"`
		}{}, 3,
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T does not panic", o)
				}
			}()
			Decode(nil, o)
		}()
	}
}
