package sample

import (
	"fmt"
	"math"
	"time"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/internal/exprs"
	"github.com/headrace/headrace/operators/internal/fits"
	"github.com/headrace/headrace/operators/program"
)

// Split is sample.split. By time its cuts are learnt from all rows, which is the one fit that may see them; otherwise its fit is known
// before any row.
type Split struct {
	By     string            `param:"by" doc:"random: by a hash of the key; group: the same, of a column whose equal values stay together; time: by the order of a column" enum:"random|group|time" default:"random"`
	Column string            `param:"column" doc:"group, time: the column; if not given, task.group for group"`
	Key    operators.Columns `param:"key" doc:"random: the columns that say which row it is; all columns if not given"`
	Train  float64           `param:"train" doc:"share of rows for training" min:">0" max:"1" required:"true"`
	Valid  float64           `param:"valid" doc:"share of rows for validation: early stopping, and comparing settings" min:"0" max:"<1" default:"0"`
	Test   float64           `param:"test" doc:"share of rows for the test part" min:"0" max:"<1" default:"0"`
	Gap    time.Duration     `param:"gap" doc:"time: rows that follow a cut by less than this are dropped" min:"0" default:"0"`
	Seed   int               `param:"seed" doc:"random, group: seed of the random draws; the same seed gives the same result" default:"0"`
}

// The hidden columns of the program.
const (
	partCol = "@part_out"
	keyCol  = "@key_out"
	keepCol = "@keep"
)

func init() {
	operators.Register(operators.Spec{
		Name: "sample.split", Version: 1, New: func() operators.Op { return &Split{} },
		Doc: "Assigns each row to the train, valid or test part. " +
			"By random, the part depends on the contents of the key columns alone, so that a row keeps its part when others come and go, and equal rows share theirs. " +
			"By time, the oldest rows are for training and the newest for testing; rows of one time are never parted.",
		Example: []operators.Example{{
			Doc:     "by time: the oldest half is for training; equal times stay together",
			Options: "{by: time, column: at, train: 0.5, valid: 0.25, test: 0.25}",
			In: []string{`
				at date    | x int64?
				2001-01-05 | 1
				2001-01-01 | 2
				2001-01-02 | nil
				2001-01-02 | 4
				2001-01-02 | 5
				2001-01-07 | 6
				2001-01-08 | 7
				2001-01-01 | nil`},
			Out: `
				_part | at date    | x int64?
				valid | 2001-01-05 | 1
				train | 2001-01-01 | 2
				train | 2001-01-02 | nil
				train | 2001-01-02 | 4
				train | 2001-01-02 | 5
				test  | 2001-01-07 | 6
				test  | 2001-01-08 | 7
				train | 2001-01-01 | nil`,
		}, {
			Doc:     "rows of the hour that follows the cut are dropped",
			Options: "{by: time, column: at, train: 0.6, test: 0.4, gap: 1h}",
			In: []string{`
				at timestamp[s]
				2001-01-01T10:00:00
				2001-01-01T10:30:00
				2001-01-01T11:00:00
				2001-01-01T11:30:00
				2001-01-01T12:30:00`},
			Out: `
				_part | at timestamp[s]
				train | 2001-01-01T10:00:00
				train | 2001-01-01T10:30:00
				train | 2001-01-01T11:00:00
				test  | 2001-01-01T12:30:00`,
		}, {
			Doc:     "by year, without rows for testing",
			Options: "{by: time, column: year, train: 0.5, valid: 0.5}",
			In:      []string{"year int32 | s string?\n2003 | a\n2001 | nil\n2002 | b\n2004 | c"},
			Out: `
				_part | year int32 | s string?
				valid | 2003       | a
				train | 2001       | nil
				train | 2002       | b
				valid | 2004       | c`,
		}, {
			Doc:     "one part for all: rows are only given their key, which folds go by",
			Options: "{by: group, column: user, train: 1}",
			In:      []string{"user string? | x float64\na | 1\nnil | NaN\na | 2"},
			Out: `
				_part | user string? | x float64
				train | a            | 1
				train | nil          | NaN
				train | a            | 2`,
		}},
	})
}

// Check checks the shares and finds the columns.
func (p *Split) Check(s operators.Site) (operators.Output, diag.List) {
	var l diag.List
	o := operators.Output{Class: operators.Rows, Splits: true, Tag: partCol, PartsOut: batch.TrainRows}
	if p.Valid > 0 {
		o.PartsOut |= batch.ValidRows
	}
	if p.Test > 0 {
		o.PartsOut |= batch.TestRows
	}
	if sum := p.Train + p.Valid + p.Test; math.Abs(sum-1) > slack {
		l.Add(diag.New(diag.OptionConflict, diag.At{}, "train, valid and test are %.4g together, not 1", sum))
	}
	stray := func(set bool, option string) {
		if set {
			l.Add(diag.New(diag.OptionConflict, diag.Option(option), "%s does not go with by: %s", option, p.By))
		}
	}
	stray(p.By != "random" && p.Key != nil, "key")
	stray(p.By == "random" && p.Column != "", "column")
	stray(p.By != "time" && p.Gap != 0, "gap")
	stray(p.By == "time" && p.Seed != 0, "seed")
	if p.By == "random" && p.Key == nil && s.Task.Kind == operators.Ranking {
		l.Add(diag.New(diag.OptionConflict, diag.Option("by"), "each row has a part of its own, and a ranking is of whole groups").
			WithHelp("by: group keeps together the rows that are equal in task.group"))
	}
	cols, bad := p.columns(s)
	l.Add(bad...)
	o.Needs = [][]string{operators.FieldNames(cols)}
	if p.By != "time" {
		o.Key = keyCol
		return o, l
	}
	o.Reads = operators.Reads{Parts: batch.AllRows, Cols: o.Needs[0], Exempt: true}
	if p.Gap > 0 {
		o.Keep = keepCol
		if len(cols) == 1 {
			if _, err := checks.Units(p.Gap, cols[0].Type); err != nil {
				l.Add(diag.New(diag.OptionConflict, diag.Option("gap"), "column %q: %v", p.Column, err))
			}
		}
	}
	return o, l
}

// slack is by how much shares written as decimals may miss their sum.
const slack = 1e-9

// columns gives what the part depends on.
func (p *Split) columns(s operators.Site) ([]operators.Field, diag.List) {
	in := s.In[0]
	hashed := func(f operators.Field) bool { return counts.Takes(f.Type) }
	if p.By == "random" {
		if p.Key == nil {
			var all []operators.Field
			for _, f := range in.Fields {
				if hashed(f) {
					all = append(all, f)
				}
			}
			if len(all) == 0 && !in.Open {
				return nil, diag.List{diag.New(diag.NoColumns, diag.At{}, "there is no column to tell rows by")}
			}
			return all, nil
		}
		key, l := checks.Columns(p.Key, in, "key")
		key, bad := checks.Types(key, p.Key, "key", "which tells no rows apart", "", hashed)
		return key, append(l, bad...)
	}
	name, at := p.Column, diag.Option("column")
	if name == "" && p.By == "group" {
		name, at = s.Task.Group, diag.At{}
	}
	if name == "" {
		return nil, diag.List{diag.New(diag.OptionMissing, diag.At{}, "by: %s needs a column", p.By)}
	}
	f, l := in.Want(name, at)
	if len(l) > 0 {
		return nil, l
	}
	switch {
	case f.Type.Kind == batch.Unknown:
	case p.By == "group" && !hashed(f):
		l.Add(diag.New(diag.ColumnType, at, "column %q is %s, which makes no groups", name, f.Type))
	case p.By == "time" && !f.Type.Temporal() && !f.Type.Integer():
		l.Add(diag.New(diag.ColumnType, at, "column %q is %s, which is no time", name, f.Type).
			WithHelp("a date, a timestamp or a whole number is wanted; clean.cast makes one of text"))
	case p.By == "time" && f.Nullable:
		l.Add(diag.New(diag.Nullable, at, "column %q may be null: a row without a time has no place", name).
			WithHelp("clean.drop_missing: [%s] before the split drops such rows", name))
	}
	return []operators.Field{f}, l
}

// Narrow gives itself: it makes nothing.
func (p *Split) Narrow(operators.Site, []string) operators.Op { return p }

// seed mixes the step's seed with the option's.
func seed(s operators.Site, option int) uint64 { return hash.Combine(s.Seed, uint64(option)) }

// hashed is the program of a split by what columns hold.
func (p *Split) hashed(s operators.Site, cols []operators.Field) program.Graph {
	k := &program.HashPart{Seed: seed(s, p.Seed)}
	// a cut just below 1, where no part follows, would leave crumbs to it
	if p.Valid+p.Test > 0 {
		k.Cut = append(k.Cut, p.Train)
	}
	if p.Test > 0 {
		k.Cut = append(k.Cut, p.Train+p.Valid)
	}
	var in []program.Named
	for _, c := range cols {
		in = append(in, program.Named{Name: c.Name, Type: c.Type})
	}
	integer := batch.T(batch.Int64)
	return program.One(k, in, []program.Named{{Name: keyCol, Type: integer}, {Name: partCol, Type: integer}})
}

// Begin learns the cuts, or knows the program.
func (p *Split) Begin(s operators.Site) operators.Fit {
	cols, _ := p.columns(s)
	if p.By != "time" {
		return fits.Known(p.hashed(s, cols))
	}
	return &fits.Once{
		Start: func() operators.Acc { return &timeAcc{counts.NewRanks(cols[0].Type)} },
		Finish: func(_ operators.Env, a operators.Acc) (operators.Fitted, error) {
			c := a.(*timeAcc).Ranks
			if c.Total() == 0 {
				return operators.Fitted{}, &operators.ErrData{Err: fmt.Errorf("there are no rows to split by %q", p.Column)}
			}
			cuts := p.cuts(c)
			out := operators.Fitted{Program: p.ordered(cols[0], cuts)}
			for i, name := range []string{"valid from", "test from"} {
				if cuts[i] != nil {
					one := batch.OfInt64s([]int64{*cuts[i]})
					if c.Type.Width() == 4 {
						one = batch.OfInt32s([]int32{int32(*cuts[i])})
					}
					one.Type = c.Type
					out.Notes.Facts = append(out.Notes.Facts, operators.Fact{Name: name, Text: operators.FormatValue(&one, 0)})
				}
			}
			return out, nil
		},
	}
}

// cuts gives the least values of valid and of test: the first before which at least the wanted share of rows lies, nil where none
// does. The counts are of all rows, in the order of the values, so that no cut comes between equal times.
func (p *Split) cuts(c *counts.Ranks) (cuts [2]*int64) {
	before := int64(0)
	c.Each(func(v, n int64) {
		for i, share := range [...]float64{p.Train, p.Train + p.Valid} {
			last := i == 0 && p.Valid+p.Test == 0 || i == 1 && p.Test == 0 // no part lies behind
			want := float64((share - slack) * float64(c.Total()))
			if !last && cuts[i] == nil && float64(before) >= want {
				cuts[i] = &v
			}
		}
		before += n
	})
	return cuts
}

// ordered is the program of a split by time.
func (p *Split) ordered(f operators.Field, cuts [2]*int64) program.Graph {
	k := &program.Bucket{Out: []int64{int64(batch.Train)}}
	for i, after := range []batch.Part{batch.Valid, batch.Test} {
		switch last := len(k.Cuts) - 1; {
		case cuts[i] == nil:
		case last >= 0 && k.Cuts[last] == *cuts[i]:
			k.Out[last+1] = int64(after) // nothing lies between the cuts
		default:
			k.Cuts, k.Out = append(k.Cuts, *cuts[i]), append(k.Out, int64(after))
		}
	}
	g := program.One(k, []program.Named{{Name: f.Name, Type: f.Type}}, []program.Named{{Name: partCol, Type: batch.T(batch.Int64)}})
	if p.Gap == 0 {
		return g
	}
	var e exprs.Expr
	boolean, x := batch.T(batch.Bool), e.Col(f.Name, f.Type)
	keep := e.Bool(true)
	gap, _ := checks.Units(p.Gap, f.Type)
	most := int64(math.MaxInt64)
	if f.Type.Width() == 4 {
		most = math.MaxInt32
	}
	for _, cut := range cuts {
		if cut == nil {
			continue
		}
		end := most
		if *cut <= most-gap {
			end = *cut + gap
		}
		outside := e.Op("or", boolean, e.Op("lt", boolean, x, e.Int(f.Type, *cut)), e.Op("le", boolean, e.Int(f.Type, end), x))
		keep = e.Op("and", boolean, keep, outside)
	}
	return g.Beside(e.Graph(keepCol))
}

// timeAcc counts the values of the time column: the cuts are exact ranks of all rows.
type timeAcc struct{ *counts.Ranks }

func (a *timeAcc) Add(c *batch.Ctx, b batch.Batch) error {
	a.Ranks.Add(c, &b.Cols[0])
	return nil
}

func (a *timeAcc) Merge(o operators.Acc) error {
	a.Ranks.Merge(o.(*timeAcc).Ranks)
	return nil
}

func (a *timeAcc) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	a.Encode(&w)
	return w.Buf, nil
}

func (a *timeAcc) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	a.Decode(r)
	return r.End()
}
