package program

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Limits of an expression, in source form and as stored. A decoded expression past one of them is refused.
const (
	ExprNodesMax = 1 << 16 // nodes of an Expr
	ExprTextMax  = 1 << 20 // bytes of a text that an expression makes; longer is an error of the row
	textBudget   = 1 << 29 // bytes of all texts made at a time: a few rows' worth of nothing but the longest
	regexBytes   = 4096    // of a pattern
	regexSteps   = 5000    // instructions of all patterns of an Expr, estimated before they are compiled
)

// Expr is the node kind "expr": one column computed from others of the same row.
//
// Its nodes are in topological order, an argument before its use; the last is the result. A node may be used more than once, so
// that what an expression says twice is computed once.
//
// A value is present, null or failed. Failing (overflow, a cast that does not fit) is not raised where it happens: it travels
// like a null, and only a failure that reaches the result is a *RowError. So a branch that is not taken, the right of
// `x != nil and …` where x is null, raises nothing, and evaluation needs no masks and no order.
//
// Null and failure travel through every operation but those that ask for them: is_null and not_null, and and or (Kleene; a false
// left side hides what the right side is), select, coalesce. A failure outweighs a null.
type Expr struct {
	Nodes []ExprNode
	in    []batch.Type
	dep   []int32 // of each node: the one input it depends on, noInput or manyInputs
	chunk int     // rows at a time in Batch
	pairs *pairs  // nil where the result is none
}

const (
	noInput    = -1
	manyInputs = -2
)

// ExprNode is an operation on the results of nodes before it. ExprOps says which there are. What an operation needs besides its
// arguments stands in one of I, F, S and the lists.
type ExprNode struct {
	Op      string
	Type    batch.Type // of the result
	Args    []int
	I       int64     // col: the input; bool, int: the value
	F       float64   // float: the value
	S       string    // text: the value; matches: the pattern; in_zone: the zone; parse_date, parse_timestamp: the layout
	Ints    []int64   // in, of integers, dates, timestamps, decimals: sorted, each once
	Floats  []float64 // in, of floats: sorted, each once, no NaN
	Strings []string  // in, of texts: sorted, each once

	op   exprOp
	re   *regexp.Regexp
	zone *zoneTable
	set  map[string]struct{}
	lay  []layoutItem
}

type exprOp uint8

const (
	opCol exprOp = iota
	opBool
	opInt
	opFloat
	opText
	opNull
	opNot
	opAnd
	opOr
	opIsNull
	opNotNull
	opSelect
	opCoalesce
	opEq
	opNe
	opLt
	opLe
	opIn
	opAdd
	opSub
	opMul
	opNeg
	opAbs
	opMin
	opMax
	opDivide
	opIdiv
	opMod
	opPow
	opFloor
	opCeil
	opRound
	opSqrt
	opExp
	opLog
	opLog2
	opLog10
	opLog1p
	opExpm1
	opSin
	opCos
	opToFloat
	opToInt
	opTryToInt
	opToInt32
	opToFloat32
	opParseInt
	opTryParseInt
	opParseFloat
	opTryParseFloat
	opToText
	opConcat
	opLower
	opUpper
	opTrim
	opReplace
	opLength
	opContains
	opStartsWith
	opEndsWith
	opMatches
	opYear
	opMonth
	opDay
	opWeekday
	opYearday
	opHour
	opMinute
	opSecond
	opToDate
	opToTimestamp
	opToUnit
	opInZone
	opRaw
	opParseDate
	opTryParseDate
	opParseTimestamp
	opTryParseTimestamp
	opCount
)

// exprSpec describes an operation. A signature is argument types, '>' and the result: b bool, i int32 or int64, I int64, J int32,
// f float32 or float64, F float64, G float32, s string, d date, t timestamp without a zone, z one with a zone, c decimal; the
// letters that stand for several types leave the choice to the node. "" is checked by code.
type exprSpec struct {
	name  string
	param byte // 'i', 'f', 's': I, F, S; 'l': the list of the argument's class
	fails bool // may fail on a row whose arguments are present
	sig   []string
}

var exprSpecs = [opCount]exprSpec{
	opCol:               {"col", 'i', false, nil},
	opBool:              {"bool", 'i', false, nil},
	opInt:               {"int", 'i', false, nil},
	opFloat:             {"float", 'f', false, nil},
	opText:              {"text", 's', false, nil},
	opNull:              {"null", 0, false, nil},
	opNot:               {"not", 0, false, []string{"b>b"}},
	opAnd:               {"and", 0, false, []string{"bb>b"}},
	opOr:                {"or", 0, false, []string{"bb>b"}},
	opIsNull:            {"is_null", 0, false, nil},
	opNotNull:           {"not_null", 0, false, nil},
	opSelect:            {"select", 0, false, nil},
	opCoalesce:          {"coalesce", 0, false, nil},
	opEq:                {"eq", 0, false, nil},
	opNe:                {"ne", 0, false, nil},
	opLt:                {"lt", 0, false, nil},
	opLe:                {"le", 0, false, nil},
	opIn:                {"in", 'l', false, nil},
	opAdd:               {"add", 0, true, []string{"ii>I", "ff>F"}},
	opSub:               {"sub", 0, true, []string{"ii>I", "ff>F"}},
	opMul:               {"mul", 0, true, []string{"ii>I", "ff>F"}},
	opNeg:               {"neg", 0, true, []string{"i>I", "f>F"}},
	opAbs:               {"abs", 0, true, []string{"i>I", "f>F"}},
	opMin:               {"min", 0, false, []string{"ii>I", "ff>F"}},
	opMax:               {"max", 0, false, []string{"ii>I", "ff>F"}},
	opDivide:            {"divide", 0, false, []string{"ff>F"}},
	opIdiv:              {"idiv", 0, true, []string{"ii>I"}},
	opMod:               {"mod", 0, true, []string{"ii>I"}},
	opPow:               {"pow", 0, false, []string{"ff>F"}},
	opFloor:             {"floor", 0, false, []string{"f>F"}},
	opCeil:              {"ceil", 0, false, []string{"f>F"}},
	opRound:             {"round", 0, false, []string{"f>F"}},
	opSqrt:              {"sqrt", 0, false, []string{"f>F"}},
	opExp:               {"exp", 0, false, []string{"f>F"}},
	opLog:               {"log", 0, false, []string{"f>F"}},
	opLog2:              {"log2", 0, false, []string{"f>F"}},
	opLog10:             {"log10", 0, false, []string{"f>F"}},
	opLog1p:             {"log1p", 0, false, []string{"f>F"}},
	opExpm1:             {"expm1", 0, false, []string{"f>F"}},
	opSin:               {"sin", 0, false, []string{"f>F"}},
	opCos:               {"cos", 0, false, []string{"f>F"}},
	opToFloat:           {"to_float", 0, false, []string{"i>F", "f>F", "c>F", "b>F"}},
	opToInt:             {"to_int", 0, true, []string{"i>I", "f>I", "b>I"}},
	opTryToInt:          {"try_to_int", 0, false, []string{"f>I"}},
	opToInt32:           {"to_int32", 0, true, []string{"i>J"}},
	opToFloat32:         {"to_float32", 0, false, []string{"f>G"}},
	opParseInt:          {"parse_int", 0, true, []string{"s>I"}},
	opTryParseInt:       {"try_parse_int", 0, false, []string{"s>I"}},
	opParseFloat:        {"parse_float", 0, true, []string{"s>F"}},
	opTryParseFloat:     {"try_parse_float", 0, false, []string{"s>F"}},
	opToText:            {"to_text", 0, false, []string{"b>s", "i>s", "f>s", "d>s", "t>s", "c>s"}},
	opConcat:            {"concat", 0, true, []string{"ss>s"}},
	opLower:             {"lower", 0, true, []string{"s>s"}},
	opUpper:             {"upper", 0, true, []string{"s>s"}},
	opTrim:              {"trim", 0, false, []string{"s>s"}},
	opReplace:           {"replace", 0, true, []string{"sss>s"}},
	opLength:            {"length", 0, false, []string{"s>I"}},
	opContains:          {"contains", 0, false, []string{"ss>b"}},
	opStartsWith:        {"starts_with", 0, false, []string{"ss>b"}},
	opEndsWith:          {"ends_with", 0, false, []string{"ss>b"}},
	opMatches:           {"matches", 's', false, []string{"s>b"}},
	opYear:              {"year", 0, false, []string{"d>I", "t>I"}},
	opMonth:             {"month", 0, false, []string{"d>I", "t>I"}},
	opDay:               {"day", 0, false, []string{"d>I", "t>I"}},
	opWeekday:           {"weekday", 0, false, []string{"d>I", "t>I"}},
	opYearday:           {"yearday", 0, false, []string{"d>I", "t>I"}},
	opHour:              {"hour", 0, false, []string{"t>I"}},
	opMinute:            {"minute", 0, false, []string{"t>I"}},
	opSecond:            {"second", 0, false, []string{"t>I"}},
	opToDate:            {"to_date", 0, true, []string{"t>d"}},
	opToTimestamp:       {"to_timestamp", 0, true, []string{"d>t"}},
	opToUnit:            {"to_unit", 0, true, []string{"t>t", "z>z"}},
	opInZone:            {"in_zone", 's', true, nil},
	opRaw:               {"raw", 0, false, []string{"d>I", "t>I", "z>I"}},
	opParseDate:         {"parse_date", 's', true, []string{"s>d"}},
	opTryParseDate:      {"try_parse_date", 's', false, []string{"s>d"}},
	opParseTimestamp:    {"parse_timestamp", 's', true, []string{"s>t"}},
	opTryParseTimestamp: {"try_parse_timestamp", 's', false, []string{"s>t"}},
}

var exprByName = func() map[string]exprOp {
	m := map[string]exprOp{}
	for i, s := range exprSpecs {
		m[s.name] = exprOp(i)
	}
	return m
}()

// ExprOps are the names of the operations of an Expr, in their stored order.
func ExprOps() []string {
	n := make([]string, opCount)
	for i, s := range exprSpecs {
		n[i] = s.name
	}
	return n
}

// CanFail says whether an operation can fail on a row whose arguments are present: what must be known before rows are skipped
// unread.
func (nd *ExprNode) CanFail() bool {
	op, ok := exprByName[nd.Op]
	if !ok {
		return true
	}
	if exprSpecs[op].fails {
		switch op {
		case opAdd, opSub, opMul, opNeg, opAbs, opToInt:
			return nd.Type.Kind == batch.Int64
		}
		return true
	}
	return false
}

// Fails counts the operations that can.
func (e *Expr) Fails() (n int) {
	for i := range e.Nodes {
		if e.Nodes[i].CanFail() {
			n++
		}
	}
	return n
}

// class is how a value is held: 'b' a bit, 'i' an int64, 'f' a float64, 's' a text, 0 not at all.
func class(t batch.Type) byte {
	switch t.Kind {
	case batch.Bool:
		return 'b'
	case batch.Int32, batch.Int64, batch.Date, batch.Timestamp:
		return 'i'
	case batch.Decimal:
		if t.Precision < 1 || t.Precision > 18 || t.Scale < 0 || t.Scale > 18 {
			return 0
		}
		return 'i'
	case batch.Float32, batch.Float64:
		return 'f'
	case batch.String, batch.Bytes:
		return 's'
	}
	return 0
}

// fits says whether t is what a letter of a signature stands for.
func fits(letter byte, t batch.Type) bool {
	switch letter {
	case 'b':
		return t.Kind == batch.Bool
	case 'i':
		return t.Integer()
	case 'I':
		return t.Kind == batch.Int64
	case 'J':
		return t.Kind == batch.Int32
	case 'f':
		return t.Float()
	case 'F':
		return t.Kind == batch.Float64
	case 'G':
		return t.Kind == batch.Float32
	case 's':
		return t.Kind == batch.String
	case 'd':
		return t.Kind == batch.Date
	case 't':
		return t.Kind == batch.Timestamp && t.Zone == ""
	case 'z':
		return t.Kind == batch.Timestamp && t.Zone != ""
	case 'c':
		return t.Kind == batch.Decimal
	}
	return false
}

// into says whether a value of type a can stand where one of type t is: as it is, or widened.
func into(a, t batch.Type) bool {
	return a == t || a.Integer() && t.Kind == batch.Int64 || a.Float() && t.Kind == batch.Float64
}

// alike says whether values of two types are ordered by how they are held.
func alike(a, b batch.Type) bool {
	switch {
	case a.Kind == batch.Timestamp && b.Kind == batch.Timestamp:
		return a.Unit == b.Unit && (a.Zone == "") == (b.Zone == "")
	case a.Kind == batch.Decimal && b.Kind == batch.Decimal:
		return a.Scale == b.Scale
	}
	return a.Kind == b.Kind || a.Integer() && b.Integer() || a.Float() && b.Float()
}

// ID implements Kind.
func (e *Expr) ID() string { return "expr" }

func init() { Register(func() Kind { return new(Expr) }) }

// Init checks every node and compiles patterns, zones and sets. Whatever was decoded, no later call can panic on it.
func (e *Expr) Init(in, out []batch.Type) error {
	if len(out) != 1 || len(e.Nodes) == 0 || len(e.Nodes) > ExprNodesMax {
		return fmt.Errorf("%d nodes for %d outputs", len(e.Nodes), len(out))
	}
	e.in = in
	e.dep = make([]int32, len(e.Nodes))
	steps := 0
	for k := range e.Nodes {
		if err := e.initNode(k, &steps); err != nil {
			return fmt.Errorf("node %d, %q: %w", k, e.Nodes[k].Op, err)
		}
	}
	if t := e.Nodes[len(e.Nodes)-1].Type; t != out[0] {
		return fmt.Errorf("the result is %s, not %s", t, out[0])
	}
	// few registers stay in the cache in blocks of many rows; many nodes must not hold much memory
	e.chunk = chunkRows
	if len(e.Nodes) > 256 {
		e.chunk = 64
	}
	e.pairs = e.newPairs()
	return nil
}

func (e *Expr) initNode(k int, steps *int) error {
	nd := &e.Nodes[k]
	op, ok := exprByName[nd.Op]
	if !ok {
		return fmt.Errorf("no such operation: a newer version wrote this")
	}
	nd.op = op
	if class(nd.Type) == 0 {
		return fmt.Errorf("type %s", nd.Type)
	}
	e.dep[k] = noInput
	args := make([]batch.Type, 0, 3)
	for _, a := range nd.Args {
		if a < 0 || a >= k || len(args) == 3 {
			return fmt.Errorf("arguments %v", nd.Args)
		}
		args = append(args, e.Nodes[a].Type)
		switch d := e.dep[a]; {
		case e.dep[k] == noInput:
			e.dep[k] = d
		case d != noInput && d != e.dep[k]:
			e.dep[k] = manyInputs
		}
	}
	if op == opCol {
		if nd.I < 0 || nd.I >= int64(len(e.in)) || e.in[nd.I] != nd.Type || len(args) > 0 {
			return fmt.Errorf("input %d of %d", nd.I, len(e.in))
		}
		e.dep[k] = int32(nd.I)
		return nil
	}
	if !nd.signed(args) {
		return fmt.Errorf("of %v cannot give %s", args, nd.Type)
	}
	return nd.compile(args, steps)
}

// signed says whether the types of arguments and result are those of the operation.
func (nd *ExprNode) signed(a []batch.Type) bool {
	cls := class(nd.Type)
	switch nd.op {
	case opBool:
		return len(a) == 0 && cls == 'b' && nd.I>>1 == 0
	case opInt:
		return len(a) == 0 && cls == 'i' && (nd.Type.Width() == 8 || nd.I == int64(int32(nd.I)))
	case opFloat:
		return len(a) == 0 && cls == 'f' && (nd.Type.Width() == 8 || nd.F == float64(float32(nd.F)) || nd.F != nd.F)
	case opText:
		return len(a) == 0 && cls == 's'
	case opNull:
		return len(a) == 0
	case opIsNull, opNotNull:
		return len(a) == 1 && cls == 'b'
	case opSelect:
		return len(a) == 3 && a[0].Kind == batch.Bool && into(a[1], nd.Type) && into(a[2], nd.Type)
	case opCoalesce:
		return len(a) == 2 && into(a[0], nd.Type) && into(a[1], nd.Type)
	case opEq, opNe, opLt, opLe:
		return len(a) == 2 && cls == 'b' && alike(a[0], a[1])
	case opIn:
		return len(a) == 1 && cls == 'b' && class(a[0]) != 'b'
	case opInZone:
		return len(a) == 1 && fits('z', a[0]) && fits('t', nd.Type) && a[0].Unit == nd.Type.Unit
	}
	for _, s := range exprSpecs[nd.op].sig {
		n := len(s) - 2
		if len(a) != n || !fits(s[n+1], nd.Type) {
			continue
		}
		ok := true
		for i := range n {
			ok = ok && fits(s[i], a[i])
		}
		if ok {
			return true
		}
	}
	return false
}

// compile builds what an operation looks things up in.
func (nd *ExprNode) compile(args []batch.Type, steps *int) error {
	switch nd.op {
	case opIn:
		ok := true
		switch class(args[0]) {
		case 'i':
			ok = ascending(nd.Ints) && nd.Floats == nil && nd.Strings == nil
		case 'f':
			ok = ascending(nd.Floats) && nd.Ints == nil && nd.Strings == nil
		case 's':
			ok = ascending(nd.Strings) && nd.Ints == nil && nd.Floats == nil
			nd.set = make(map[string]struct{}, len(nd.Strings))
			for _, s := range nd.Strings {
				nd.set[s] = struct{}{}
			}
		}
		if !ok {
			return fmt.Errorf("the list is not sorted, or of another type")
		}
	case opMatches:
		re, n, err := CompilePattern(nd.S)
		if err != nil {
			return err
		}
		if *steps += n; *steps > regexSteps {
			return fmt.Errorf("the patterns are too big together")
		}
		nd.re = re
	case opInZone:
		z, err := loadZone(nd.S)
		if err != nil {
			return err
		}
		nd.zone = z
	case opParseDate, opTryParseDate, opParseTimestamp, opTryParseTimestamp:
		if nd.S == "" {
			return nil
		}
		l, err := parseLayout(nd.S)
		if err != nil {
			return err
		}
		nd.lay = l
	}
	return nil
}

func ascending[T int64 | float64 | string](v []T) bool {
	for i, x := range v {
		if x != x || i > 0 && v[i-1] >= x {
			return false
		}
	}
	return true
}

// CompilePattern compiles an RE2 pattern that is not too big, and gives an estimate of its instructions.
func CompilePattern(p string) (*regexp.Regexp, int, error) {
	if len(p) > regexBytes {
		return nil, 0, fmt.Errorf("the pattern has %d bytes, at most %d are allowed", len(p), regexBytes)
	}
	s, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return nil, 0, fmt.Errorf("the pattern does not parse: %w", err)
	}
	n := patternSteps(s)
	if n > regexSteps {
		return nil, 0, fmt.Errorf("the pattern is too big: about %d steps, at most %d are allowed", n, regexSteps)
	}
	re, err := regexp.Compile(p)
	if err != nil {
		return nil, 0, fmt.Errorf("the pattern does not compile: %w", err)
	}
	return re, n, nil
}

// patternSteps estimates the instructions of a pattern. The parser bounds its depth and the product of its repetitions.
func patternSteps(s *syntax.Regexp) int {
	n := 1 + len(s.Rune)
	for _, c := range s.Sub {
		n += patternSteps(c)
	}
	if s.Op == syntax.OpRepeat {
		n *= max(s.Min, s.Max, 1)
	}
	return min(n, math.MaxInt32)
}

// Encode implements Kind.
func (e *Expr) Encode(w *canon.Writer) {
	w.Uint(uint64(len(e.Nodes)))
	for i := range e.Nodes {
		nd := &e.Nodes[i]
		w.String(nd.Op)
		WriteType(w, nd.Type)
		canon.Ints(w, nd.Args)
		switch exprSpecs[exprByName[nd.Op]].param {
		case 'i':
			w.Int(nd.I)
		case 'f':
			w.Float(nd.F)
		case 's':
			w.String(nd.S)
		case 'l':
			canon.Ints(w, nd.Ints)
			w.Floats(nd.Floats)
			w.Strings(nd.Strings)
		}
	}
}

// Decode implements Kind.
func (e *Expr) Decode(r *canon.Reader) {
	n := r.Len(3)
	if n > ExprNodesMax {
		r.Fail("%d nodes", n)
	}
	for range n {
		if r.Err() != nil {
			return
		}
		nd := ExprNode{Op: r.String(), Type: ReadType(r), Args: canon.ReadInts[int](r)}
		op, ok := exprByName[nd.Op]
		if !ok {
			r.Fail("no operation %q: a newer version wrote this", nd.Op)
			return
		}
		switch exprSpecs[op].param {
		case 'i':
			nd.I = r.Int()
		case 'f':
			nd.F = r.Float()
		case 's':
			nd.S = r.String()
		case 'l':
			nd.Ints, nd.Floats, nd.Strings = canon.ReadInts[int64](r), r.Floats(), r.Strings()
		}
		e.Nodes = append(e.Nodes, nd)
	}
}

// EvalExpr computes the last of some nodes that use no column: what a constant expression is. isNull is true for a null; an error
// says why the value fails.
func EvalExpr(nodes []ExprNode) (i int64, f float64, s string, isNull bool, err error) {
	e := &Expr{Nodes: slices.Clone(nodes)}
	if err := e.Init(nil, []batch.Type{nodes[len(nodes)-1].Type}); err != nil {
		return 0, 0, "", false, err
	}
	st := getState(e)
	defer putState(st)
	var text []byte
	v := e.eval(st, &text)
	if v.st == failed {
		return 0, 0, "", false, e.failure(st.vals, v.org)
	}
	return v.i, e.final(v.f), v.s, v.st == null, nil
}

// exprState is the memory of an evaluation. States are shared by all expressions, so that a pipeline of hundreds of them works in
// the same few cache lines.
type exprState struct {
	in   []exprVal
	vals []exprVal
	vecs []exprVec
	regs []exprReg
	mode []uint8
	tabs []exprTable
	text []byte
	idx  [][]int32
}

var exprStates = sync.Pool{New: func() any { return new(exprState) }}

func getState(e *Expr) *exprState {
	st := exprStates.Get().(*exprState)
	st.in = grow(st.in, len(e.in))
	st.vals = grow(st.vals, len(e.Nodes))
	return st
}

// putState gives a state back. Strings in it would keep columns alive.
func putState(st *exprState) {
	if len(st.vals) > 1<<12 {
		return // of a huge expression: not worth keeping
	}
	for i := range st.in {
		st.in[i].s = ""
	}
	for i := range st.vals {
		st.vals[i].s = ""
	}
	if cap(st.text) > 1<<23 {
		st.text = nil
	}
	exprStates.Put(st)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
