package gbdt

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/internal/ranks"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
)

// Orders is train.gbdt's options of rankings.
type Orders struct {
	Truncation *int   `param:"truncation" doc:"of objective lambdarank: pairs of rows count of which at least one is among so many at the top of its group, as its scores are; if not given, 30" min:"1" max:"1000000"`
	LabelGain  string `param:"label_gain" doc:"of objective lambdarank and metric ndcg: what a label l is worth at the top. exponential is 2^l - 1, and labels are whole numbers from 0 to 30; linear is l, and labels are at least 0. If not given, exponential" enum:"exponential|linear"`
	Norm       *bool  `param:"norm" doc:"of objective lambdarank: a pair counts less the farther its scores are apart, and a group by the logarithm of what its pairs come to; if not given, true"`
}

// order sets what is asked of a ranking.
func (o *Operator) order(c *Options) {
	if o.LabelGain == "linear" {
		c.Gain = ranks.Linear
	}
	if o.Truncation != nil {
		c.Truncation = *o.Truncation
	}
	if o.Norm != nil {
		c.Norm = *o.Norm
	}
	if e := o.EarlyStop; e != nil && e.At != nil {
		c.Places = *e.At
	}
}

// checkOrders reports options of rankings where there is none.
func (o *Operator) checkOrders(s operators.Site, l *diag.List) {
	if s.Task.Kind == operators.Ranking {
		return
	}
	for _, x := range []struct {
		option string
		given  bool
	}{{"truncation", o.Truncation != nil}, {"label_gain", o.LabelGain != ""}, {"norm", o.Norm != nil}} {
		if x.given {
			l.Add(diag.New(diag.OptionConflict, diag.Option(x.option), "%s is of rankings, the task is %s", x.option, s.Task.Kind).WithHelp("leave it out"))
		}
	}
	if o.EarlyStop != nil && o.EarlyStop.At != nil {
		l.Add(diag.New(diag.OptionConflict, diag.Option("early_stop", "at"), "at is of the metric ndcg of rankings, the task is %s", s.Task.Kind).WithHelp("leave it out"))
	}
}

// grouped numbers the groups of rows. No group may have rows in train and in valid, where held is not nil: it would be measured on places
// of which some were learnt.
func grouped(r model.Roles, train, valid operators.Table, data, held *Data) (err error) {
	if r.Group == "" {
		return nil
	}
	at := len(r.Cols()) - 1
	keys := counts.Keys{Type: train.Cols[at].Type}
	if data.Group, err = model.Groups(&keys, r.Group, &train.Cols[at]); err != nil || held == nil {
		return err
	}
	learnt := int32(keys.Len())
	if held.Group, err = model.Groups(&keys, r.Group, &valid.Cols[at]); err != nil {
		return err
	}
	for i, g := range held.Group {
		if g < learnt {
			return model.DataError("the group %q is %s in train rows and in valid rows: sample.split: {by: group, column: %s} keeps the rows of a group together",
				r.Group, operators.FormatValue(&valid.Cols[at], i), r.Group)
		}
		held.Group[i] = g - learnt
	}
	return nil
}

// groupBytes is what the groups at work take, which are as many as there are workers: of each row its place, its cell and its block.
func groupBytes(d *Data) int64 {
	size := make([]int32, d.N)
	largest := int32(0)
	for _, g := range d.Group {
		size[g]++
		largest = max(largest, size[g])
	}
	return 128 * min(int64(d.N), trees.WorkersMax*int64(largest))
}
