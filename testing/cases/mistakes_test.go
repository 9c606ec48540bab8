package cases

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/headrace/headrace/cmd/command"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/testing/cases/rig"
)

// A mistake is planted by replacing text of the flights example. § in the new text stands where the error must point to, and is taken out.
type mistake struct {
	name, old, new, code string
	also                 [2]string // a second replacement
}

const mark = "§"

// flights is the example, its data by an absolute path so that the file may lie anywhere.
func flights(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(rig.Example("flights/flight_delay.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return plant(t, string(b), mistake{old: "default: flights.parquet", new: "default: " + filepath.ToSlash(rig.Example("flights/flights.parquet"))})
}

// What README shows of a mistake is what check prints of it.
func TestReadmeMistake(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(rig.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(readme), "$ headrace check flight_delay.yaml\n")
	if !ok {
		t.Fatal("README shows no check of flight_delay.yaml")
	}
	shown, _, _ = strings.Cut(shown, "```")
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "flight_delay.yaml"), plant(t, flights(t), mistake{old: "columns: [origin, destination], method", new: "columns: [orgin, destination], method"}))
	if r := rig.Run(t, dir, "check", "flight_delay.yaml"); r.Code != 2 || r.Errors != shown {
		t.Errorf("exit %d, README shows\n%s\nand check prints\n%s", r.Code, shown, r.Errors)
	}
}

func plant(t testing.TB, text string, m mistake) string {
	t.Helper()
	if m.old == "" { // at the file's end
		return text + m.new
	}
	if n := strings.Count(text, m.old); n != 1 {
		t.Fatalf("%s: %q is in the file %d times", m.name, m.old, n)
	}
	text = strings.Replace(text, m.old, m.new, 1)
	if m.also[0] != "" {
		return plant(t, text, mistake{name: m.name, old: m.also[0], new: m.also[1]})
	}
	return text
}

// places takes the marks out of a text and says where they stood, as line:column.
func places(text string) (clean string, at []string) {
	var b strings.Builder
	line, col := 1, 1
	for _, r := range text {
		switch {
		case string(r) == mark:
			at = append(at, fmt.Sprintf("%d:%d", line, col))
			continue
		case r == '\n':
			line, col = line+1, 0
		}
		col++
		b.WriteRune(r)
	}
	return b.String(), at
}

var found = regexp.MustCompile(`(?m)^\S*?:(\d+:\d+): (error|warning)\[([EW]\d+)\]`)

// findings are the lines "12:7 E0204" of what a check printed; a finding without a place is one with 0:0.
func findings(text, severity string) (out []string) {
	for _, m := range found.FindAllStringSubmatch(text, -1) {
		if m[2] == severity {
			out = append(out, m[1]+" "+m[3])
		}
	}
	return out
}

var anyFinding = regexp.MustCompile(`(?m)^.*\berror\[`)

// checkFile checks a text and holds that it gives just these errors, in the order of their places, and exit code 2.
func checkFile(t *testing.T, name, text string, codes ...string) {
	t.Helper()
	clean, at := places(text)
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	rig.Write(t, file, clean)
	r := rig.InProcess("check", file)
	var want []string
	for i, p := range at {
		want = append(want, p+" "+codes[i])
	}
	got := findings(r.Errors, "error")
	if r.Code != 2 || strings.Join(got, ", ") != strings.Join(want, ", ") || len(anyFinding.FindAllString(r.Errors, -1)) != len(want) {
		t.Errorf("%s: exit %d, errors at\n  %s\nwant exit 2, errors at\n  %s\n%s", name, r.Code, strings.Join(got, "\n  "), strings.Join(want, "\n  "), r.Errors)
	}
	if r.Out != "" {
		t.Errorf("%s: a check that fails prints to standard output: %s", name, r.Out)
	}
}

var tenMistakes = []mistake{
	{name: "operator", old: "feature.scale: {", new: "§feature.scael: {", code: "E0201"},
	{name: "column", old: "columns: [origin, dest", new: "columns: [§orgin, dest", code: "E0212"},
	{name: "option", old: "smoothing: 50", new: "§smothing: 50", code: "E0204"},
	{name: "part", old: "{part: test,", new: "{part: §tset,", code: "E0208"},
	{name: "metric", old: `"auc >= champion`, new: `"§acu >= champion`, code: "E0504"},
	{name: "wrong type", old: `hour: "hour(date)"`, new: `hour: "hour(§origin)"`, code: "E0304"},
	{name: "leak by order", old: `          weekday: "weekday(date)"` + "\n", new: `          weekday: "weekday(date)"` + "\n      - §feature.scale: {columns: [distance], method: minmax}\n", code: "E0401"},
	{name: "leak by known_at", old: "destination, late]", new: "destination, late, §delay]", code: "E0402"},
	{name: "bad bound", old: "learning_rate: 0.1", new: "learning_rate: §1.5", code: "E0206"},
	// It is told at one of the edges of the cycle, the same every time.
	{name: "cycle", old: "    from: flights\n", new: "    from: features\n", also: [2]string{"    from: split\n", "    from: §split\n"}, code: "E0209"},
}

func TestEachOfTenMistakes(t *testing.T) {
	for _, m := range tenMistakes {
		t.Run(m.name, func(t *testing.T) { checkFile(t, m.name, plant(t, flights(t), m), m.code) })
	}
}

// What a mistake yields is unknown and silences what follows from it, so that of ten in one file none may stand upstream of another:
// those that make a step's columns unknown are on branches of their own.
func TestTenMistakesAtOnce(t *testing.T) {
	text := flights(t)
	for _, m := range tenMistakes {
		switch m.name {
		case "part", "metric", "leak by order", "leak by known_at":
			text = plant(t, text, m)
		}
	}
	text = plant(t, text, mistake{old: "\ngates:\n", new: `
  aside:   {from: split, §feature.scael: {columns: [distance], method: standard}}
  another: {from: split, feature.encode: {columns: [§orgin, destination], method: target}}
  third:   {from: split, feature.encode: {columns: [origin], method: target, §smothing: 50}}
  fourth:  {from: split, feature.derive: {minute: "hour(§origin)"}}
  fifth:   {from: features, train.gbdt: {trees: 10, learning_rate: §1.5}}
  about:   {from: §round, clean.keep: [origin]}
  round:   {from: about, clean.keep: [origin]}

gates:
`})
	checkFile(t, "ten", text, "E0401", "E0402", "E0208", "E0201", "E0212", "E0204", "E0304", "E0206", "E0209", "E0504")
}

// furtherMistakes are each one mistake with one error.
var furtherMistakes = []mistake{
	// The file's own keys.
	{name: "top-level key misspelt", old: "resources: {", new: "§resorces: {", code: "E0104"},
	{name: "top-level key twice", new: "\n§name: twice\n", code: "E0103"},
	{name: "version missing", old: "version: 1\n", new: "§", code: "E0106"},
	{name: "version from the future", old: "version: 1\n", new: "version: §2\n", code: "E0107"},
	{name: "name not an id", old: "name: flight_delay\n", new: "name: §Flight Delay!\n", code: "E0108"},
	{name: "anchor", old: "kind: binary", new: "kind: §&k binary", code: "E0102"},
	{name: "second document", new: "\n§---\nversion: 1\n", code: "E0102"},
	{name: "not YAML", old: "cross_fit: 5, smoothing: 50}", new: "cross_fit: 5, smoothing: 50§}", also: [2]string{"columns: [origin, destination], method", "columns: [origin, destination, method"}, code: "E0101"},
	// Schedule and resources.
	{name: "bad cron", new: "\nschedule: {cron: §\"30 24 * * *\"}\n", code: "E0107"},
	{name: "cron of four fields", new: "\nschedule: {cron: §\"30 4 * *\"}\n", code: "E0107"},
	{name: "no such time zone", new: "\nschedule: {cron: \"30 4 * * *\", timezone: §Europe/Berln}\n", code: "E0107"},
	{name: "bad duration", new: "\nschedule: {cron: \"30 4 * * *\", catchup: §2 days}\n", code: "E0107"},
	{name: "bad choice of overlap", new: "\nschedule: {cron: \"30 4 * * *\", overlap: §skipp}\n", code: "E0208"},
	{name: "schedule key misspelt", new: "\nschedule: {cron: \"30 4 * * *\", §time_zone: Europe/Berlin}\n", code: "E0104"},
	{name: "a device that must be there", old: "cores: all}", new: "cores: all, gpu: §require}", code: "E0208"},
	{name: "bad size", old: "memory: 8GiB", new: "memory: §8 gigs", code: "E0107"},
	{name: "bad retry", old: "\nsources:\n", new: "\ndefaults: {retry: {§limits: 2}}\n\nsources:\n", code: "E0104"},
	{name: "bad timeout", old: "\nsources:\n", new: "\ndefaults: {timeout: §soon}\n\nsources:\n", code: "E0107"},
	// Parameters.
	{name: "unknown type of a parameter", old: "{type: int, default: 100,", new: "{type: §integer, default: 100,", code: "E0208"},
	{name: "default of the wrong type", old: "default: 100,", new: "default: §many,", code: "E0107"},
	{name: "default out of bounds", old: "default: 100,", new: "default: §5,", code: "E0107"},
	{name: "key of a parameter misspelt", old: "min: 10, max: 5000", new: "§mim: 10, max: 5000", code: "E0104"},
	{name: "parameter misspelt", old: `"${{ params.trees }}"`, new: `"${{ params.§tres }}"`, code: "E0203"},
	{name: "parameter of the wrong type", old: `"${{ params.trees }}"`, new: `§"${{ params.path }}"`, code: "E0205"},
	{name: "template not closed", old: `"${{ params.trees }}"`, new: `"§${{ params.trees"`, code: "E0303"},
	// Sources and the task.
	{name: "format misspelt", old: "    parquet: {path", new: "    §parqet: {path", code: "E0104"},
	{name: "source without a format", old: `    parquet: {path: "${{ params.path }}"}                   # a file, a glob, or a folder` + "\n", new: "", also: [2]string{"  flights:\n", "  §flights:\n"}, code: "E0106"},
	{name: "option of a format misspelt", old: "{path: \"${{", new: "{§paht: \"${{", code: "E0204"},
	{name: "contract names a column that is not there", old: "      origin:      {type", new: "      §orign:      {type", code: "E0212"},
	{name: "contract's type is not the file's", old: "      destination: {type: string", new: "      §destination: {type: int64", code: "E0301"},
	{name: "column key misspelt", old: "min: 1, known_at", new: "§minn: 1, known_at", code: "E0104"},
	{name: "moment not declared", old: "nullable: true, known_at: arrival", new: "nullable: true, known_at: §landing", code: "E0202"},
	{name: "expect misspelt", old: "expect: {rows: {min: 1000}}", new: "expect: {§row: {min: 1000}}", code: "E0104"},
	{name: "predict_at not declared", old: "predict_at: scheduling", new: "predict_at: §schedule", code: "E0202"},
	{name: "label of text without positive", old: `late: "delay > 15"`, new: `late: 'delay > 15 ? "yes" : "no"'`, also: [2]string{"method: target", "method: §target"}, code: "E0502"},
	{name: "positive that the label cannot be", old: "  label: late\n", new: "  label: late\n  positive: maybe\n", also: [2]string{"method: target", "method: §target"}, code: "E0502"},
	{name: "label that may be null", old: `late: "delay > 15"`, new: `late: "delay > 15 ? true : nil"`, also: [2]string{"method: target", "method: §target"}, code: "E0307"},
	// Steps.
	{name: "no such step", old: "from: features\n", new: "from: §featuers\n", code: "E0202"},
	{name: "no such source", old: "from: flights\n", new: "from: §flight\n", code: "E0202"},
	{name: "step without an operator", old: "    sample.split: {by: time, column: date, train: 0.7, valid: 0.1, test: 0.2}\n", new: "", also: [2]string{"  split:\n", "  §split:\n"}, code: "E0106"},
	{name: "step with two operators", old: "    sample.split: {by", new: "    clean.drop: []\n    §sample.split: {by", code: "E0213"},
	{name: "step without from", old: "    from: labelled\n", new: "", also: [2]string{"    sample.split:", "    §sample.split:"}, code: "E0106"},
	{name: "step's name not an id", old: "\ngates:\n", new: "\n  §Report2: {from: features, clean.keep: [late]}\n\ngates:\n", code: "E0108"},
	{name: "step named as a source", old: "  split:\n    from: labelled\n", new: "  §flights:\n    from: labelled\n", also: [2]string{"from: split\n", "from: flights\n"}, code: "E0108"},
	{name: "step's key misspelt", old: "    from: labelled\n", new: "    from: labelled\n    §retires: 3\n", code: "E0104"},
	{name: "do is no list", old: "    do:\n      - clean.filter: \"delay != nil and delay < 1440\"\n      - feature.derive:", new: "    §do:\n      feature.derive:", code: "E0105"},
	{name: "item of do without operator", old: "      - feature.scale: {columns: [distance], method: standard}", new: "      - §{only: train}", code: "E0106"},
	{name: "one input where none of its name is known", old: "from: labelled\n", new: "from: §{rows: labelled}\n", code: "E0210"},
	{name: "join without its right side", old: "\ngates:\n", new: "\n  joined: {from: §features, table.join: {on: origin}}\n\ngates:\n", code: "E0210"},
	{name: "after something that is not there", old: "    from: labelled\n", new: "    from: labelled\n    after: [§loading]\n", code: "E0202"},
	{name: "part where none is made", old: "    from: labelled\n", new: "    from: §labelled.test\n", code: "E0405"},
	{name: "part misspelt in a reference", old: "\ngates:\n", new: "\n  aside: {from: split.§tset, clean.keep: [late]}\n\ngates:\n", code: "E0404"},
	{name: "only where the schema changes", old: "      - clean.keep: [hour", new: "      - only: §train\n        clean.keep: [hour", code: "E0406"},
	{name: "only of no part", old: "      - clean.keep: [hour", new: "      - only: §tain\n        clean.keep: [hour", code: "E0404"},
	// Options.
	{name: "option missing", old: "train: 0.7, valid: 0.1, test: 0.2}", new: "valid: 0.1, test: 0.2}", also: [2]string{"    sample.split:", "    §sample.split:"}, code: "E0207"},
	{name: "shares above one", old: "train: 0.7,", new: "train: 0.9,", also: [2]string{"    sample.split:", "    §sample.split:"}, code: "E0213"},
	{name: "choice misspelt", old: "method: target", new: "method: §targt", code: "E0208"},
	{name: "codec misspelt", new: "\nsinks:\n  out: {from: model.test, parquet: {path: out.parquet, compression: §gzip}}\n", code: "E0208"},
	{name: "codec of another format", new: "\nsinks:\n  out: {from: model.test, arrow: {path: out.arrow, compression: §snappy}}\n", code: "E0208"},
	{name: "text where a number belongs", old: "leaves: 63", new: "leaves: §many", code: "E0205"},
	{name: "fraction where a whole number belongs", old: "leaves: 63", new: "leaves: §63.5", code: "E0205"},
	{name: "list where a number belongs", old: "leaves: 63", new: "leaves: §[63]", code: "E0205"},
	{name: "map where a list belongs", old: "clean.keep: [hour, weekday, distance, origin, destination, late]", new: "clean.keep: {columns: §{hour: 1}}", code: "E0205"},
	{name: "option twice", old: "leaves: 63", new: "leaves: 63\n      §leaves: 31", code: "E0103"},
	{name: "option of an option misspelt", old: "rounds: \"${{", new: "§round: \"${{", code: "E0204"},
	{name: "metric of early stop misspelt", old: "metric: log_loss", new: "metric: §logloss", code: "E0208"},
	{name: "early stop without valid rows", old: "valid: 0.1, test: 0.2", new: "test: 0.3", also: [2]string{"{part: valid, metric", "{part: §valid, metric"}, code: "E0405"},
	{name: "evaluation of a part without rows", old: "valid: 0.1, test: 0.2", new: "valid: 0.3", also: [2]string{"{part: test, slices", "{part: §test, slices"}, code: "E0405"},
	// Columns and expressions.
	{name: "column of a filter misspelt", old: "delay != nil and delay < 1440", new: "delay != nil and §dela < 1440", code: "E0212"},
	{name: "filter that is no condition", old: `"delay != nil and delay < 1440"`, new: `§"delay + 1"`, code: "E0304"},
	{name: "function misspelt", old: "weekday(date)", new: "§weekdy(date)", code: "E0305"},
	{name: "argument missing", old: "weekday(date)", new: "§weekday()", code: "E0305"},
	{name: "expression cut short", old: `late: "delay > 15"`, new: `late: "delay §>"`, code: "E0303"},
	{name: "now is no function", old: "hour(date)", new: "hour(§now())", code: "E0305"},
	{name: "text compared with a number", old: `late: "delay > 15"`, new: `late: "§origin > 15"`, code: "E0304"},
	{name: "column derived twice", old: `          hour: "hour(date)"` + "\n", new: `          hour: "hour(date)"` + "\n          §hour: \"1\"\n", code: "E0103"},
	{name: "scale of a time", old: "columns: [distance], method: standard", new: "columns: [§date], method: standard", code: "E0301"},
	{name: "split by a column of text", old: "column: date,", new: "column: §origin,", code: "E0301"},
	{name: "split by a column that is not there", old: "column: date,", new: "column: §dat,", code: "E0212"},
	{name: "slice that is not there", old: "slices: [origin]", new: "slices: [§orgin]", code: "E0212"},
	{name: "selection of nothing", old: "columns: [distance], method: standard", new: "columns: [§\"dist_*\"], method: standard", code: "E0212"},
	{name: "rename onto a column that is there", old: "      - clean.keep: [hour", new: "      - clean.rename: {distance: §origin}\n      - clean.keep: [hour", code: "E0302"},
	{name: "feature that is a time", old: "destination, late]", new: "destination, late, date]", also: [2]string{"    train.gbdt:\n", "    §train.gbdt:\n"}, code: "E0503"},
	{name: "label kept away from the model", old: ", destination, late]", new: ", destination]", also: [2]string{"    train.gbdt:\n", "    §train.gbdt:\n"}, code: "E0502"},
	{name: "weight of a class that is none", old: "      leaves: 63\n", new: "      leaves: 63\n      class_weight: {true: 3, §yes: 1}\n", code: "E0208"},
	{name: "class that weighs nothing", old: "      leaves: 63\n", new: "      leaves: 63\n      class_weight: {true: §0}\n", code: "E0206"},
	{name: "class_weight misspelt", old: "      leaves: 63\n", new: "      leaves: 63\n      class_weight: §balance\n", code: "E0208"},
	// Leakage.
	{name: "fit on the valid part", old: "\ngates:\n", new: "\n  aside: {from: split.valid, §feature.scale: {columns: [distance], method: minmax}}\n\ngates:\n", code: "E0401"},
	{name: "ancestor of the label", old: "predict_at: scheduling\n", new: "predict_at: arrival\n", also: [2]string{"destination, late]", "destination, late, §delay]"}, code: "E0403"},
	{name: "aggregate of all parts joined back", old: "\n  features:", new: "\n  mean:\n    from: split\n    table.aggregate: {by: [origin], aggregates: {share: mean(late)}}\n\n  joined:\n    from: {left: split, right: mean}\n    §table.join: {on: origin}\n\n  features:", code: "E0401"},
	// Models, gates, publishing, sinks, tests.
	{name: "evaluation of what is no model", old: "    from: model\n", new: "    from: features\n", also: [2]string{"    evaluate.binary:", "    §evaluate.binary:"}, code: "E0506"},
	{name: "publishing what is no model", old: "publish: {model: model,", new: "publish: {model: §features,", code: "E0506"},
	{name: "publishing a step that is not there", old: "publish: {model: model,", new: "publish: {model: §modle,", code: "E0202"},
	{name: "publish key misspelt", old: "alias: champion}", new: "§alais: champion}", code: "E0104"},
	{name: "name to publish as that is no name", old: "as: flight_delay,", new: "as: §../flight_delay,", code: "E0108"},
	{name: "gates of no evaluation", old: "  from: report\n", new: "  from: §model\n", code: "E0505"},
	{name: "gate on a champion that the evaluation has not", old: `, champion: "models://flight_delay@champion"}`, new: "}", also: [2]string{`"auc >= champion.auc`, `§"auc >= champion.auc`}, code: "E0504"},
	{name: "gate that is no comparison", old: `"auc >= champion.auc - 0.002"`, new: `§"auc + 1"`, code: "E0505"},
	{name: "first_run misspelt", old: "first_run: pass", new: "first_run: §maybe", code: "E0208"},
	{name: "champion that is no reference", old: `champion: "models://flight_delay@champion"`, new: `champion: §"models://@"`, code: "E0205"},
	{name: "sink of a step that is not there", new: "\nsinks:\n  out: {from: §modle, csv: {path: out.csv}}\n", code: "E0202"},
	{name: "sink of a part misspelt", new: "\nsinks:\n  out: {from: model.§tset, csv: {path: out.csv}}\n", code: "E0404"},
	{name: "sink without a format", new: "\nsinks:\n  §out: {from: model.test}\n", code: "E0106"},
	{name: "sink's option out of bounds", new: "\nsinks:\n  out: {from: model.test, parquet: {path: out.parquet, row_group_rows: §0}}\n", code: "E0206"},
	{name: "test of a step that is not there", new: "  - {name: third, step: §labeled, in: [], out: []}\n", code: "E0202"},
	{name: "test without a name", new: "  - §{step: labelled, in: [], out: []}\n", code: "E0106"},
	// What the task says is asked by many: each mistake is told once.
	{name: "tag", old: "label: late\n", new: "label: §!!str late\n", code: "E0102"},
	{name: "kind of task misspelt", old: "kind: binary", new: "kind: §binery", code: "E0208"},
	{name: "label that is nowhere", old: "label: late\n", new: "label: §lat\n", code: "E0502"},
	{name: "fit on the test part", old: "    from: split\n", new: "    from: split.test\n", also: [2]string{"      - feature.encode: {col", "      - §feature.encode: {col"}, code: "E0401"},
	{name: "evaluation of the other kind", old: "    evaluate.binary: {part", new: "    §evaluate.regression: {part", code: "E0501"},
	{name: "aggregate of all parts joined back, above the model", old: "    from: split\n", new: "    from: joined\n", also: [2]string{"\n  features:", "\n  mean:\n    from: split\n    table.aggregate: {by: [origin], aggregates: {share: mean(late)}}\n\n  joined:\n    from: {left: split, right: mean}\n    §table.join: {on: origin}\n\n  features:"}, code: "E0401"},
}

func TestFurtherMistakes(t *testing.T) {
	for _, m := range furtherMistakes {
		t.Run(m.name, func(t *testing.T) { checkFile(t, m.name, plant(t, flights(t), m), m.code) })
	}
}

// The reference shows a mistake for a code: each gives that code, at the place that it marks, and no other.
func TestExamplesOfCodes(t *testing.T) {
	for code, e := range command.CodeExamples() {
		m := mistake{name: string(code), old: e.Old, new: e.New, code: string(code)}
		text := plant(t, flights(t), m)
		if code.Severity() == diag.Error {
			checkFile(t, m.name, text, m.code)
			continue
		}
		checkWarning(t, m, text)
	}
}

// What may be meant is a warning: it is told at its place, and the check passes.
func TestWarnings(t *testing.T) {
	for _, m := range []mistake{
		{name: "step that nothing uses", old: "\ngates:\n", new: "\n  aside: {from: split, §clean.keep: [late]}\n\ngates:\n", code: "W0201"},
		{name: "schedule", new: "\n§schedule: {cron: '@daily'}\n", code: "W0203"},
		{name: "a device", old: "cores: all}", new: "cores: all, §gpu: auto}", code: "W0203"},
		{name: "timeout of every step", old: "\nsources:\n", new: "\ndefaults: {§timeout: 2h}\n\nsources:\n", code: "W0203"},
		{name: "retry, told once", old: "    train.gbdt:\n", new: "    §retry: {limit: 2}\n    train.gbdt:\n", also: [2]string{"    evaluate.binary:", "    retry: {limit: 3}\n    evaluate.binary:"}, code: "W0203"},
		{name: "cache", old: "    train.gbdt:\n", new: "    §cache: true\n    train.gbdt:\n", code: "W0203"},
		{name: "parameter that nothing uses", old: "sources:\n", new: "sources:\n", also: [2]string{"  trees:   {type: int", "  §spare:   {type: int, default: 1}\n  trees:   {type: int"}, code: "W0202"},
		{name: "feature of an unknown moment", old: "{type: int64, min: 1, known_at: scheduling}", new: "{type: int64, min: 1}", also: [2]string{"weekday, distance, origin", "weekday, §distance, origin"}, code: "W0401"},
	} {
		checkWarning(t, m, plant(t, flights(t), m))
	}
}

// checkWarning holds that a text gives the one warning of a mistake, and no error.
func checkWarning(t *testing.T, m mistake, text string) {
	t.Helper()
	clean, at := places(text)
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	rig.Write(t, file, clean)
	r := rig.InProcess("check", file)
	if got := findings(r.Errors, "warning"); r.Code != 0 || len(at) != 1 || len(got) != 1 || got[0] != at[0]+" "+m.code || len(findings(r.Errors, "error")) > 0 {
		t.Errorf("%s: exit %d, warnings %v, want %s %s\n%s", m.name, r.Code, got, at, m.code, r.Errors)
	}
}
