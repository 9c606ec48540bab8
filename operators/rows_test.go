package operators

import (
	"math"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

const everyType = `
_part | "a name" bool? | i int32 | n int64? | f float32 | x float64? | s string? | b bytes | d date     | t timestamp[ms, Europe/Berlin] | u timestamp[us]?           | m decimal(6, 2) | v vector[p, q]
train | true           | -1      | 16       | 0.1       | NaN        | SFO       | "\xff"  | 2001-01-01 | 2001-01-01T10:05:00.25Z        | 2001-01-01T10:05:00.000001 | 12.34           | [0.5, -1]
valid | nil            | 2       | nil      | 1e-30     | -Inf       | "a | b"   | é       | 1969-12-31 | 1969-12-31T23:59:59.999Z       | nil                        | -0.05           | [NaN, 1e+300]
test  | false          | 3       | -4       | 3         | nil        | "nil"     | ""      | @9999999   | @-99999999999999999            | @9223372036854775807       | 9999.00         | [0, 0]
`

func TestRowsRoundTrip(t *testing.T) {
	s, b, err := ParseRows(everyType)
	if err != nil {
		t.Fatal(err)
	}
	got := FormatRows(s, b)
	if got != strings.TrimLeft(everyType, "\n") {
		t.Errorf("FormatRows:\n%s\nwant:%s", got, everyType)
	}
	s2, b2, err := ParseRows(got)
	if err != nil {
		t.Fatal(err)
	}
	if again := FormatRows(s2, b2); again != got {
		t.Errorf("read back:\n%s\nwant:\n%s", again, got)
	}
}

func TestRowsValues(t *testing.T) {
	s, b, err := ParseRows(everyType)
	if err != nil {
		t.Fatal(err)
	}
	if b.N != 3 || b.PartAt(1) != batch.Valid || b.PartAt(2) != batch.Test {
		t.Errorf("%d rows, parts %v", b.N, b.Part)
	}
	col := func(name string) *batch.Column { return &b.Cols[s.Index(name)] }
	if c := col("a name"); !c.Bit(0) || !c.Null(1) || c.Bit(2) || !s.Fields[0].Nullable {
		t.Error("bool")
	}
	if v := col("d").Int32s(); v[0] != 11323 || v[1] != -1 || v[2] != 9999999 {
		t.Errorf("date: %v", v)
	}
	if v := col("t").Int64s(); v[0] != 978343500250 || v[1] != -1 {
		t.Errorf("timestamp: %v", v)
	}
	if v := col("m").Int64s(); v[0] != 1234 || v[1] != -5 || v[2] != 999900 {
		t.Errorf("decimal: %v", v)
	}
	if c := col("s"); c.Str(1) != "a | b" || c.Str(2) != "nil" || c.Null(2) {
		t.Errorf("string: %q", c.Values)
	}
	if c := col("v"); c.Wide != 2 || c.Member(0)[0] != 0.5 || c.Member(1)[1] != 1e300 || !math.IsNaN(c.Member(0)[1]) {
		t.Error("vector")
	}
	if col("f").Float32s()[0] != 0.1 || col("i").Int32s()[0] != -1 {
		t.Error("numbers")
	}
}

func TestRowsEmpty(t *testing.T) {
	for _, text := range []string{"", "a int64\n", "_part | a string? | b vector[]\n"} {
		s, b, err := ParseRows(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if b.N != 0 || len(b.Cols) != len(s.Fields) {
			t.Errorf("%q: %d rows, %d columns", text, b.N, len(b.Cols))
		}
		if got := FormatRows(s, b); strings.TrimSpace(got) != strings.TrimSpace(text) {
			t.Errorf("%q is written as %q", text, got)
		}
	}
}

func TestRowsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a":                                     "has no type",
		"a int":                                 "no type",
		"a list[int64]":                         "no notation",
		"a int64 | a int64":                     "twice",
		`"a int64`:                              "quotes",
		"a int64\n1 | 2":                        "line 2: 2 cells for 1 columns",
		"a int64\nnil":                          "not nullable",
		"a int32\n3000000000":                   "no int32",
		"a int64\n1.5":                          "no int64",
		"a bool\nyes":                           "no bool",
		"a float64\nx":                          "no float64",
		"a date\n2001-02-30":                    "no date",
		"a timestamp[s]\n2001-01-01T10:05:00.5": "finer",
		"a timestamp[ns]\n2501-01-01":           "out of the range",
		"a timestamp[s, UTC]\n2001-01-01":       "needs a Z",
		"a timestamp[s]\n2001-01-01T00:00:00Z":  "no timestamp",
		"a decimal(4, 2)\n123.45":               "no decimal",
		"a decimal(4, 2)\n1.234":                "no decimal",
		"a decimal(4, 2)\nx":                    "no decimal",
		"a string\n\"x":                         "quotes",
		"a vector[p]\n[1, 2]":                   "1 numbers",
		"_part | a int64\nlater | 1":            "no part",
	} {
		if _, _, err := ParseRows(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzRows(f *testing.F) {
	f.Add(everyType)
	f.Add("a int64?\nnil\n1")
	f.Fuzz(func(t *testing.T, text string) {
		s, b, err := ParseRows(text)
		if err != nil {
			return
		}
		first := FormatRows(s, b)
		s2, b2, err := ParseRows(first)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, first, err)
		}
		if again := FormatRows(s2, b2); again != first {
			t.Errorf("%q, then %q", first, again)
		}
	})
}
