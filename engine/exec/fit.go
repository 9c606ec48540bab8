package exec

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// Fit runs every fit that something asks for, and makes every table.
func (x *Exec) Fit(ctx context.Context) error {
	all := Stages(x.plan)
	for _, n := range x.plan.Nodes {
		if made(n) && !slices.ContainsFunc(all, func(s []*plan.Node) bool { return slices.Contains(s, n) }) {
			return fmt.Errorf("internal error: %s never becomes ready", n.ID)
		}
	}
	for _, todo := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		do := func() error { return x.fit(ctx, todo) }
		switch n := todo[0]; {
		case n.Relational():
			do = func() error { return x.table(ctx, n) }
		case n.Sifts():
			do = func() error { return x.sift(ctx, n) }
		}
		if err := Guard(do); err != nil {
			return err
		}
	}
	return nil
}

// fitting is one fit under way.
type fitting struct {
	n     *plan.Node
	fit   operators.Fit
	accs  []operators.Acc // one a worker
	train [][]batch.Batch // gathered, a list a worker
	valid [][]batch.Batch
	held  atomic.Int64 // bytes gathered
	group []*fitting   // the folds of one scope and the full fit, which share an accumulator a fold on the first pass
	lead  bool
	again bool
}

func (x *Exec) fit(ctx context.Context, nodes []*plan.Node) (err error) {
	var st Stage = silent{} // for fits that are settled without a row
	if slices.ContainsFunc(nodes, func(n *plan.Node) bool { return !blind(n) }) {
		st = x.opt.Progress.Stage("fit", labels(nodes), x.total(readBase(nodes[0])))
	}
	defer func() { st.Done(err) }()
	var live []*fitting
	for _, n := range nodes {
		f := &fitting{n: n}
		if l, ok := n.Op.(operators.Learn); ok {
			if err := inStep(n, Guard(func() error { f.fit = l.Begin(n.Site); return nil })); err != nil {
				return err
			}
		}
		live = append(live, f)
	}
	for pass := 0; len(live) > 0; pass++ {
		if pass == 0 {
			groups(live)
		} else {
			for _, f := range live {
				f.group, f.lead = nil, false
			}
		}
		if err := x.pass(ctx, live, st); err != nil {
			return err
		}
		var next []*fitting
		for _, f := range live {
			if err := inStep(f.n, Guard(func() error { return x.end(ctx, f, st) })); err != nil {
				return err
			}
			if f.again {
				next = append(next, f)
			}
		}
		live = next
	}
	return nil
}

// groups finds the copies of a fit in one fold scope that read the same rows but for the folds that they may not see: on the first
// pass each row is then added once, to its fold's accumulator, and the fits take the merges of the others.
func groups(live []*fitting) {
	type key struct {
		folds *plan.Folds
		in    *plan.Node
		path  string
	}
	by := map[key][]*fitting{}
	var keys []key
	for _, f := range live {
		if f.fit == nil || f.n.Out.Reads.Parts != batch.TrainRows {
			continue
		}
		if t := len(f.n.Nots); t > 0 {
			s := f.n.Nots[t-1].Folds
			k := key{s, f.n.In[f.n.Out.Reads.Input], f.n.Path}
			if by[k] == nil {
				keys = append(keys, k)
			}
			by[k] = append(by[k], f)
		}
	}
	// where scopes nest, the full fit of an inner one is a fold's copy of an outer one: it can share with one of them, the inner one
	slices.SortStableFunc(keys, func(a, b key) int { return len(by[b][0].n.Nots) - len(by[a][0].n.Nots) })
	for _, k := range keys {
		g := by[k]
		if len(g) != k.folds.K || slices.ContainsFunc(g, func(f *fitting) bool { return f.group != nil }) {
			continue // some copies read rows that differ otherwise, or share already
		}
		for _, f := range live { // the full fit of the scope, if it is here
			if f.fit != nil && f.group == nil && f.n.Path == k.path && f.n.In[f.n.Out.Reads.Input] == k.in && len(f.n.Nots) == len(g[0].n.Nots)-1 &&
				slices.Equal(f.n.Nots, g[0].n.Nots[:len(f.n.Nots)]) {
				g = append(g, f)
			}
		}
		slices.SortFunc(g[:k.folds.K], func(a, b *fitting) int { return lastNot(a).Is - lastNot(b).Is })
		for _, f := range g {
			f.group = g
		}
		g[0].lead = true
	}
}

func lastNot(f *fitting) plan.Not { return f.n.Nots[len(f.n.Nots)-1] }

// pass scans once for all fits that are alive.
func (x *Exec) pass(ctx context.Context, live []*fitting, st Stage) error {
	var wants []want
	for _, f := range live {
		r := f.n.Out.Reads
		if f.fit != nil {
			f.accs = make([]operators.Acc, x.opt.Workers)
			for w := range f.accs {
				if err := inStep(f.n, Guard(func() error { f.accs[w] = f.fit.Acc(); return nil })); err != nil {
					return err
				}
			}
		} else {
			f.train, f.valid = make([][]batch.Batch, x.opt.Workers), make([][]batch.Batch, x.opt.Workers)
		}
		if blind(f.n) || f.group != nil && !f.lead {
			continue
		}
		var take func(w int, c *batch.Ctx, b batch.Batch) error
		switch {
		case f.lead:
			take = f.addFolds
		case f.fit != nil:
			take = func(w int, c *batch.Ctx, b batch.Batch) error {
				if b = selected(c, b, r.Parts, f.n.Nots); b.N == 0 {
					return nil
				}
				return f.accs[w].Add(c, b)
			}
		default:
			take = func(w int, c *batch.Ctx, b batch.Batch) error {
				t, v := selected(c, b, r.Parts&batch.TrainRows, f.n.Nots), selected(c, b, r.Parts&batch.ValidRows, nil)
				t.Part, t.Key, v.Part, v.Key = nil, nil, nil, nil // who gathers is given columns
				if t.N > 0 {
					f.train[w] = append(f.train[w], t.Clone())
				}
				if v.N > 0 {
					f.valid[w] = append(f.valid[w], v.Clone())
				}
				// twice: the rows as they come, and then in one piece
				return x.grant(f.held.Add(2 * (t.Bytes() + v.Bytes())))
			}
		}
		s := &sink{parts: r.Parts, take: func(w int, c *batch.Ctx, b batch.Batch) error {
			return inStep(f.n, Guard(func() error { return take(w, c, b) }))
		}}
		wants = append(wants, want{f.n.In[r.Input], r.Cols, s})
	}
	if len(wants) == 0 {
		return nil
	}
	if err := x.scan(ctx, Base(wants[0].n), wants, st, nil); err != nil {
		return err
	}
	for _, f := range live {
		if err := inStep(f.n, Guard(f.merge)); err != nil {
			return err
		}
	}
	for _, f := range live {
		if f.lead {
			if err := inStep(f.n, Guard(f.complement)); err != nil {
				return err
			}
		}
	}
	return nil
}

// merge puts the workers' accumulators into the first.
func (f *fitting) merge() error {
	for w := 1; w < len(f.accs); w++ {
		if err := f.accs[0].Merge(f.accs[w]); err != nil {
			return err
		}
	}
	return nil
}

// addFolds adds each train row to the accumulator of its fold.
func (f *fitting) addFolds(w int, c *batch.Ctx, b batch.Batch) error {
	not := lastNot(f)
	outer := f.n.Nots[:len(f.n.Nots)-1]
	b = selected(c, b, batch.TrainRows, outer)
	fold := c.Int32s(b.N)
	for i := range fold {
		fold[i] = int32(not.Folds.Of(b.KeyAt(i)))
	}
	for k, idx := range byFold(c, fold, not.Folds.K) {
		if len(idx) == 0 {
			continue
		}
		if err := f.group[k].accs[w].Add(c, b.Take(c, idx)); err != nil {
			return err
		}
	}
	return nil
}

// byFold lists the rows of each fold, of folds below k.
func byFold(c *batch.Ctx, fold []int32, k int) [][]int32 {
	counts := make([]int, k)
	for _, f := range fold {
		counts[f]++
	}
	rows, index := c.Int32s(len(fold)), make([][]int32, k)
	for f := range index {
		index[f], rows = rows[:0:counts[f]], rows[counts[f]:]
	}
	for i, f := range fold {
		index[f] = append(index[f], int32(i))
	}
	return index
}

// complement turns the accumulators of single folds into those of all folds but one, and of all.
func (f *fitting) complement() error {
	k := lastNot(f).Folds.K
	parts := make([]operators.Acc, k)
	for i := range parts {
		parts[i] = f.group[i].accs[0]
	}
	for i, g := range f.group { // behind the folds' fits stands the full one, which leaves none out
		a := g.fit.Acc()
		for j, p := range parts {
			if j != i {
				if err := a.Merge(p); err != nil {
					return err
				}
			}
		}
		g.accs = []operators.Acc{a}
	}
	return nil
}

// selected are the rows that a fit may see.
func selected(c *batch.Ctx, b batch.Batch, parts batch.Parts, nots []plan.Not) batch.Batch {
	if parts == batch.AllRows && len(nots) == 0 {
		return b
	}
	if b.Part == nil && len(nots) == 0 {
		if parts.Has(batch.Train) {
			return b
		}
		return batch.Batch{}
	}
	all := true
	bits := c.Bitmap(b.N)
	for i := range b.N {
		p := b.PartAt(i)
		ok := parts.Has(p)
		if ok && p == batch.Train {
			for _, t := range nots {
				if t.Folds.Of(b.KeyAt(i)) == t.Is {
					ok = false
					break
				}
			}
		}
		if ok {
			bits[i>>6] |= 1 << (i & 63)
		} else {
			all = false
		}
	}
	if all {
		return b
	}
	return choose(c, b, bits)
}

// end finishes a pass of one fit.
func (x *Exec) end(ctx context.Context, f *fitting, st Stage) (err error) {
	env := x.env(ctx, f.n, st)
	var fitted operators.Fitted
	if f.fit != nil {
		f.again, err = f.fit.End(env, f.accs[0])
		f.accs = nil
		if err != nil || f.again {
			return err
		}
		fitted = f.fit.Fitted()
	} else {
		train, err := x.gathered(f.train, f.n)
		f.train = nil
		if err != nil {
			return err
		}
		valid, err := x.gathered(f.valid, f.n)
		f.valid = nil
		if err != nil {
			return err
		}
		if train.N == 0 {
			return &operators.ErrData{Err: operators.ErrNoRows}
		}
		if fitted, err = f.n.Op.(operators.Gather).Fit(f.n.Site, env, train, valid); err != nil {
			return err
		}
	}
	g := fitted.Program.Of(f.n.Label())
	f.n.Prog, f.n.Notes = &g, fitted.Notes
	return nil
}

func (x *Exec) gathered(parts [][]batch.Batch, n *plan.Node) (operators.Table, error) {
	all := slices.Concat(parts...)
	unnamed(all)
	b, err := x.inOrder(all, n.In[n.Out.Reads.Input], n.Out.Reads.Cols)
	return operators.Table{N: b.N, Cols: b.Cols}, err
}

// labels are the steps of nodes, each once.
func labels(nodes []*plan.Node) (s []string) {
	for _, n := range nodes {
		if l := n.Label(); !slices.Contains(s, l) {
			s = append(s, l)
		}
	}
	return s
}

// total is how many rows a base has, 0 where it is not known.
func (x *Exec) total(n *plan.Node) (rows int64) {
	if n.Source == nil {
		if t := x.tables[n]; t != nil {
			return int64(t.N)
		}
		return 0
	}
	for _, u := range n.Source.Data.Units() {
		if u.Rows < 0 {
			return 0
		}
		rows += u.Rows
	}
	return rows
}
