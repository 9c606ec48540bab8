package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/headrace/headrace/connectors/all"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/testing/race"
)

func read(t *testing.T, path string, opt Options) *File {
	t.Helper()
	in, err := Read(context.Background(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// csv writes a file of its own folder.
func csv(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func told(t *testing.T, in *File) string {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	if err := in.Print(&s, 80); err != nil {
		t.Fatal(err)
	}
	return string(b) + s.String()
}

const flights = "../../examples/flights/flights.parquet"

// The flights have more rows than the sample and five row groups; as CSV their number is not known before they are read.
func TestSameForAnyWorkersAndCuts(t *testing.T) {
	t.Parallel()
	var long strings.Builder
	long.WriteString("when,x,name\n")
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 80_000 {
		fmt.Fprintf(&long, "2001-01-%02d,%d,n%d\n", 1+i%28, r.IntN(1<<30), r.IntN(120_000))
	}
	for _, c := range []struct{ path, label string }{{flights, "delay"}, {csv(t, long.String()), "x"}} {
		want := ""
		for _, workers := range []int{1, 2, 7} {
			for i, rows := range []int{16384, 1000, 65536}[:1+workers%2*2] {
				if race.On && workers == 1 && i > 0 {
					continue
				}
				if got := told(t, read(t, c.path, Options{Workers: workers, Label: c.label, rowsMax: rows})); want == "" {
					want = got
				} else if got != want {
					t.Fatalf("%s: %d workers, %d rows a batch: another result\n%s\n%s", c.path, workers, rows, got, want)
				}
			}
		}
		if !strings.Contains(want, `"sample_rows":65536`) || !strings.Contains(want, "sample of 65,536 rows") {
			t.Errorf("%s: the sample is not told", c.path)
		}
	}
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	in := read(t, csv(t, "n,f,s,b,d,none\n"+
		"1,0.5,b,true,2001-01-01,\n"+
		"2,NaN,a,false,2001-01-03,\n"+
		",-0,a,true,2001-01-02,\n"+
		"4,0,,true,2001-01-01,\n"+
		"9,2.5,c,true,2001-01-01,\n"), Options{})
	got := map[string]Column{}
	for _, c := range in.Columns {
		got[c.Name] = c
	}
	if in.Rows != 5 || in.SampleRows != 5 {
		t.Errorf("%d rows, %d in the sample", in.Rows, in.SampleRows)
	}
	n := got["n"]
	for _, v := range []struct {
		what      string
		got, want any
	}{
		{"type", n.Type, "int64"}, {"nulls", n.Nulls, int64(1)}, {"distinct", n.Distinct, int64(4)},
		{"min", n.Min.Text, "1"}, {"q1", n.Q1.Text, "1"}, {"median", n.Median.Text, "2"}, {"q3", n.Q3.Text, "4"}, {"max", n.Max.Text, "9"},
		{"mean", *n.Mean, 4.0}, {"std", *n.Std, math.Sqrt(9.5)},
		{"nans", got["f"].NaNs, int64(1)}, {"zeros", got["f"].Distinct, int64(3)}, {"f top", got["f"].Top[0], Count{"0", 2, "0"}},
		{"s top", got["s"].Top[0], Count{"a", 2, "a"}}, {"s then", got["s"].Top[1], Count{"b", 1, "b"}}, {"s min", got["s"].Min.Text, "a"},
		{"b top", got["b"].Top[0], Count{"true", 4, "true"}}, {"b mean", *got["b"].Mean, 0.8},
		{"d median", got["d"].Median.Text, "2001-01-01"}, {"d max", got["d"].Max.Text, "2001-01-03"},
		{"none", got["none"].Nulls, int64(5)},
	} {
		if v.got != v.want {
			t.Errorf("%s: %v, want %v", v.what, v.got, v.want)
		}
	}
	if got["none"].Min != nil || got["none"].Mean != nil {
		t.Error("a column without values has some")
	}
	b, err := json.Marshal(n)
	if err != nil || !bytes.Contains(b, []byte(`"min":1,`)) {
		t.Errorf("%s %v: numbers are numbers in JSON", b, err)
	}
}

// Whatever the order and grouping, the state is the same; up to max values it is exact, beyond it is near.
func TestDistinct(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, values := range []int{1, 1023, 1024, 1025, 20_000} {
		for _, text := range []bool{false, true} {
			rows := make([]int, 3*values)
			for i := range rows {
				rows[i] = i % values
			}
			var states [][2]int64
			for parts := range 4 {
				r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
				all := make([]distinct, parts+1)
				for i := range all {
					all[i] = distinct{max: 1024, text: text}
				}
				for _, v := range rows {
					d := &all[r.IntN(len(all))]
					if text {
						d.bytes([]byte(strings.Repeat("x", v%300)+fmt.Sprint(v)), 1)
					} else {
						d.word(uint64(v), 1)
					}
				}
				for i := range all[1:] {
					all[0].merge(&all[1+i])
				}
				sum := int64(0)
				for _, n := range all[0].counts {
					sum += n
				}
				n, _ := all[0].count()
				states = append(states, [2]int64{n, sum})
				if _, guess := all[0].count(); guess != (values > 1024) {
					t.Errorf("%d values: estimated %v", values, guess)
				}
			}
			if len(slices.Compact(states)) != 1 {
				t.Errorf("%d values, text %v: %v", values, text, states)
			}
			if n := float64(states[0][0]); math.Abs(n/float64(values)-1) > 0.1 || values <= 1024 && int(n) != values {
				t.Errorf("%d values, text %v: counted %v", values, text, n)
			}
		}
	}
}

func TestSampleIsTheLeastHashes(t *testing.T) {
	t.Parallel()
	if l := sampleLimit(SampleMax, SampleMax); l != math.MaxUint64 {
		t.Error("a file that fits is taken whole")
	}
	a := read(t, flights, Options{})
	if a.SampleRows != SampleMax || a.sample.n != len(a.sample.cols[1].nums) || len(a.sample.cols[3].codes) != a.sample.n {
		t.Errorf("%d rows, %d numbers, %d texts", a.SampleRows, len(a.sample.cols[1].nums), len(a.sample.cols[3].codes))
	}
}

func TestAssociations(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	b.WriteString("y,line,minus,curve,noise,cat,id,late,over,word,nullness\n")
	for i := range 4000 {
		y := r.NormFloat64()
		null := ""
		if y <= 0.3 {
			null = "1"
		}
		fmt.Fprintf(&b, "%g,%g,%g,%g,%g,%s,id%d,%v,%g,%s,%s\n", y, 2*y+1, -math.Exp(y), y*y, r.NormFloat64(), map[bool]string{true: "hi", false: "lo"}[y > 0],
			i, y > 0.3, y+0.0001*r.Float64(), map[bool]string{true: "late", false: "early"}[y > 0.3], null)
	}
	path := csv(t, b.String())
	for _, c := range []struct {
		label, column, measure string
		lo, hi                 float64
		leak                   bool
	}{
		{"y", "line", "Pearson", 1 - 1e-12, 1, true},
		{"y", "minus", "Spearman", -1, -1 + 1e-12, true},
		{"y", "noise", "", -0.08, 0.12, false},
		{"y", "cat", "correlation ratio", 0.75, 0.85, false},
		{"y", "id", "correlation ratio", 0, 0, false},
		{"line", "curve", "", -0.3, 0.3, false},
		{"curve", "y", "correlation ratio", 0.9, 1, false},
		{"late", "over", "rank biserial", 1 - 1e-3, 1, true},
		{"late", "word", "Cramér's V", 1 - 1e-3, 1, true},
		{"late", "nullness", "Cramér's V", 1 - 1e-3, 1, true},
		{"late", "id", "Cramér's V", 0, 0.01, false},
		{"word", "over", "rank biserial", 1 - 1e-3, 1, true},
	} {
		got := read(t, path, Options{Label: c.label}).column(c.column)
		a := got.Association
		if a == nil || a.Value < c.lo || a.Value > c.hi || c.measure != "" && a.Measure != c.measure || got.Leak != c.leak {
			t.Errorf("%s with %s: %+v, leak %v; want %s in [%g, %g], leak %v", c.column, c.label, a, got.Leak, c.measure, c.lo, c.hi, c.leak)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("Name,name,e\u0301t,\u00e9t,same,none,key_id,row,free,skewed,y\n")
	for i := range 200 {
		y := 0
		if i%40 == 0 {
			y = 1
		}
		skewed := i % 5
		if i == 7 {
			skewed = 100_000
		}
		fmt.Fprintf(&b, "a%d,b%d,%d,%d,k,,%d,%d,%d,%d,%d\n", i%3, i%4, i%7, i%5, 1000+7*i, i+1, 3*i*i, skewed, y)
	}
	in := read(t, csv(t, b.String()), Options{Label: "y"})
	var got []string
	for _, w := range in.Warnings {
		got = append(got, w.Kind+" "+strings.Join(w.Columns, " "))
	}
	for _, want := range []string{"alike Name name", "alike e\u0301t \u00e9t", "all_null none", "constant same", "identifier key_id row", "rare_class y", "skew skewed"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

// Lines fit 80 columns, whatever the names.
func TestPrintWidth(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("very_long_name_", 8)
	path := csv(t, long+",名前の長い列名前の長い列名前の長い列名前の長い列,t\n"+
		"123456789012,日本語の長い値日本語の長い値日本語の長い値日本語の長い値,2001-01-01T10:00:00\n-1,b,2001-01-02T10:00:00\n3,b,2001-01-02T10:00:01\n7,c,2001-01-03T00:00:00\n")
	for _, label := range []string{"", long} {
		var s strings.Builder
		if err := read(t, path, Options{Label: label}).Print(&s, 80); err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(s.String(), "\n") {
			if width(l) > 80 {
				t.Errorf("%d columns: %s", width(l), l)
			}
		}
		if !strings.Contains(s.String(), "…") {
			t.Errorf("nothing is cut:\n%s", s.String())
		}
	}
	for v, want := range map[float64]string{0: "0", -0.0167: "-0.0167", 32.38012: "32.38", 0.325271: "0.3253", 1e6: "1.000e6", -1.5e-7: "-1.5e-7", 123456.7: "123457",
		1e300: "1.0e300", -1e-300: "-1e-300", 999999: "999999", 14.5: "14.5"} {
		if got := number(&v); got != want || len(got) > numberWide {
			t.Errorf("%g is written %q, want %q", v, got, want)
		}
	}
}

func TestPlot(t *testing.T) {
	t.Parallel()
	odd := csv(t, "inf,big,null,same,word,when,b\n+Inf,1e308,,5,a,2001-01-01,true\n1,-1e308,,5,<&>,2001-01-01,false\n-Inf,0,,5,,2001-01-01,\n2,NaN,,5,c,2001-01-01,true\n")
	empty := csv(t, "a,b\n")
	for _, c := range []struct{ path, label string }{{flights, ""}, {flights, "delay"}, {"../../examples/adult/adult_train.parquet", "income"}, {odd, ""}, {odd, "b"}, {odd, "big"}, {empty, ""}, {empty, "a"}} {
		in, pictures := read(t, c.path, Options{Label: c.label}), [2][]byte{}
		for i, end := range []string{".png", ".svg"} {
			path := filepath.Join(t.TempDir(), "x"+end)
			if err := in.Plot(path); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			pictures[i] = data
		}
		img, err := png.Decode(bytes.NewReader(pictures[0]))
		if err != nil {
			t.Fatal(err)
		}
		dark := 0
		for y := 0; y < img.Bounds().Dy(); y += 3 {
			for x := 0; x < img.Bounds().Dx(); x += 3 {
				if r, g, b, _ := img.At(x, y).RGBA(); r+g+b < 2*0xffff {
					dark++
				}
			}
		}
		if dark < 60 {
			t.Errorf("%s, label %q: an empty picture", c.path, c.label)
		}
		for d := xml.NewDecoder(bytes.NewReader(pictures[1])); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s, label %q: %v", c.path, c.label, err)
			}
		}
		if bytes.Contains(pictures[1], []byte("NaN")) || bytes.Contains(pictures[1], []byte("Inf")) {
			t.Errorf("%s, label %q: a place that is no number", c.path, c.label)
		}
	}
	if err := PlotName("x.gif"); err == nil {
		t.Error("a GIF is drawn")
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	path := csv(t, "a,b\n1,2\n")
	for _, c := range []struct{ path, label, want string }{
		{path, "bb", `no column "bb"`}, {"x.yaml", "", "no format is known"},
	} {
		_, err := Read(context.Background(), c.path, Options{Label: c.label})
		if l, ok := diag.From(err); !ok || !strings.Contains(l[0].Message, c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if _, err := Read(context.Background(), csv(t, "a\n1\nx,y\n"), Options{}); err == nil {
		t.Error("a bad row is read")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, p := range []string{flights, path} {
		if _, err := Read(ctx, p, Options{}); err == nil {
			t.Errorf("%s: read to its end though nobody waits", p)
		}
	}
}
