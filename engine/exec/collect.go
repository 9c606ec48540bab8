package exec

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// choose keeps the rows whose bit is set.
func choose(c *batch.Ctx, b batch.Batch, keep []uint64) batch.Batch {
	n := 0
	for _, w := range keep {
		n += bits.OnesCount64(w)
	}
	if n == b.N {
		return b
	}
	return b.Filter(c, keep, n)
}

// inOrder puts batches of rows of a node behind one another in canonical order, each column in one piece. Of no rows the columns
// have their types all the same: who reads them looks at those. The parts are used up: a column is let go when it is in its place.
func (x *Exec) inOrder(parts []batch.Batch, n *plan.Node, cols []string) (batch.Batch, error) {
	if len(parts) == 0 {
		none := batch.Batch{Cols: make([]batch.Column, len(cols))}
		for i, c := range cols {
			none.Cols[i] = (*batch.Ctx)(nil).New(columnType(n, c), 0)
		}
		return none, nil
	}
	sortParts(parts)
	bare := slices.Clone(parts)
	for i := range bare {
		bare[i].Cols = nil
	}
	all, err := batch.ConcatBatches(nil, bare)
	if err != nil {
		return all, err
	}
	all.Cols = make([]batch.Column, len(cols))
	err = x.parallel(context.Background(), len(cols), nil, func(_, j int) (err error) {
		pieces := make([]batch.Column, len(parts))
		for i := range parts {
			pieces[i], parts[i].Cols[j] = parts[i].Cols[j], batch.Column{}
		}
		if all.Cols[j], err = batch.Concat(nil, pieces); err != nil {
			return &operators.ErrData{Err: fmt.Errorf("column %q: %w", cols[j], err)}
		}
		return nil
	})
	if err != nil {
		return all, err
	}
	if rising(&all) {
		return all, nil
	}
	idx := make([]int32, all.N)
	for i := range idx {
		idx[i] = int32(i)
	}
	slices.SortFunc(idx, func(a, b int32) int { return batch.Compare(all.ID.At(int(a)), all.ID.At(int(b))) })
	return all.Take(nil, idx), nil
}

func sortParts(parts []batch.Batch) {
	slices.SortFunc(parts, func(a, b batch.Batch) int { return batch.Compare(a.ID.At(0), b.ID.At(0)) })
}

// rising says whether the rows of a batch are in canonical order.
func rising(b *batch.Batch) bool {
	for i := 1; i < len(b.ID.Ordinals); i++ {
		if x, y := b.ID.Ordinals[i-1], b.ID.Ordinals[i]; x > y || x == y && batch.Compare(b.ID.At(i-1), b.ID.At(i)) > 0 {
			return false
		}
	}
	return true
}

// unnamed takes the identities from parts that are for one who asks for the rows in their order, and not for who they are: where no row
// has to move, identities need not be put behind one another. The parts are sorted.
func unnamed(parts []batch.Batch) {
	sortParts(parts)
	for i := range parts {
		if !rising(&parts[i]) || i > 0 && batch.Compare(parts[i-1].ID.At(parts[i-1].N-1), parts[i].ID.At(0)) > 0 {
			return
		}
	}
	base := uint64(0)
	for i := range parts {
		parts[i].ID = batch.IDs{Base: base}
		base += uint64(parts[i].N)
	}
}

// Collect gives the rows of a node in canonical order.
func (x *Exec) Collect(ctx context.Context, n *plan.Node, cols []string) (b batch.Batch, err error) {
	st := x.opt.Progress.Stage("read", labels([]*plan.Node{n}), x.total(Base(n)))
	defer func() { st.Done(err) }()
	err = Guard(func() error { b, err = x.collect(ctx, n, cols, st); return err })
	return b, err
}

func (x *Exec) collect(ctx context.Context, n *plan.Node, cols []string, st Stage) (batch.Batch, error) {
	parts := make([][]batch.Batch, x.opt.Workers)
	var held atomic.Int64
	s := &sink{take: func(w int, _ *batch.Ctx, b batch.Batch) error {
		if b.N == 0 {
			return nil
		}
		b = b.Clone()
		parts[w] = append(parts[w], b)
		return inStep(n, x.grant(held.Add(b.Bytes())))
	}}
	if err := x.scan(ctx, Base(n), []want{{n, cols, s}}, st, nil); err != nil {
		return batch.Batch{}, err
	}
	b, err := x.inOrder(slices.Concat(parts...), n, cols)
	return b, inStep(n, err)
}

// Write sends the rows of a node, in canonical order, to write, from one goroutine at a time. Batches have writeRows rows, so that what
// is written does not hang on how the rows were cut; a batch of long texts is shorter. It holds a few batches a worker, whatever the
// number of rows.
func (x *Exec) Write(ctx context.Context, n *plan.Node, cols []string, write func(batch.Batch) error) error {
	q := &chunks{write: write}
	if err := x.give(ctx, x.opt.Progress.Stage("write", labels([]*plan.Node{n}), x.total(Base(n))), n, cols, q.add); err != nil {
		return err
	}
	return inStep(n, Guard(func() error { return q.cut(1) }))
}

// WriteUncut is Write with batches as they come, in no size that can be relied on. A batch lives until write returns.
func (x *Exec) WriteUncut(ctx context.Context, n *plan.Node, cols []string, write func(batch.Batch) error) error {
	return x.give(ctx, x.opt.Progress.Stage("write", labels([]*plan.Node{n}), x.total(Base(n))), n, cols, write)
}

// writeRows are the rows of a batch that is written.
const writeRows = 16384

// chunks cuts rows anew.
type chunks struct {
	write func(batch.Batch) error
	parts []batch.Batch
	rows  int
	bytes int64
}

func (q *chunks) add(b batch.Batch) error {
	if q.rows == 0 && b.N == writeRows {
		return q.write(b)
	}
	b = b.Clone()
	q.parts, q.rows, q.bytes = append(q.parts, b), q.rows+b.N, q.bytes+b.Bytes()
	if q.bytes > heldBytes {
		return q.cut(1)
	}
	return q.cut(writeRows)
}

// cut writes what there is, as long as there are least rows.
func (q *chunks) cut(least int) error {
	if q.rows < least {
		return nil
	}
	all, err := concat(q.parts)
	if err != nil {
		return err
	}
	at := 0
	for at+least <= all.N {
		n := min(writeRows, all.N-at)
		if err := q.write(all.Slice(nil, at, at+n)); err != nil {
			return err
		}
		at += n
	}
	q.parts, q.rows, q.bytes = nil, all.N-at, 0
	if q.rows > 0 {
		rest := all.Slice(nil, at, all.N)
		q.parts, q.bytes = append(q.parts, rest), rest.Bytes()
	}
	return nil
}

// errEnough ends a scan that has given all that is asked for.
var errEnough = errors.New("internal error: enough rows")

// Head gives the first rows of a node in canonical order, at most limit, and reads little more than those.
func (x *Exec) Head(ctx context.Context, n *plan.Node, cols []string, limit int) (batch.Batch, error) {
	var parts []batch.Batch
	rows := 0
	// no stage is told: how far the workers come before there are rows enough is theirs
	err := x.give(ctx, silent{}, n, cols, func(b batch.Batch) error {
		b = b.Slice(nil, 0, min(b.N, limit-rows)).Clone()
		if rows += b.N; b.N > 0 {
			parts = append(parts, b)
		}
		if rows >= limit {
			return errEnough
		}
		return nil
	})
	if err != nil {
		return batch.Batch{}, err
	}
	return x.inOrder(parts, n, cols)
}

// give sends the rows of a node in canonical order to take, until that says that it is enough. A batch lives until take returns.
func (x *Exec) give(ctx context.Context, st Stage, n *plan.Node, cols []string, take func(batch.Batch) error) (err error) {
	defer func() { st.Done(err) }()
	t := newTurns(x.opt.Workers, func(b batch.Batch) error { return inStep(n, Guard(func() error { return take(b) })) })
	t.arenas = make([]batch.Ctx, x.opt.Workers)
	for w := range t.arenas {
		t.arenas[w].Poison = x.opt.Poison
	}
	s := &sink{take: func(w int, _ *batch.Ctx, b batch.Batch) error {
		if b.N == 0 {
			return nil
		}
		return t.put(w, b)
	}}
	err = Guard(func() error { return x.scan(ctx, Base(n), []want{{n, cols, s}}, st, t) })
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Scored is a model that an evaluation scores: its bundle's program over columns of the serving place.
type Scored struct {
	Name  string // "" or "champion"
	Graph program.Graph
	// Splits give batch.Part as fits had it that rows must not be measured by: the model's own, of the new one those that it goes on from.
	Splits []*program.Graph
}

// Evaluation is what came of an evaluate step.
type Evaluation struct {
	Node    *plan.Node
	Result  operators.Result
	Overlap map[string]int64 // rows that a scored model, or the one that the new one goes on from, has learnt from, of Rows
	Rows    int64
	Valid   Share // of the rows that the new model's early stopping measures on, those that the one that it goes on from has learnt from
	Groups  Groups
}

// Share is some rows of all.
type Share struct{ Some, All int64 }

// Evaluate runs evaluations. Every fit must be done. models gives what to score for each.
func (x *Exec) Evaluate(ctx context.Context, evals []*plan.Evaluation, models func(*plan.Evaluation) []Scored) (out []Evaluation, err error) {
	for len(evals) > 0 {
		from := Base(evals[0].Node.In[0])
		var now, rest []*plan.Evaluation
		for _, e := range evals {
			if Base(e.Node.In[0]) == from {
				now = append(now, e)
			} else {
				rest = append(rest, e)
			}
		}
		got, err := x.evaluate(ctx, from, now, models)
		if err != nil {
			return nil, err
		}
		out, evals = append(out, got...), rest
	}
	return out, nil
}

// ScoreError says that a model beside the new one cannot be scored: its own lines fail, the run need not.
type ScoreError struct {
	Eval  *plan.Evaluation
	Model string
	Err   error
}

func (e *ScoreError) Error() string { return fmt.Sprintf("model %q: %v", e.Model, e.Err) }
func (e *ScoreError) Unwrap() error { return e.Err }

// evaluating is one evaluation under way.
type evaluating struct {
	*plan.Evaluation
	models  []Scored
	names   []string
	raw     []string
	accs    []operators.Acc // one a worker
	mu      sync.Mutex
	rows    int64
	overlap map[string]int64
	valid   Share
	groups  *parting // of a ranking
	grant   func(int64) error
}

func (x *Exec) evaluate(ctx context.Context, from *plan.Node, evals []*plan.Evaluation, models func(*plan.Evaluation) []Scored) (out []Evaluation, err error) {
	var nodes []*plan.Node
	for _, e := range evals {
		nodes = append(nodes, e.Node)
	}
	st := x.opt.Progress.Stage("evaluate", labels(nodes), x.total(from))
	defer func() { st.Done(err) }()
	var wants []want
	var all []result
	for _, ev := range evals {
		if op, ok := ev.Node.Op.(operators.Probe); ok {
			p := &probing{Evaluation: ev, op: op, x: x, parts: make([][]batch.Batch, x.opt.Workers)}
			r := ev.Node.Out.Reads
			all = append(all, p)
			wants = append(wants, want{ev.Node.In[0], r.Cols, &sink{parts: r.Parts, take: p.add}})
			continue
		}
		e := &evaluating{Evaluation: ev, models: models(ev), raw: ev.RawColumns(), overlap: map[string]int64{}, accs: make([]operators.Acc, x.opt.Workers),
			groups: newParting(ev.Node, x.opt.Workers), grant: x.grant}
		for _, m := range e.models {
			e.names = append(e.names, m.Name)
		}
		n := ev.Node
		err := Guard(func() error {
			for w := range e.accs {
				e.accs[w] = n.Op.(operators.Reduce).Start(n.Site, e.names)
			}
			return nil
		})
		if err != nil {
			return nil, inStep(n, err)
		}
		cols := slices.Clone(n.Out.Reads.Cols)
		for _, c := range e.raw {
			cols = append(cols, plan.RawPrefix+c)
		}
		all = append(all, e)
		wants = append(wants, want{n.In[0], cols, &sink{parts: n.Out.Reads.Parts, take: e.add, try: func(c *batch.Ctx, b batch.Batch) error {
			_, _, err := e.score(c, b)
			return err
		}}})
		if m := ev.Model.Out; m.Model.Before != nil && len(e.models[0].Splits) > 0 && m.Reads.Parts.Has(batch.Valid) {
			wants = append(wants, want{n.In[0], cols[len(n.Out.Reads.Cols):], &sink{parts: batch.ValidRows, take: e.addValid}})
		}
		if e.groups != nil {
			wants = append(wants, want{n.In[0], []string{e.groups.column}, &sink{parts: batch.TrainRows, take: e.addLearnt}})
		}
	}
	if err := x.scan(ctx, from, wants, st, nil); err != nil {
		return nil, err
	}
	for i, e := range all {
		n := evals[i].Node
		err := Guard(func() error {
			got, err := e.finish(x.env(ctx, n, st))
			out = append(out, got)
			return err
		})
		if err != nil {
			return nil, inStep(n, err)
		}
	}
	return out, nil
}

// result is an evaluation of which the rows have been read.
type result interface {
	finish(env operators.Env) (Evaluation, error)
}

// probing is an evaluation that runs the model itself: its rows are gathered.
type probing struct {
	*plan.Evaluation
	op    operators.Probe
	x     *Exec
	parts [][]batch.Batch // a list a worker
	held  atomic.Int64
}

func (p *probing) add(w int, c *batch.Ctx, b batch.Batch) error {
	if b = selected(c, b, p.Node.Out.Reads.Parts, nil); b.N == 0 {
		return nil
	}
	b.Part, b.Key = nil, nil // it is given columns
	b = b.Clone()
	p.parts[w] = append(p.parts[w], b)
	// twice: the rows as they come, and then in one piece
	return inStep(p.Node, p.x.grant(p.held.Add(2*b.Bytes())))
}

func (p *probing) finish(env operators.Env) (Evaluation, error) {
	n := p.Node
	rows, err := p.x.gathered(p.parts, n)
	p.parts = nil
	if err != nil {
		return Evaluation{}, err
	}
	if rows.N == 0 {
		return Evaluation{}, noRows(n)
	}
	res, err := p.op.Measure(n.Site, env, *p.Model.Full().Prog, rows)
	if err != nil {
		return Evaluation{}, err
	}
	return Evaluation{Node: n, Result: res, Rows: res.Models[0].Rows}, nil
}

// noRows is the error of an evaluation without rows.
func noRows(n *plan.Node) error {
	return &operators.ErrData{Err: fmt.Errorf("there are no %s rows to evaluate", partsText(n.Out.Reads.Parts))}
}

// port is where a column of the serving place stands.
func (e *evaluating) port(name string) int {
	return len(e.Node.Out.Reads.Cols) + slices.Index(e.raw, name)
}

// score gives the rows of the part that is evaluated as the accumulator wants them: what it reads, raw columns, each model's scores. An
// error about a row is about one of b. learnt are, by model, the rows that its splits send to train.
func (e *evaluating) score(c *batch.Ctx, b batch.Batch) (in batch.Batch, learnt []int64, err error) {
	out := e.Node.Out
	part := selected(c, b, out.Reads.Parts, nil)
	if part.N == 0 {
		return part, nil, nil
	}
	in = part
	in.Cols = slices.Clone(part.Cols[:len(out.Reads.Cols)])
	for _, name := range out.Eval.Raw {
		in.Cols = append(in.Cols, part.Cols[e.port(name)])
	}
	learnt = make([]int64, len(e.models))
	for k, m := range e.models {
		ports := make([]batch.Column, len(m.Graph.In))
		for i, p := range m.Graph.In {
			ports[i] = part.Cols[e.port(p.Name)]
		}
		err := Guard(func() error {
			got, err := m.Graph.Batch(c, part.N, ports)
			in.Cols = append(in.Cols, got...)
			if err == nil {
				learnt[k] = countLearnt(c, &part, m.Splits, e.port)
			}
			return err
		})
		switch err = relocate(err, rowOf(&part, &b)); err.(type) {
		case nil:
			continue
		case *PanicError:
			err = inStep(e.Model, err)
		}
		if m.Name != "" {
			err = &ScoreError{e.Evaluation, m.Name, err}
		}
		return in, nil, err
	}
	return in, learnt, nil
}

func (e *evaluating) add(w int, c *batch.Ctx, b batch.Batch) error {
	in, learnt, err := e.score(c, b)
	if err != nil || in.N == 0 {
		return err
	}
	e.mu.Lock()
	e.rows += int64(in.N)
	for k, n := range learnt {
		e.overlap[e.models[k].Name] += n
	}
	e.mu.Unlock()
	err = inStep(e.Node, Guard(func() error { return e.accs[w].Add(c, in) }))
	if err != nil || e.groups == nil {
		return err
	}
	g := e.groups
	return inStep(e.Node, g.add(&g.measured[w], &in.Cols[g.at(e.Node.Out.Reads.Cols)], e.grant))
}

// addLearnt takes the groups of train rows. b has the group alone.
func (e *evaluating) addLearnt(w int, c *batch.Ctx, b batch.Batch) error {
	b = selected(c, b, batch.TrainRows, nil)
	if b.N == 0 {
		return nil
	}
	return inStep(e.Node, e.groups.add(&e.groups.learnt[w], &b.Cols[0], e.grant))
}

// addValid counts the valid rows that the model that the new one goes on from has learnt from. b has the raw columns alone.
func (e *evaluating) addValid(_ int, c *batch.Ctx, b batch.Batch) error {
	b = selected(c, b, batch.ValidRows, nil)
	n := countLearnt(c, &b, e.models[0].Splits, func(name string) int { return slices.Index(e.raw, name) })
	e.mu.Lock()
	e.valid.Some += n
	e.valid.All += int64(b.N)
	e.mu.Unlock()
	return nil
}

func (e *evaluating) finish(env operators.Env) (Evaluation, error) {
	for _, a := range e.accs[1:] {
		if err := e.accs[0].Merge(a); err != nil {
			return Evaluation{}, err
		}
	}
	if e.rows == 0 {
		return Evaluation{}, noRows(e.Node)
	}
	res, err := e.Node.Op.(operators.Reduce).Finish(e.Node.Site, e.names, env, e.accs[0])
	out := Evaluation{Node: e.Node, Result: res, Overlap: e.overlap, Rows: e.rows, Valid: e.valid}
	if e.groups != nil {
		out.Groups = e.groups.finish()
	}
	return out, err
}

// countLearnt counts the rows that a split sends to train.
func countLearnt(c *batch.Ctx, b *batch.Batch, splits []*program.Graph, port func(string) int) (n int64) {
	learnt := make([]bool, b.N)
	for _, split := range splits {
		ports := make([]batch.Column, len(split.In))
		for i, p := range split.In {
			ports[i] = b.Cols[port(p.Name)]
		}
		got, err := split.Batch(c, b.N, ports)
		if err != nil {
			continue // the split cannot tell: no overlap is claimed
		}
		for i, v := range got[0].Int64s() {
			if !learnt[i] && !got[0].Null(i) && v == int64(batch.Train) {
				learnt[i] = true
				n++
			}
		}
	}
	return n
}

func partsText(p batch.Parts) string {
	s := ""
	for i, name := range batch.PartNames {
		if p.Has(batch.Part(i)) {
			if s != "" {
				s += " or "
			}
			s += name
		}
	}
	return s
}
