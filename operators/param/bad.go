package param

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/headrace/headrace/operators/diag"
)

// BadValue is a mistake that a user could make: the options with it alone, and where Decode must find it.
type BadValue struct {
	Node *Node
	At   diag.At
	Code diag.Code
	Why  string
}

// Bad makes systematically wrong options: of each option the wrong types, values out of bounds and choices that there are not, and
// an option that is not known; also in nested maps, in lists and in maps of the user's keys. Other options are left out, so that
// Decode reports those that are required too.
func Bad(options any) []BadValue { return bad(planOf(optionsOf(options).Type())) }

func bad(p *fields) []BadValue {
	var out []BadValue
	for _, f := range p.list {
		for _, b := range f.bad(f.kind) {
			out = append(out, b.under(f.name))
		}
	}
	switch {
	case p.inline != nil:
		for _, b := range p.inline.bad(p.inline.kind.elem) {
			out = append(out, b.under("some key"))
		}
	default:
		const key = "no such option"
		out = append(out, BadValue{At: diag.At{Path: []string{key}, Key: true}, Code: diag.UnknownOption, Why: "an unknown option",
			Node: &Node{Kind: Map, Keys: []*Node{Value(key)}, Items: []*Node{Value("1")}}})
	}
	return out
}

// under puts a mistake behind a key.
func (b BadValue) under(key string) BadValue {
	b.At = b.At.Under(key)
	b.Node = &Node{Kind: Map, Keys: []*Node{Value(key)}, Items: []*Node{b.Node}}
	b.Why = key + ": " + b.Why
	return b
}

func (f *field) bad(k *kind) []BadValue {
	var out []BadValue
	add := func(n *Node, code diag.Code, why string) {
		out = append(out, BadValue{Node: n, Code: code, Why: why})
	}
	list := func(n ...*Node) *Node { return &Node{Kind: List, Items: n} }
	object := &Node{Kind: Map, Keys: []*Node{Value("a key")}, Items: []*Node{Value("1")}}
	scalar := func(texts ...string) {
		for _, t := range texts {
			add(Value(t), diag.OptionType, strconv.Quote(t))
		}
		add(list(Value("1")), diag.OptionType, "a list")
		add(object, diag.OptionType, "a map")
	}
	switch k.shape {
	case textShape:
		scalar()
		add(&Node{}, diag.OptionType, "nothing")
		if f.enum != nil {
			add(Value("no such choice"), diag.OptionChoice, "no choice")
		}
		if f.min != nil {
			if n, _ := ParseInt(f.min.value); n > 1 {
				add(Value("x"), diag.OptionBound, "too short")
			}
		}
	case boolShape:
		scalar("yes", "1", "True", "")
	case intShape:
		scalar("x", "1.5", "1e3", "0x10", "1_000", "007", "99999999999999999999", "")
	case floatShape:
		scalar("x", "1e999", "0x1p3", "1_0", "")
		if !f.nan {
			add(Value("nan"), diag.OptionType, "nan")
		}
		if !f.inf {
			add(Value("inf"), diag.OptionType, "inf")
		}
	case spanShape:
		scalar("5", "5 minutes", "-1s", "")
	case sizeShape:
		scalar("5MB", "much", "-1", "")
	case typeShape:
		scalar("int", "timestamp[h]", "decimal(40)", "")
	case structShape:
		add(Value("x"), diag.OptionType, "a value")
		add(list(), diag.OptionType, "a list")
		out = append(out, bad(k.fields)...)
	case pairsShape:
		add(Value("x"), diag.OptionType, "a value")
		add(list(), diag.OptionType, "a list")
		for _, b := range f.bad(k.elem) {
			out = append(out, b.under("some key"))
		}
	case listShape:
		add(object, diag.OptionType, "a map")
		for _, b := range f.bad(k.elem) {
			b.At = b.At.Under("0")
			b.Node, b.Why = list(b.Node), "in a list: "+b.Why
			out = append(out, b)
		}
	}
	for _, o := range f.outside(k) {
		add(Value(o), diag.OptionBound, o+" is out of bounds")
	}
	return out
}

// outside gives values just out of the bounds.
func (f *field) outside(k *kind) []string {
	write := map[shape]func(v float64) string{
		intShape:   func(v float64) string { return strconv.FormatInt(int64(v), 10) },
		floatShape: func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) },
		spanShape:  func(v float64) string { return FormatDuration(time.Duration(v)) },
		sizeShape:  func(v float64) string { return Bytes(v).String() },
	}[k.shape]
	if write == nil {
		return nil
	}
	var out []string
	for _, side := range []struct {
		b    *bound
		sign float64
	}{{f.min, -1}, {f.max, 1}} {
		if side.b == nil {
			continue
		}
		v := mustMeasure(k, side.b.value)
		if !side.b.open {
			step := 1.0
			switch k.shape {
			case floatShape:
				step = max(1, math.Abs(v)/2)
			case spanShape:
				step = float64(time.Millisecond)
			}
			v += float64(side.sign * step)
		}
		if v < 0 && k.shape != intShape && k.shape != floatShape {
			continue // cannot be written
		}
		out = append(out, write(v))
	}
	return slices.Compact(out)
}
