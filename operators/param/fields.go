package param

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/headrace/headrace/operators/batch"
)

// shape is what a Go type is to a reader of options.
type shape uint8

const (
	textShape shape = iota
	boolShape
	intShape
	floatShape
	spanShape
	sizeShape
	typeShape
	listShape
	structShape
	pairsShape
	customShape
)

var shapeNames = [...]string{"string", "bool", "int", "float", "duration", "size", "type", "list", "map", "map", ""}

var shapeDocs = [...]string{
	"A text, with or without quotes. Quote what begins with a sign of YAML's (`*`, `&`, `!`, `{`, `[`, `#`), or holds `: ` or ` #`.",
	"`true` or `false`.",
	"A whole number in plain decimal: `300`, not `3e2` or `300.0`.",
	"A number: `0.1`, `5`, `1e-3`.",
	"A number with its unit, or several: `250ms`, `30s`, `5m`, `2h`, `7d`, `1h30m`; or `0`.",
	"A number of bytes, or of `KiB`, `MiB`, `GiB` or `TiB`, which are powers of 1024: `512MiB`.",
	"A column's type: `bool`, `int32`, `int64`, `float32`, `float64`, `string`, `bytes`, `date`, `timestamp` (of microseconds without a zone; " +
		"`timestamp[ms, Europe/Berlin]`: s, ms, us or ns), `decimal(18, 2)` (at most 18 digits), `list[int64]`.",
	"`[a, b]`, or an item a line, each behind a dash. A single item may stand alone, unless it is a list or a map itself.",
	"`{key: value}`, or a key a line. Which keys there are is listed with the option; of a map of something the keys are names, and the values are that.",
	"", "",
}

// kind is a Go type, seen as a shape; pointers are looked through.
type kind struct {
	shape  shape
	typ    reflect.Type // without the pointer
	elem   *kind        // list, pairs
	fields *fields      // structShape
}

// field is an option.
type field struct {
	name     string
	index    []int
	kind     *kind
	doc      string
	group    string
	def      string
	hasDef   bool
	min, max *bound
	enum     []string
	required bool
	inline   bool // pairs that take all other keys
	secret   bool
	nan, inf bool
}

type bound struct {
	text  string // with its >
	value string
	open  bool // the bound itself is out
}

type fields struct {
	list   []*field
	inline *field
	group  string // of the fields that are read next
}

func (p *fields) find(name string) *field {
	for _, x := range p.list {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (p *fields) names() []string {
	var n []string
	for _, x := range p.list {
		n = append(n, x.name)
	}
	return n
}

var (
	decoderType  = reflect.TypeFor[Decoder]()
	pairsType    = reflect.TypeFor[interface{ pairs() }]()
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
	batchType    = reflect.TypeFor[batch.Type]()

	plans sync.Map // reflect.Type -> *fields
)

// planOf reads the tags of a struct type, once. A bad tag is a programmer's mistake and panics.
func planOf(t reflect.Type) *fields {
	if p, ok := plans.Load(t); ok {
		return p.(*fields)
	}
	p := &fields{}
	p.read(t, nil)
	plans.Store(t, p)
	return p
}

func (p *fields) read(t reflect.Type, index []int) {
	fail := func(f reflect.StructField, format string, args ...any) {
		panic(fmt.Sprintf("param: %s.%s: %s", t, f.Name, fmt.Sprintf(format, args...)))
	}
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("param")
		if !ok {
			continue
		}
		if !sf.IsExported() {
			fail(sf, "an option that is not exported")
		}
		for _, key := range tagKeys(sf.Tag) {
			if !slices.Contains(known, key) {
				fail(sf, "no tag %q", key)
			}
		}
		if g := sf.Tag.Get("group"); g != "" {
			p.group = g
		}
		name, mode, _ := strings.Cut(tag, ",")
		at := append(append([]int{}, index...), i)
		if name == "" && mode == "inline" && sf.Type.Kind() == reflect.Struct && !sf.Type.Implements(decoderType) {
			p.read(sf.Type, at)
			continue
		}
		f := &field{name: name, index: at, kind: kindOf(sf.Type), doc: sf.Tag.Get("doc"), group: p.group}
		f.def, f.hasDef = sf.Tag.Lookup("default")
		f.min, f.max = parseBound(sf.Tag.Get("min"), ">"), parseBound(sf.Tag.Get("max"), "<")
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, "|")
		}
		for tag, to := range map[string]*bool{"required": &f.required, "secret": &f.secret, "nan": &f.nan, "inf": &f.inf} {
			switch v := sf.Tag.Get(tag); v {
			case "", "false":
			case "true":
				*to = true
			default:
				fail(sf, "%s is %q, not true", tag, v)
			}
		}
		f.check(func(format string, args ...any) { fail(sf, format, args...) })
		if name == "" {
			if mode != "inline" || f.kind.shape != pairsShape || p.inline != nil {
				fail(sf, "a tag without a name, or a second inline map")
			}
			f.inline, p.inline = true, f
			continue
		}
		if mode != "" || p.find(name) != nil {
			fail(sf, "option %q twice, or with mode %q", name, mode)
		}
		p.list = append(p.list, f)
	}
}

// known are the keys of an option's tags: one that is misspelt would be a bound that does not hold.
var known = []string{"param", "doc", "default", "min", "max", "enum", "required", "secret", "nan", "inf", "group"}

// tagKeys are the keys of a tag, as reflect reads it.
func tagKeys(t reflect.StructTag) (keys []string) {
	for s := strings.TrimLeft(string(t), " "); s != ""; s = strings.TrimLeft(s, " ") {
		key, rest, _ := strings.Cut(s, ":")
		value, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return append(keys, s) // known to nobody
		}
		keys, s = append(keys, key), rest[len(value):]
	}
	return keys
}

// check panics, by fail, where the tags cannot be meant.
func (f *field) check(fail func(string, ...any)) {
	k := f.leaf()
	for _, b := range []*bound{f.min, f.max} {
		if b == nil {
			continue
		}
		if _, ok := measure(k, b.value); !ok {
			fail("bound %q does not fit the type", b.text)
		}
	}
	if f.enum != nil && k.shape != textShape && k.shape != intShape {
		fail("enum of a %s", shapeNames[k.shape])
	}
	if f.hasDef && f.required {
		fail("required, and with a default")
	}
}

// leaf is what bounds and choices are about: the elements of a list, the values of a map.
func (f *field) leaf() *kind {
	k := f.kind
	for k.elem != nil {
		k = k.elem
	}
	return k
}

func parseBound(s, open string) *bound {
	if s == "" {
		return nil
	}
	v, isOpen := strings.CutPrefix(s, open)
	return &bound{text: s, value: v, open: isOpen}
}

func kindOf(t reflect.Type) *kind {
	if reflect.PointerTo(t).Implements(decoderType) {
		return &kind{shape: customShape, typ: t}
	}
	switch {
	case t == durationType:
		return &kind{shape: spanShape, typ: t}
	case t == bytesType:
		return &kind{shape: sizeShape, typ: t}
	case t == batchType:
		return &kind{shape: typeShape, typ: t}
	case t.Implements(pairsType) && t.Kind() == reflect.Slice:
		v, _ := t.Elem().FieldByName("Value")
		return &kind{shape: pairsShape, typ: t, elem: kindOf(v.Type)}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.String:
		return &kind{shape: textShape, typ: t}
	case reflect.Bool:
		return &kind{shape: boolShape, typ: t}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return &kind{shape: intShape, typ: t}
	case reflect.Float64:
		return &kind{shape: floatShape, typ: t}
	case reflect.Slice:
		return &kind{shape: listShape, typ: t, elem: kindOf(t.Elem())}
	case reflect.Struct:
		return &kind{shape: structShape, typ: t, fields: planOf(t)}
	}
	panic(fmt.Sprintf("param: no option can be a %s", t))
}

// optionsOf takes the struct out of an any; what is no struct panics.
func optionsOf(options any) reflect.Value {
	v := reflect.ValueOf(options)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("param: options are a struct, not %T", options))
	}
	return v
}
