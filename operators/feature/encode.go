package feature

import (
	"fmt"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/internal/fits"
	"github.com/headrace/headrace/operators/program"
)

// Encode is feature.encode.
type Encode struct {
	Columns       operators.Columns `param:"columns" doc:"columns of strings, bools, whole numbers, dates or times" required:"true" group:"all methods"`
	Method        string            `param:"method" doc:"ordinal: one number per value; target: the mean of the label over the rows with the value; one_hot: a vector column with one member per value" enum:"ordinal|target|one_hot" default:"ordinal"`
	Unknown       string            `param:"unknown" doc:"what a value becomes that the train rows do not have. ordinal: null, or the code behind the last; one_hot: 0 in all members, or a member of its own, the last" enum:"null|code" default:"null"`
	MinCount      int               `param:"min_count" doc:"values that fewer train rows have count as unknown" min:"1" default:"1"`
	MaxCategories int               `param:"max_categories" doc:"how many values have a member, the most frequent of the train rows, of equally frequent the first; the others count as unknown" min:"1" max:"4096" default:"100" group:"one_hot"`
	Nulls         string            `param:"nulls" doc:"what a null becomes: 0 in all members, or a member of its own behind those of the values" enum:"zero|own" default:"zero"`
	Smoothing     float64           `param:"smoothing" doc:"how many rows the mean of all rows weighs" min:"0" default:"20" group:"target"`
	CrossFit      int               `param:"cross_fit" doc:"how many folds the train rows are encoded by, each by what the others teach, so that no row's feature knows its label; 0 for none" min:"0" max:"100" default:"5"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "feature.encode", Version: 1, New: func() operators.Op { return &Encode{} },
		Doc: "Encodes categories as numbers: ordinal codes, target means or one-hot columns. ordinal gives the values of the train rows codes from 0, in their order, as int32; null stays null. " +
			"target gives a value the smoothed mean of the label, (sum + smoothing * prior) / (rows + smoothing), where prior is the mean over all train rows; " +
			"null is a value of its own, and what the train rows do not have gets the prior. " +
			"one_hot makes the column a vector, never null: one float64 member per value of the train rows, in their order, called column_value; it is 1 in the rows " +
			"with the value and 0 in the others. A model takes the members as features, a sink writes one column per member.",
		Example: []operators.Example{{
			Doc:     "codes; what only other parts have is unknown",
			Options: "{columns: [origin, wheels]}",
			In: []string{`
				_part | origin string? | wheels int64
				train | SFO            | 4
				train | nil            | 2
				train | LAX            | 4
				test  | SFO            | 3
				test  | OAK            | 2`},
			Out: `
				_part | origin int32? | wheels int32?
				train | 1             | 1
				train | nil           | 0
				train | 0             | 1
				test  | 1             | nil
				test  | nil           | 0`,
		}, {
			Doc:     "rare and unknown values share a code, nulls do not",
			Options: "{columns: origin, unknown: code, min_count: 2}",
			In: []string{`
				origin string?
				SFO
				LAX
				SFO
				nil
				nil
				LAX
				OAK`},
			Out: `
				origin int32?
				1
				0
				1
				nil
				nil
				0
				2`,
		}, {
			Doc:     "one member per value; in rows with other values, and with nulls, all are 0",
			Options: "{columns: [origin, wheels], method: one_hot}",
			In: []string{`
				_part | origin string? | wheels int64
				train | SFO            | 4
				train | nil            | 2
				train | LAX            | 4
				test  | OAK            | 2
				test  | SFO            | 3`},
			Out: `
				_part | origin vector[origin_LAX, origin_SFO] | wheels vector[wheels_2, wheels_4]
				train | [0, 1]                                | [0, 1]
				train | [0, 0]                                | [1, 0]
				train | [1, 0]                                | [0, 1]
				test  | [0, 0]                                | [1, 0]
				test  | [0, 1]                                | [0, 0]`,
		}, {
			Doc:     "the two most frequent values; nulls and all others have members too",
			Options: "{columns: origin, method: one_hot, max_categories: 2, nulls: own, unknown: code}",
			In: []string{`
				origin string?
				SFO
				LAX
				SFO
				nil
				OAK
				OAK`},
			Out: `
				origin vector[origin_OAK, origin_SFO, origin_null, origin_other]
				[0, 1, 0, 0]
				[0, 0, 0, 1]
				[0, 1, 0, 0]
				[0, 0, 1, 0]
				[1, 0, 0, 0]
				[1, 0, 0, 0]`,
		}, {
			Doc:     "the share of late flights",
			Options: "{columns: [origin], method: target, smoothing: 2, cross_fit: 0}",
			Task:    operators.Task{Kind: operators.Binary, Label: "late"},
			In: []string{`
				_part | origin string? | late bool
				train | SFO            | true
				train | SFO            | true
				train | LAX            | false
				train | nil            | false
				test  | LAX            | true
				test  | OAK            | true
				test  | nil            | true`},
			Out: `
				_part | origin float64      | late bool
				train | 0.75                | true
				train | 0.75                | true
				train | 0.3333333333333333  | false
				train | 0.3333333333333333  | false
				test  | 0.3333333333333333  | true
				test  | 0.5                 | true
				test  | 0.3333333333333333  | true`,
		}, {
			Doc:     "the mean of a number, of several columns; a label in words",
			Options: "{columns: [d, b], method: target, smoothing: 0, cross_fit: 0}",
			Task:    operators.Task{Kind: operators.Regression, Label: "y"},
			In: []string{`
				d date     | b bool? | y float64
				2001-01-01 | true    | 1.5
				2001-01-02 | nil     | 2.5
				2001-01-01 | true    | -0.5`},
			Out: `
				d float64 | b float64 | y float64
				0.5       | 0.5       | 1.5
				2.5       | 2.5       | 2.5
				0.5       | 0.5       | -0.5`,
		}},
	})
}

func (k *Encode) columns(s operators.Site) ([]operators.Field, diag.List) {
	f, l := checks.Columns(k.Columns, s.In[0], "columns")
	f, bad := checks.Types(f, k.Columns, "columns", "whose values are no categories", "feature.derive makes categories of %q by an expression",
		func(f operators.Field) bool { return counts.Takes(f.Type) && !f.Type.Float() })
	return f, append(l, bad...)
}

// Check types the columns and, for method target, the label.
func (k *Encode) Check(s operators.Site) (operators.Output, diag.List) {
	f, l := k.columns(s)
	o := operators.Output{Reads: operators.Reads{Parts: batch.TrainRows, Cols: operators.FieldNames(f)}}
	for _, c := range f {
		m := operators.Made{Field: operators.Field{Name: c.Name, Type: float}, Apply: []string{c.Name}}
		switch k.Method {
		case "ordinal":
			m.Type = batch.T(batch.Int32)
			m.Nullable = c.Nullable || k.Unknown == "null"
		case "one_hot":
			m.Type = batch.T(batch.Vector)
		}
		o.Made = append(o.Made, m)
	}
	if k.Method == "target" {
		label, bad := k.label(s)
		l.Add(bad...)
		o.Reads.Cols = append(o.Reads.Cols, label.Name)
		if k.CrossFit > 1 {
			o.CrossFit = k.CrossFit
		}
		for _, c := range f {
			if c.Name == label.Name {
				l.Add(diag.New(diag.LeakLabel, checks.At(k.Columns, "columns", c.Name), "%q is the label: encoded by itself it tells itself", c.Name))
			}
		}
	}
	return o, l
}

// label finds the label and says why it cannot be averaged.
func (k *Encode) label(s operators.Site) (operators.Field, diag.List) {
	at := diag.Option("method")
	if s.Task.Label == "" {
		return operators.Field{}, diag.List{diag.New(diag.TaskMissing, at, "method target needs a label").WithHelp("write task: {kind: binary, label: …}")}
	}
	f, l := s.In[0].Want(s.Task.Label, at)
	if len(l) > 0 || f.Type.Kind == batch.Unknown {
		return f, l
	}
	switch {
	case s.Task.Kind != operators.Binary && !numbered(s.Task):
		l.Add(diag.New(diag.OptionConflict, at, "method target needs a binary, regression or ranking task, not %s", s.Task.Kind))
	case f.Nullable:
		l.Add(diag.New(diag.Nullable, at, "the label %q may be null", f.Name).WithHelp("clean.drop_missing: [%s] drops such rows", f.Name))
	}
	if _, err := labelReader(f, s.Task); err != nil {
		l.Add(diag.New(diag.LabelBad, at, "the label %q: %v", f.Name, err))
	}
	return f, l
}

// Narrow encodes the columns wanted.
func (k *Encode) Narrow(s operators.Site, made []string) operators.Op {
	n := *k
	n.Columns = k.Columns.Narrowed(s.In[0], made)
	return &n
}

// Begin learns the codes, the members or the means.
func (k *Encode) Begin(s operators.Site) operators.Fit {
	f, _ := k.columns(s)
	if k.Method == "ordinal" {
		return &fits.Once{
			Start: func() operators.Acc { return newVocabulary(f) },
			Finish: func(_ operators.Env, a operators.Acc) (operators.Fitted, error) {
				return lookups(f, func(j int) (values, outs []program.Value, miss program.Value, t batch.Type) {
					return k.codes(a.(*vocabulary).cols[j])
				})
			},
		}
	}
	if k.Method == "one_hot" {
		return &fits.Once{
			Start:  func() operators.Acc { return newVocabulary(f) },
			Finish: func(_ operators.Env, a operators.Acc) (operators.Fitted, error) { return k.oneHot(f, a.(*vocabulary)) },
		}
	}
	label, _ := s.In[0].Field(s.Task.Label)
	read, err := labelReader(label, s.Task)
	if err != nil {
		panic("feature.encode: unchecked label: " + err.Error())
	}
	return &fits.Once{
		Start: func() operators.Acc { return newTargets(f, read) },
		Finish: func(_ operators.Env, a operators.Acc) (operators.Fitted, error) {
			t := a.(*targets)
			if len(f) > 0 && t.cols[0].rows() == 0 {
				return operators.Fitted{}, &operators.ErrData{Err: fmt.Errorf("there are no train rows to encode by")}
			}
			return lookups(f, func(j int) (values, outs []program.Value, miss program.Value, _ batch.Type) {
				values, outs, miss = k.means(&t.cols[j])
				return values, outs, miss, float
			})
		},
	}
}

// lookups is a program of one table a column.
func lookups(fields []operators.Field, table func(j int) (values, outs []program.Value, miss program.Value, t batch.Type)) (operators.Fitted, error) {
	var out operators.Fitted
	for j, c := range fields {
		values, outs, miss, t := table(j)
		g, err := lookup(c, values, outs, miss, t)
		if err != nil {
			return out, err
		}
		if j == 0 {
			out.Program = g
		} else {
			out.Program = out.Program.Beside(g)
		}
	}
	return out, nil
}

// lookup is a program of the one table.
func lookup(c operators.Field, values, outs []program.Value, miss program.Value, t batch.Type) (program.Graph, error) {
	n, err := program.NewLookup([]batch.Column{counts.Column(c.Type, values)}, []batch.Column{counts.Column(t, outs)}, []program.Value{miss})
	if err != nil {
		return program.Graph{}, &operators.ErrData{Err: fmt.Errorf("column %q: %w", c.Name, err)}
	}
	return program.One(n, []program.Named{{Name: c.Name, Type: c.Type}}, []program.Named{{Name: c.Name, Type: t}}), nil
}

// codes numbers the values that are frequent enough.
func (k *Encode) codes(c *counts.Counts) (values, outs []program.Value, miss program.Value, t batch.Type) {
	for _, code := range c.Sorted() {
		if c.N(code) >= int64(k.MinCount) {
			outs = append(outs, program.Value{Kind: batch.Int32, I: int64(len(outs))})
			values = append(values, c.Value(code))
		}
	}
	if k.Unknown == "code" {
		miss = program.Value{Kind: batch.Int32, I: int64(len(outs))}
		// a null is not unknown: it has a place of its own, which holds a null
		values, outs = append(values, program.Value{}), append(outs, program.Value{})
	}
	return values, outs, miss, batch.T(batch.Int32)
}

// vocabulary counts the values of the columns.
type vocabulary struct{ cols []*counts.Counts }

func newVocabulary(f []operators.Field) *vocabulary {
	v := &vocabulary{}
	for _, c := range f {
		v.cols = append(v.cols, counts.New(c.Type))
	}
	return v
}

func (v *vocabulary) Add(c *batch.Ctx, b batch.Batch) error {
	for j := range v.cols {
		v.cols[j].Add(c, &b.Cols[j])
	}
	return nil
}

func (v *vocabulary) Merge(o operators.Acc) error {
	for j := range v.cols {
		v.cols[j].Merge(o.(*vocabulary).cols[j])
	}
	return nil
}

func (v *vocabulary) Bytes() (n int64) {
	for _, c := range v.cols {
		n += c.Bytes()
	}
	return n
}

func (v *vocabulary) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	for _, c := range v.cols {
		c.Encode(&w)
	}
	return w.Buf, nil
}

func (v *vocabulary) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	for _, c := range v.cols {
		c.Decode(r)
	}
	return r.End()
}

// means gives each value that is frequent enough its smoothed mean, and all others the prior.
func (k *Encode) means(t *target) (values, outs []program.Value, miss program.Value) {
	sum, n := t.sums.Total()
	prior := sum / float64(n)
	mean := func(group int) program.Value {
		weight := float64(t.sums.N(group)) + k.Smoothing
		return program.Value{Kind: batch.Float64, F: (t.sums.Value(group) + float64(k.Smoothing*prior)) / weight}
	}
	for _, code := range t.keys.Sorted() {
		if g := int(code) + 1; t.sums.N(g) >= int64(k.MinCount) {
			values, outs = append(values, t.keys.Value(code)), append(outs, mean(g))
		}
	}
	if t.sums.N(0) >= int64(k.MinCount) {
		values, outs = append(values, program.Value{}), append(outs, mean(0))
	}
	return values, outs, program.Value{Kind: batch.Float64, F: prior}
}

// target sums the label over the rows of each value: group 0 is null, a value's group its code + 1.
type target struct {
	keys counts.Keys
	sums exact.Groups
}

func (t *target) rows() int64 {
	_, n := t.sums.Total()
	return n
}

// targets sums the label for all columns.
type targets struct {
	read func(c *batch.Ctx, col *batch.Column) ([]float64, error)
	cols []target
}

func newTargets(f []operators.Field, read func(*batch.Ctx, *batch.Column) ([]float64, error)) *targets {
	t := &targets{read: read, cols: make([]target, len(f))}
	for j := range t.cols {
		t.cols[j].keys.Type = f[j].Type
		t.cols[j].sums.Grow(1)
	}
	return t
}

func (t *targets) Add(c *batch.Ctx, b batch.Batch) error {
	y, err := t.read(c, &b.Cols[len(t.cols)])
	if err != nil {
		return &operators.ErrData{Err: err}
	}
	for j := range t.cols {
		x := &t.cols[j]
		group := x.keys.Codes(c, &b.Cols[j])
		for i := range group {
			group[i]++
		}
		x.sums.Grow(x.keys.Len() + 1)
		x.sums.Add(group, y, nil)
	}
	return nil
}

func (t *targets) Merge(o operators.Acc) error {
	for j := range t.cols {
		x, y := &t.cols[j], &o.(*targets).cols[j]
		at := []int32{0}
		for _, code := range x.keys.Join(&y.keys) {
			at = append(at, code+1)
		}
		x.sums.Grow(x.keys.Len() + 1)
		x.sums.MergeAt(&y.sums, at)
	}
	return nil
}

func (t *targets) Bytes() (n int64) {
	for j := range t.cols {
		n += t.cols[j].keys.Bytes() + t.cols[j].sums.Bytes()
	}
	return n
}

func (t *targets) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	for j := range t.cols {
		x := &t.cols[j]
		order := x.keys.Encode(&w)
		// the sums are written in the order of the values, as these are
		at := make([]int32, len(order)+1)
		for rank, code := range order {
			at[code+1] = int32(rank) + 1
		}
		var sorted exact.Groups
		sorted.Grow(len(at))
		sorted.MergeAt(&x.sums, at)
		b, err := sorted.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		w.Bytes(b)
	}
	return w.Buf, nil
}

func (t *targets) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	for j := range t.cols {
		x := &t.cols[j]
		x.keys.Decode(r)
		rest, err := x.sums.DecodeBinary(r.Bytes())
		if err != nil || len(rest) > 0 || x.sums.Len() != x.keys.Len()+1 {
			r.Fail("sums of %d groups for %d values, %d bytes left: %v", x.sums.Len(), x.keys.Len(), len(rest), err)
		}
	}
	return r.End()
}

// numbered says that labels are numbers, whose mean tells something.
func numbered(t operators.Task) bool {
	return t.Kind == operators.Regression || t.Kind == operators.Ranking
}

// labelReader gives what reads a label column as numbers: 0 and 1 where the task is binary.
func labelReader(f operators.Field, task operators.Task) (func(c *batch.Ctx, col *batch.Column) ([]float64, error), error) {
	name := f.Name
	number := f.Type.Numeric() || f.Type.Kind == batch.Bool
	switch {
	case !number && (numbered(task) || !f.Type.Text()):
		return nil, fmt.Errorf("it is %s", f.Type)
	case f.Type.Text() && task.Positive == "":
		return nil, fmt.Errorf("task.positive must say which text counts as 1")
	case f.Type.Text():
		return func(c *batch.Ctx, col *batch.Column) ([]float64, error) {
			y := c.Float64s(col.N)
			for i := range y {
				if y[i] = 0; col.Null(i) {
					return nil, fmt.Errorf("the label %q is null in a train row", name)
				} else if col.Str(i) == task.Positive {
					y[i] = 1
				}
			}
			return y, nil
		}, nil
	}
	positive, chosen := 1.0, task.Positive != "" && task.Kind == operators.Binary
	if chosen {
		i, x, err := operators.ParseValue(f.Type, task.Positive)
		if err != nil {
			return nil, fmt.Errorf("task.positive: %w", err)
		}
		one := counts.Column(f.Type, []program.Value{{Kind: f.Type.Kind, I: i, F: x}})
		positive = (*batch.Ctx)(nil).Floats(one)[0]
	}
	return func(c *batch.Ctx, col *batch.Column) ([]float64, error) {
		x := c.Floats(*col)
		y := c.Float64s(col.N)
		for i, v := range x {
			switch y[i] = v; {
			case v != v:
				return nil, fmt.Errorf("the label %q is null or NaN in a train row", name)
			case numbered(task):
			case chosen && v != positive:
				y[i] = 0
			case chosen:
				y[i] = 1
			case v != 0 && v != 1:
				return nil, fmt.Errorf("the label %q of a binary task is %v in a train row: task.positive says which value counts as 1", name, v)
			}
		}
		return y, nil
	}, nil
}
