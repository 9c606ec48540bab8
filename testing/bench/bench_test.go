package bench

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
}

func TestWithinBounds(t *testing.T) {
	bounds := put(t, "a_lo,a_hi,b_lo,b_hi\n1,2,-5,-5\n")
	for got, same := range map[string]bool{"a,b\n1.5,-5\n": true, "a,b\n2.1,-5\n": false, "a,b\n1.5,\n": false, "a\n1.5\n": false, "a,c\n1.5,-5\n": false} {
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

func TestReportFitsTheScreen(t *testing.T) {
	big := Sample{1234.5, 2345.6, 64000}
	r := Report{Machine: "some-processor-of-a-long-name-16", Rows: 3e7, Codec: "snappy", Rounds: 7, Interval: IntervalDoc(7)}
	wide := Ratio{stats.Interval{Mid: 10.25, Low: 10.11, High: 10.5}, stats.Interval{Mid: 1, Low: 1, High: 1}, stats.Interval{Mid: 0.01, Low: 0.01, High: 0.02}}
	r.Results = []Result{{
		Name: "10 features", Medians: map[string]Sample{"headrace": big, "duckdb": big, "polars": big},
		Ratios: map[string]Ratio{"duckdb": wide, "polars": wide},
	}}
	var b strings.Builder
	r.Print(&b, Engines)
	for line := range strings.Lines(b.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if got := b.String(); !strings.Contains(got, "98.4 %") || !strings.Contains(got, "10.25 [10.11 10.50]") {
		t.Errorf("the report says\n%s", got)
	}
}

// Every row is there in three languages.
func TestRowsAreComplete(t *testing.T) {
	root := filepath.Join("..", "..")
	all := append(Rows(root), EmptyQuery(root))
	if len(all) != 11 {
		t.Errorf("%d rows, not ten and the empty one", len(all))
	}
	for _, q := range all {
		for _, end := range []string{".yaml", ".sql", ".polars.js"} {
			if _, err := os.Stat(q.File + end); err != nil {
				t.Error(err)
			}
		}
	}
}
