package report

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/operators"
)

var (
	update = flag.Bool("update", false, "rewrite the outlines under testdata")
	pages  = flag.String("pages", "", "a folder to write the pages of the tests to, to be looked at")
)

// curve makes a curve of n points.
func curve(name string, n int, f func(t float64) (x, y float64)) operators.Curve {
	c := operators.Curve{Name: name}
	for i := range n {
		x, y := f(float64(i) / float64(n-1))
		c.X, c.Y = append(c.X, x), append(c.Y, y)
	}
	return c
}

func binaryModel(name string, worse float64) operators.ModelResult {
	m := operators.ModelResult{Name: name, Rows: 600123, Confusion: [][]int64{{402312, 71034}, {60310, 66467}}, Metrics: []operators.Metric{
		{Name: "auc", Value: 0.7312 - worse}, {Name: "average_precision", Value: 0.4431 - worse}, {Name: "log_loss", Value: 0.4512 + worse},
		{Name: "brier", Value: 0.1423 + worse/2}, {Name: "accuracy", Value: 0.7811}, {Name: "precision", Value: 0.4834 - worse}, {Name: "recall", Value: 0.5243 + worse},
		{Name: "f1", Value: 0.503 - worse}, {Name: "positives", Value: 126777}}}
	m.Curves = []operators.Curve{
		curve("roc", 200, func(t float64) (float64, float64) { return t, math.Pow(t, 0.37+2*worse) }),
		curve("precision_recall", 200, func(t float64) (float64, float64) {
			if t == 0 {
				t = 0.002
			}
			return t, 0.21 + (0.75-5*worse)*math.Pow(1-t, 1.6)
		}),
		curve("calibration", 10, func(t float64) (float64, float64) { x := 0.05 + 0.86*t; return x, x + 0.05*math.Sin(7*x) - 2*worse }),
	}
	for i, a := range []string{"ATL", "ORD", "DFW", "LAX", "PHX", "IAH", "SFO", "LAS", "DEN", "MSP", "DTW", "EWR", "STL", "PHL", "CLT", "LGA", "BOS", "MIA", "SEA", "SLC", "MCO",
		"PIT", "DCA", "CVG", "CLE", "BWI", "TPA", "SAN", "MDW", "JFK", "PDX", "IAD", "MCI", "OAK", "RDU"} {
		auc := 0.7312 - worse + 0.04*math.Sin(float64(i)*1.7)
		if a == "SEA" {
			auc = math.NaN()
		}
		m.Slices = append(m.Slices, operators.Slice{Column: "origin", Value: a, Rows: int64(34000 / (1 + i/3)), Metrics: []operators.Metric{{Name: "auc", Value: auc},
			{Name: "average_precision", Value: 0.44}, {Name: "log_loss", Value: 0.45 + 0.01*math.Cos(float64(i))}}})
	}
	return m
}

func binaryPage() Page {
	e := Evaluation{Step: "report", Model: "model", Rows: 600123, Champion: "models://flight_delay@champion", Overlap: 1201,
		Result: operators.Result{Models: []operators.ModelResult{binaryModel("", 0), binaryModel("champion", 0.0123)}}}
	for i, f := range []string{"hour", "origin", "weekday", "destination", "distance", "carrier", "month"} {
		e.Notes.Importance = append(e.Notes.Importance, operators.Importance{Feature: f, Gain: []float64{.41, .22, .13, .11, .08, .03, .02}[i]})
	}
	why := operators.ModelResult{Rows: 100000, Metrics: []operators.Metric{{Name: "auc", Value: 0.7310}}}
	for i := range 22 {
		f := operators.Influence{Feature: fmt.Sprintf("feature_%02d", i), Drop: 0.11/float64(1+i*i) - 0.0004, Spread: 0.0007, Shap: 0.4 / float64(1+i)}
		why.Influence = append(why.Influence, f)
	}
	e.Notes.Curves = []operators.Curve{curve("valid log_loss", 87, func(t float64) (float64, float64) { return 1 + 86*t, 0.45 + 0.12*math.Pow(1-t, 5) + 0.003*t*t })}
	return Page{Pipeline: "flight_delay", Doc: "Will a flight arrive more than 15 minutes late?", Run: "20261123-043000-7f3a", Engine: "0.1.0",
		Started: time.Date(2026, 11, 23, 4, 30, 0, 0, time.UTC), Params: map[string]string{"path": "flights.parquet", "trees": "100", "area": ""},
		Steps: []Step{{ID: "labelled[0]", Operator: "clean.filter"}, {ID: "labelled[1]", Operator: "feature.derive"},
			{ID: "split", Operator: "sample.split", Facts: []operators.Fact{{Name: "valid from", Text: "2001-02-04T06:10:00"}, {Name: "test from", Text: "2001-02-18T11:45:00"}}},
			{ID: "model", Operator: "train.gbdt", Facts: []operators.Fact{{Name: "trees", Text: "87 of 100"}}}},
		Evals:  []Evaluation{{Step: "why", Model: "model", Rows: 100000, Notes: e.Notes, Result: operators.Result{Models: []operators.ModelResult{why}}}, e},
		Passed: true, Model: "flight_delay", Version: 12, Alias: "champion",
		Hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Gates: []Gate{{Line: "auc >= 0.65", Passed: true, Reason: "auc = 0.7312"},
			{Line: "auc >= champion.auc - 0.002", Passed: true, Reason: "auc = 0.7312, champion.auc = 0.7189"}}}
}

func regressionPage() Page {
	m := operators.ModelResult{Rows: 4128, Metrics: []operators.Metric{{Name: "rmse", Value: 48231.4421}, {Name: "mae", Value: 31876.2}, {Name: "r2", Value: 0.8241}},
		Curves: []operators.Curve{
			curve("predicted_vs_actual", 20, func(t float64) (float64, float64) {
				x := 60000 + 420000*t
				return x, x + 12000*math.Sin(9*t)
			}),
			curve("residuals", 40, func(t float64) (float64, float64) { z := 6*t - 3; return 90000 * z, 0.12 * math.Exp(-z*z) }),
		}}
	e := Evaluation{Step: "report", Model: "model", Rows: 4128, Champion: "models://housing@champion", ChampionMissing: "there is none yet",
		Result: operators.Result{Models: []operators.ModelResult{m}}}
	for i := range 26 {
		e.Notes.Importance = append(e.Notes.Importance, operators.Importance{Feature: fmt.Sprintf("feature_%02d", i), Gain: 2 * float64(26-i) / (26 * 27)})
	}
	return Page{Pipeline: "housing", Run: "r1", Engine: "0.1.0", Evals: []Evaluation{e}, Passed: false,
		Gates: []Gate{{Line: "r2 >= 0.9", Reason: "r2 = 0.8241"}, {Line: "rmse <= champion.rmse", Passed: true, Skipped: true, Reason: "there is no champion yet: first_run: pass"}}}
}

const hostile = "<script>alert(1)</script>\"'&\u202egnp.exe\x00\x1b[31m\x07\u200b\xff]]>{{.}}"

// hostilePage has the text of an attacker in every place that takes text, and no number where numbers are.
func hostilePage() Page {
	nan, inf := math.NaN(), math.Inf(1)
	m := operators.ModelResult{Name: "", Metrics: []operators.Metric{{Name: hostile, Value: nan}, {Name: "auc", Value: inf}, {Name: "f1", Value: -inf}},
		Confusion: [][]int64{{0, 0, 0}, {0, 1, 0}, {math.MaxInt64, 0, 0}},
		Classes:   []operators.ClassResult{{Name: hostile, Rows: 1, Unknown: true, F1: nan, AUC: inf}, {Name: ""}, {Name: hostile + "2", Precision: nan}},
		Slices: []operators.Slice{{Column: hostile, Value: hostile, Rows: 0, Metrics: []operators.Metric{{Name: hostile, Value: nan}}},
			{Column: hostile, Value: "", Rows: 3}},
		Curves: []operators.Curve{{Name: "roc"}, {Name: "precision_recall", X: []float64{nan}, Y: []float64{inf}}, {Name: "calibration", X: []float64{0.5}, Y: []float64{0.5}},
			{Name: "predicted_vs_actual", X: []float64{7}, Y: []float64{7}}, {Name: "residuals", X: []float64{0}, Y: []float64{1}}}}
	probe := operators.ModelResult{Influence: []operators.Influence{{Feature: hostile, Drop: inf, Spread: nan, Shap: inf}, {Drop: nan, Shap: nan}, {Feature: "", Drop: -inf}}}
	old := m
	old.Name = "champion"
	e := Evaluation{Step: hostile, Model: hostile, Champion: hostile, ChampionMissing: hostile, Overlap: 1, Untold: hostile, Before: hostile, BeforeUntold: hostile, Result: operators.Result{Models: []operators.ModelResult{m, old}},
		Notes: operators.Notes{Importance: []operators.Importance{{Feature: hostile, Gain: nan}}, Curves: []operators.Curve{{Name: hostile, Y: []float64{1, nan, 1}}}}}
	return Page{Pipeline: hostile, Doc: hostile, Run: hostile, Engine: hostile, Model: hostile, Version: 1, Alias: hostile, Hash: hostile, Params: map[string]string{hostile: hostile},
		Steps: []Step{{ID: hostile, Operator: hostile, Facts: []operators.Fact{{Name: hostile, Text: hostile}}}}, Evals: []Evaluation{e, {Result: operators.Result{Models: []operators.ModelResult{probe}}}},
		Gates: []Gate{{Line: hostile, Reason: hostile}}}
}

// manyPage is a model of many classes beside a champion that has not learnt the last of them.
func manyPage(n int) Page {
	result := func(name string, good float64) operators.ModelResult {
		m := operators.ModelResult{Name: name, Confusion: make([][]int64, n)}
		right, all := 0.0, 0.0
		for i := range n {
			m.Confusion[i] = make([]int64, n)
			rows := 5000 / float64(i*37%n+1)
			for j := range n {
				share := good
				if i != j {
					share = (1 - good) * math.Pow(2, -float64((j-i+n)%n))
				}
				m.Confusion[i][j] = int64(rows * share)
				all += float64(m.Confusion[i][j])
			}
			right += float64(m.Confusion[i][i])
		}
		for i := range n {
			c := operators.ClassResult{Name: fmt.Sprintf("kind_%02d", i+1), AUC: 0.5 + good/2, Unknown: name != "" && i == n-1}
			taken := int64(0)
			for j := range n {
				c.Rows, taken = c.Rows+m.Confusion[i][j], taken+m.Confusion[j][i]
			}
			c.Recall, c.Precision = float64(m.Confusion[i][i])/float64(c.Rows), float64(m.Confusion[i][i])/float64(max(1, taken))
			c.F1 = 2 * c.Recall * c.Precision / (c.Recall + c.Precision)
			m.Classes = append(m.Classes, c)
		}
		m.Rows = int64(all)
		for i, v := range []float64{right / all, 0.61, 0.7 * good, 0.8 * good, 0.9, 0.88, 0} {
			m.Metrics = append(m.Metrics, operators.Metric{Name: []string{"accuracy", "log_loss", "macro_f1", "balanced_accuracy", "auc", "auc_weighted", "unknown"}[i], Value: v})
		}
		return m
	}
	fresh := result("", 0.75)
	return Page{Pipeline: "kinds", Run: "r1", Engine: "0.1.0", Passed: true, Evals: []Evaluation{{Step: "report", Model: "model", Rows: fresh.Rows, Champion: "models://kinds@champion",
		Result: operators.Result{Models: []operators.ModelResult{fresh, result("champion", 0.7)}}}}}
}

// TestManyClasses holds that what is not shown is told.
func TestManyClasses(t *testing.T) {
	few, many := string(render(t, manyPage(7))), string(render(t, manyPage(100)))
	for _, want := range []string{"kind_07", "Most frequent mistakes", "predicted kind_01", "Confusion matrix, champion"} {
		if !strings.Contains(few, want) || !strings.Contains(many, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, want := range []string{"The 20 classes with the most rows, in the order of the model, and 80 more not shown.", "and 70 more classes with "} {
		if strings.Contains(few, want) || !strings.Contains(many, want) {
			t.Errorf("%q", want)
		}
	}
	if len(many) > 120<<10 {
		t.Errorf("%d bytes", len(many))
	}
}

// TestConfusionHeads holds that columns have the classes' names where these are short, and numbers where they are not.
func TestConfusionHeads(t *testing.T) {
	p := manyPage(7)
	if long := string(render(t, p)); !strings.Contains(long, ">1</abbr>") || !strings.Contains(long, "by its number") {
		t.Error("long names are not numbered")
	}
	for _, m := range p.Evals[0].Result.Models {
		for i := range m.Classes {
			m.Classes[i].Name = strconv.Itoa(i) + "0 km"
		}
	}
	if short := string(render(t, p)); !strings.Contains(short, ">60 km</abbr>") || strings.Contains(short, "by its number") {
		t.Error("short names are not heads")
	}
}

var all = map[string]func() Page{"multiclass": func() Page { return manyPage(7) }, "hundred": func() Page { return manyPage(100) }, "binary": binaryPage, "regression": regressionPage, "hostile": hostilePage, "empty": func() Page { return Page{} }}

func render(t *testing.T, p Page) []byte {
	t.Helper()
	b, err := HTML(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// element is what the tests read back of a page.
type element struct {
	name string
	attr map[string]string
	text string // of it and all below
	kids []*element
}

// parse reads a page; html/template leaves nothing that a forgiving XML reader cannot read, and a tag that is not closed is an error.
func parse(t *testing.T, page []byte) *element {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &element{}
	stack := []*element{root}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch k := tok.(type) {
		case xml.StartElement:
			e := &element{name: k.Name.Local, attr: map[string]string{}}
			for _, a := range k.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			top := stack[len(stack)-1]
			top.kids = append(top.kids, e)
			stack = append(stack, e)
		case xml.EndElement:
			if top := stack[len(stack)-1]; top.name != k.Name.Local {
				t.Fatalf("</%s> closes <%s>", k.Name.Local, top.name)
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			for _, e := range stack {
				e.text += string(k)
			}
		}
	}
	if len(stack) != 1 {
		t.Fatalf("<%s> is not closed", stack[len(stack)-1].name)
	}
	return root
}

func (e *element) walk(f func(*element)) {
	f(e)
	for _, k := range e.kids {
		k.walk(f)
	}
}

func (e *element) all(name string) (out []*element) {
	e.walk(func(k *element) {
		if k.name == name {
			out = append(out, k)
		}
	})
	return out
}

// outline is the structure of a page: headings, tables with their rows, pictures with what is drawn in them.
func outline(root *element) string {
	var b strings.Builder
	clean := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	root.walk(func(e *element) {
		switch e.name {
		case "h1", "h2":
			fmt.Fprintf(&b, "%s %s\n", e.name, clean(e.text))
		case "p":
			fmt.Fprintf(&b, "  p %s\n", clean(e.text))
		case "table":
			rows := e.all("tr")
			fmt.Fprintf(&b, "  table %s\n", e.attr["class"])
			for _, r := range rows[:min(len(rows), 4)] {
				var cells []string
				for _, c := range r.kids {
					cells = append(cells, clean(c.text))
				}
				fmt.Fprintf(&b, "    %s\n", strings.Join(cells, " | "))
			}
			if len(rows) > 4 {
				fmt.Fprintf(&b, "    and %d rows\n", len(rows)-4)
			}
		case "figure":
			fmt.Fprintf(&b, "  figure %s: %d lines, %d dots, %d rects\n", e.all("h3")[0].text, len(e.all("polyline")), len(e.all("circle")), len(e.all("rect")))
			for _, k := range e.all("span") {
				fmt.Fprintf(&b, "    %s\n", clean(k.text))
			}
		case "dt", "dd":
			fmt.Fprintf(&b, "  %s %s\n", e.name, clean(e.text))
		}
	})
	return b.String()
}

func TestOutline(t *testing.T) {
	for name, make := range all {
		page := render(t, make())
		if *pages != "" {
			if err := os.WriteFile(filepath.Join(*pages, name+".html"), page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got := outline(parse(t, page))
		file := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s has changed; run with -update and read the difference:\n%s", file, got)
		}
	}
}

// TestHostile holds that text from data stays text.
func TestHostile(t *testing.T) {
	page := render(t, hostilePage())
	root := parse(t, page)
	if n := len(root.all("script")); n != 0 {
		t.Errorf("%d script elements", n)
	}
	for i, r := range string(page) {
		if r < ' ' && r != '\n' || r == 0x7f || r == '\ufffd' || r == 0x200e || r == 0x200f || r >= 0x2028 && r <= 0x202e || r == 0x200b || r >= 0x2066 && r <= 0x2069 {
			t.Fatalf("character %U at byte %d: %.80q", r, i, page[max(0, i-40):])
		}
	}
	if n := strings.Count(root.text, `\u202egnp.exe\x00\x1b[31m\a\u200b\xff]]>{{.}}`); n < 20 {
		t.Errorf("the hostile text is readable in %d places only", n)
	}
	if !strings.Contains(root.text, `<script>alert(1)</script>`) {
		t.Error("the markup of a value is not shown")
	}
}

// TestSelfContained holds that a page asks for nothing.
func TestSelfContained(t *testing.T) {
	for name, make := range all {
		page := render(t, make())
		parse(t, page).walk(func(e *element) {
			switch e.name {
			case "script", "link", "img", "iframe", "object", "embed", "image", "use", "form", "base":
				t.Errorf("%s: <%s>", name, e.name)
			}
			for a, v := range e.attr {
				if a == "src" || a == "href" || strings.HasPrefix(a, "on") {
					t.Errorf("%s: <%s %s=%q>", name, e.name, a, v)
				}
			}
		})
		if m := regexp.MustCompile(`url\(|@import|https?:`).Find(page); m != nil {
			t.Errorf("%s has %s", name, m)
		}
	}
}

// TestReachable holds that what is drawn is told as well, and that every id is there once.
func TestReachable(t *testing.T) {
	for name, make := range all {
		root := parse(t, render(t, make()))
		ids := map[string]bool{}
		root.walk(func(e *element) {
			if id := e.attr["id"]; id != "" {
				if ids[id] {
					t.Errorf("%s: id %q twice", name, id)
				}
				ids[id] = true
			}
		})
		root.walk(func(e *element) {
			for _, id := range strings.Fields(e.attr["aria-labelledby"]) {
				if !ids[id] {
					t.Errorf("%s: no element has the id %q", name, id)
				}
			}
			if e.name == "svg" && e.attr["aria-hidden"] == "" && e.attr["aria-label"] == "" && e.attr["aria-labelledby"] == "" {
				t.Errorf("%s: a picture without words", name)
			}
		})
		for _, table := range root.all("table") {
			width := -1
			for _, r := range table.all("tr") {
				if width >= 0 && len(r.kids) != width {
					t.Errorf("%s: table %s has rows of %d and %d cells", name, table.attr["class"], width, len(r.kids))
				}
				width = len(r.kids)
			}
		}
	}
}

// TestPlaces holds that nothing is drawn outside of its picture, nor at a place that is no number.
func TestPlaces(t *testing.T) {
	place := regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	for name, make := range all {
		for _, svg := range parse(t, render(t, make())).all("figure") {
			svg.walk(func(e *element) {
				for _, p := range strings.FieldsFunc(e.attr["points"], func(r rune) bool { return r == ' ' || r == ',' }) {
					if !place.MatchString(p) || strings.HasPrefix(p, "-") {
						t.Errorf("%s: %s: point %q", name, e.name, p)
					}
				}
				for _, a := range []string{"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"} {
					if v, ok := e.attr[a]; ok && (!place.MatchString(v) || strings.HasPrefix(v, "-")) {
						t.Errorf("%s: %s %s=%q", name, e.name, a, v)
					}
				}
			})
		}
	}
}

func TestSameBytes(t *testing.T) {
	for name, make := range all {
		if a, b := render(t, make()), render(t, make()); !bytes.Equal(a, b) {
			t.Errorf("%s: two renderings differ", name)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		page Page
		want string
	}{
		{Page{Version: 3, Model: "m", Alias: "champion", Passed: true}, "Published m version 3, now champion"},
		{Page{Version: 3, Model: "m", Passed: true}, "Published m version 3"},
		{Page{Passed: true}, "Not published this run publishes no model"},
		{Page{Passed: true, Model: "m"}, "Not published m was made and not published: a model of a sample is for trying out"},
		{Page{Model: "m", Gates: []Gate{{Passed: true}, {}}}, "Refused 1 of 2 gates failed; nothing was published"},
	} {
		if v := decided(c.page); v.Word+" "+v.Text != c.want {
			t.Errorf("%q, want %q", v.Word+" "+v.Text, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.67125: "0.6713", -0.5: "−0.5000", 1: "1.0000", 3: "3", 126777: "126,777", 48231.4421: "48,231.4", -1234.55: "−1,234.5",
		123.456: "123.46", 0.00012: "0.00012", math.Inf(-1): "−∞", 1e15: "1e+15", 999.999: "1,000.00"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
	if number(math.NaN()) != none || Number(math.NaN()) != "-" || percent(math.NaN()) != none {
		t.Error("NaN is no number")
	}
}

func TestDifference(t *testing.T) {
	for _, c := range []struct {
		name   string
		v, old float64
		want   change
	}{
		{"auc", 0.75, 0.5, change{"+0.2500", "better", "better"}},
		{"log_loss", 0.75, 0.5, change{"+0.2500", "worse", "worse"}},
		{"rmse", 1, 3, change{"−2", "better", "better"}},
		{"positives", 5, 3, change{"+2", "", ""}},
		{"auc", 0.5, 0.5, change{"0", "", ""}},
		{"auc", 0.5, math.NaN(), change{none, "", ""}},
		{"auc", 0.66240004, 0.6631, change{"−0.0007", "worse", "worse"}}, // the digits of its sides
		{"auc", 0.66240004, 0.6624, change{"+0.0000", "better", "better"}},
		{"rmse", 48231.44, 48231.5, change{"−0.1", "better", "better"}},
		{"rmse", 0.0002, 0.0001, change{"+0.0001", "worse", "worse"}},
		{"positives", 1200, 24, change{"+1,176", "", ""}},
	} {
		if got := difference(c.name, c.v, c.old); got != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{{0, 1, "0 0.2 0.4 0.6 0.8 1.0"}, {-3, 7, "−2 0 2 4 6"}, {0, 500000, "0 100k 200k 300k 400k 500k"}, {0.4412, 0.4419, "0.4412 0.4414 0.4416 0.4418"},
		{0, 2.5e6, "0 500k 1M 1.5M 2M 2.5M"}, {1, 1, ""}, {0, math.Inf(1), ""}, {math.NaN(), 1, ""}} {
		var s []string
		for _, m := range ticks(c.lo, c.hi) {
			s = append(s, m.text)
		}
		if got := strings.Join(s, " "); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.lo, c.hi, got, c.want)
		}
	}
}

// TestFew holds that the page does not grow with the data.
func TestFew(t *testing.T) {
	p := binaryPage()
	for i := range 5000 {
		p.Evals[0].Result.Models[0].Slices = append(p.Evals[0].Result.Models[0].Slices, operators.Slice{Column: "tail", Value: fmt.Sprint(i), Rows: 1})
	}
	page := render(t, p)
	if len(page) > 120<<10 {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"and 4,970 more values with 4,970 rows", "and 5 more values with "} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("it does not say %q", want)
		}
	}
}
