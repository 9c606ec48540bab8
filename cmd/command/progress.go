package command

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/report"
)

// progress is what a run shows while it runs: bars on a terminal, a line a step elsewhere, nothing with --quiet.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	bars  *mpb.Progress
	quiet bool
}

func (a *app) progress() *progress {
	p := &progress{w: a.errs, quiet: a.quiet}
	if !a.quiet && isTerminal(a.errs) {
		p.bars = mpb.New(mpb.WithOutput(a.errs), mpb.WithWidth(min(40, width(a.errs)/3)), mpb.WithRefreshRate(100*time.Millisecond))
	}
	return p
}

// Close ends the bars.
func (p *progress) Close() {
	if p.bars != nil {
		p.bars.Shutdown()
	}
}

// Stage begins something.
func (p *progress) Stage(kind string, steps []string, total int64) exec.Stage {
	name := strings.Join(steps, ", ")
	if len(name) > 36 {
		name = name[:33] + "..."
	}
	s := &stage{p: p, kind: kind, name: name, start: time.Now(), total: total}
	if p.bars != nil {
		s.bar = p.bars.AddBar(0, // without a total it is not done before Done says so
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-9s %-36s", kind, name))),
			mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Any(func(decor.Statistics) string { return s.elapsed() }, decor.WC{W: 8})))
	}
	if s.bar != nil && total > 0 {
		s.bar.SetTotal(total, false)
	}
	return s
}

type stage struct {
	p          *progress
	kind, name string
	start      time.Time
	total      int64
	rows       atomic.Int64
	rounds     atomic.Int64
	took       atomic.Int64 // nanoseconds, once it is done
	bar        *mpb.Bar
	mu         sync.Mutex
	metric     string // the best value so far of what the fit says of itself, the last one where none is better
	value      float64
	step       int
}

// elapsed is how long the stage has run, until it was done.
func (s *stage) elapsed() string {
	d := time.Duration(s.took.Load())
	if d == 0 {
		d = time.Since(s.start)
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// Add counts rows.
func (s *stage) Add(n int64) {
	v := s.rows.Add(n)
	if s.bar != nil && s.rounds.Load() == 0 {
		s.bar.SetCurrent(min(v, max(s.total, 1)))
	}
}

// Set counts rounds: the bar then shows them and not the rows.
func (s *stage) Set(done, total int64) {
	s.rounds.Store(done)
	if s.bar != nil && total > 0 {
		s.bar.SetTotal(total, false)
		s.bar.SetCurrent(done)
	}
}

// Log keeps a metric for the line.
func (s *stage) Log(name string, step int, v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if up := report.Better(name); name == s.metric && up != 0 && up*v <= up*s.value {
		return
	}
	s.metric, s.value, s.step = name, v, step
}

// Done ends the stage with its line or its bar full.
func (s *stage) Done(err error) {
	s.took.Store(int64(max(1, time.Since(s.start))))
	if s.bar != nil {
		if err != nil {
			s.bar.Abort(false)
		} else {
			s.bar.SetTotal(-1, true)
		}
		return
	}
	if s.p.quiet || err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	rounds := ""
	if n := s.rounds.Load(); n > 0 {
		rounds = fmt.Sprintf(", %d rounds", n)
	}
	metric := ""
	if s.metric != "" {
		metric = fmt.Sprintf(", %s %.4f in round %d", s.metric, s.value, s.step)
		if report.Better(s.metric) != 0 {
			metric = ", best" + metric[1:]
		}
	}
	fmt.Fprintf(s.p.w, "%-9s %-36s %s rows%s%s, %s\n", s.kind, s.name, report.Count(s.rows.Load()), rounds, metric, time.Since(s.start).Round(time.Millisecond))
}
