package command_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headrace/headrace/cmd/command"
	_ "github.com/headrace/headrace/connectors/all"
	_ "github.com/headrace/headrace/operators/all"
	"github.com/headrace/headrace/testing/race"
)

func headrace(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = command.Run(args, &o, &e)
	return code, o.String(), e.String()
}

// drafted writes a DAG file for data, checks it and runs it: all without a warning.
func drafted(t *testing.T, data string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "new.yaml")
	if code, _, errs := headrace(append([]string{"new", data, "-o", file}, args...)...); code != 0 {
		t.Fatalf("new: exit %d\n%s", code, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := headrace("check", file); code != 0 || errs != "" {
		t.Fatalf("check: exit %d\n%s\n%s", code, errs, text)
	}
	run := []string{"run", file, "-q", "--workspace", filepath.Join(dir, "ws")}
	if strings.Contains(string(text), "trees:") {
		run = append(run, "--set", "trees=10")
	}
	switch {
	case strings.Contains(data, "3m"):
		run = append(run, "--sample", "2%")
	case race.On && strings.Contains(data, "covert"), race.On && strings.Contains(data, "covtype"): // many columns and classes
		run = append(run, "--sample", "10%")
	}
	code, out, errs := headrace(run...)
	if code != 0 || errs != "" {
		t.Fatalf("run: exit %d\n%s%s\n%s", code, out, errs, text)
	}
	return string(text)
}

// What new writes runs without an edit, and decides what a careful person would.
func TestNew(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	data := os.Getenv("HEADRACE_DATA")
	for _, c := range []struct {
		file  string
		args  []string
		has   []string
		hasno []string
	}{
		{"$EXAMPLES/flights/flights.parquet", []string{"--label", "delay"},
			[]string{"kind: regression", "by: time, column: date", `date_hour: "hour(date)"`, "columns: [origin, destination], method: target", "r2 > 0"}, []string{"slices"}},
		{"$EXAMPLES/adult/adult_train.parquet", []string{"--label", "income"},
			[]string{"kind: binary", `positive: ">50K"`, "24% of the rows", "by: random", "slices: [workclass]", "auc > 0.5"}, []string{"feature.encode", "clean.drop"}},
		{"$EXAMPLES/california/housing.parquet", []string{"--label", "median_house_value"}, []string{"slices: [ocean_proximity]"}, []string{"clean.drop"}},
		{"$DATA/flights-3m.parquet", []string{"--label", "delay"}, []string{"by: time, column: date"}, nil},
		{"$DATA/credit_default/credit.parquet", []string{"--label", "default.payment.next.month"},
			[]string{`label: "default.payment.next.month"`, "- ID", "30,000 values in 30,000 rows", "22% of the rows are 1"}, nil},
		{"$DATA/diamonds/diamonds.parquet", []string{"--label", "price"}, []string{"kind: regression"}, []string{"feature.encode", "clean.drop"}},
		{"$DATA/diamonds/diamonds.parquet", []string{"--label", "cut", "--positive", "Very Good"},
			[]string{`cut_is_very_good: "cut == \"Very Good\""`, "label: cut_is_very_good", "what the label is made of"}, nil},
		{"$DATA/taxis/taxis.parquet", []string{"--label", "fare"},
			[]string{"by: time, column: pickup", "- dropoff", "later than pickup", "columns: [pickup_zone, dropoff_zone]"}, nil},
		{"$DATA/covtype15k/covtype.parquet", []string{"--label", "Cover_Type", "--positive", "2"}, []string{`cover_type_is_2: "Cover_Type == 2"`, "- Soil_Type15"}, nil},
		{"$EXAMPLES/covertype/covertype.parquet", []string{"--label", "cover"},
			[]string{"kind: multiclass", "one of 7", "# of each class", "train.gbdt:", "early_stop: {part: valid, metric: log_loss", "evaluate.multiclass:", "accuracy > 0.48"}, []string{"feature.", "clean.fill"}},
		{"$DATA/covtype15k/covtype.parquet", []string{"--label", "Cover_Type"}, []string{"kind: multiclass", "train.gbdt:", "--task regression"}, []string{"clean.fill", "feature.scale"}},
		{"$DATA/diamonds/diamonds.parquet", []string{"--label", "cut"}, []string{"kind: multiclass", "slices: [color]"}, []string{"feature.", "clean."}},
		{"$DATA/covtype15k/covtype.parquet", []string{"--label", "Cover_Type", "--task", "regression"}, []string{"kind: regression"}, nil},
		{"$DATA/airports.csv", []string{"--label", "latitude"}, []string{"csv:", "- iata", "- name", "columns: [city]"}, nil},
		{"$DATA/airports.csv", []string{"--label", "state", "--positive", "AK"}, []string{`state == \"AK\"`, "Look at average_precision"}, nil},
	} {
		t.Run(filepath.Base(c.file)+"_"+c.args[1], func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(c.file, "$DATA") && data == "" {
				t.Skip("HEADRACE_DATA is not set: the folder of real data sets is not here")
			}
			path := strings.NewReplacer("$EXAMPLES", examples, "$DATA", data).Replace(c.file)
			text := drafted(t, path, c.args...)
			for _, s := range c.has {
				if !strings.Contains(text, s) {
					t.Errorf("no %q in\n%s", s, text)
				}
			}
			for _, s := range c.hasno {
				if strings.Contains(text, s) {
					t.Errorf("%q in\n%s", s, text)
				}
			}
		})
	}
}

// table is rows as CSV: the header, then row(i) for each.
func table(t *testing.T, head []string, rows int, row func(i int) []string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	if err := w.Write(head); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(row(i)); err != nil {
			t.Fatal(err)
		}
	}
	if w.Flush(); w.Error() != nil {
		t.Fatal(w.Error())
	}
	return path
}

// Names that YAML, the expressions or a selection of columns would take for something else, in each place where a name is written.
func TestNewQuotes(t *testing.T) {
	names := []string{"a b", "x-y", "-neg", "tail_*", "numeric()", "p", "pred", "null", "No", `say "hi"`, "ünï", "and", "# x", "a: b", "1st", "[", "'", `back\slash`,
		"{}", "~", "!tag", "&a", "*a", "%d", "tab\tx", "nil", "true", "x_hour", "日本", "- ", "@"}
	for i, label := range names {
		if strings.HasPrefix(label, "@") {
			continue
		}
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			// beside the label: text of many values, text of few, a moment, an identifier, a constant, by turns
			var head []string
			for _, n := range names {
				if !strings.HasPrefix(n, "@") {
					head = append(head, n)
				}
			}
			path := table(t, head, 400, func(r int) []string {
				var cells []string
				for j, n := range head {
					switch {
					case n == label:
						y := "no way"
						if r*7%10 < 4 {
							y = "yes: \"it\" # is"
						}
						if i%2 == 0 {
							y = fmt.Sprint(float64(r*7%10) + float64(r%3)/10)
						}
						cells = append(cells, y)
					case (i+j)%6 == 0:
						cells = append(cells, fmt.Sprintf("v%d", r*31%100))
					case (i+j)%6 == 1:
						cells = append(cells, fmt.Sprintf("2001-%02d-%02d", 1+r%12, 1+r%28))
					case (i+j)%6 == 2:
						cells = append(cells, fmt.Sprintf("n%d", r))
					case (i+j)%6 == 3:
						cells = append(cells, "one")
					case (i+j)%6 == 4:
						cells = append(cells, fmt.Sprint(float64(r*7%10)+float64(r%7)))
					default:
						cells = append(cells, fmt.Sprintf("w%d", r*7%10/3))
					}
				}
				return cells
			})
			drafted(t, path, "--label", label)
		})
	}
}

// What cannot be learnt is said, with what would help.
func TestNewMistakes(t *testing.T) {
	t.Parallel()
	path := table(t, []string{"grade", "word", "day", "same", "x", "two"}, 100, func(i int) []string {
		return []string{fmt.Sprint(1 + i%5), fmt.Sprintf("w%d", i%4), fmt.Sprintf("2001-01-%02d", 1+i%28), "k", fmt.Sprint(i*7%10 + i%6), fmt.Sprint(1 + i*7%10/5)}
	})
	alone := table(t, []string{"y", "id"}, 100, func(i int) []string { return []string{fmt.Sprint(i%2 == 0), fmt.Sprintf("id%d", i)} })
	offers := offers(t)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{path}, []string{"--label COLUMN is missing"}},
		{[]string{path, "--label", "wrd"}, []string{`no column "wrd"`, `did you mean "word"`}},
		{[]string{path, "--label", "grade", "--task", "binary"}, []string{"5 values", "told from the others", "--positive 1", "--task regression"}},
		{[]string{path, "--label", "word", "--task", "binary"}, []string{"4 values (w0, w1, w2, w3)", "--positive w0"}},
		{[]string{path, "--label", "word", "--positive", "w9"}, []string{`never "w9"`, "w3"}},
		{[]string{path, "--label", "word", "--task", "regression"}, []string{"learns a number"}},
		{[]string{path, "--label", "day"}, []string{"is date", "a label is"}},
		{[]string{path, "--label", "same"}, []string{"1 distinct values"}},
		{[]string{path, "--label", "x", "--task", "anomaly"}, []string{"binary, multiclass, regression and ranking"}},
		{[]string{path, "--label", "x", "--task", "ranking"}, []string{"--group COLUMN is missing", "the number of a query"}},
		{[]string{path, "--label", "x", "--task", "regression", "--group", "day"}, []string{"regression has no group"}},
		{[]string{path, "--label", "x", "--group", "dya"}, []string{`no column "dya"`, `did you mean "day"`}},
		{[]string{path, "--label", "x", "--group", "x"}, []string{`"x" is the label`}},
		{[]string{path, "--label", "word", "--group", "day"}, []string{`label "word" is string`, "greater the better"}},
		{[]string{path, "--label", "x", "--group", "same"}, []string{`group "same" has 1 distinct values`}},
		{[]string{alone, "--label", "y", "--group", "id"}, []string{"100 values in 100 rows: no two rows are of one group"}},
		{[]string{offers, "--label", "less", "--group", "query"}, []string{`label "less" is -1 in a row`, "at least 0"}},
		{[]string{offers, "--label", "clicks", "--group", "paid"}, []string{`group "paid" is float64`, "text or a whole number"}},
		{[]string{offers, "--label", "clicks", "--group", "query", "--positive", "1"}, []string{"ranking has no positive value"}},
		{[]string{path, "--label", "word", "--task", "multiclass", "--positive", "w0"}, []string{"multiclass has no positive value"}},
		{[]string{path, "--label", "x", "--task", "regression", "--positive", "1"}, []string{"no positive value"}},
		{[]string{alone, "--label", "y"}, []string{"no column to learn from"}},
	} {
		code, out, errs := headrace(append([]string{"new"}, c.args...)...)
		if code != 2 || out != "" {
			t.Errorf("%q: exit %d, %s", c.args, code, out)
		}
		for _, w := range c.want {
			if !strings.Contains(errs, w) {
				t.Errorf("%q: no %q in %s", c.args, w, errs)
			}
		}
	}
	// few whole numbers and few texts are classes
	more := table(t, []string{"grade", "word", "x"}, 600, func(i int) []string {
		return []string{fmt.Sprint(1 + i%5), fmt.Sprintf("w%d", i%4), fmt.Sprint(i%20 + i%3)}
	})
	for _, label := range []string{"grade", "word"} {
		if text := drafted(t, more, "--label", label); !strings.Contains(text, "kind: multiclass") {
			t.Error(text)
		}
	}
	// 1 and 2: the greater counts as 1; the others run
	if text := drafted(t, path, "--label", "two"); !strings.Contains(text, `positive: "2"`) {
		t.Error(text)
	}
}

// Of many classes text of many values has a column for each of the frequent ones: there is no mean of the label to stand for it.
func TestNewClasses(t *testing.T) {
	t.Parallel()
	path := table(t, []string{"kind", "city", "x"}, 800, func(i int) []string {
		kind := i * 7 % 10 % 3
		if i%8 == 0 {
			kind = 0
		}
		return []string{fmt.Sprintf("k%d", kind), fmt.Sprintf("c%d", i*31%97), fmt.Sprint(i * 7 % 10)}
	})
	text := drafted(t, path, "--label", "kind")
	for _, want := range []string{"kind: multiclass", "feature.encode: {columns: [city], method: one_hot, max_categories: 32}", "from: features\n    train.gbdt:"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// offers is a ranking: of each query some rows, of which some have no query. grade, clicks, paid and less are labels.
func offers(t *testing.T) string {
	t.Helper()
	return table(t, []string{"query", "grade", "clicks", "paid", "less", "score", "city", "day", "x"}, 1200, func(i int) []string {
		x := i * 7919 % 100
		query := fmt.Sprintf("q%d", i*31%97)
		if i%100 == 7 {
			query = ""
		}
		return []string{query, fmt.Sprint(x / 25), fmt.Sprint(x), fmt.Sprintf("%d.5", x*3%200), fmt.Sprint(x/25 - 1), fmt.Sprint(x * 7 % 13), fmt.Sprintf("c%d", i*13%89),
			fmt.Sprintf("2001-01-%02d", 1+i%28), fmt.Sprint((x + i*5%40) / 3)}
	})
}

// A ranking is split by its groups, whatever moments there are, and learns labels as they are worth.
func TestNewRanking(t *testing.T) {
	t.Parallel()
	path := offers(t)
	for label, has := range map[string][]string{
		"grade": {"kind: ranking\n  label: grade\n  group: query", "{by: group, train: 0.7", `clean.filter: "query != nil"`, "score: score_column", "metric: ndcg",
			"columns: [city], method: target", `day_weekday: "weekday(day)"`, "evaluate.ranking: {part: test, champion:", "ndcg_10 >= champion.ndcg_10", "Orders the rows of each query by grade"},
		"clicks": {"      label_gain: linear", "evaluate.ranking: {part: test, label_gain: linear, relevant: 7"},
		"paid":   {"      label_gain: linear"},
	} {
		text := drafted(t, path, "--label", label, "--group", "query")
		for _, want := range has {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		for _, bad := range []string{"by: time", "- query", "slices", "kind: regression"} {
			if strings.Contains(text, bad) {
				t.Errorf("%q in\n%s", bad, text)
			}
		}
		if label == "grade" && strings.Contains(text, "linear") {
			t.Error(text)
		}
	}
}

// A copy of the label under another name is left out, with the reason; rows without a label are not learnt from.
func TestNewLeak(t *testing.T) {
	t.Parallel()
	path := table(t, []string{"y", "copy", "x", "when"}, 600, func(i int) []string {
		y := fmt.Sprint(i*7%13 + i%5)
		if i%50 == 3 {
			return []string{"", "1", "2", ""}
		}
		return []string{y, y + ".5", fmt.Sprint(i*7%13 + i*3%7), fmt.Sprintf("2001-01-%02dT10:00:00", 1+i%28)}
	})
	text := drafted(t, path, "--label", "y", "--name", "leaky", "--task", "regression")
	for _, want := range []string{"- copy", " 1.000", `clean.filter: "y != nil"`, "by: random", "- when", `when_hour: "hour(when)"`, "name: leaky"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Many columns without a use take a few lines, among others that have one each.
func TestNewManyDropped(t *testing.T) {
	t.Parallel()
	head := []string{"y", "copy", "x"}
	for i := range 30 {
		head = append(head, fmt.Sprintf("a constant, number %d", i))
	}
	path := table(t, head, 300, func(i int) []string {
		y := fmt.Sprint(i*7%13 + i%5)
		row := []string{y, y + ".5", fmt.Sprint(i*7%13 + i*3%7)}
		for range 30 {
			row = append(row, "1")
		}
		return row
	})
	text := drafted(t, path, "--label", "y", "--task", "regression")
	if n := strings.Count(text, "\n"); n > 75 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for _, want := range []string{"- copy", "- clean.drop:            # one value only\n          [\"a constant, number 0\","} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestInspectCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plot := filepath.Join(dir, "p.svg")
	path := "../../examples/adult/adult_train.parquet"
	code, out, errs := headrace("inspect", path, "--label", "income", "--plot", plot, "--cores", "2")
	if code != 0 || errs != "" || !strings.Contains(out, "with income") || !strings.Contains(out, "plots  "+plot) {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	if _, err := os.Stat(plot); err != nil {
		t.Error(err)
	}
	code, out, _ = headrace("inspect", path, "--json", "--label", "income")
	if code != 0 || !strings.HasPrefix(out, "{") || !strings.Contains(out, `"version": 1`) || !strings.Contains(out, `"measure"`) {
		t.Errorf("exit %d\n%.500s", code, out)
	}
	for _, c := range [][]string{{"inspect", path, "--plot", "x.gif"}, {"inspect", path, "--label", "incme"}, {"inspect"}} {
		if code, _, errs := headrace(c...); code != 2 || errs == "" {
			t.Errorf("%q: exit %d, %s", c, code, errs)
		}
	}
}
