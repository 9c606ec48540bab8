package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/engine/store"
)

// digesting takes the digests of the sources while the run goes on.
type digesting struct {
	cancel context.CancelFunc
	done   chan struct{}
	out    map[string]string
	err    error
}

// digest starts taking the digest of every source of a plan. The files stay what they are while the run reads them: the connectors hold
// them to their size and time.
func digest(ctx context.Context, known *store.Digests, pl *plan.Plan, by store.Algorithm) *digesting {
	ctx, cancel := context.WithCancel(ctx)
	d := &digesting{cancel: cancel, done: make(chan struct{}), out: map[string]string{}}
	go func() {
		defer close(d.done)
		for _, n := range pl.Nodes {
			if n.Source == nil || d.err != nil {
				continue
			}
			var sum string
			if sum, d.err = digestFiles(ctx, known, n.Source, by); d.err != nil {
				d.err = fmt.Errorf("source %q: %w", n.ID, d.err)
				return
			}
			d.out[n.ID] = sum
		}
		_ = known.Save() // a run whose sums are not remembered is a run all the same
	}()
	return d
}

// digestFiles is the sum of a source's file, or of the sums of its files in their order.
func digestFiles(ctx context.Context, known *store.Digests, s *plan.Source, by store.Algorithm) (sum string, err error) {
	var all strings.Builder
	list := s.Data.Files()
	for _, f := range list {
		if sum, err = known.Of(ctx, f.Path, by); err != nil {
			return "", fmt.Errorf("%s: %w", f.Path, err)
		}
		fmt.Fprintln(&all, sum)
	}
	if len(list) == 1 {
		return sum, nil
	}
	return by.Sum(strings.NewReader(all.String()))
}

// wait gives the digests by source.
func (d *digesting) wait() (map[string]string, error) {
	<-d.done
	return d.out, d.err
}

// stop ends it where the run has ended without them.
func (d *digesting) stop() {
	d.cancel()
	<-d.done
}
