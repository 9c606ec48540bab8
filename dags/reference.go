package dags

import (
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/operators/param"
)

// Block is a part of a DAG file as the reference shows it.
type Block struct {
	Title   string
	Text    string // paragraphs; one that is indented stands as it is
	Options []param.Option
}

var (
	mapOf = param.Types()[len(param.Types())-1]
	texts = param.Types()[0]
	refs  = param.Type{Name: "reference", Doc: "A source or a step by its name; `step.train`, `step.valid` or `step.test` are the rows of one part of it."}
	froms = param.Type{Name: "inputs", Doc: "A reference; a list of them for an operator with several inputs, in their order; or a map from the operator's names of its inputs."}
	names = param.Type{Name: "step names", Doc: "A step's name, or a list of them."}
	parts = param.Type{Name: "parts", Doc: "`train`, `valid` or `test`, or a list of them."}
	items = param.Type{Name: "list of operators", Doc: "A list of steps without names, each a map with its operator."}
	one   = param.Type{Name: "format", Doc: "A map of the format's options, or the path alone."}
	op    = param.Type{Name: "operator", Doc: "A map of the operator's options, or its main option alone where it has one; `{}` of none."}
)

func key(name string, t param.Type, doc string) param.Option {
	return param.Option{Name: name, Type: t.Name, Leaf: t, Doc: doc}
}

func listOf(o param.Option) param.Option {
	o.Type = "list of " + o.Type
	return o
}

func must(o param.Option) param.Option {
	o.Required = true
	return o
}

// The keys of a file, of a step and of a sink that are blocks or references, and no struct's fields.
var (
	fileKeys = []param.Option{
		must(key("version", param.Types()[2], "the version of the format, 1")),
		must(key("name", texts, "under what name runs and models are kept")),
		key("doc", texts, "what the DAG is for"),
		key("schedule", mapOf, "when it is due"),
		key("params", mapOf, "values that a run may be given"),
		key("resources", mapOf, "what a run may take of the machine"),
		key("defaults", mapOf, "what holds of every step that does not say otherwise"),
		must(key("sources", mapOf, "what is read, by name")),
		key("task", mapOf, "what is learnt, for train and evaluate operators"),
		key("steps", mapOf, "what is done, by name"),
		key("gates", mapOf, "what must hold before a model is published"),
		key("publish", mapOf, "which model goes to the registry"),
		key("sinks", mapOf, "what is written, by name"),
		listOf(key("tests", mapOf, "rows that go into a step, and those that must come out")),
	}
	wiring = map[string]param.Option{
		"from":  key("from", froms, "where its rows come from; an item of a list has those of the item before it"),
		"do":    key("do", items, "operators one after the other, in place of one"),
		"after": key("after", names, "steps that must be done before, though nothing is read of them"),
		"only":  key("only", parts, "of an item: the parts that it is applied to; rows of the others pass as they are"),
	}
	sinkKeys = []param.Option{must(key("from", refs, "whose rows are written, with their columns")), key("doc", texts, "what it is")}
)

// sourceBlock is a source without its format.
type sourceBlock struct {
	Doc     string                   `param:"doc" doc:"what it is"`
	Expect  expectBlock              `param:"expect" doc:"what must hold of the data"`
	Columns param.Pairs[columnBlock] `param:"columns" doc:"the contract: a column that is named must be there and be so; others are read as they are"`
}

// Reference describes a DAG file, block by block, from what Load decodes.
func Reference() []Block {
	var formats []string
	for _, f := range connectors.Formats() {
		formats = append(formats, f.Name)
	}
	format := must(key(strings.Join(formats, ", "), one, "one of them: the format, and where the file lies"))
	step := []param.Option{wiring["from"], must(key("FAMILY.VERB", op, "the operator: clean.filter, train.gbdt; one a step, or do")), wiring["do"], wiring["only"], wiring["after"]}
	source := append([]param.Option{format}, param.Describe(sourceBlock{})...)
	source[len(source)-1].Sub = nil // columns have a block of their own
	return []Block{
		{"The keys of a file", `The order of keys means nothing. Names begin with a to z, and go on with a to z, 0 to 9 and _; sources and steps share one name space. A scalar is read by the key that it stands at, from what was written: 1e3 is no int, no is a text. Tags, anchors, aliases and merge keys are errors.

A relative path starts from the folder of the file that it is written in.`, fileKeys},
		{"params.NAME", `A parameter has the value of --set NAME=VALUE, else of the environment's HEADRACE_PARAM_NAME (the name in capitals), else its default. A relative path given by either starts from the working directory.

${{ … }} holds an expression over params.NAME, run.date (the day of the run in UTC, or --date) and run.id, and may stand in any value of the file but in params. A value that is one expression and no more is its result; in a longer text the result is put in:

    trees: "${{ params.trees }}"
    parquet: "days/${{ run.date }}.parquet"`, param.Describe(paramBlock{})},
		{"Several files", `-f lays a second file over the first, as often as it is given: maps are merged key by key, and everything else is replaced. The second file holds only what is different:

    headrace run job.yaml -f try.yaml

    # try.yaml
    steps: {model: {train.gbdt: {leaves: 127}}}

A key can be given another value and cannot be taken away: a step stays with its operator, because one with two is an error.`, nil},
		{"resources", "", param.Describe(resourcesBlock{})},
		{"defaults", "", param.Describe(defaultsBlock{})},
		{"schedule", "", param.Describe(scheduleBlock{})},
		{"sources.NAME", "", source},
		{"sources.NAME.columns.COLUMN", "The contract of a source. A column that is named here must be in the file and keep to it, else the run ends with the row that does not; " +
			"columns that are not named are read as they are in the file.", param.Describe(columnBlock{})},
		{"task", `The task says what is learnt, once for all train and evaluate operators. Every column that reaches a train operator and is none of label, weight, group and ids is a feature.

moments and predict_at, with known_at of the sources' columns, make it an error to learn from a column that is known only after the prediction is made.`, param.Describe(taskBlock{})},
		{"steps.NAME", `A step is one operator, or a list of operators (do) of which each has the rows of the one before. What reads a step has the rows of its last operator.

    features:
      from: split
      do:
        - feature.scale: [distance]
        - clean.filter: "distance < 5000"
          only: train

A step's rows carry their part once sample.split or sample.parts has given them one. Fits learn from train rows; early stopping reads valid ones.`, append(step, param.Describe(stepBlock{})...)},
		{"gates", `A line is a comparison of the metrics of the evaluate step that from names: its pages list them. All lines must hold, else nothing is published, no sink is written, and the exit code is 3.

    require:
      - auc >= 0.65
      - auc >= champion.auc - 0.002
      - slice(auc, "origin", "SFO") >= 0.6
      - worst(auc, "origin") >= 0.55

champion.METRIC is the same metric of the model in use, on the same rows, where the evaluate step has champion. slice is the metric of the rows with one value of a column that the evaluate step has in slices; worst is that of the value where it is worst. A line that names champion needs first_run.`,
			param.Describe(gatesBlock{})},
		{"publish", "After the gates the model becomes the next version under its name, and the alias moves to it: headrace models lists them, and models promote moves an alias back.",
			param.Describe(publishBlock{})},
		{"sinks.NAME", "A sink is written once the gates have passed, aside and then renamed.", append([]param.Option{format}, sinkKeys...)},
		{"tests", `headrace test runs them. Rows go into one step; nothing that was learnt is asked, so a step with a fit learns from the rows given.

    tests:
      - name: a flight 16 minutes late counts as late
        step: labelled
        in:  [{delay: 16}, {delay: null}]
        out: [{late: true}]`, param.Describe(testBlock{})},
	}
}

// optionNames are the names of options, in their order.
func optionNames(o []param.Option) (n []string) {
	for _, x := range o {
		n = append(n, x.Name)
	}
	return n
}
