package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

func ts(u batch.Unit, zone string) batch.Type {
	return batch.Type{Kind: batch.Timestamp, Unit: u, Zone: zone}
}

// lawSchema has a column of every type, x not null and y nullable.
var lawSchema = operators.Of(
	operators.Field{Name: "b", Type: boolType}, operators.Field{Name: "b0", Type: boolType, Nullable: true},
	operators.Field{Name: "i", Type: intType}, operators.Field{Name: "i0", Type: intType, Nullable: true},
	operators.Field{Name: "k", Type: batch.T(batch.Int32)}, operators.Field{Name: "k0", Type: batch.T(batch.Int32), Nullable: true},
	operators.Field{Name: "f", Type: floatType}, operators.Field{Name: "f0", Type: floatType, Nullable: true},
	operators.Field{Name: "g", Type: batch.T(batch.Float32)}, operators.Field{Name: "g0", Type: batch.T(batch.Float32), Nullable: true},
	operators.Field{Name: "s", Type: stringType}, operators.Field{Name: "s0", Type: stringType, Nullable: true},
	operators.Field{Name: "c", Type: stringType}, operators.Field{Name: "c0", Type: stringType, Nullable: true}, // dictionary
	operators.Field{Name: "d", Type: dateType}, operators.Field{Name: "d0", Type: dateType, Nullable: true},
	operators.Field{Name: "ts", Type: ts(batch.Second, "")}, operators.Field{Name: "tm", Type: ts(batch.Milli, ""), Nullable: true},
	operators.Field{Name: "tu", Type: ts(batch.Micro, "")}, operators.Field{Name: "tn", Type: ts(batch.Nano, ""), Nullable: true},
	operators.Field{Name: "z", Type: ts(batch.Micro, "UTC")}, operators.Field{Name: "z0", Type: ts(batch.Second, "Europe/Berlin"), Nullable: true},
	operators.Field{Name: "m", Type: batch.Type{Kind: batch.Decimal, Precision: 10, Scale: 2}},
	operators.Field{Name: "m0", Type: batch.Type{Kind: batch.Decimal, Precision: 10, Scale: 2}, Nullable: true},
)

var lawTexts = []string{"", "a", "SFO", "sfo", " Jo\u00e3o ", "12", "-7", "+3", "1.5", "1e3", "nan", "-Inf", "x y", "ÄÖß", "2001-01-05",
	"2001-01-05T10:20:30.25", "9223372036854775808", "0x10", "1_0", "05.01.2001", "\xff\xfe", "日本", "aXbXc", "2001-02-30", "1e400", ".", "-"}

// randomRow makes a value for a column: nil, bool, int64, float64 or string.
func randomValue(r *rand.Rand, f operators.Field) any {
	if f.Nullable && r.IntN(4) == 0 {
		return nil
	}
	edge := r.IntN(12) == 0
	switch f.Type.Kind {
	case batch.Bool:
		return r.IntN(2) == 0
	case batch.Int32:
		if edge {
			return int64([]int32{math.MinInt32, math.MaxInt32, 0, -1}[r.IntN(4)])
		}
		return int64(r.IntN(21) - 10)
	case batch.Int64:
		if edge {
			return []int64{math.MinInt64, math.MaxInt64, 0, -1, 1 << 53, 3037000500}[r.IntN(6)]
		}
		return int64(r.IntN(21) - 10)
	case batch.Float64, batch.Float32:
		v := float64(r.IntN(41)-20) / 4
		if edge {
			v = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e300, 5e-324, -1e19}[r.IntN(7)]
		}
		if f.Type.Kind == batch.Float32 {
			v = float64(float32(v))
		}
		return v
	case batch.String:
		return lawTexts[r.IntN(len(lawTexts))]
	case batch.Date:
		if edge {
			return int64([]int32{math.MinInt32, math.MaxInt32, 0, -719468, 11016}[r.IntN(5)])
		}
		return int64(r.IntN(40000) - 15000)
	case batch.Timestamp:
		if edge && f.Type.Unit == batch.Second { // the standard library, the reference, wraps beyond
			return []int64{-6e16, 6e16, -1}[r.IntN(3)]
		}
		if edge {
			return []int64{math.MinInt64, math.MaxInt64, 0, -1, 978652800 * f.Type.Unit.PerSecond()}[r.IntN(5)]
		}
		return int64(r.IntN(3e9)-1e9)*f.Type.Unit.PerSecond() + r.Int64N(f.Type.Unit.PerSecond())
	}
	return int64(r.IntN(2001) - 1000) // decimal
}

// columnOf lays rows out, with garbage under nulls. coded: as a dictionary.
func columnOf(r *rand.Rand, f operators.Field, rows []any, coded bool) batch.Column {
	n := len(rows)
	null := make([]bool, n)
	any := false
	for i, v := range rows {
		if null[i] = v == nil; v == nil {
			any = true
		}
	}
	garbage := f
	garbage.Nullable = false
	get := func(i int) interface{} {
		if rows[i] == nil {
			return randomValue(r, garbage)
		}
		return rows[i]
	}
	var c batch.Column
	switch f.Type.Kind {
	case batch.Bool:
		v := make([]bool, n)
		for i := range v {
			v[i] = get(i).(bool)
		}
		c = batch.OfBools(v)
	case batch.Int32, batch.Date:
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(get(i).(int64))
		}
		c = batch.OfInt32s(v)
	case batch.Float32:
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(get(i).(float64))
		}
		c = batch.OfFloat32s(v)
	case batch.Float64:
		v := make([]float64, n)
		for i := range v {
			v[i] = get(i).(float64)
		}
		c = batch.OfFloat64s(v)
	case batch.String:
		if coded {
			d := batch.OfStrings(lawTexts)
			v := make([]int32, n)
			for i := range v {
				v[i] = math.MaxInt32 // out of range, under a null
				for j, s := range lawTexts {
					if rows[i] != nil && rows[i].(string) == s {
						v[i] = int32(j)
					}
				}
			}
			c = batch.OfCodes(v, &d)
			break
		}
		v := make([]string, n)
		for i := range v {
			v[i] = get(i).(string)
		}
		c = batch.OfStrings(v)
	default:
		v := make([]int64, n)
		for i := range v {
			v[i] = get(i).(int64)
		}
		c = batch.OfInt64s(v)
	}
	c.Type = f.Type
	if any {
		c = c.WithNulls(null)
	}
	return c
}

var errNaive = errors.New("failed")

// naive evaluates a node the plain way: recursive, lazy, with the standard library. A value is nil, bool, int64, float64, string or an
// error.
type naive struct {
	t   *Typed
	row []any // by t.cols
}

func (e *naive) at(k int) any {
	nd := &e.t.nodes[k]
	switch nd.Op {
	case "col":
		return e.row[nd.I]
	case "bool":
		return nd.I == 1
	case "int":
		return nd.I
	case "float":
		return nd.F
	case "text":
		return nd.S
	case "null":
		return nil
	case "and", "or":
		stop := nd.Op == "or"
		a := e.at(nd.Args[0])
		if _, bad := a.(error); bad || a == stop {
			return a
		}
		b := e.at(nd.Args[1])
		if _, bad := b.(error); bad || b == stop {
			return b
		}
		if a == nil || b == nil {
			return nil
		}
		return !stop
	case "select":
		switch c := e.at(nd.Args[0]).(type) {
		case bool:
			if c {
				return e.at(nd.Args[1])
			}
			return e.at(nd.Args[2])
		default:
			return c
		}
	case "coalesce":
		if a := e.at(nd.Args[0]); a != nil {
			return a
		}
		return e.at(nd.Args[1])
	case "is_null", "not_null":
		a := e.at(nd.Args[0])
		if _, bad := a.(error); bad {
			return a
		}
		return (a == nil) == (nd.Op == "is_null")
	}
	var a []any
	null := false
	var failed error
	for _, x := range nd.Args {
		v := e.at(x)
		if err, bad := v.(error); bad && failed == nil {
			failed = err
		}
		null = null || v == nil
		a = append(a, v)
	}
	if failed != nil {
		return failed
	}
	if null {
		return nil
	}
	return naiveOp(nd, e.t.nodes[nd.Args[0]].Type, a)
}

func naiveInt(op string, a, b int64) any {
	x, y, z := big.NewInt(a), big.NewInt(b), new(big.Int)
	switch op {
	case "add":
		z.Add(x, y)
	case "sub":
		z.Sub(x, y)
	case "mul":
		z.Mul(x, y)
	case "min":
		if z = x; x.Cmp(y) > 0 {
			z = y
		}
	case "max":
		if z = x; x.Cmp(y) < 0 {
			z = y
		}
	default:
		if b == 0 {
			return errNaive
		}
		if op == "idiv" {
			z.Quo(x, y)
		} else {
			z.Rem(x, y)
		}
	}
	if !z.IsInt64() {
		return errNaive
	}
	return z.Int64()
}

func naiveTime(t batch.Type, v int64) time.Time {
	if t.Kind == batch.Date {
		return time.Unix(v*86400, 0).UTC()
	}
	per := big.NewInt(t.Unit.PerSecond())
	q, r := new(big.Int).DivMod(big.NewInt(v), per, new(big.Int))
	return time.Unix(q.Int64(), r.Int64()*(1e9/t.Unit.PerSecond())).UTC()
}

func naiveOp(nd *program.ExprNode, t batch.Type, a []any) any {
	f := func(i int) float64 { return a[i].(float64) }
	s := func(i int) string { return a[i].(string) }
	i := func(j int) int64 { return a[j].(int64) }
	orNil := func(v any, ok bool) any {
		switch {
		case ok:
			return v
		case strings.HasPrefix(nd.Op, "try_"):
			return nil
		}
		return errNaive
	}
	switch nd.Op {
	case "not":
		return !a[0].(bool)
	case "eq":
		return a[0] == a[1]
	case "ne":
		return a[0] != a[1]
	case "lt", "le":
		if x, ok := a[0].(float64); ok {
			return x < f(1) || nd.Op == "le" && x == f(1)
		}
		if x, ok := a[0].(string); ok {
			return strings.Compare(x, s(1)) < 0 || nd.Op == "le" && x == s(1)
		}
		return i(0) < i(1) || nd.Op == "le" && i(0) == i(1)
	case "in":
		for _, v := range nd.Ints {
			if a[0] == v {
				return true
			}
		}
		for _, v := range nd.Floats {
			if a[0] == v {
				return true
			}
		}
		for _, v := range nd.Strings {
			if a[0] == v {
				return true
			}
		}
		return false
	case "add", "sub", "mul", "min", "max", "idiv", "mod":
		if nd.Type == intType {
			return naiveInt(nd.Op, i(0), i(1))
		}
		switch nd.Op {
		case "add":
			return f(0) + f(1)
		case "sub":
			return f(0) - f(1)
		case "mul":
			return f(0) * f(1)
		case "min":
			return min(f(0), f(1)) // math.Min(-Inf, NaN) is -Inf
		}
		return max(f(0), f(1))
	case "neg":
		if nd.Type == intType {
			return naiveInt("sub", 0, i(0))
		}
		return -f(0)
	case "abs":
		if nd.Type == intType {
			if i(0) < 0 {
				return naiveInt("sub", 0, i(0))
			}
			return i(0)
		}
		return math.Abs(f(0))
	case "divide":
		return f(0) / f(1)
	case "pow":
		return fmath.Pow(f(0), f(1))
	case "floor":
		return math.Floor(f(0))
	case "ceil":
		return math.Ceil(f(0))
	case "round":
		return math.Round(f(0))
	case "sqrt":
		return math.Sqrt(f(0))
	case "exp":
		return fmath.Exp(f(0))
	case "expm1":
		return fmath.Expm1(f(0))
	case "log":
		return fmath.Log(f(0))
	case "log2":
		return fmath.Log2(f(0))
	case "log10":
		return fmath.Log10(f(0))
	case "log1p":
		return fmath.Log1p(f(0))
	case "sin":
		return fmath.Sin(f(0))
	case "cos":
		return fmath.Cos(f(0))
	case "to_float":
		switch v := a[0].(type) {
		case bool:
			if v {
				return 1.0
			}
			return 0.0
		case float64:
			return v
		}
		if t.Kind == batch.Decimal {
			x, _ := strconv.ParseFloat(big.NewRat(i(0), int64(math.Pow10(int(t.Scale)))).FloatString(int(t.Scale)), 64)
			return x
		}
		return float64(i(0))
	case "to_float32":
		return float64(float32(f(0)))
	case "to_int32":
		return orNil(a[0], i(0) >= math.MinInt32 && i(0) <= math.MaxInt32)
	case "to_int", "try_to_int":
		switch v := a[0].(type) {
		case bool:
			if v {
				return int64(1)
			}
			return int64(0)
		case int64:
			return v
		}
		if math.IsNaN(f(0)) || math.IsInf(f(0), 0) {
			return orNil(nil, false)
		}
		z, _ := big.NewFloat(f(0)).Int(nil)
		return orNil(z.Int64(), z.IsInt64())
	case "parse_int", "try_parse_int":
		v, err := strconv.ParseInt(s(0), 10, 64)
		return orNil(v, err == nil)
	case "parse_float", "try_parse_float":
		v, err := strconv.ParseFloat(s(0), 64)
		return orNil(v, err == nil && !strings.ContainsAny(s(0), "_xXpP"))
	case "to_text":
		switch v := a[0].(type) {
		case bool:
			return strconv.FormatBool(v)
		case float64:
			size := 64
			if t.Kind == batch.Float32 {
				size = 32
			}
			if x := math.Abs(v); x != 0 && (x < 1e-6 || x >= 1e21) {
				return strconv.FormatFloat(v, 'e', -1, size)
			}
			return strconv.FormatFloat(v, 'f', -1, size)
		case int64:
			switch t.Kind {
			case batch.Decimal:
				return big.NewRat(v, int64(math.Pow10(int(t.Scale)))).FloatString(int(t.Scale))
			case batch.Date:
				return naiveYear(naiveTime(t, v).Format("-01-02"), naiveTime(t, v).Year())
			case batch.Timestamp:
				return naiveYear(naiveTime(t, v).Format("-01-02T15:04:05.999999999"), naiveTime(t, v).Year())
			}
			return strconv.FormatInt(v, 10)
		}
	case "concat":
		return s(0) + s(1)
	case "lower", "upper":
		var b strings.Builder
		for x := s(0); x != ""; {
			r, n := utf8.DecodeRuneInString(x)
			switch {
			case r == utf8.RuneError:
				b.WriteString(x[:n])
			case nd.Op == "lower":
				b.WriteString(strings.ToLower(x[:n]))
			default:
				b.WriteString(strings.ToUpper(x[:n]))
			}
			x = x[n:]
		}
		return b.String()
	case "trim":
		return strings.TrimSpace(s(0))
	case "replace":
		if s(1) == "" {
			return s(0)
		}
		return strings.ReplaceAll(s(0), s(1), s(2))
	case "length":
		return int64(len([]rune(s(0))))
	case "contains":
		return strings.Contains(s(0), s(1))
	case "starts_with":
		return strings.HasPrefix(s(0), s(1))
	case "ends_with":
		return strings.HasSuffix(s(0), s(1))
	case "matches":
		return regexp.MustCompile(nd.S).MatchString(s(0))
	case "year":
		return int64(naiveTime(t, i(0)).Year())
	case "month":
		return int64(naiveTime(t, i(0)).Month())
	case "day":
		return int64(naiveTime(t, i(0)).Day())
	case "weekday":
		return int64((naiveTime(t, i(0)).Weekday()+6)%7 + 1)
	case "yearday":
		return int64(naiveTime(t, i(0)).YearDay())
	case "hour":
		return int64(naiveTime(t, i(0)).Hour())
	case "minute":
		return int64(naiveTime(t, i(0)).Minute())
	case "second":
		return int64(naiveTime(t, i(0)).Second())
	case "to_date":
		d := new(big.Int).Div(big.NewInt(i(0)), big.NewInt(86400*t.Unit.PerSecond())).Int64()
		return orNil(d, d == int64(int32(d)))
	case "to_timestamp":
		return naiveInt("mul", i(0), 86400*nd.Type.Unit.PerSecond())
	case "to_unit":
		x, y := t.Unit.PerSecond(), nd.Type.Unit.PerSecond()
		z := new(big.Int).Mul(big.NewInt(i(0)), big.NewInt(y))
		z.Div(z, big.NewInt(x))
		return orNil(z.Int64(), z.IsInt64())
	case "in_zone":
		loc, _ := time.LoadLocation(nd.S)
		_, off := naiveTime(t, i(0)).In(loc).Zone()
		return naiveInt("add", i(0), int64(off)*t.Unit.PerSecond())
	case "raw":
		return a[0]
	case "parse_date", "try_parse_date":
		lay := "2006-01-02"
		if nd.S == "%d.%m.%Y" {
			lay = "02.01.2006"
		}
		v, err := time.Parse(lay, s(0))
		return orNil(v.Unix()/86400, err == nil)
	case "parse_timestamp", "try_parse_timestamp":
		for _, lay := range []string{"2006-01-02", "2006-01-02T15:04:05.999999999"} {
			if v, err := time.Parse(lay, s(0)); err == nil {
				return v.UnixMicro()
			}
		}
		return orNil(nil, false)
	}
	panic("naive: " + nd.Op)
}

func naiveYear(rest string, y int) string {
	if y < 0 {
		return fmt.Sprintf("-%04d", -y) + rest
	}
	return fmt.Sprintf("%04d", y) + rest
}

// value reads what a batch or a frame gave, floats by their bits.
func columnValue(c *batch.Column, i int) any {
	if c.Null(i) {
		return nil
	}
	switch c.Type.Kind {
	case batch.Bool:
		return c.Bit(i)
	case batch.Int32, batch.Date:
		return int64(c.Int32s()[i])
	case batch.Float32:
		return math.Float64bits(float64(c.Float32s()[i]))
	case batch.Float64:
		return math.Float64bits(c.Float64s()[i])
	case batch.String:
		return strings.Clone(c.Str(i))
	}
	return c.Int64s()[i]
}

func frameValue(f *program.Frame, s int, t batch.Type) any {
	if f.Null[s] {
		return nil
	}
	switch {
	case t.Kind == batch.Bool:
		return f.I[s] != 0
	case t.Float():
		return math.Float64bits(f.F[s])
	case t.Text():
		return strings.Clone(f.S[s])
	}
	return f.I[s]
}

// checkLaw holds an expression to the laws on random rows.
func checkLaw(tb testing.TB, src string, want batch.Type, seed uint64, n int) {
	tb.Helper()
	typed, l := Check(src, lawSchema, diag.At{})
	if l.Failed() || typed.Type.Kind == batch.Unknown {
		tb.Fatalf("%s: %v", src, l.Err())
	}
	if want.Kind == batch.Unknown {
		want = typed.Type
	}
	g := typed.Program("out", want)
	data := g.Marshal()
	h, err := program.Unmarshal(data)
	if err != nil || string(h.Marshal()) != string(data) {
		tb.Fatalf("%s: decoded and encoded again: %v", src, err)
	}
	r := rand.New(rand.NewPCG(seed, 7))
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = make([]any, len(typed.cols))
		for j, f := range typed.cols {
			rows[i][j] = randomValue(r, f)
		}
	}
	full := &naive{t: &Typed{nodes: g.Nodes[0].Kind.(*program.Expr).Nodes, cols: typed.cols}}
	expect := make([]any, n)
	firstBad := -1
	var good []int
	for i := range rows {
		full.row = rows[i]
		expect[i] = full.at(len(full.t.nodes) - 1)
		if f, ok := expect[i].(float64); ok {
			if f != f && full.t.nodes[len(full.t.nodes)-1].Op != "col" {
				f = math.NaN()
			}
			if want.Kind == batch.Float32 {
				f = float64(float32(f))
			}
			expect[i] = math.Float64bits(f)
		}
		if _, bad := expect[i].(error); !bad {
			good = append(good, i)
		} else if firstBad < 0 {
			firstBad = i
		}
		if expect[i] == nil && !typed.Nullable {
			tb.Fatalf("%s: row %v is null, but said not to be", src, rows[i])
		}
		if expect[i] == true {
			for _, c := range typed.NotNil {
				for j, f := range typed.cols {
					if f.Name == c && rows[i][j] == nil {
						tb.Fatalf("%s: true of row %v, where %s is null", src, rows[i], c)
					}
				}
			}
		}
	}
	columns := func(pick []int) []batch.Column {
		cols := make([]batch.Column, len(h.In))
		for j, f := range typed.cols {
			v := make([]any, len(pick))
			for x, i := range pick {
				v[x] = rows[i][j]
			}
			cols[j] = columnOf(r, f, v, strings.HasPrefix(f.Name, "c"))
		}
		return cols
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	ctx := &batch.Ctx{Poison: true}
	if firstBad >= 0 {
		_, err := h.Batch(ctx, n, columns(all))
		var re *program.RowError
		if !errors.As(err, &re) || re.Row != firstBad {
			tb.Fatalf("%s: batch says %v, not an error of row %d", src, err, firstBad)
		}
	}
	frame := h.Frame()
	for _, size := range []int{len(good), min(len(good), 1), min(len(good), 65)} {
		pick := good[:size]
		cols := columns(pick)
		ctx.Reset()
		out, err := h.Batch(ctx, size, cols)
		if err != nil {
			tb.Fatalf("%s: %v", src, err)
		}
		if out[0].Type != want || out[0].N != size {
			tb.Fatalf("%s: a column of %d %s", src, out[0].N, out[0].Type)
		}
		for x, i := range pick {
			if v := columnValue(&out[0], x); v != expect[i] {
				tb.Fatalf("%s: batch gives %v (%T) for %v, not %v (%T)", src, v, v, rows[i], expect[i], expect[i])
			}
			for j := range cols {
				frame.SetRow(h.In[j].Slot, &cols[j], x)
			}
			if err := h.Row(frame); err != nil {
				tb.Fatalf("%s: row: %v", src, err)
			}
			if v := frameValue(frame, h.Out[0].Slot, want); v != expect[i] {
				tb.Fatalf("%s: row gives %v for %v, not %v", src, v, rows[i], expect[i])
			}
		}
	}
	// rows that fail, by Row
	if firstBad >= 0 {
		cols := columns(all)
		for i := range rows {
			for j := range cols {
				frame.SetRow(h.In[j].Slot, &cols[j], i)
			}
			_, bad := expect[i].(error)
			if err := h.Row(frame); (err != nil) != bad {
				tb.Fatalf("%s: row gives %v for %v, not %v", src, err, rows[i], expect[i])
			}
		}
	}
}

var lawCases = strings.Split(strings.TrimSpace(`
not b0
b0 and b
b0 or b
b0 == b
b != b0
i0 + i
i0 - k
i * i0
k0 + 1
-i
-f0
-k
abs(i)
abs(f0)
f + i0
f0 * g
f - f0
i / k0
m + 1
m0 * m
i0 % 3
div(i0, i)
mod(k, k0)
2 ** k
f0 ** 2
f ^ g
min(i0, k)
max(f, f0, 1)
min(d, d0)
max(tu, tn)
clip(f0, -1, 2)
clip(i0, -3, 3)
i == i0
i0 != 3
3 < i0
i0 >= k
f <= f0
f0 > 1
f != f
is_nan(f0)
s == s0
s0 < "a"
c0 == "SFO"
c != c0
d > "1990-01-05"
tu >= d
tm < tn
ts == tu
z > z0
z > "2001-01-05T00:00:00Z"
z0 == "2001-01-05"
m == 1.1
m0 < 3.333
m0 >= -3.333
m0 != 2.505
m < m0
m > i
1 < i < 5
i0 in [1, 2, 3]
i0 in [1, 2.5, i]
f0 in [0, 1.5, -2]
k in 1..5
f in i..5
s0 in ["a", "SFO"]
c0 in ["a", "SFO", "x y"]
c0 not in ["a"]
d in ["2001-01-05", "1999-12-31"]
m0 in [1, 2.5, 3.333]
b0 in [true]
i0 == nil
f0 != nil
c0 == nil
b0 ? i : f0
b0 ? s : c0
b0 ? nil : i
b0 ? b : b0
d0 == nil ? 0 : year(d0)
i0 ?? 0
i0 ?? f0
k0 ?? k
c0 ?? "none"
b0 ?? false
b0 ?? b
d0 ?? "2001-01-05"
tn ?? tu
i0 != nil and i / i0 > 1
i0 == 0 or div(10, i0) > 2
i0 == 0 ? 0 : div(10, i0)
b0 and i * i > 50
b0 or i * 9000000000000000000 > 50
b0 ? i * 9000000000000000000 : 1
(i0 ?? div(1, k)) > 0
(try_int(s0) ?? div(1, k)) + 1
try_int(s0) == nil
c0 != nil and int(c0) > 3
(int(c0) > 3) ?? b
(b0 ? int(c0) > 3 : b) ?? b
floor(f0)
ceil(g)
round(f)
round(i)
sqrt(f0)
exp(f0)
expm1(f)
log(f0)
log2(f)
log10(f)
log1p(f)
sin(f)
cos(f)
pow(k, f)
lower(s)
upper(s0)
lower(c0)
upper(trim(c)) + "!"
trim(s0)
replace(s0, "X", "--")
replace(c, "", "a")
length(s0)
length(c)
s contains "a"
s contains s0
c0 contains "x"
c0 contains s
s0 startsWith "S"
s startsWith ""
s endsWith "O"
s0 endsWith "FO"
s0 contains "F"
s contains ""
s != "SFO"
s0 == ""
s in ["a", "SFO", ""]
s0 not in ["SFO", "x"]
s in ["a", "b", "c", "d", "e", "f", "g", "h", "SFO"]
i in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
f in [0, 1.5, -2]
s == "SFO" ? s : "other"
c endsWith "o"
s0 matches "^[A-Z]+$"
c0 matches "[0-9]"
s + s0
s0 + "x" == c0
lower(c0) == "sfo" and i > 0
year(d)
month(d0)
day(d)
weekday(d)
yearday(d0)
year(tu)
month(tn)
day(tm)
weekday(ts)
yearday(tn)
hour(ts)
hour(tm)
hour(tu)
hour(tn)
minute(ts)
minute(tm)
minute(tu)
second(tn)
second(tm)
date(tu)
date(tm)
date(ts)
timestamp(d0)
hour(in_zone(z, "America/New_York"))
in_zone(z0, "Europe/Berlin")
in_zone(z, "Asia/Kathmandu")
days_between(d, d0)
days_between("2001-01-05", tu)
seconds_between(tm, ts)
seconds_between(d, "2001-01-05")
seconds_between(z, z0)
int(f)
try_int(f0)
int(b0)
int(m)
int(k0)
int(s)
try_int(s0)
try_int(c0)
float(s)
try_float(s0)
try_float(c)
float(b)
float(m0)
bool(f0)
string(b0)
string(i0)
string(f)
string(g0)
string(d)
string(tu)
string(tm)
string(m0)
try_date(s0)
date(c)
try_date(s0, "%d.%m.%Y")
try_timestamp(c0)
try_timestamp(s)
timestamp(c)
let x = i0 * 2; x + x * x
let t = lower(c0); t == "sfo" ? length(t) : 0
5 + 3
"a" + "b"
true ? nil : 3
i
s0
c0
b0
d
tn
`), "\n")

func TestLaws(t *testing.T) {
	for j, src := range lawCases {
		checkLaw(t, src, batch.Type{}, uint64(j), 2100)
	}
	for j, src := range []string{"i", "f0", "m", "k * 2", "g0"} {
		for _, k := range []batch.Kind{batch.Float32, batch.Float64} {
			checkLaw(t, src, batch.T(k), uint64(j), 300)
		}
	}
	checkLaw(t, "i0", batch.T(batch.Int32), 1, 300)
	checkLaw(t, "k0", batch.T(batch.Int64), 2, 300)
	checkLaw(t, "tu", ts(batch.Nano, ""), 3, 300)
	checkLaw(t, "tn", ts(batch.Second, ""), 4, 300)
}

// generate makes a random expression of a class: b, i, f, s or d.
func generate(r *rand.Rand, class byte, depth int) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	if depth == 0 {
		switch class {
		case 'b':
			return pick("b", "b0", "true", "i0 == nil")
		case 'i':
			return pick("i", "i0", "k0", "3", "-1", "9000000000000000000")
		case 'f':
			return pick("f", "f0", "g0", "0.5", "m0")
		case 's':
			return pick("s", "s0", "c", "c0", `"a"`, `"12"`)
		}
		return pick("d", "d0", "tu", "tm")
	}
	e := func(c byte) string { return generate(r, c, depth-1) }
	switch class {
	case 'b':
		switch r.IntN(9) {
		case 0:
			return "(" + e('b') + pick(" and ", " or ") + e('b') + ")"
		case 1:
			return "not (" + e('b') + ")"
		case 2:
			return "(" + e('i') + pick(" < ", " <= ", " > ", " == ", " != ") + e('i') + ")"
		case 3:
			return "(" + e('f') + pick(" < ", " >= ", " != ") + e('f') + ")"
		case 4:
			return "(" + e('s') + pick(" == ", " < ", " contains ", " startsWith ") + e('s') + ")"
		case 5:
			return "(" + e(pick("i", "f", "s", "d", "b")[0]) + pick(" == nil)", " != nil)")
		case 6:
			return "((" + e('b') + ") ?? " + e('b') + ")"
		case 7:
			return "(" + e('b') + " ? " + e('b') + " : " + e('b') + ")"
		}
		return "(" + e('s') + ` in ["a", "SFO", "12"])`
	case 'i':
		switch r.IntN(7) {
		case 0:
			return "(" + e('i') + pick(" + ", " - ", " * ") + e('i') + ")"
		case 1:
			return pick("div", "mod", "min", "max") + "(" + e('i') + ", " + e('i') + ")"
		case 2:
			return "((" + e('i') + ") ?? " + e('i') + ")"
		case 3:
			return "(" + e('b') + " ? " + e('i') + " : " + e('i') + ")"
		case 4:
			return pick("try_int", "length", "int") + "(" + e('s') + ")"
		case 5:
			return pick("year", "weekday", "day") + "(" + e('d') + ")"
		}
		return "int(" + e('f') + ")"
	case 'f':
		switch r.IntN(4) {
		case 0:
			return "(" + e('f') + pick(" + ", " * ", " / ", " - ") + e(pick("f", "i")[0]) + ")"
		case 1:
			return pick("sqrt", "abs", "floor", "exp", "-") + "(" + e('f') + ")"
		case 2:
			return "((" + e('f') + ") ?? " + e(pick("f", "i")[0]) + ")"
		}
		return "float(" + "(" + e('b') + " ? " + e('f') + " : " + e('f') + "))"
	case 's':
		switch r.IntN(5) {
		case 0:
			return pick("lower", "upper", "trim") + "(" + e('s') + ")"
		case 1:
			return "(" + e('s') + " + " + e('s') + ")"
		case 2:
			return "((" + e('s') + ") ?? " + e('s') + ")"
		case 3:
			return "(" + e('b') + " ? " + e('s') + " : " + e('s') + ")"
		}
		return "string(" + e(pick("i", "b", "f")[0]) + ")"
	}
	return "(" + e('b') + " ? " + pick("d", "d0") + " : " + pick("d", "d0") + ")"
}

func TestLawsOnRandomExpressions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	tried := 0
	for seed := range uint64(600) {
		src := generate(r, "bifs"[r.IntN(4)], 1+r.IntN(4))
		if _, l := Check(src, lawSchema, diag.At{}); l.Failed() {
			continue // a constant part that fails
		}
		tried++
		checkLaw(t, src, batch.Type{}, seed, 300)
	}
	if tried < 300 {
		t.Fatalf("only %d of 600 expressions were good", tried)
	}
}

// TestDecodeBadBytes: no bytes can panic, in decoding or after it.
func TestDecodeBadBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, src := range lawCases {
		typed, _ := Check(src, lawSchema, diag.At{})
		g := typed.Program("out", batch.Type{})
		data := g.Marshal()
		for range 200 {
			bad := append([]byte(nil), data...)
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] = byte(r.Uint32())
			}
			h, err := program.Unmarshal(bad)
			if err != nil {
				if !errors.Is(err, canon.ErrCorrupt) {
					t.Fatalf("%v", err)
				}
				continue
			}
			if len(h.In) != len(typed.cols) {
				continue
			}
			n := 100
			cols := make([]batch.Column, len(h.In))
			for j, p := range h.In {
				f := operators.Field{Type: h.Types[p.Slot], Nullable: true}
				if f.Type.Kind > batch.Decimal || f.Type.Kind == batch.Bytes {
					cols = nil
					break
				}
				rows := make([]any, n)
				for i := range rows {
					rows[i] = randomValue(r, f)
				}
				cols[j] = columnOf(r, f, rows, false)
			}
			if cols != nil {
				_, _ = h.Batch(nil, n, cols)
			}
		}
	}
}
