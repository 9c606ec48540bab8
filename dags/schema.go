package dags

import (
	"slices"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/param"
)

// JSONSchema is the schema (draft 2020-12) of a DAG file, made from the catalogues of operators and connectors, for editors. What
// encoding/json makes of it is the same each time.
func JSONSchema() map[string]any {
	defs := map[string]any{
		"reference": map[string]any{"type": "string", "pattern": `^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`,
			"description": "a source, a step, step.train, step.valid, step.test, or step.output"},
		"names": oneOrMany(map[string]any{"type": "string", "pattern": idText.String()}),
	}
	defs["from"] = map[string]any{"anyOf": []any{ref("reference"), map[string]any{"type": "array", "items": ref("reference"), "minItems": 1},
		map[string]any{"type": "object", "additionalProperties": ref("reference")}}}

	step, item := stepSchema(stepKeys), stepSchema(itemKeys)
	step["properties"].(map[string]any)["do"] = documented(wiring["do"], map[string]any{"type": "array", "items": ref("item"), "minItems": 1})
	item["properties"].(map[string]any)["only"] = documented(wiring["only"], oneOrMany(map[string]any{"enum": anyOf(batch.PartNames[:])}))
	defs["step"], defs["item"] = step, item

	source := param.Schema(sourceBlock{})
	sink := map[string]any{"type": "object", "additionalProperties": false, "required": []any{"from"},
		"properties": map[string]any{"from": documented(sinkKeys[0], ref("reference")), "doc": documented(sinkKeys[1], map[string]any{"type": "string"})}}
	for _, f := range connectors.Formats() {
		s := param.Schema(f.Options())
		s["description"] = f.Doc
		options := map[string]any{"anyOf": []any{map[string]any{"type": "string"}, ref("connector." + f.Name)}}
		defs["connector."+f.Name] = s
		source["properties"].(map[string]any)[f.Name] = options
		sink["properties"].(map[string]any)[f.Name] = options
	}
	defs["source"], defs["sink"] = source, sink

	byName := func(values any) map[string]any {
		return map[string]any{"type": "object", "propertyNames": map[string]any{"pattern": idText.String()}, "additionalProperties": values}
	}
	properties := map[string]any{
		"version":   map[string]any{"const": 1},
		"name":      map[string]any{"type": "string", "pattern": idText.String()},
		"doc":       map[string]any{"type": "string"},
		"schedule":  param.Schema(scheduleBlock{}),
		"params":    byName(param.Schema(paramBlock{})),
		"resources": param.Schema(resourcesBlock{}),
		"defaults":  param.Schema(defaultsBlock{}),
		"sources":   byName(ref("source")),
		"task":      param.Schema(taskBlock{}),
		"steps":     byName(ref("step")),
		"gates":     param.Schema(gatesBlock{}),
		"publish":   param.Schema(publishBlock{}),
		"sinks":     byName(ref("sink")),
		"tests":     map[string]any{"type": "array", "items": param.Schema(testBlock{})},
	}
	for _, k := range fileKeys {
		documented(k, properties[k.Name].(map[string]any))
	}
	for _, s := range operators.Catalogue() {
		d := param.Schema(s.New())
		d["description"] = s.Doc
		defs["operator."+s.Name] = d
		options := []any{ref("operator." + s.Name)}
		if !slices.ContainsFunc(param.Describe(s.New()), func(o param.Option) bool { return o.Required }) {
			options = append(options, map[string]any{"type": "null"})
		}
		if bare := param.BareSchema(s.New(), s.Main); bare != nil {
			options = append(options, bare)
		}
		for _, at := range []map[string]any{step, item} {
			at["properties"].(map[string]any)[s.Name] = map[string]any{"anyOf": options, "description": s.Doc}
		}
	}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Headrace DAG", "type": "object",
		"required": []any{"version", "name", "sources"}, "additionalProperties": false, "properties": properties, "$defs": defs,
	}
}

func ref(def string) map[string]any { return map[string]any{"$ref": "#/$defs/" + def} }

// documented gives a schema its key's doc.
func documented(k param.Option, s map[string]any) map[string]any {
	s["description"] = k.Doc
	return s
}

func oneOrMany(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "array", "items": s}}}
}

func anyOf(s []string) []any {
	var out []any
	for _, x := range s {
		out = append(out, x)
	}
	return out
}

// stepSchema is a step, or an item of a do list, without its operators.
func stepSchema(keys []string) map[string]any {
	s := param.Schema(stepBlock{})
	p := s["properties"].(map[string]any)
	for _, k := range keys {
		switch k {
		case "from":
			p[k] = documented(wiring[k], ref("from"))
		case "after":
			p[k] = documented(wiring[k], ref("names"))
		}
	}
	return s
}
