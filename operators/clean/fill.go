package clean

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/exact"
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

// Fill is clean.fill. With method constant its fit is known before any row.
type Fill struct {
	Columns   operators.Columns `param:"columns" doc:"the columns to fill; those that cannot miss a value are left alone" default:"all()"`
	Method    string            `param:"method" doc:"what to fill with: a value given, or what the train rows teach" enum:"constant|mean|median|most_frequent" default:"constant"`
	Value     *string           `param:"value" doc:"for method constant, which must have it: a value of the columns' type"`
	Indicator bool              `param:"indicator" doc:"also make a column NAME_missing, true where a value was filled in" default:"false"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.fill", Version: 1, New: func() operators.Op { return &Fill{} },
		Doc: "Fills in missing values: nulls, and NaN in columns of floats. " +
			"A column keeps its type and is not nullable afterwards. mean and median of integers, dates and times are rounded half away from zero; " +
			"the median of an even number of values is the middle between two; most_frequent takes the least of equally frequent values. " +
			"A column without a value in the train rows cannot be filled by a method that learns, and fails the step.",
		Example: []operators.Example{{
			Doc:     "a constant, with an indicator",
			Options: "{columns: [delay], value: 0, indicator: true}",
			In: []string{`
				delay int64? | origin string?
				16           | SFO
				nil          | nil
				-3           | LAX`},
			Out: `
				delay int64 | origin string? | delay_missing bool
				16          | SFO            | false
				0           | nil            | true
				-3          | LAX            | false`,
		}, {
			Doc:     "the mean of the train rows; integers stay integers",
			Options: "{columns: numeric(), method: mean}",
			In: []string{`
				_part | n int64? | x float64 | s string?
				train | -1       | 0.5       | nil
				train | -2       | NaN       | a
				train | nil      | 0.25      | a
				valid | 100      | 7         | a
				test  | nil      | NaN       | nil`},
			Out: `
				_part | n int64 | x float64 | s string?
				train | -1      | 0.5       | nil
				train | -2      | 0.375     | a
				train | -2      | 0.25      | a
				valid | 100     | 7         | a
				test  | -2      | 0.375     | nil`,
		}, {
			Doc:     "the median",
			Options: "{method: median}",
			In: []string{`
				n int32? | d date?    | x float32?
				1        | 2001-01-01 | 1
				nil      | 2001-01-02 | nil
				4        | nil        | 3
				2        | 2001-01-05 | 100
				9        | 2001-01-06 | NaN`},
			Out: `
				n int32 | d date     | x float32
				1       | 2001-01-01 | 1
				3       | 2001-01-02 | 3
				4       | 2001-01-04 | 3
				2       | 2001-01-05 | 100
				9       | 2001-01-06 | 3`,
		}, {
			Doc:     "the most frequent value",
			Options: "{method: most_frequent}",
			In: []string{`
				s string? | b bool? | n int64?
				b         | nil     | 5
				a         | true    | 5
				nil       | false   | nil
				b         | true    | 3
				a         | nil     | 3`},
			Out: `
				s string | b bool | n int64
				b        | true   | 5
				a        | true   | 5
				a        | false  | 3
				b        | true   | 3
				a        | true   | 3`,
		}},
	})
}

const missing = "_missing"

// filled gives the columns to fill.
func (f *Fill) filled(s operators.Site) ([]operators.Field, diag.List) {
	fields, l := checks.Columns(f.Columns, s.In[0], "columns")
	what, ok := "which has no constants", func(c operators.Field) bool { return counts.Takes(c.Type) }
	switch f.Method {
	case "mean":
		what, ok = "of which there is no mean", func(c operators.Field) bool { return c.Type.Numeric() }
	case "median":
		what, ok = "of which there is no median", func(c operators.Field) bool { return c.Type.Numeric() || c.Type.Temporal() }
	case "most_frequent":
		what = "whose values cannot be counted"
	}
	fields = slices.DeleteFunc(fields, func(c operators.Field) bool { return !c.Nullable && !c.Type.Float() })
	fields, bad := checks.Types(fields, f.Columns, "columns", what, "fill %q by another method, or leave it out", ok)
	return fields, append(l, bad...)
}

// Check says which columns are filled.
func (f *Fill) Check(s operators.Site) (operators.Output, diag.List) {
	fields, l := f.filled(s)
	o := operators.Output{}
	for _, c := range fields {
		m := operators.Made{Field: c, Apply: []string{c.Name}}
		m.Nullable = false
		o.Made = append(o.Made, m)
	}
	if f.Indicator {
		for _, c := range fields {
			name := c.Name + missing
			if s.In[0].Has(name) {
				l.Add(diag.New(diag.ColumnTwice, diag.Option("indicator"), "there is a column %q already", name).
					WithHelp("rename it first"))
			}
			o.Made = append(o.Made, operators.Made{Field: operators.Field{Name: name, Type: boolean}, Apply: []string{c.Name}})
		}
	}
	at := diag.Option("value")
	switch {
	case f.Method != "constant":
		o.Reads = operators.Reads{Parts: batch.TrainRows, Cols: operators.FieldNames(fields)}
		if f.Value != nil {
			l.Add(diag.New(diag.OptionConflict, at, "a value goes with method constant, not %s", f.Method))
		}
	case f.Value == nil:
		l.Add(diag.New(diag.OptionMissing, diag.At{}, "method constant needs a value").
			WithHelp("give value, or a method that learns one: mean, median, most_frequent"))
	default:
		for _, c := range fields {
			if c.Type.Kind == batch.Unknown {
				continue
			}
			if _, _, err := operators.ParseValue(c.Type, *f.Value); err != nil {
				l.Add(diag.New(diag.OptionType, at, "%v, the type of column %q", err, c.Name).
					WithHelp("fill columns of different types by a step each"))
			}
		}
	}
	return o, l
}

// Narrow fills the columns of which the value or the indicator is wanted.
func (f *Fill) Narrow(s operators.Site, made []string) operators.Op {
	fields, _ := f.filled(s)
	n := *f
	n.Columns, n.Indicator = operators.Columns{}, false
	for _, c := range fields {
		told := f.Indicator && slices.Contains(made, c.Name+missing)
		if told || slices.Contains(made, c.Name) {
			n.Columns = append(n.Columns, c.Name)
		}
		n.Indicator = n.Indicator || told
	}
	return &n
}

// program fills the columns by one node, and tells what it filled.
func (f *Fill) program(fields []operators.Field, with []program.Value) program.Graph {
	if len(fields) == 0 {
		return program.Graph{}
	}
	var ports []program.Named
	for _, c := range fields {
		ports = append(ports, program.Named{Name: c.Name, Type: c.Type})
	}
	g := program.One(&program.Impute{Values: with, NaN: true}, ports, ports)
	if f.Indicator {
		for _, c := range fields {
			var e exprs.Expr
			e.Missing(c.Name, c.Type)
			g = g.Beside(e.Graph(c.Name + missing))
		}
	}
	return g
}

// Begin learns what to fill with, or knows it.
func (f *Fill) Begin(s operators.Site) operators.Fit {
	fields, _ := f.filled(s)
	if f.Method == "constant" {
		var with []program.Value
		for _, c := range fields {
			i, x, err := operators.ParseValue(c.Type, *f.Value)
			if err != nil {
				panic(fmt.Sprintf("clean.fill: unchecked value: %v", err))
			}
			v := program.Value{Kind: c.Type.Kind, I: i, F: x}
			if c.Type.Text() {
				v.S = *f.Value
			}
			with = append(with, v)
		}
		return fits.Known(f.program(fields, with))
	}
	return &fits.Once{
		Start: func() operators.Acc {
			a := &fillAcc{}
			for _, c := range fields {
				a.cols = append(a.cols, f.column(c.Type))
			}
			return a
		},
		Finish: func(_ operators.Env, acc operators.Acc) (operators.Fitted, error) {
			var out operators.Fitted
			with := make([]program.Value, len(fields))
			for j, c := range fields {
				v, err := acc.(*fillAcc).cols[j].value()
				if err != nil {
					return out, &operators.ErrData{Err: fmt.Errorf("column %q: %s: %w", c.Name, f.Method, err)}
				}
				v.Kind = c.Type.Kind
				with[j] = v
			}
			out.Program = f.program(fields, with)
			return out, nil
		},
	}
}

// fillColumn learns the value of one column.
type fillColumn interface {
	add(c *batch.Ctx, col *batch.Column)
	merge(o fillColumn)
	bytes() int64
	encode(w *canon.Writer)
	decode(r *canon.Reader)
	value() (program.Value, error) // without its kind
}

var errNoValue = fmt.Errorf("no value in the train rows to learn from")

func (f *Fill) column(t batch.Type) fillColumn {
	switch {
	case f.Method == "mean" && t.Float():
		return &meanFloat{t: t}
	case f.Method == "mean":
		return &meanInt{}
	}
	return &countFill{Counts: counts.New(t), median: f.Method == "median"}
}

// fillAcc accumulates all columns.
type fillAcc struct{ cols []fillColumn }

func (a *fillAcc) Add(c *batch.Ctx, b batch.Batch) error {
	for j := range a.cols {
		a.cols[j].add(c, &b.Cols[j])
	}
	return nil
}

func (a *fillAcc) Merge(o operators.Acc) error {
	for j := range a.cols {
		a.cols[j].merge(o.(*fillAcc).cols[j])
	}
	return nil
}

func (a *fillAcc) Bytes() (n int64) {
	for _, c := range a.cols {
		n += c.bytes()
	}
	return n
}

func (a *fillAcc) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	for _, c := range a.cols {
		c.encode(&w)
	}
	return w.Buf, nil
}

func (a *fillAcc) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	for _, c := range a.cols {
		c.decode(r)
	}
	return r.End()
}

// meanFloat is the exact mean of what is not NaN.
type meanFloat struct {
	t batch.Type
	s exact.Sum
	n int64
}

func (m *meanFloat) add(c *batch.Ctx, col *batch.Column) {
	xs, valid := counts.Numbers(c, col)
	m.s.AddMasked(xs, valid)
	m.n += present(valid, col.N)
}

// present counts the rows of a bitmap, of which nil is all.
func present(valid []uint64, n int) int64 {
	if valid == nil {
		return int64(n)
	}
	set := 0
	for _, w := range valid {
		set += bits.OnesCount64(w)
	}
	return int64(set)
}

func (m *meanFloat) merge(o fillColumn) {
	m.s.Merge(&o.(*meanFloat).s)
	m.n += o.(*meanFloat).n
}

func (m *meanFloat) bytes() int64 { return 128 }

func (m *meanFloat) encode(w *canon.Writer) {
	w.Uint(uint64(m.n))
	b, _ := m.s.AppendBinary(nil) // it never fails
	w.Bytes(b)
}

func (m *meanFloat) decode(r *canon.Reader) {
	m.n = int64(r.Uint())
	rest, err := m.s.DecodeBinary(r.Bytes())
	if err != nil || len(rest) > 0 || m.n < 0 {
		r.Fail("mean: %d bytes left: %v", len(rest), err)
	}
}

func (m *meanFloat) value() (program.Value, error) {
	if m.n == 0 {
		return program.Value{}, errNoValue
	}
	v := m.s.Value() / float64(m.n)
	if m.t.Kind == batch.Float32 {
		v = float64(float32(v))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return program.Value{}, fmt.Errorf("it is %v in the train rows", v)
	}
	return program.Value{F: v}, nil
}

// meanInt is the mean of integers, held as their sum in 128 bits.
type meanInt struct {
	hi int64
	lo uint64
	n  int64
}

func (m *meanInt) plus(hi int64, lo uint64) {
	var carry uint64
	m.lo, carry = bits.Add64(m.lo, lo, 0)
	m.hi += hi + int64(carry)
}

func (m *meanInt) add(_ *batch.Ctx, col *batch.Column) {
	var narrow []int32
	var wide []int64
	if col.Type.Width() == 4 {
		narrow = col.Int32s()
	} else {
		wide = col.Int64s()
	}
	for i := range col.N {
		if col.Null(i) {
			continue
		}
		var v int64
		if narrow != nil {
			v = int64(narrow[i])
		} else {
			v = wide[i]
		}
		m.plus(v>>63, uint64(v))
		m.n++
	}
}

func (m *meanInt) merge(o fillColumn) {
	p := o.(*meanInt)
	m.plus(p.hi, p.lo)
	m.n += p.n
}

func (m *meanInt) bytes() int64 { return 24 }

func (m *meanInt) encode(w *canon.Writer) {
	w.Uint(uint64(m.n))
	w.Word(uint64(m.hi))
	w.Word(m.lo)
}

func (m *meanInt) decode(r *canon.Reader) {
	m.n, m.hi, m.lo = int64(r.Uint()), int64(r.Word()), r.Word()
	if m.n < 0 {
		r.Fail("mean of %d values", m.n)
	}
}

func (m *meanInt) value() (program.Value, error) {
	if m.n == 0 {
		return program.Value{}, errNoValue
	}
	sum := new(big.Int).Lsh(big.NewInt(m.hi), 64)
	return program.Value{I: roundQuo(sum.Add(sum, new(big.Int).SetUint64(m.lo)), m.n)}, nil
}

// roundQuo is a/n rounded half away from zero.
func roundQuo(a *big.Int, n int64) int64 {
	twice := new(big.Int).Lsh(new(big.Int).Abs(a), 1)
	twice.Add(twice, big.NewInt(n))
	q := twice.Quo(twice, new(big.Int).Lsh(big.NewInt(n), 1))
	if a.Sign() < 0 {
		q.Neg(q)
	}
	return q.Int64()
}

// countFill counts values, for the median and the most frequent one.
type countFill struct {
	*counts.Counts
	median bool
}

func (m *countFill) add(c *batch.Ctx, col *batch.Column) { m.Add(c, col) }
func (m *countFill) merge(o fillColumn)                  { m.Merge(o.(*countFill).Counts) }
func (m *countFill) bytes() int64                        { return m.Bytes() }
func (m *countFill) encode(w *canon.Writer)              { m.Encode(w) }
func (m *countFill) decode(r *canon.Reader)              { m.Decode(r) }

func (m *countFill) value() (program.Value, error) {
	switch {
	case m.Total() == 0:
		return program.Value{}, errNoValue
	case !m.median:
		return m.Value(m.Mode()), nil
	}
	a, b := m.Value(m.Rank((m.Total()-1)/2)), m.Value(m.Rank(m.Total()/2))
	switch {
	case m.Type.Kind == batch.Float32:
		a.F = float64(float32(float64(a.F/2) + float64(b.F/2)))
	case m.Type.Float():
		a.F = float64(a.F/2) + float64(b.F/2) // halves first: the sum may overflow
	default:
		sum := new(big.Int).Add(big.NewInt(a.I), big.NewInt(b.I))
		a.I = roundQuo(sum, 2)
	}
	if math.IsNaN(a.F) || math.IsInf(a.F, 0) {
		return a, fmt.Errorf("it is %v in the train rows", a.F)
	}
	return a, nil
}
