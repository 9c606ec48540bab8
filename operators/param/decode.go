package param

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// Decode fills options, a pointer to a struct, from what was written, over the defaults. Fields are declared by tags:
//
//	param:"name"          the option's name; without the tag a field is no option
//	param:",inline"       Pairs: takes all other keys; a struct: its options are options here
//	doc:"…"               what it does
//	default:"…"           its value if it is not given, as it would be written; list elements between commas
//	min:"0" max:"<1"      bounds of a number, duration or size, of a string's length in characters; min:">0" leaves out the bound
//	enum:"a|b"            the values that there are
//	required:"true"       it must be given, and not be empty
//	secret:"true"         a reference to a secret (secret://env/NAME) may stand here
//	nan:"true" inf:"true" a float may be that
//	group:"…"             the head under which the reference shows this option, and those behind it that have no tag of their own
//
// Bounds and choices of a list or a map are those of its elements. A field is a string, bool, int, int64, float64, time.Duration,
// Bytes, batch.Type, a struct, a slice or Pairs of these, a pointer (nil: not given), or a Decoder. A scalar is read from its
// source text by the field's type, and one value may stand where a list of values is asked for. All mistakes are found, each once;
// what is mistaken keeps its default. No options at all (nil, nothing) are an empty map. Bad tags panic.
func Decode(n *Node, into any) diag.List { return decode(n, into, optionWords) }

// DecodeKeys is Decode for the blocks of a DAG file that are no operator's options: it has the codes of keys (E01xx).
func DecodeKeys(n *Node, into any) diag.List { return decode(n, into, keyWords) }

// Defaults gives the default to every option that is zero, also in nested structs.
func Defaults(into any) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer {
		panic(fmt.Sprintf("param: defaults go into a pointer to a struct, not %T", into))
	}
	s := optionsOf(into)
	defaults(planOf(s.Type()), s)
}

func defaults(p *fields, v reflect.Value) {
	for _, f := range p.list {
		to := v.FieldByIndex(f.index)
		if f.kind.shape == structShape && to.Kind() == reflect.Struct {
			defaults(f.kind.fields, to)
			continue
		}
		if !f.hasDef || !to.IsZero() {
			continue
		}
		n := Value(f.def)
		if f.kind.shape == listShape {
			n = &Node{Kind: List}
			for _, e := range strings.Split(f.def, ",") {
				n.Items = append(n.Items, Value(strings.TrimSpace(e)))
			}
		}
		d := decoder{words: optionWords, field: f}
		if d.value(f.kind, n, to, nil); d.l != nil {
			panic(fmt.Sprintf("param: default %q of %s.%s: %s", f.def, v.Type(), f.name, d.l[0].Message))
		}
	}
}

// words are how mistakes are called.
type words struct {
	noun                                           string
	unknown, typ, shape, bound, missing, onlyOneOf diag.Code
}

var (
	optionWords = words{"option", diag.UnknownOption, diag.OptionType, diag.OptionType, diag.OptionBound, diag.OptionMissing, diag.OptionChoice}
	keyWords    = words{"key", diag.UnknownKey, diag.BadScalar, diag.WrongShape, diag.OptionBound, diag.MissingKey, diag.OptionChoice}
)

type decoder struct {
	words
	field *field
	l     diag.List
}

func decode(n *Node, into any, w words) diag.List {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("param: options go into a pointer to a struct, not %T", into))
	}
	s := optionsOf(into)
	d := decoder{words: w}
	d.object(planOf(s.Type()), n, s, nil)
	return d.l
}

func (d *decoder) add(code diag.Code, path []string, help, format string, args ...any) {
	x := diag.New(code, diag.At{Path: slices.Clone(path)}, format, args...)
	x.Help = help
	d.l.Add(x)
}

// object reads a map into a struct.
func (d *decoder) object(p *fields, n *Node, v reflect.Value, path []string) {
	defaults(p, v)
	if n == nil || n.Kind == Null {
		n = &Node{Kind: Map}
	}
	if n.Unknown {
		return
	}
	if n.Kind != Map {
		d.add(d.shape, path, d.keysHelp(p), "%sa map is asked for, not %s", d.prefix(path), show(n))
		return
	}
	outer := d.field
	defer func() { d.field = outer }()
	seen, given := map[string]bool{}, map[string]bool{}
	for i, k := range n.Keys {
		at := append(slices.Clone(path), k.Text)
		if seen[k.Text] {
			continue // the reader of the file has reported it
		}
		seen[k.Text] = true
		f := p.find(k.Text)
		if f != nil {
			given[k.Text] = true
		}
		switch {
		case f != nil:
			d.field = f
			d.value(f.kind, n.Items[i], v.FieldByIndex(f.index), at)
			if f.required && empty(f.kind, n.Items[i]) {
				d.add(d.missing, at, "", "%s %q is empty", d.noun, f.name)
			}
		case p.inline != nil:
			d.field = p.inline
			d.pair(p.inline.kind, k, n.Items[i], v.FieldByIndex(p.inline.index), at)
		default:
			// A misspelt option is one mistake, not also one that is missing.
			if near := diag.Nearest(k.Text, p.names()); near != "" {
				given[near] = true
			}
			x := diag.New(d.unknown, diag.At{Path: at, Key: true}, "no %s %q", d.noun, k.Text)
			d.l.Add(x.WithHelp("%s", diag.DidYouMean(k.Text, d.noun+"s", p.names())))
		}
	}
	for _, f := range p.list {
		if f.required && !given[f.name] && !n.Partial {
			// The path names what is not there, so that its place is that of the map.
			d.add(d.missing, append(slices.Clone(path), f.name), f.doc, "%s %q must be given", d.noun, f.name)
		}
	}
}

func (d *decoder) keysHelp(p *fields) string {
	if len(p.list) == 0 {
		return ""
	}
	return d.noun + "s here: " + strings.Join(slices.Sorted(slices.Values(p.names())), ", ")
}

// empty says whether nothing was given where something must be: a value of nothing, an empty list or text. Types that read
// themselves judge for themselves, but for nothing at all.
func empty(k *kind, n *Node) bool {
	if n.Unknown {
		return false
	}
	switch {
	case n.Kind == Null:
		// scalars have reported it as a wrong type
		return k.shape == structShape || k.shape == pairsShape
	case k.shape == listShape:
		return n.Kind == List && len(n.Items) == 0
	case k.shape == pairsShape:
		return n.Kind == Map && len(n.Keys) == 0
	case k.shape == textShape:
		return n.Kind == Scalar && n.Text == ""
	}
	return false
}

func (d *decoder) pair(k *kind, key, n *Node, to reflect.Value, at []string) {
	e := reflect.New(k.typ.Elem()).Elem()
	e.FieldByName("Key").SetString(key.Text)
	e.FieldByName("KeyPlace").Set(reflect.ValueOf(key.Place))
	// A pair whose value is mistaken stays: the key is known, and what it would make is.
	d.value(k.elem, n, e.FieldByName("Value"), at)
	to.Set(reflect.Append(to, e))
}

// value reads a node into a field of any kind.
func (d *decoder) value(k *kind, n *Node, to reflect.Value, path []string) {
	if n.Unknown {
		return
	}
	if !d.field.secret && (n.Kind == Scalar || k.shape == customShape) && n.secret() {
		d.add(d.typ, path, "a secret may stand only where a connector asks for one", "%sa secret cannot stand here", d.prefix(path))
		return
	}
	if to.Kind() == reflect.Pointer {
		p := reflect.New(to.Type().Elem())
		before := len(d.l)
		d.value(k, n, p.Elem(), path)
		if len(d.l) == before {
			to.Set(p)
		}
		return
	}
	switch k.shape {
	case customShape:
		if n.Incomplete() {
			return
		}
		for _, x := range to.Addr().Interface().(Decoder).DecodeParam(n) {
			x.At = x.At.Under(path...)
			d.l.Add(x)
		}
	case structShape:
		d.object(k.fields, n, to, path)
	case pairsShape:
		if n.Kind != Map {
			if n.Kind != Null {
				d.add(d.shape, path, "", "%sa map is asked for, not %s", d.prefix(path), show(n))
			}
			return
		}
		to.SetZero()
		seen := map[string]bool{}
		for i, key := range n.Keys {
			if seen[key.Text] {
				continue
			}
			seen[key.Text] = true
			d.pair(k, key, n.Items[i], to, append(slices.Clone(path), key.Text))
		}
	case listShape:
		d.list(k, n, to, path)
	default:
		if n.Kind != Scalar {
			d.add(d.shape, path, "", "%s%s is asked for, not %s", d.prefix(path), article(k), show(n))
			return
		}
		d.scalar(k, n, to, path)
	}
}

func (d *decoder) list(k *kind, n *Node, to reflect.Value, path []string) {
	items := n.Items
	one := n.Kind == Scalar && k.elem.shape != structShape && k.elem.shape != listShape && k.elem.shape != pairsShape
	switch {
	case one:
		items = []*Node{n}
	case n.Kind != List:
		d.add(d.shape, path, "", "%sa list is asked for, not %s", d.prefix(path), show(n))
		return
	}
	out := reflect.MakeSlice(k.typ, len(items), len(items))
	for i, it := range items {
		d.value(k.elem, it, out.Index(i), append(slices.Clone(path), strconv.Itoa(i)))
	}
	to.Set(out)
}

func (d *decoder) scalar(k *kind, n *Node, to reflect.Value, path []string) {
	s, f := n.Text, d.field
	var err error
	switch k.shape {
	case textShape:
		if f.enum == nil || slices.Contains(f.enum, s) {
			to.SetString(s)
		}
	case boolShape:
		var v bool
		if v, err = ParseBool(s); err == nil {
			to.SetBool(v)
		} else if b, ok := map[string]bool{"yes": true, "on": true, "no": false, "off": false}[strings.ToLower(s)]; ok {
			err = fmt.Errorf("true or false is asked for: write %v", b)
		}
	case intShape:
		var v int64
		if v, err = ParseInt(s); err == nil && to.OverflowInt(v) {
			err = fmt.Errorf("the number does not fit %d bits", to.Type().Bits())
		}
		if err == nil && d.within(k, s, path) {
			to.SetInt(v)
		}
	case floatShape:
		var v float64
		if v, err = ParseFloat(s, f.nan, f.inf); err == nil && d.within(k, s, path) {
			to.SetFloat(v)
		}
	case spanShape:
		var v time.Duration
		if v, err = ParseDuration(s); err == nil && d.within(k, s, path) {
			to.SetInt(int64(v))
		}
	case sizeShape:
		var v Bytes
		if v, err = ParseBytes(s); err == nil && d.within(k, s, path) {
			to.SetInt(int64(v))
		}
	case typeShape:
		var v batch.Type
		if v, err = batch.ParseType(s); err == nil {
			to.Set(reflect.ValueOf(v))
		}
	}
	switch {
	case err != nil && k.shape == typeShape:
		d.add(d.typ, path, "", "%s%s", d.prefix(path), err)
	case err != nil:
		what, help, _ := strings.Cut(err.Error(), ": ")
		d.add(d.typ, path, help, "%s%s, not %s", d.prefix(path), what, show(n))
	case f.enum != nil && !slices.Contains(f.enum, s):
		help := "there are " + strings.Join(f.enum, ", ")
		if near := diag.Nearest(s, f.enum); near != "" {
			help = fmt.Sprintf("did you mean %q? %s", near, help)
		}
		d.add(d.onlyOneOf, path, help, "%s %q cannot be %s", d.noun, named(path), show(n))
	case k.shape == textShape && s != "":
		d.within(k, s, path)
	}
}

// prefix begins a message with the way to the option, so that it can be read without the caret.
func (d *decoder) prefix(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return d.noun + " " + strconv.Quote(named(path)) + ": "
}

// named is the way to the option, in one word.
func named(path []string) string { return strings.Join(path, ".") }

// within reports a value that is out of its bounds.
func (d *decoder) within(k *kind, s string, path []string) bool {
	f := d.field
	v, ok := measure(k, s)
	if k.shape == textShape {
		v, ok = float64(utf8.RuneCountInString(s)), true
	}
	if !ok { // nan, where it is allowed, is within all bounds
		return true
	}
	what := d.noun + " " + strconv.Quote(named(path))
	if k.shape == textShape {
		what += " has " + plural(int(v), "character") + ", which"
	} else {
		what += " is " + s + ", which"
	}
	var say string
	switch {
	case f.min != nil && f.min.open && !(v > mustMeasure(k, f.min.value)):
		say = "must be above " + f.min.value
	case f.min != nil && !f.min.open && !(v >= mustMeasure(k, f.min.value)):
		say = "must be at least " + f.min.value
	case f.max != nil && f.max.open && !(v < mustMeasure(k, f.max.value)):
		say = "must be below " + f.max.value
	case f.max != nil && !f.max.open && !(v <= mustMeasure(k, f.max.value)):
		say = "must be at most " + f.max.value
	default:
		return true
	}
	d.add(d.bound, path, boundsHelp(f), "%s %s", what, say)
	return false
}

func boundsHelp(f *field) string {
	if f.min == nil || f.max == nil {
		return ""
	}
	from, to := "from "+f.min.value, "to "+f.max.value
	if f.min.open {
		from = "above " + f.min.value
	}
	if f.max.open {
		to = "to below " + f.max.value
	}
	return from + " " + to
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// measure is a value's size, for bounds. Integers above 2^53 lose their last bits, which no bound is that near to.
func measure(k *kind, s string) (float64, bool) {
	switch k.shape {
	case intShape, textShape:
		v, err := ParseInt(s)
		return float64(v), err == nil
	case floatShape:
		v, err := ParseFloat(s, false, true)
		return v, err == nil && !math.IsNaN(v)
	case spanShape:
		v, err := ParseDuration(s)
		return float64(v), err == nil
	case sizeShape:
		v, err := ParseBytes(s)
		return float64(v), err == nil
	}
	return 0, false
}

func mustMeasure(k *kind, s string) float64 {
	v, ok := measure(k, s)
	if !ok {
		panic("param: bound " + s)
	}
	return v
}

func article(k *kind) string {
	switch k.shape {
	case textShape:
		return "a string"
	case boolShape:
		return "true or false"
	case intShape:
		return "a whole number"
	case floatShape:
		return "a number"
	}
	return "a " + shapeNames[k.shape]
}

// show names a node in a message: a scalar by its text, cut where it is long.
func show(n *Node) string {
	if n.Kind != Scalar {
		return n.Kind.String()
	}
	r := []rune(n.Text)
	if len(r) > 40 {
		r = append(r[:40], '…')
	}
	return strconv.Quote(string(r))
}
