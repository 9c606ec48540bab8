package bench

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/bench/account"
	"github.com/headrace/headrace/testing/bench/stats"
)

// The test program is its own launcher, as the benchmark is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == MeasureArg {
		if err := Measure(os.Args[2:]); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// What a child is measured at is its own: not the memory of the harness, but the work of its children.
func TestMeasureIsOfTheChild(t *testing.T) {
	ballast := make([]byte, 256<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	s, err := Command{Args: []string{"sh", "-c", "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'"}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if s.Peak > 128 || s.Peak <= 0 {
		t.Errorf("a shell took %.0f MiB beside a harness of %d", s.Peak, len(ballast)>>20)
	}
	if s.CPU < 0.02 || s.Wall < 0.02 {
		t.Errorf("300,000 turns of a shell's loop in its child took %+v", s)
	}
	ballast[0]++
}

func TestAFailedCommandSaysWhy(t *testing.T) {
	_, err := Command{Args: []string{"sh", "-c", "echo no such luck >&2; exit 3"}}.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("the error is %v", err)
	}
}

func put(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSameTable(t *testing.T) {
	const want = "k,n,x\na,1,0.5\nb,2,\n"
	for _, c := range []struct {
		got  string
		keys int
		same bool
	}{
		{want, 1, true},
		{"k,n,x\nb,2.0,\na,1,0.5000000000001\n", 1, true}, // rows in another order, the last bits
		{"k,n,x\nb,2,\na,1,0.5\n", 0, false},              // the order counts
		{"k,n,x\na,1,0.500001\nb,2,\n", 1, false},
		{"k,n,x\na,1,0.5\nb,2,0\n", 1, false}, // null is not 0
		{"k,n,x\na,1,0.5\nc,2,\n", 1, false},
		{"k,n,x\na,1,0.5\n", 1, false},
		{"k,n,y\na,1,0.5\nb,2,\n", 1, false},
	} {
		err := sameTable(context.Background(), &Query{Keys: c.keys}, put(t, want), put(t, c.got), "")
		if (err == nil) != c.same {
			t.Errorf("%q with %d keys: %v", c.got, c.keys, err)
		}
	}
	const none = "k,n,x\n" // of a condition that no row meets
	for got, same := range map[string]bool{none: true, want: false, "k,n,y\n": false, "": false} {
		if err := sameTable(context.Background(), &Query{Keys: 1}, put(t, none), put(t, got), ""); (err == nil) != same {
			t.Errorf("%q beside a result of no rows: %v", got, err)
		}
	}
}

func TestWithinBounds(t *testing.T) {
	bounds := put(t, "a_lo,a_hi,b_lo,b_hi\n1,2,-5,-5\n")
	for got, same := range map[string]bool{"a,b\n1.5,-5\n": true, "a,b\n2.1,-5\n": false, "a,b\n1.5,\n": false, "a,b\n": false, "a\n1.5\n": false, "a,c\n1.5,-5\n": false} {
		if err := withinBounds(context.Background(), nil, "", put(t, got), bounds); (err == nil) != same {
			t.Errorf("%q: %v", got, err)
		}
	}
}

func ratio(mid, low, high float64) map[string]Ratio {
	return map[string]Ratio{"peer": {Wall: stats.Interval{Mid: mid, Low: low, High: high}}}
}

func TestSlower(t *testing.T) {
	ref := Report{Results: []Result{{Name: "a", Ratios: ratio(0.5, 0.4, 0.6)}}}
	for _, c := range []struct {
		now    Result
		slower int
	}{
		{Result{Name: "a", Ratios: ratio(0.7, 0.57, 0.9)}, 0},  // the low end is within 1.15 times 0.5
		{Result{Name: "a", Ratios: ratio(0.7, 0.58, 0.9)}, 1},  // not any more
		{Result{Name: "a", NotYet: "no operator"}, 1},          // not measured any more
		{Result{Name: "b", Ratios: ratio(0.1, 0.1, 0.1)}, 1},   // nor here
		{Result{Name: "a", Ratios: ratio(0.2, 0.15, 0.25)}, 0}, // faster
	} {
		now := Report{Results: []Result{c.now}}
		slower, _ := now.Slower(&ref, func(string) bool { return true })
		if len(slower) != c.slower {
			t.Errorf("%+v: %v", c.now, slower)
		}
		if slower, compared := now.Slower(&ref, func(string) bool { return false }); len(slower) > 0 || compared > 0 {
			t.Errorf("%+v: %v of %d, of nothing asked for", c.now, slower, compared)
		}
	}
}

// What a row is about may not become slower either.
func TestSlowerOfTheCore(t *testing.T) {
	with := func(core float64) Report {
		r := ratio(0.5, 0.5, 0.5)
		x := r["peer"]
		if core > 0 {
			x.Core = &stats.Interval{Mid: core, Low: core, High: core}
		}
		r["peer"] = x
		return Report{Results: []Result{{Name: "a", Core: "train only", Ratios: r}}}
	}
	ref := with(0.4)
	for core, want := range map[float64]int{0.4: 0, 0.47: 1, 0: 1} {
		now := with(core)
		if slower, _ := now.Slower(&ref, func(string) bool { return true }); len(slower) != want {
			t.Errorf("%v, was 0.4: %v", core, slower)
		}
	}
}

func TestReportFitsTheScreen(t *testing.T) {
	big := Sample{Wall: 1234.5, CPU: 2345.6, Peak: 64000, Core: 1233.4}
	r := Report{Machine: "some-processor-of-a-long-name-16", Rows: 3e7, Codec: "snappy", Rounds: 7, Interval: IntervalDoc(7)}
	wide := Ratio{
		Wall: stats.Interval{Mid: 10.25, Low: 10.11, High: 10.5}, CPU: stats.Interval{Mid: 1, Low: 1, High: 1},
		Peak: stats.Interval{Mid: 0.01, Low: 0.01, High: 0.02},
	}
	r.Results = []Result{{
		Name: "10 features", Medians: map[string]Sample{"headrace": big, "duckdb": big, "polars": big},
		Ratios: map[string]Ratio{"duckdb": wide, "polars": wide},
	}}
	var b strings.Builder
	r.Results = append(r.Results, Result{
		Name: "11 job", Medians: map[string]Sample{"headrace": big, "xgboost": {Wall: 1234.5, CPU: 2345.6, Peak: 64000, Apart: []account.Phase{{Name: "hand-over written", Wall: 123.4, CPU: 234.5}}}},
		Ratios: map[string]Ratio{"xgboost": wide}, Scores: map[string]float64{"headrace": 0.71, "xgboost": 0.70},
	})
	told := wide
	told.Core = &stats.Interval{Mid: 0.3, Low: 0.25, High: 0.35}
	r.Results = append(r.Results, Result{
		Name: "train flights 255", Core: "train only", Medians: map[string]Sample{"headrace": big, "xgboost": big, "sklearn": big},
		Ratios: map[string]Ratio{"xgboost": told, "sklearn": told},
	})
	r.Print(&b, Engines)
	for line := range strings.Lines(b.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	for _, want := range []string{"98.4 %", "10.25 [10.11 10.50]", "123.4  234.5  left out of xgboost: hand-over written", "0.7100  score of headrace",
		"1233.4               1233.4               1233.4", "train only      xgboost 0.30 [0.25 0.35]"} {
		if got := b.String(); !strings.Contains(got, want) {
			t.Errorf("the report does not say %q:\n%s", want, got)
		}
	}
	for _, end := range []string{".svg", ".png"} {
		if err := r.Plot(filepath.Join(t.TempDir(), "ratios"+end), Engines); err != nil {
			t.Error(err)
		}
	}
}

// Every row is there in the languages of all who do it.
func TestRowsAreComplete(t *testing.T) {
	root := filepath.Join("..", "..")
	all := append(Rows(root), EmptyQuery(root))
	if len(all) != 29 {
		t.Errorf("%d rows, not eleven, five of training, eight of forests, four of predicting and the empty one", len(all))
	}
	ends := map[string][]string{"duckdb": {".sql"}, "polars": {".polars.js"}, "xgboost": {".sql", ".py"}}
	for _, q := range all {
		engines := q.among(Engines)
		if q.Program != nil {
			for _, e := range engines {
				s := Setup{Root: root}
				c, err := q.Program.command(&s, e.Name, "data", "out")
				if err != nil {
					t.Fatal(err)
				}
				for _, arg := range c.Args {
					if filepath.Ext(arg) == ".py" {
						if _, err := os.Stat(arg); err != nil {
							t.Error(err)
						}
					}
				}
			}
			continue
		}
		files := []string{q.dag()}
		for _, e := range engines[1:] {
			for _, end := range ends[e.Name] {
				files = append(files, q.File+end)
			}
		}
		if len(files) < 3 || engines[0].Name != Engines[0].Name {
			t.Errorf("%s is done by %d engines", q.Name, len(engines))
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		}
	}
}

// What a process says was not its work is neither its time.
func TestPhasesAreLeftOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	run := func(told string) (Sample, error) {
		script := "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep 0.2; echo '{" + told + "}' > told.json"
		return Command{Args: []string{"sh", "-c", "cd " + dir + "; " + script}, Dir: dir, Account: filepath.Join(dir, "told.json")}.Run(context.Background())
	}
	whole, err := run(`"core": 0.1, "peak": 0.5`)
	if err != nil || whole.Wall < 0.2 || len(whole.Apart) > 0 || whole.Core != 0.1 || whole.Peak != 0.5 {
		t.Fatalf("%+v, %v", whole, err)
	}
	part, err := run(`"apart": [{"name": "sleep", "wall": 0.19, "cpu": 0.001}]`)
	if err != nil || part.Wall > whole.Wall-0.1 || len(part.Apart) != 1 || part.Apart[0].Name != "sleep" || part.Peak < 1 {
		t.Errorf("of %+v is left %+v, %v", whole, part, err)
	}
	for _, bad := range []string{`"apart": [{"name": "all", "wall": 100}]`, `"core": 100`, "none"} {
		if _, err := run(bad); err == nil {
			t.Errorf("%s is taken for an account", bad)
		}
	}
}

// predictions writes labels with their predictions as NumPy does, or as Parquet.
func predictions(t *testing.T, end string, rows []scored) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p"+end)
	if end == ".npy" {
		head := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 3), }", len(rows))
		text := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), 0)
		text = append(text, head...)
		for i, r := range rows {
			for _, v := range []float64{float64(i), r.late, r.p} {
				text = binary.LittleEndian.AppendUint64(text, math.Float64bits(v))
			}
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o := parquet.New()
	o.Path = path
	w, err := o.Create(context.Background(), files.Local(), operators.Of(
		operators.Field{Name: "p", Type: batch.T(batch.Float64)}, operators.Field{Name: "late", Type: batch.T(batch.Bool)}))
	if err != nil {
		t.Fatal(err)
	}
	p, late := make([]float64, len(rows)), make([]bool, len(rows))
	for i, r := range rows {
		p[i], late[i] = r.p, r.late == 1
	}
	if err := w.Write(batch.Batch{N: len(rows), Cols: []batch.Column{batch.OfFloat64s(p), batch.OfBools(late)}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return path
}

// The area is that of counting pairs, whoever wrote the predictions.
func TestAUC(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{2, 3, 10, 500} {
		rows := []scored{{1, 0.5}, {0, 0.25}}
		for len(rows) < n {
			rows = append(rows, scored{float64(r.IntN(2)), float64(r.IntN(n)) / float64(n)}) // with ties
		}
		var right, pairs float64
		for _, a := range rows {
			for _, b := range rows {
				if a.late == 1 && b.late == 0 {
					pairs++
					switch {
					case a.p > b.p:
						right++
					case a.p == b.p:
						right += 0.5
					}
				}
			}
		}
		for _, end := range []string{".npy", ".parquet"} {
			got, seen, err := auc(context.Background(), predictions(t, end, rows))
			if err != nil || seen != n || math.Abs(got-right/pairs) > 1e-12 {
				t.Errorf("%d rows, %s: %v of %d rows, %v; want %v", n, end, got, seen, err, right/pairs)
			}
		}
	}
	for _, bad := range [][]scored{{{1, math.NaN()}, {0, 1}}, {{2, 1}}} {
		if got, _, err := auc(context.Background(), predictions(t, ".npy", bad)); err == nil {
			t.Errorf("%v scores %v", bad, got)
		}
	}
	if _, _, err := auc(context.Background(), put(t, "late,p\n1,1\n")); err == nil {
		t.Error("a CSV file is taken for Parquet")
	}
}

// Of classes the share of right ones counts, of numbers R2.
func TestAccuracyAndR2(t *testing.T) {
	rows := []scored{{1, 1}, {2, 3}, {3, 3}, {6, 5}}
	path := predictions(t, ".npy", rows)
	if got, n, err := accuracy(context.Background(), path); got != 0.5 || n != 4 || err != nil {
		t.Errorf("accuracy %v of %d rows, %v", got, n, err)
	}
	// 2 wrong in squares, of 4+1+0+9
	if got, n, err := determined(context.Background(), path); math.Abs(got-(1-2.0/14)) > 1e-15 || n != 4 || err != nil {
		t.Errorf("R2 %v of %d rows, %v", got, n, err)
	}
	for _, score := range []func(context.Context, string) (float64, int, error){accuracy, determined} {
		if got, _, err := score(context.Background(), predictions(t, ".npy", nil)); err == nil {
			t.Errorf("no rows score %v", got)
		}
	}
}

// Scores that are too far apart, and results of other rows, differ.
func TestScores(t *testing.T) {
	c := Competition{Setup: Setup{Dir: t.TempDir()}}
	engines := []Engine{{Name: "a"}, {Name: "b", ext: ".npy"}}
	for _, x := range []struct {
		near, far, least float64
		rows             int
		ours             float64 // a peer's is 0.71
		same             bool
	}{
		{0.02, 0, 0, 9, 0.70, true}, {0.005, 0, 0, 9, 0.70, false}, {0.005, 0.02, 0, 9, 0.70, false},
		{0.02, 0, 0, 9, 0.72, true}, {0.005, 0, 0, 9, 0.72, false}, {0.005, 0.02, 0, 9, 0.72, true},
		{0.02, 0, 0, 8, 0.70, false}, {0.02, 0, 0.701, 9, 0.70, false}, {1, 0, 0, 9, math.NaN(), false},
	} {
		var r Result
		q := &Query{File: "q", Ext: ".csv", Near: x.near, Far: x.far, Least: x.least}
		by := 0.0
		q.Score = func(_ context.Context, path string) (float64, int, error) {
			if strings.HasSuffix(path, "q.b.npy") {
				return 0.71 + by, 9, nil
			}
			return x.ours + by, x.rows, nil
		}
		differs := ""
		for nth := range 3 { // the mean counts
			by = []float64{0, 0.1, -0.1}[nth]
			differs = cmp.Or(differs, c.score(context.Background(), engines, q, nth, &r))
		}
		differs = cmp.Or(differs, q.rank(engines, r.Scores))
		if (differs == "") != x.same || x.rows == 9 && math.Abs(r.Scores["b"]-0.71) > 1e-12 {
			t.Errorf("%+v: %q, %v", x, differs, r.Scores)
		}
	}
}

// A program's data are taken by turns, and what it says of itself is what its row shows.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	// what runs is this program, which measures a shell
	shell := `while [ $# -gt 1 ]; do case $1 in --out) out=$2;; --account) told=$2;; esac; shift; done
		cat $1 > $out; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo '{"core": 0.001, "peak": 7}' > $told`
	for i, score := range []string{"0.5", "0.7"} {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(score), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	q := Query{
		Name: "p", File: "p", Ext: ".txt", Peers: []string{"b"}, Near: 0.001,
		Score: func(_ context.Context, path string) (float64, int, error) {
			text, err := os.ReadFile(path)
			if err != nil {
				return 0, 0, err
			}
			score, err := strconv.ParseFloat(string(text), 64)
			return score, 1, err
		},
		Program: &Program{
			Core: "some",
			Data: func(context.Context, *Setup) ([]string, error) {
				return []string{filepath.Join(dir, "0"), filepath.Join(dir, "1")}, nil
			},
			Args: map[string][]string{"a": {Self, MeasureArg, "sh", "-c", shell, "sh"}, "b": {Self, MeasureArg, "sh", "-c", shell, "sh"}},
		},
	}
	c := Competition{Setup: Setup{Root: dir, Dir: dir}, Engines: []Engine{{Name: "a"}, {Name: "b"}}, Queries: []Query{q}, Rounds: 2, Log: io.Discard}
	results, err := c.Run(context.Background())
	if err != nil || len(results) != 1 || results[0].Differs != "" {
		t.Fatalf("%+v, %v", results, err)
	}
	r := results[0]
	if m := r.Medians["b"]; m.Core != 0.001 || m.Peak != 7 || math.Abs(r.Scores["a"]-0.6) > 1e-12 || r.Ratios["b"].Core.Mid != 1 || r.Core != "some" {
		t.Errorf("%+v", r)
	}
}
