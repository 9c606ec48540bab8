package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/testing/bench/gen"
	"github.com/headrace/headrace/testing/bench/stats"
)

// Report is what a run of the benchmark leaves behind.
type Report struct {
	Machine  string            `json:"machine"` // the class of machine that its figures hold for
	Versions map[string]string `json:"versions"`
	Rows     int64             `json:"rows"`
	Codec    string            `json:"codec"`
	Threads  int               `json:"threads"`
	Rounds   int               `json:"rounds"`
	Interval string            `json:"interval"`
	Results  []Result          `json:"results"`
}

// IntervalDoc says how the intervals of a report are made.
func IntervalDoc(rounds int) string {
	values := make([]float64, rounds)
	for i := range values {
		values[i] = float64(i)
	}
	return fmt.Sprintf("exact order-statistic interval of the median of paired ratios; %d rounds cover %.1f %%",
		rounds, 100*stats.Of(values).Coverage)
}

// NewReport gives a report without results.
func (c *Competition) NewReport() (Report, error) {
	r := Report{
		Machine: Machine(), Versions: map[string]string{"go": runtime.Version()},
		Rows: c.Rows, Codec: c.Codec, Threads: c.Threads, Rounds: c.Rounds, Interval: IntervalDoc(c.Rounds),
	}
	for _, e := range c.Engines {
		v, err := e.version(&c.Setup)
		if err != nil {
			return r, err
		}
		r.Versions[e.Name] = v
	}
	return r, nil
}

// Machine names the class of machine by its processor and its number of cores, fit for a file's name.
func Machine() string {
	name := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for in := bufio.NewScanner(f); in.Scan(); {
			if key, value, ok := strings.Cut(in.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
				name = value
				break
			}
		}
	}
	name = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
	return fmt.Sprintf("%s-%d", name, runtime.NumCPU())
}

// File is the name of a report's file: one for each class of machine, size and codec.
func (r *Report) File(dir, end string) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%s-%s%s", r.Machine, gen.Size(r.Rows), r.Codec, end))
}

// Save writes the report.
func (r *Report) Save(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return files.WriteFile(files.Local(), path, append(text, '\n'))
}

// Load reads a report.
func Load(path string) (r Report, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Measured says whether there is a ratio to show.
func (r *Report) Measured() bool {
	return slices.ContainsFunc(r.Results, func(one Result) bool { return one.Ratios != nil })
}

// Reference is the report less its samples and less the queries that are others for every commit: small enough to be committed.
func (r *Report) Reference() Report {
	ref := *r
	ref.Results = nil
	for _, one := range r.Results {
		one.Samples = nil
		if !strings.HasPrefix(one.Name, RandomPrefix) && one.Ratios != nil {
			ref.Results = append(ref.Results, one)
		}
	}
	return ref
}

// RandomPrefix begins the names of random queries.
const RandomPrefix = "random "

// SlowerMax is how much greater than the reference's a ratio may be, at the low end of its interval.
const SlowerMax = 1.15

// Slower gives what has become slower against the peers than ref says, a sentence each, and how many ratios were compared: those of
// the queries that were asked for. One that the reference has and that is not measured any more is slower than anything.
func (r *Report) Slower(ref *Report, asked func(name string) bool) (slower []string, compared int) {
	measured := map[string]Result{}
	for _, one := range r.Results {
		measured[one.Name] = one
	}
	for _, one := range ref.Results {
		if !asked(one.Name) {
			continue
		}
		for _, peer := range sortedKeys(one.Ratios) {
			was := one.Ratios[peer].times(one.Name, one.Core)
			now := measured[one.Name].Ratios[peer].times(one.Name, one.Core)
			for i := range was {
				if i >= len(now) || now[i].Mid == 0 {
					slower = append(slower, fmt.Sprintf("%s: no ratio to %s any more", was[i].name, peer))
					continue
				}
				compared++
				if now[i].Low > SlowerMax*was[i].Mid {
					slower = append(slower, fmt.Sprintf("%s: %.2f to %.2f of %s's time, was %.2f", was[i].name, now[i].Low, now[i].High, peer, was[i].Mid))
				}
			}
		}
	}
	return slower, compared
}

// timed is a ratio of times with its name.
type timed struct {
	name string
	stats.Interval
}

// times are the ratios of wall time: of the whole and, where it was told, of what it is about.
func (r Ratio) times(name, core string) []timed {
	t := []timed{{name, r.Wall}}
	if r.Core != nil {
		t = append(t, timed{name + ", " + core, *r.Core})
	}
	return t
}

// Print writes the report as two tables of at most 80 columns.
func (r *Report) Print(w io.Writer, engines []Engine) {
	fmt.Fprintf(w, "\n%s rows, %s, %d threads, %d rounds, %s\n", gen.Size(r.Rows), r.Codec, r.Threads, r.Rounds, r.Machine)
	for _, name := range sortedKeys(r.Versions) {
		fmt.Fprintf(w, "%s %s  ", name, r.Versions[name])
	}
	fmt.Fprint(w, "\n\nmedians: s of wall time, s of processor time, MiB of memory\n")
	var head []string
	for i := range r.Results {
		one := &r.Results[i]
		measured := one.measured(engines)
		if len(measured) > 0 && !slices.Equal(measured, head) { // whoever does other work stands under other names
			head = measured
			fmt.Fprintf(w, "%-17s", "")
			for _, name := range head {
				fmt.Fprintf(w, "%21s", name)
			}
			fmt.Fprintln(w)
		}
		one.printMedians(w, measured)
	}
	first := engines[0].Name
	fmt.Fprintf(w, "\n%s's part of a peer's (below 1: less) [interval]\n", first)
	fmt.Fprintf(w, "%-17s %-7s %-18s %-17s %s\n", "", "", "wall", "processor", "memory")
	for i := range r.Results {
		r.Results[i].printRatios(w, engines)
	}
	fmt.Fprintf(w, "intervals: %s\n", wrap(r.Interval, 69))
}

func wrap(s string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(s) {
		switch {
		case i == 0:
		case at+1+len(word) > width:
			b.WriteString("\n  ")
			at = 2
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String()
}

// measured are the names of the engines that have medians.
func (r *Result) measured(engines []Engine) (names []string) {
	for _, e := range engines {
		if _, ok := r.Medians[e.Name]; ok {
			names = append(names, e.Name)
		}
	}
	return names
}

func (r *Result) printMedians(w io.Writer, measured []string) {
	fmt.Fprintf(w, "%-17s", r.Name)
	switch {
	case r.NotYet != "":
		fmt.Fprint(w, "  not yet")
	case r.Differs != "":
		fmt.Fprint(w, "  results differ")
	default:
		for _, name := range measured {
			m := r.Medians[name]
			fmt.Fprintf(w, "%8s%7s%6.0f", short(m.Wall), short(m.CPU), m.Peak)
		}
	}
	fmt.Fprintln(w)
	if r.Core != "" && len(measured) > 0 {
		fmt.Fprintf(w, "%-17s", "  "+r.Core)
		for _, name := range measured {
			fmt.Fprintf(w, "%8s%13s", short(r.Medians[name].Core), "")
		}
		fmt.Fprintln(w)
	}
	for _, name := range measured {
		for _, p := range r.Medians[name].Apart {
			fmt.Fprintf(w, "%-17s%8s%7s  left out of %s: %s\n", "", short(p.Wall), short(p.CPU), name, p.Name)
		}
	}
	for _, name := range measured {
		if s, ok := r.Scores[name]; ok {
			fmt.Fprintf(w, "%-17s%8.4f  score of %s\n", "", s, name)
		}
	}
}

// short is a number of seconds in at most six places.
func short(seconds float64) string {
	switch {
	case seconds >= 100:
		return fmt.Sprintf("%.1f", seconds)
	case seconds < 0.1:
		return fmt.Sprintf("%.4f", seconds)
	}
	return fmt.Sprintf("%.2f", seconds)
}

func (r *Result) printRatios(w io.Writer, engines []Engine) {
	for _, e := range engines[1:] {
		if x, ok := r.Ratios[e.Name]; ok {
			fmt.Fprintf(w, "%-17s %-7s %-18s %-17s %s\n", r.Name, e.Name, interval(x.Wall), interval(x.CPU), interval(x.Peak))
			if x.Core != nil {
				fmt.Fprintf(w, "%-17s %-7s %s\n", "  "+r.Core, e.Name, interval(*x.Core))
			}
		}
	}
}

func interval(i stats.Interval) string { return fmt.Sprintf("%.2f [%.2f %.2f]", i.Mid, i.Low, i.High) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
