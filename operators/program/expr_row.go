package program

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
)

// exprVal is a value of one row: of class 'b' (0 or 1) and 'i' in i, of class 'f' in f, of class 's' in s.
type exprVal struct {
	i   int64
	f   float64
	s   string
	st  valueState
	org int32 // failed: the node where it began
}

type valueState uint8

const (
	present valueState = iota
	null
	failed
)

// Row implements Kind.
func (e *Expr) Row(f *Frame, in, out []int) error {
	st := getState(e)
	for j, s := range in {
		v := &st.in[j]
		v.st = present
		if f.Null[s] {
			v.st = null
			continue
		}
		switch class(e.in[j]) {
		case 'b', 'i':
			v.i = f.I[s]
		case 'f':
			v.f = f.F[s]
		case 's':
			v.s = f.S[s]
		}
	}
	o := out[0]
	text := &f.Text[o]
	*text = (*text)[:0]
	v := e.eval(st, text)
	f.Null[o] = v.st == null
	if v.st == failed {
		err := &RowError{Row: -1, Err: e.failure(st.vals, v.org)}
		putState(st)
		return err
	}
	switch class(e.Nodes[len(e.Nodes)-1].Type) {
	case 'b', 'i':
		f.I[o] = v.i
	case 'f':
		f.F[o] = e.final(v.f)
	case 's':
		f.S[o] = v.s
	}
	putState(st)
	return nil
}

// final is a float as it leaves the expression: which NaN an operation gives depends on the processor, so that a computed one is
// made the one NaN there is. A column that only passes keeps its bits.
func (e *Expr) final(x float64) float64 {
	nd := &e.Nodes[len(e.Nodes)-1]
	switch {
	case x == x || nd.op == opCol:
		return x
	case nd.Type.Kind == batch.Float32:
		return float64(float32(math.NaN()))
	}
	return math.NaN()
}

// eval computes every node for the row in st.in. Texts that it makes are appended to text.
func (e *Expr) eval(st *exprState, text *[]byte) *exprVal {
	vals := st.vals
	for k := range e.Nodes {
		nd, o := &e.Nodes[k], &vals[k]
		o.st = present
		switch nd.op {
		case opCol:
			*o = st.in[nd.I]
		case opBool, opInt:
			o.i = nd.I
		case opFloat:
			o.f = nd.F
		case opText:
			o.s = nd.S
		case opNull:
			o.st = null
		case opIsNull, opNotNull:
			a := &vals[nd.Args[0]]
			o.i = b2i((a.st == null) == (nd.op == opIsNull))
			if a.st == failed {
				o.st, o.org = failed, a.org
			}
		case opAnd, opOr:
			kleene(&vals[nd.Args[0]], &vals[nd.Args[1]], o, b2i(nd.op == opOr))
		case opSelect:
			c := &vals[nd.Args[0]]
			switch {
			case c.st != present:
				o.st, o.org = c.st, c.org
			case c.i != 0:
				*o = vals[nd.Args[1]]
			default:
				*o = vals[nd.Args[2]]
			}
		case opCoalesce:
			if a := &vals[nd.Args[0]]; a.st != null {
				*o = *a
			} else {
				*o = vals[nd.Args[1]]
			}
		default:
			e.strict(nd, vals, o, text)
			if o.st == failed && o.org < 0 {
				o.org = int32(k)
			}
		}
	}
	return &vals[len(vals)-1]
}

// strict handles the null and the failed, and leaves the rest to scalar. A failure of its own is marked by org -1.
func (e *Expr) strict(nd *ExprNode, vals []exprVal, o *exprVal, text *[]byte) {
	var a [3]*exprVal
	for j, x := range nd.Args {
		v := &vals[x]
		a[j] = v
		switch {
		case v.st == failed:
			o.st, o.org = failed, v.org
			return
		case v.st == null:
			o.st = null
		}
	}
	if o.st == present {
		o.org = -1
		nd.scalar(e.Nodes[nd.Args[0]].Type, a[0], a[1], a[2], o, text)
	}
}

// kleene is and where absorb is 0, or where it is 1: the value that decides alone.
func kleene(a, b, o *exprVal, absorb int64) {
	switch {
	case a.st == failed:
		o.st, o.org = failed, a.org
	case a.st == present && a.i == absorb:
		o.i = absorb
	case b.st == failed:
		o.st, o.org = failed, b.org
	case b.st == present && b.i == absorb:
		o.i = absorb
	case a.st == null || b.st == null:
		o.st = null
	default:
		o.i = 1 - absorb
	}
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// scalar is a strict operation on present values; t is the type of the first argument. It sets o's value, or its state.
func (nd *ExprNode) scalar(t batch.Type, x, y, z, o *exprVal, text *[]byte) {
	ok := true
	switch nd.op {
	case opNot:
		o.i = 1 - x.i
	case opEq, opNe, opLt, opLe:
		o.i = b2i(compareVals(nd.op, class(t), x, y))
	case opIn:
		o.i = b2i(nd.contains(class(t), x))
	case opAdd, opSub, opMul, opMin, opMax:
		if nd.Type.Kind == batch.Int64 {
			o.i, ok = intOp(nd.op, x.i, y.i)
		} else {
			o.f = floatOp(nd.op, x.f, y.f)
		}
	case opNeg:
		o.i, o.f = -x.i, -x.f
		ok = nd.Type.Kind == batch.Float64 || x.i != math.MinInt64
	case opAbs:
		o.i, o.f = max(x.i, -x.i), math.Abs(x.f)
		ok = nd.Type.Kind == batch.Float64 || x.i != math.MinInt64
	case opIdiv, opMod:
		o.i, ok = intOp(nd.op, x.i, y.i)
	case opDivide, opPow:
		o.f = floatOp(nd.op, x.f, y.f)
	case opFloor, opCeil, opRound, opSqrt, opExp, opLog, opLog2, opLog10, opLog1p, opExpm1, opSin, opCos:
		o.f = floatMap(nd.op, x.f)
	case opToFloat:
		o.f = toFloat(t, x)
	case opToFloat32:
		o.f = float64(float32(x.f))
	case opToInt, opTryToInt:
		o.i = x.i
		if t.Float() {
			o.i, ok = truncate(x.f)
		}
	case opToInt32:
		o.i, ok = x.i, x.i == int64(int32(x.i))
	case opParseInt, opTryParseInt:
		o.i, ok = parseInt(x.s)
	case opParseFloat, opTryParseFloat:
		o.f, ok = parseFloat(x.s)
	case opYear, opMonth, opDay, opWeekday, opYearday:
		o.i = datePart(nd.op, toDays(t, x.i))
	case opHour, opMinute, opSecond:
		o.i = timePart(nd.op, floorDiv(x.i, t.Unit.PerSecond()))
	case opToDate:
		o.i = toDays(t, x.i)
		ok = o.i == int64(int32(o.i))
	case opToTimestamp:
		o.i, ok = intOp(opMul, x.i, 86400*nd.Type.Unit.PerSecond())
	case opToUnit:
		o.i, ok = changeUnit(x.i, t.Unit, nd.Type.Unit)
	case opInZone:
		o.i, ok = nd.zone.wall(x.i, t.Unit)
	case opRaw:
		o.i = x.i
	case opParseDate, opTryParseDate:
		var p civil
		if p, ok = parseCivil(x.s, nd.lay); ok {
			ok = p.dateOnly()
			o.i = p.days()
		}
	case opParseTimestamp, opTryParseTimestamp:
		var p civil
		if p, ok = parseCivil(x.s, nd.lay); ok {
			o.i, ok = p.stamp(nd.Type.Unit)
		}
	default:
		ok = nd.scalarText(t, x, y, z, o, text)
	}
	if !ok {
		o.st = failed
		switch nd.op {
		case opTryToInt, opTryParseInt, opTryParseFloat, opTryParseDate, opTryParseTimestamp:
			o.st = null
		}
	}
}

// scalarText is scalar for what makes or reads texts only.
func (nd *ExprNode) scalarText(t batch.Type, x, y, z, o *exprVal, text *[]byte) bool {
	switch nd.op {
	case opLength:
		o.i = int64(utf8.RuneCountInString(x.s))
		return true
	case opContains:
		o.i = b2i(strings.Contains(x.s, y.s))
		return true
	case opStartsWith:
		o.i = b2i(strings.HasPrefix(x.s, y.s))
		return true
	case opEndsWith:
		o.i = b2i(strings.HasSuffix(x.s, y.s))
		return true
	case opMatches:
		o.i = b2i(nd.re.MatchString(x.s))
		return true
	case opTrim:
		o.s = strings.TrimSpace(x.s)
		return true
	}
	from, ok := len(*text), true
	if from > textBudget {
		return false
	}
	switch nd.op {
	case opConcat:
		if ok = len(x.s)+len(y.s) <= ExprTextMax; ok {
			*text = append(append(*text, x.s...), y.s...)
		}
	case opLower, opUpper:
		*text = appendCase(*text, x.s, nd.op == opUpper)
		ok = len(*text)-from <= ExprTextMax
	case opReplace:
		*text, ok = appendReplaced(*text, x.s, y.s, z.s)
	case opToText:
		*text = appendText(*text, t, x)
	}
	made := (*text)[from:]
	o.s = unsafe.String(unsafe.SliceData(made), len(made))
	return ok
}

func compareVals(op exprOp, class byte, x, y *exprVal) bool {
	switch class {
	case 'f':
		return compare(op, x.f, y.f)
	case 's':
		return compare(op, x.s, y.s)
	}
	return compare(op, x.i, y.i)
}

func compare[T int64 | float64 | string](op exprOp, x, y T) bool {
	switch op {
	case opEq:
		return x == y
	case opNe:
		return x != y
	case opLt:
		return x < y
	}
	return x <= y
}

// contains says whether the node's list holds a value.
func (nd *ExprNode) contains(class byte, x *exprVal) bool {
	switch class {
	case 'f':
		if x.f != x.f {
			return false // the order of a search puts a NaN somewhere
		}
		_, ok := slices.BinarySearch(nd.Floats, x.f)
		return ok
	case 's':
		_, ok := nd.set[x.s]
		return ok
	}
	_, ok := slices.BinarySearch(nd.Ints, x.i)
	return ok
}

// intOp is integer arithmetic; false where it overflows or divides by zero.
func intOp(op exprOp, x, y int64) (int64, bool) {
	switch op {
	case opAdd:
		s := x + y
		return s, (x^s)&(y^s) >= 0
	case opSub:
		s := x - y
		return s, (x^y)&(x^s) >= 0
	case opMul:
		return mulInt(x, y)
	case opMin:
		return min(x, y), true
	case opMax:
		return max(x, y), true
	case opIdiv:
		if y == 0 || y == -1 && x == math.MinInt64 {
			return 0, false
		}
		return x / y, true
	}
	if y == 0 {
		return 0, false
	}
	return x % y, true
}

func mulInt(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	h := int64(hi) - (x>>63)&y - (y>>63)&x
	return int64(lo), h == int64(lo)>>63
}

func floatOp(op exprOp, x, y float64) float64 {
	switch op {
	case opAdd:
		return x + y
	case opSub:
		return x - y
	case opMul:
		return x * y
	case opMin:
		return min(x, y)
	case opMax:
		return max(x, y)
	case opDivide:
		return x / y
	}
	return fmath.Pow(x, y)
}

func floatMap(op exprOp, x float64) float64 {
	switch op {
	case opFloor:
		return math.Floor(x)
	case opCeil:
		return math.Ceil(x)
	case opRound:
		return math.Round(x)
	case opSqrt:
		return math.Sqrt(x)
	case opExp:
		return fmath.Exp(x)
	case opLog:
		return fmath.Log(x)
	case opLog2:
		return fmath.Log2(x)
	case opLog10:
		return fmath.Log10(x)
	case opLog1p:
		return fmath.Log1p(x)
	case opExpm1:
		return fmath.Expm1(x)
	case opSin:
		return fmath.Sin(x)
	}
	return fmath.Cos(x)
}

var pow10 = [19]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// toFloat is a number or truth value as a float. Of a decimal, the unscaled value is rounded to a float, then the quotient.
func toFloat(t batch.Type, x *exprVal) float64 {
	switch t.Kind {
	case batch.Float32, batch.Float64:
		return x.f
	case batch.Decimal:
		return float64(x.i) / float64(pow10[t.Scale])
	}
	return float64(x.i)
}

// truncate is a float without its fraction; false where that is no int64.
func truncate(x float64) (int64, bool) {
	if x >= -0x1p63 && x < 0x1p63 {
		return int64(x), true
	}
	return 0, false
}

// failure says why node k failed, from the values of its row.
func (e *Expr) failure(vals []exprVal, k int32) error {
	nd := &e.Nodes[k]
	var a [3]string
	for j, x := range nd.Args {
		a[j] = show(e.Nodes[x].Type, &vals[x])
	}
	sign := map[exprOp]string{opAdd: "+", opSub: "-", opMul: "*", opIdiv: "div", opMod: "%"}[nd.op]
	switch nd.op {
	case opAdd, opSub, opMul:
		return fmt.Errorf("integer overflow: %s %s %s", a[0], sign, a[1])
	case opIdiv, opMod:
		if vals[nd.Args[1]].i == 0 {
			return fmt.Errorf("integer division by zero: %s %s %s", a[0], sign, a[1])
		}
		return fmt.Errorf("integer overflow: %s %s %s", a[0], sign, a[1])
	case opNeg:
		return fmt.Errorf("integer overflow: -(%s)", a[0])
	case opAbs:
		return fmt.Errorf("integer overflow: abs(%s)", a[0])
	case opToInt:
		return fmt.Errorf("int(%s) does not fit int64: try_int gives nil", a[0])
	case opToInt32:
		return fmt.Errorf("%s does not fit int32", a[0])
	case opParseInt:
		return fmt.Errorf("int(%s) is no integer: try_int gives nil", a[0])
	case opParseFloat:
		return fmt.Errorf("float(%s) is no number: try_float gives nil", a[0])
	case opParseDate:
		return fmt.Errorf("date(%s) is no date%s: try_date gives nil", a[0], layoutNote(nd.S))
	case opParseTimestamp:
		return fmt.Errorf("timestamp(%s) is no time%s: try_timestamp gives nil", a[0], layoutNote(nd.S))
	case opConcat, opLower, opUpper, opReplace:
		return fmt.Errorf("%s makes a text of more than %d bytes, or all texts of a row are too long together", nd.Op, ExprTextMax)
	}
	return fmt.Errorf("%s of %s is out of range", nd.Op, a[0])
}

func layoutNote(layout string) string {
	if layout == "" {
		return ""
	}
	return " as " + strconv.Quote(layout)
}

// show is a value for a message: at most 60 characters of a text.
func show(t batch.Type, v *exprVal) string {
	if v.st == null {
		return "nil"
	}
	switch class(t) {
	case 's':
		if r := []rune(v.s[:min(len(v.s), 400)]); len(r) > 60 {
			return strconv.Quote(string(r[:60])) + "…"
		}
		return strconv.Quote(v.s)
	case 'f':
		return strconv.FormatFloat(v.f, 'g', -1, 64)
	}
	return string(appendText(nil, t, v))
}
