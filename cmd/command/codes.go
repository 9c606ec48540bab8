package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/headrace/headrace/examples/flights"
	"github.com/headrace/headrace/operators/diag"
)

// CodeExample is a mistake: New in the place of Old in the DAG file of examples/flights, or behind its end where Old is "". § stands
// where the error points to; the reference shows the line without it.
type CodeExample struct{ Old, New string }

// CodeExamples are a mistake for each code that a DAG file of one changed place can have. A test makes them.
func CodeExamples() map[diag.Code]CodeExample {
	return map[diag.Code]CodeExample{
		diag.YAMLSyntax:       {"[origin, destination], method: target, cross_fit: 5, smoothing: 50}", "[origin, destination, method: target, cross_fit: 5, smoothing: 50§}"},
		diag.YAMLSubset:       {"kind: binary", "kind: §&k binary"},
		diag.DuplicateKey:     {"leaves: 63", "leaves: 63\n      §leaves: 31"},
		diag.UnknownKey:       {"alias: champion}", "§alais: champion}"},
		diag.WrongShape:       {"", "\nsinks:\n  §- {from: model.test, csv: {path: out.csv}}\n"},
		diag.MissingKey:       {"", "\nsinks:\n  §out: {from: model.test}\n"},
		diag.BadScalar:        {"memory: 8GiB", "memory: §8 gigs"},
		diag.BadName:          {"name: flight_delay\n", "name: §Flight Delay!\n"},
		diag.UnknownOperator:  {"feature.scale: {", "§feature.scael: {"},
		diag.UnknownReference: {"from: features\n", "from: §featuers\n"},
		diag.UnknownParam:     {`"${{ params.trees }}"`, `"${{ params.§tres }}"`},
		diag.UnknownOption:    {"smoothing: 50", "§smothing: 50"},
		diag.OptionType:       {"leaves: 63", "leaves: §many"},
		diag.OptionBound:      {"learning_rate: 0.1", "learning_rate: §1.5"},
		diag.OptionMissing:    {"\ngates:\n", "\n  aside: {from: split, §table.sort: {}}\n\ngates:\n"},
		diag.OptionChoice:     {"method: target", "method: §targt"},
		diag.InputCount:       {"\ngates:\n", "\n  joined: {from: §features, table.join: {on: origin}}\n\ngates:\n"},
		diag.NoColumn:         {"columns: [origin, dest", "columns: [§orgin, dest"},
		diag.OptionConflict:   {"    sample.split: {by: time, column: date, train: 0.7,", "    §sample.split: {by: time, column: date, train: 0.9,"},
		diag.ColumnType:       {"columns: [distance], method: standard", "columns: [§date], method: standard"},
		diag.ColumnTwice:      {"      - clean.keep: [hour", "      - clean.rename: {distance: §origin}\n      - clean.keep: [hour"},
		diag.ExprSyntax:       {`late: "delay > 15"`, `late: "delay §>"`},
		diag.ExprType:         {`late: "delay > 15"`, `late: "§origin > 15"`},
		diag.ExprFunction:     {"weekday(date)", "§weekdy(date)"},
		diag.Leak:             {"\ngates:\n", "\n  aside: {from: split.valid, §feature.scale: {columns: [distance], method: minmax}}\n\ngates:\n"},
		diag.LeakMoment:       {"destination, late]", "destination, late, §delay]"},
		diag.UnknownPart:      {"\ngates:\n", "\n  aside: {from: split.§tset, clean.keep: [late]}\n\ngates:\n"},
		diag.NoPart:           {"    from: labelled\n", "    from: §labelled.test\n"},
		diag.OnlyPart:         {"      - clean.keep: [hour", "      - only: §train\n        clean.keep: [hour"},
		diag.TaskMissing:      {"    evaluate.binary: {part", "    §evaluate.regression: {part"},
		diag.LabelBad:         {"label: late\n", "label: §lat\n"},
		diag.UnknownMetric:    {`"auc >= champion`, `"§acu >= champion`},
		diag.GateBad:          {`"auc >= champion.auc - 0.002"`, `§"auc + 1"`},
		diag.NotAModel:        {"publish: {model: model,", "publish: {model: §features,"},
		diag.UnusedStep:       {"\ngates:\n", "\n  aside: {from: split, §clean.keep: [late]}\n\ngates:\n"},
		diag.UnusedParam:      {"  trees:   {type: int", "  §spare:   {type: int, default: 1}\n  trees:   {type: int"},
		diag.Idle:             {"", "\n§schedule: {cron: '@daily'}\n"},
	}
}

// line is the line of the file that the error points to.
func (e CodeExample) line() string {
	text := flights.DAG + e.New
	if e.Old != "" {
		text = strings.Replace(flights.DAG, e.Old, e.New, 1)
	}
	before, after, _ := strings.Cut(text, "§")
	before = before[strings.LastIndex(before, "\n")+1:]
	after, _, _ = strings.Cut(after, "\n")
	line, _, _ := strings.Cut(before+after, "  #")
	return strings.TrimSpace(line)
}

// codesText is the page of all codes.
func codesText() string {
	var b strings.Builder
	b.WriteString(generated + "# Codes of errors and warnings\n\nAn error ends a command with exit code 2, one about data (E06) with 4; a warning ends nothing. Each is shown with its line and, under it, " +
		"what would be right. The examples are mistakes in [the DAG file of the flights](dag.md).\n")
	head := ""
	examples := CodeExamples()
	for _, c := range slices.Sorted(maps.Keys(diag.Summaries)) {
		if h := codeHead(c); h != head {
			head = h
			fmt.Fprintf(&b, "\n## %s\n\n| code | | for example |\n|---|---|---|\n", head)
		}
		example := ""
		if e, ok := examples[c]; ok {
			example = "`" + cell(e.line()) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c, diag.Summaries[c], example)
	}
	return b.String()
}

// codeHead says what codes that begin as this one does are about.
func codeHead(c diag.Code) string {
	if c[0] == 'W' {
		return "Warnings"
	}
	return map[string]string{"E01": "The file", "E02": "Names and options", "E03": "Types and expressions", "E04": "Leakage and parts",
		"E05": "Models, gates and serving", "E06": "Data"}[string(c[:3])]
}
