package report

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/headrace/headrace/operators"
)

// Rows that are shown at most; the rest is counted, so that the page does not grow with the data.
const (
	importanceMax = 20
	slicesMax     = 30
	heatMax       = 20 // classes of a confusion: a wider one is a carpet
	headMax       = 5  // letters of a class that stands above its column
	classesMax    = 30
	mistakesMax   = 10
	sliceMetrics  = 3 // of a slice: the first metric with its champion, and what else fits
)

//go:embed page.tmpl style.css
var assets embed.FS

var page = template.Must(template.New("page.tmpl").Funcs(template.FuncMap{"css": css}).ParseFS(assets, "page.tmpl"))

// css is our own file, and no data reaches it: it may stand unescaped.
func css() (template.CSS, error) {
	b, err := assets.ReadFile("style.css")
	return template.CSS(b), err
}

// HTML renders a page as one file that asks for nothing else: no script, font or picture from elsewhere. The same page gives the
// same bytes. Names and values from data are shown with control and bidirectional characters spelled out.
func HTML(p Page) ([]byte, error) {
	var b bytes.Buffer
	if err := page.Execute(&b, look(p)); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return b.Bytes(), nil
}

// view is a page as the template has it: all text ready to be read.
type view struct {
	Pipeline, Doc, Run, Started, Engine, Hash string
	Verdict                                   verdict
	Gates                                     []gate
	Evals                                     []evaluation
	Steps                                     []step
	Params                                    []pair
}

type verdict struct{ Class, Word, Text string }

type gate struct{ Line, Class, Mark, Word, Reason string }

type pair struct{ Name, Text string }

type step struct {
	ID, Operator string
	Facts        []pair
}

type evaluation struct {
	Step, Model, Rows string
	Notes             []string // about the champion
	Champion          bool     // there are two models
	Metrics           []metric
	Charts            []*chart
	Confusions        []confusion
	Classes           []classRow
	ClassesRest       string
	Mistakes          []mistake
	Slices            []sliceTable
	Influence         *influenceTable
	Importance        []share
	ImportanceRest    string
	Learning          *chart
}

// metric is a line of the table of metrics.
type metric struct {
	Name, New, Champion string
	change
}

// change is a difference with what it means; Class is "better", "worse" or "".
type change struct{ Diff, Class, Word string }

type confusion struct {
	Title   string
	Many    bool // of many classes: cells have shares alone
	Numbers bool // names are too long to stand above columns, which have numbers
	Classes []string
	Rows    []confusionRow
	Rest    string
}

// classRow is how the models do on a class.
type classRow struct {
	Name, Rows, Share, Precision, Recall, F1, AUC, Champion string // the champion's F1
	Wide                                                    string // of the bar of rows, 0 to 100
	change                                                         // of F1
}

// mistake is a class that is predicted as another.
type mistake struct{ Is, Taken, Rows, Share string }

type confusionRow struct {
	Number int // of the class, from 1
	Class  string
	Cells  []cell
}

type cell struct {
	Count, Share string
	Heat         int    // 0 to 4
	Right        bool   // of many classes: on the diagonal
	Brief        string // of many classes: the share in whole percent, nothing of none
}

type sliceTable struct {
	Column, Metric string
	Others         []string
	Champion       bool
	Rows           []sliceRow
	Rest           string
}

type sliceRow struct {
	Value, Rows, Share, New, Champion string
	Wide                              string // of the bar of rows, 0 to 100
	At, Span, Turn                    string // of the bar that tells the slice from all rows, centred on 50
	change
	Others []string
}

type share struct{ Name, Percent, Wide string }

func look(p Page) view {
	v := view{Pipeline: Visible(p.Pipeline), Doc: visibleText(p.Doc), Run: Visible(p.Run), Engine: Visible(p.Engine), Verdict: decided(p)}
	if p.Hash != "" {
		v.Hash = Visible(p.Hash)
	}
	if !p.Started.IsZero() {
		v.Started = p.Started.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	for _, g := range p.Gates {
		v.Gates = append(v.Gates, gateLine(g))
	}
	charts := 0
	told := map[string]bool{} // a model that two steps evaluate tells of itself once
	for _, e := range p.Evals {
		probe := probed(e)
		v.Evals = append(v.Evals, evaluated(e, told[e.Model] || probe, &charts))
		told[e.Model] = told[e.Model] || !probe
	}
	for _, s := range p.Steps {
		t := step{ID: Visible(s.ID), Operator: Visible(s.Operator)}
		for _, f := range s.Facts {
			t.Facts = append(t.Facts, pair{Visible(f.Name), Visible(f.Text)})
		}
		v.Steps = append(v.Steps, t)
	}
	for _, k := range slices.Sorted(maps.Keys(p.Params)) {
		v.Params = append(v.Params, pair{Visible(k), Visible(p.Params[k])})
	}
	return v
}

func decided(p Page) verdict {
	switch {
	case p.Version > 0:
		v := verdict{"good", "Published", fmt.Sprintf("%s version %d", Visible(p.Model), p.Version)}
		if p.Alias != "" {
			v.Text += ", now " + Visible(p.Alias)
		}
		return v
	case !p.Passed:
		failed := 0
		for _, g := range p.Gates {
			if !g.Passed {
				failed++
			}
		}
		if failed == 0 {
			return verdict{"bad", "Refused", "nothing was published"}
		}
		return verdict{"bad", "Refused", fmt.Sprintf("%d of %s failed; nothing was published", failed, Plural(int64(len(p.Gates)), "gate"))}
	}
	if p.Model != "" { // made, and of a sample: only that keeps a model that its gates let pass from being published
		return verdict{"plain", "Not published", Visible(p.Model) + " was made and not published: a model of a sample is for trying out"}
	}
	return verdict{"plain", "Not published", "this run publishes no model"}
}

func gateLine(g Gate) gate {
	v := gate{Line: Visible(g.Line), Reason: visibleText(g.Reason)}
	switch {
	case g.Skipped && g.Passed:
		v.Class, v.Mark, v.Word = "plain", "–", "skip"
	case g.Passed:
		v.Class, v.Mark, v.Word = "good", "✓", "pass"
	default:
		v.Class, v.Mark, v.Word = "bad", "✗", "fail"
	}
	return v
}

// evaluated is a section of the page; brief leaves out what is the model's and was said before.
func evaluated(e Evaluation, brief bool, charts *int) evaluation {
	v := evaluation{Step: Visible(e.Step), Model: Visible(e.Model), Rows: Plural(e.Rows, "row")}
	fresh, champion := models(e.Result)
	v.Champion = champion != nil
	switch {
	case e.ChampionMissing != "":
		v.Notes = append(v.Notes, fmt.Sprintf("The champion %s is not compared: %s.", Visible(e.Champion), strings.TrimSuffix(visibleText(e.ChampionMissing), ".")))
	case e.Champion != "":
		v.Notes = append(v.Notes, fmt.Sprintf("Compared with %s on the same rows.", Visible(e.Champion)))
	}
	if e.Overlap > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("The champion has learnt from %s of the %s that are measured (%s).", Count(e.Overlap), Plural(e.Rows, "row"),
			percent(float64(e.Overlap)/math.Max(1, float64(e.Rows)))))
	}
	if e.BeforeOverlap > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%s, which the model goes on from, has learnt from %s of the %s that are measured (%s).", Visible(e.Before),
			Count(e.BeforeOverlap), Plural(e.Rows, "row"), percent(float64(e.BeforeOverlap)/math.Max(1, float64(e.Rows)))))
	}
	for _, s := range e.Unknown() {
		v.Notes = append(v.Notes, "W"+visibleText(s)[1:]+".")
	}
	for _, s := range []string{e.Stopped(), e.Parted()} {
		if s != "" {
			v.Notes = append(v.Notes, Visible(s)+".")
		}
	}
	for _, m := range fresh.Metrics {
		v.Metrics = append(v.Metrics, compared(m, champion))
	}
	v.Charts = evaluationCharts(fresh, champion)
	v.Confusions = confusions(fresh, champion)
	v.Classes, v.ClassesRest = classes(fresh, champion)
	v.Mistakes = mistakes(fresh)
	v.Slices = sliceTables(fresh, champion)
	v.Influence = influences(fresh)
	if !brief {
		v.Importance, v.ImportanceRest = importance(e.Notes.Importance)
		v.Learning = learning(e.Notes.Curves)
	}
	for _, c := range append(slices.Clone(v.Charts), v.Learning) {
		if c != nil {
			*charts++
			c.ID = fmt.Sprintf("chart%d", *charts)
		}
	}
	return v
}

// models are the new model's result and the champion's, nil where there is none.
func models(r operators.Result) (fresh operators.ModelResult, champion *operators.ModelResult) {
	for i := range r.Models {
		switch {
		case r.Models[i].Name == "":
			fresh = r.Models[i]
		case champion == nil:
			champion = &r.Models[i]
		}
	}
	return fresh, champion
}

func compared(m operators.Metric, champion *operators.ModelResult) metric {
	v := metric{Name: Visible(m.Name), New: number(m.Value)}
	if champion != nil {
		old := value(champion.Metrics, m.Name)
		v.Champion, v.change = number(old), difference(m.Name, m.Value, old)
	}
	return v
}

// value is NaN where there is no metric of that name.
func value(ms []operators.Metric, name string) float64 {
	for _, m := range ms {
		if m.Name == name {
			return m.Value
		}
	}
	return math.NaN()
}

// Better says in which direction a metric is better: 1 up, -1 down, 0 where it is neither.
func Better(name string) float64 {
	switch name {
	case "auc", "auc_weighted", "average_precision", "accuracy", "balanced_accuracy", "precision", "recall", "f1", "macro_f1",
		"precision_at_k", "recall_at_k", "r2", "mrr", "ndcg":
		return 1
	case "log_loss", "brier", "rmse", "mae", "pinball_loss", "huber_loss", "mean_poisson_deviance", "mean_gamma_deviance", "mean_tweedie_deviance", "unknown":
		return -1
	}
	for _, of := range []string{"ndcg_", "map_", "precision_"} { // at so many places
		if strings.HasPrefix(name, of) {
			return 1
		}
	}
	return 0
}

func difference(name string, v, old float64) change {
	d := v - old
	if math.IsNaN(d) {
		return change{Diff: none}
	}
	c := change{Diff: minus(Difference(v, old))}
	switch s := Better(name) * d; {
	case s > 0:
		c.Class, c.Word = "better", "better"
	case s < 0:
		c.Class, c.Word = "worse", "worse"
	}
	return c
}

func confusions(fresh operators.ModelResult, champion *operators.ModelResult) (out []confusion) {
	add := func(title string, m operators.ModelResult) {
		if len(m.Confusion) > 0 {
			out = append(out, heat(title, m))
		}
	}
	add("new model", fresh)
	if champion != nil {
		add("champion", *champion)
	}
	return out
}

// heat is a confusion: of many classes those with the most rows, in the order of the model.
func heat(title string, m operators.ModelResult) confusion {
	c := confusion{Title: title, Many: m.Classes != nil}
	shown := Frequent(m.Classes, heatMax)
	if m.Classes == nil {
		for i := range m.Confusion {
			shown = append(shown, i)
		}
	}
	if rest := len(m.Confusion) - len(shown); rest > 0 {
		c.Rest = fmt.Sprintf("The %d classes with the most rows, in the order of the model, and %d more not shown.", len(shown), rest)
	}
	for _, i := range shown {
		name := fmt.Sprintf("class %d", i)
		switch {
		case c.Many:
			name = Visible(m.Classes[i].Name)
		case len(m.Confusion) == 2:
			name = [...]string{"negative", "positive"}[i]
		}
		c.Classes = append(c.Classes, name)
		c.Numbers = c.Numbers || utf8.RuneCountInString(name) > headMax
	}
	for k, i := range shown {
		var all int64
		for _, n := range m.Confusion[i] {
			all += n
		}
		r := confusionRow{Number: k + 1, Class: c.Classes[k]}
		for _, j := range shown {
			n := m.Confusion[i][j]
			s := float64(n) / math.Max(1, float64(all))
			v := cell{Count: Count(n), Share: percent(s), Heat: int(math.Round(4 * s))}
			if c.Many {
				v.Heat, v.Right = min(4, int(math.Ceil(4*math.Sqrt(s)))), i == j // few of many is what one looks for
				if v.Brief = strconv.Itoa(int(math.Round(100 * s))); v.Brief == "0" && n > 0 {
					v.Brief = "<1"
				} else if n == 0 && i != j {
					v.Brief = ""
				}
			}
			r.Cells = append(r.Cells, v)
		}
		c.Rows = append(c.Rows, r)
	}
	return c
}

// Frequent are the places of the classes with the most rows, in the order of the model.
func Frequent(all []operators.ClassResult, most int) []int {
	at := make([]int, len(all))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(all[b].Rows, all[a].Rows) })
	at = at[:min(len(at), most)]
	slices.Sort(at)
	return at
}

// classes has a line a class.
func classes(fresh operators.ModelResult, champion *operators.ModelResult) (out []classRow, rest string) {
	var top, hidden int64
	for _, c := range fresh.Classes {
		top = max(top, c.Rows)
		hidden += c.Rows
	}
	old := map[string]float64{}
	if champion != nil {
		for _, c := range champion.Classes {
			old[c.Name] = c.F1
		}
	}
	shown := Frequent(fresh.Classes, classesMax)
	for _, i := range shown {
		c := fresh.Classes[i]
		hidden -= c.Rows
		r := classRow{Name: Visible(c.Name), Rows: Count(c.Rows), Share: percent(float64(c.Rows) / math.Max(1, float64(fresh.Rows))),
			Precision: number(c.Precision), Recall: number(c.Recall), F1: number(c.F1), AUC: number(c.AUC),
			Wide: coordinate(float64(100*c.Rows) / math.Max(1, float64(top)))}
		if c.Unknown {
			r.Name += " (not learnt)"
		}
		if champion != nil {
			was, ok := old[c.Name]
			if !ok {
				was = math.NaN()
			}
			r.Champion, r.change = number(was), difference("f1", c.F1, was)
		}
		out = append(out, r)
	}
	if n := len(fresh.Classes) - len(shown); n > 0 {
		rest = fmt.Sprintf("and %d more classes with %s", n, Plural(hidden, "row"))
		if n == 1 {
			rest = "and 1 more class with " + Plural(hidden, "row")
		}
	}
	return out, rest
}

// mistakes are the classes that are predicted as another most often.
func mistakes(m operators.ModelResult) (out []mistake) {
	if len(m.Classes) < 3 || m.Confusion == nil {
		return nil // of two classes the confusion says it all
	}
	type pair struct {
		is, taken int
		n         int64
	}
	var all []pair
	for i, row := range m.Confusion {
		for j, n := range row {
			if i != j && n > 0 {
				all = append(all, pair{i, j, n})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pair) int { return cmp.Compare(b.n, a.n) })
	for _, p := range all[:min(len(all), mistakesMax)] {
		share := float64(p.n) / math.Max(1, float64(m.Classes[p.is].Rows))
		out = append(out, mistake{Visible(m.Classes[p.is].Name), Visible(m.Classes[p.taken].Name), Count(p.n), percent(share)})
	}
	return out
}

// sliceTables has a table a column, in the order that the evaluation names them, its values by their rows.
func sliceTables(fresh operators.ModelResult, champion *operators.ModelResult) (out []sliceTable) {
	var columns []string
	by := map[string][]operators.Slice{}
	for _, s := range fresh.Slices {
		if by[s.Column] == nil {
			columns = append(columns, s.Column)
		}
		by[s.Column] = append(by[s.Column], s)
	}
	old := map[[2]string][]operators.Metric{}
	if champion != nil {
		for _, s := range champion.Slices {
			old[[2]string{s.Column, s.Value}] = s.Metrics
		}
	}
	for _, c := range columns {
		rows := by[c]
		slices.SortStableFunc(rows, func(a, b operators.Slice) int {
			switch {
			case a.Rows != b.Rows && a.Rows > b.Rows:
				return -1
			case a.Rows != b.Rows:
				return 1
			}
			return strings.Compare(a.Value, b.Value)
		})
		out = append(out, slicesOf(c, rows, fresh, champion != nil, old))
	}
	return out
}

func slicesOf(column string, rows []operators.Slice, fresh operators.ModelResult, champion bool, old map[[2]string][]operators.Metric) sliceTable {
	t := sliceTable{Column: Visible(column), Champion: champion}
	if rest := rows[min(len(rows), slicesMax):]; len(rest) > 0 {
		var n int64
		for _, s := range rest {
			n += s.Rows
		}
		t.Rest = fmt.Sprintf("and %s with %s", Plural(int64(len(rest)), "more value"), Plural(n, "row"))
		rows = rows[:slicesMax]
	}
	if len(fresh.Metrics) == 0 {
		return t
	}
	first := fresh.Metrics[0]
	t.Metric = Visible(first.Name)
	for _, m := range fresh.Metrics[1:min(len(fresh.Metrics), sliceMetrics)] {
		t.Others = append(t.Others, Visible(m.Name))
	}
	far := 0.0
	for _, s := range rows {
		if d := math.Abs(value(s.Metrics, first.Name) - first.Value); d > far && !math.IsInf(d, 0) {
			far = d
		}
	}
	for _, s := range rows {
		v := value(s.Metrics, first.Name)
		r := sliceRow{Value: Visible(s.Value), Rows: Count(s.Rows), Share: percent(float64(s.Rows) / math.Max(1, float64(fresh.Rows))), New: number(v),
			Wide: coordinate(float64(100*s.Rows) / math.Max(1, float64(rows[0].Rows)))}
		if d := (v - first.Value) / far; d == d && !math.IsInf(d, 0) { // far is 0 where all slices are alike
			r.At, r.Span = coordinate(50+float64(50*math.Min(d, 0))), coordinate(50*math.Abs(d))
			r.Turn = difference(first.Name, v, first.Value).Class
		}
		if champion {
			was := value(old[[2]string{s.Column, s.Value}], first.Name)
			r.Champion, r.change = number(was), difference(first.Name, v, was)
		}
		for _, m := range fresh.Metrics[1:min(len(fresh.Metrics), sliceMetrics)] {
			r.Others = append(r.Others, number(value(s.Metrics, m.Name)))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

func importance(all []operators.Importance) (out []share, rest string) {
	if len(all) == 0 {
		return nil, ""
	}
	for _, i := range all[:min(len(all), importanceMax)] {
		out = append(out, share{Visible(i.Feature), percent(i.Gain), coordinate(100 * i.Gain / math.Max(all[0].Gain, 1e-300))})
	}
	if more := all[len(out):]; len(more) > 0 {
		sum := 0.0
		for _, i := range more {
			sum += i.Gain
		}
		rest = fmt.Sprintf("and %s with %s", Plural(int64(len(more)), "more feature"), percent(sum))
	}
	return out, rest
}
