package param

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Option describes an option, for reference and help.
type Option struct {
	Name     string // "" of an inline map, whose keys the user chooses
	Group    string // "" where options are few
	Type     string // "int", "list of float", "map of string"
	Doc      string
	Default  string // as it would be written; "" with HasDefault false: none
	Min, Max string // ">0" leaves out the bound
	Enum     []string
	Required bool
	Inline   bool
	Secret   bool
	Leaf     Type     // Type, or that of the elements of a list, of the values of a map
	Sub      []Option // of a map, or of the maps in a list

	HasDefault bool
}

// Type is a type that options have.
type Type struct{ Name, Doc string }

// Types lists those that are built in; a Decoder that is Typed says of itself what it is.
func Types() (out []Type) {
	for i, name := range shapeNames[:structShape+1] {
		out = append(out, Type{name, shapeDocs[i]})
	}
	return out
}

// Describe lists the options of a struct (or a pointer to one), in the order of its fields, those of a group together.
func Describe(options any) []Option { return describe(planOf(optionsOf(options).Type())) }

func describe(p *fields) []Option {
	var out []Option
	var groups []string
	for _, f := range p.list {
		out = append(out, f.describe())
		if !slices.Contains(groups, f.group) {
			groups = append(groups, f.group)
		}
	}
	slices.SortStableFunc(out, func(a, b Option) int {
		return cmp.Compare(slices.Index(groups, a.Group), slices.Index(groups, b.Group))
	})
	if p.inline != nil {
		out = append(out, p.inline.describe())
	}
	return out
}

func (f *field) describe() Option {
	o := Option{Name: f.name, Group: f.group, Type: f.kind.name(), Doc: f.doc, Default: f.def, HasDefault: f.hasDef, Enum: slices.Clone(f.enum),
		Required: f.required, Inline: f.inline, Secret: f.secret}
	if f.min != nil {
		o.Min = f.min.text
	}
	if f.max != nil {
		o.Max = f.max.text
	}
	k := f.leaf()
	o.Leaf = Type{Name: k.name(), Doc: k.doc()}
	if k.shape == structShape {
		o.Sub = describe(k.fields)
	}
	return o
}

func (k *kind) name() string {
	switch k.shape {
	case listShape:
		return "list of " + k.elem.name()
	case pairsShape:
		return "map of " + k.elem.name()
	case customShape:
		if t, ok := reflect.New(k.typ).Interface().(Typed); ok {
			return t.ParamType()
		}
		return strings.ToLower(k.typ.Name())
	}
	return shapeNames[k.shape]
}

func (k *kind) doc() string {
	if k.shape != customShape {
		return shapeDocs[k.shape]
	}
	if t, ok := reflect.New(k.typ).Interface().(Typed); ok {
		return t.ParamDoc()
	}
	return ""
}

// exprPattern is what stands for a value that is computed.
const exprPattern = `\$\{\{.*\}\}`

// Schema is the JSON Schema (draft 2020-12) of a struct's options, as a map that encoding/json writes in one way only. Any value
// that is no text may also be an expression, ${{ … }}.
func Schema(options any) map[string]any { return schema(planOf(optionsOf(options).Type())) }

func schema(p *fields) map[string]any {
	properties := map[string]any{}
	var required []any
	for _, f := range p.list {
		properties[f.name] = f.schema()
		if f.required {
			required = append(required, f.name)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if p.inline != nil {
		s["additionalProperties"] = p.inline.valueSchema(p.inline.kind.elem)
	}
	if required != nil {
		s["required"] = required
	}
	return s
}

func (f *field) schema() map[string]any {
	s := f.valueSchema(f.kind)
	if f.doc != "" {
		s["description"] = f.doc
	}
	if f.hasDef {
		s["default"] = f.def
		switch f.kind.shape {
		case intShape:
			s["default"], _ = ParseInt(f.def)
		case floatShape:
			if v, err := ParseFloat(f.def, false, false); err == nil {
				s["default"] = v
			}
		case boolShape:
			s["default"] = f.def == "true"
		}
	}
	return s
}

func (f *field) valueSchema(k *kind) map[string]any {
	computed := map[string]any{"type": "string", "pattern": exprPattern}
	// An editor types plain scalars by YAML's rules, we do not: text may look like a number.
	text := []any{"string", "number", "boolean"}
	switch k.shape {
	case textShape:
		if f.enum != nil {
			return anyOf(map[string]any{"enum": anys(f.enum)}, computed)
		}
		return map[string]any{"type": text}
	case boolShape:
		return anyOf(map[string]any{"type": "boolean"}, computed)
	case intShape:
		s := f.boundsSchema(k, map[string]any{"type": "integer"})
		if f.enum != nil {
			var e []any
			for _, x := range f.enum {
				v, _ := ParseInt(x)
				e = append(e, v)
			}
			s["enum"] = e
		}
		return anyOf(s, computed)
	case floatShape:
		return anyOf(f.boundsSchema(k, map[string]any{"type": "number"}), computed)
	case spanShape:
		return anyOf(map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$`}, map[string]any{"const": 0}, computed)
	case sizeShape:
		return anyOf(map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB)?$`},
			map[string]any{"type": "integer", "minimum": 0}, computed)
	case typeShape:
		return map[string]any{"type": "string"}
	case listShape:
		s := map[string]any{"type": "array", "items": f.valueSchema(k.elem)}
		if f.required {
			s["minItems"] = 1
		}
		switch k.elem.shape {
		case structShape, listShape, pairsShape:
			return s
		}
		return anyOf(s, f.valueSchema(k.elem))
	case pairsShape:
		return map[string]any{"type": "object", "additionalProperties": f.valueSchema(k.elem)}
	case structShape:
		return schema(k.fields)
	}
	if t, ok := reflect.New(k.typ).Interface().(Typed); ok {
		return t.ParamSchema()
	}
	return map[string]any{}
}

// BareSchema is the schema of one option's value; nil where there is none of that name. A bare main option is described by it.
func BareSchema(options any, name string) map[string]any {
	if f := planOf(optionsOf(options).Type()).find(name); f != nil {
		return f.valueSchema(f.kind)
	}
	return nil
}

func (f *field) boundsSchema(k *kind, s map[string]any) map[string]any {
	if f.min != nil {
		s[map[bool]string{false: "minimum", true: "exclusiveMinimum"}[f.min.open]] = mustMeasure(k, f.min.value)
	}
	if f.max != nil {
		s[map[bool]string{false: "maximum", true: "exclusiveMaximum"}[f.max.open]] = mustMeasure(k, f.max.value)
	}
	return s
}

func anyOf(s ...any) map[string]any { return map[string]any{"anyOf": s} }

func anys(s []string) []any {
	out := make([]any, len(s))
	for i, x := range s {
		out[i] = x
	}
	return out
}
