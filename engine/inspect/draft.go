package inspect

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// Draft says what a DAG file is to be written.
type Draft struct {
	Path     string // of the data, as the file is to spell it; "" for the path that was read
	Name     string // of the DAG and of its model; "" for one made of the label
	Task     string // binary, multiclass, regression or ranking; "" to see by the label
	Group    string // of a ranking, the column that is the same in rows that are ordered among themselves; "" for no ranking
	Positive string // the label's value to be told from all others; "" to see by the label
}

// nativeMax is up to how many values text is given to the trees as it is. They sort the values by the label themselves, and of many rare
// ones learn the rows by heart; beyond, target encoding with folds is safer, and of many classes, which have no mean, the frequent values alone.
const nativeMax = 64

// labelClassesMax is how many classes a label has at most: text of more is no name of a kind.
const labelClassesMax = 1000

// sliceMax is how many values a column has at most whose values the report tells apart.
const sliceMax = 12

// drafter writes one file.
type drafter struct {
	in       *File
	d        Draft
	b        strings.Builder
	y        *Column
	label    string // as the steps see it
	kind     string
	positive string
	one      string // the value that counts as 1, for people
	rate     float64
	renamed  [][2]string
	derived  [][2]string
	drops    []drop
	encoded  []string
	time     *Column  // the split's
	group    *Column  // of a ranking
	adds     []string // the columns that the model adds
	linear   bool     // of a ranking: the label is worth itself
	slice    string
}

// drop is columns left out, with the reason.
type drop struct {
	why   string
	names []string
	notes []string
}

// long says whether the names are so many, and none with a note, that a line each would bury the file.
func (d drop) long() bool {
	return len(d.names) > 8 && !slices.ContainsFunc(d.notes, func(n string) bool { return n != "" })
}

// DraftDAG writes a DAG file that checks and runs as it is and learns Label from the other columns. It is a place to start from: what it
// decided it says in comments. The file must have been read with Label.
func (in *File) DraftDAG(d Draft) (string, error) {
	x := &drafter{in: in, d: d, y: in.column(in.Label), adds: []string{"p", "pred"}}
	if d.Group != "" && d.Task == "" {
		x.d.Task = "ranking"
	}
	if x.d.Task == "ranking" {
		x.adds = []string{"score"}
	}
	if x.y == nil {
		return "", badArgument("say which column is to be learnt", "%s: no label", in.Path)
	}
	if x.d.Path == "" {
		x.d.Path = in.Path
	}
	for _, n := range append(in.schema.Names(), x.d.Path) {
		if strings.Contains(n, "${{") {
			return "", badArgument("rename it", "%s: %q cannot be written in a DAG file, where ${{ begins an expression", in.Path, n)
		}
	}
	x.rename()
	if err := x.task(); err != nil {
		return "", err
	}
	if x.d.Name == "" {
		x.d.Name = Identifier(x.label)
	}
	features := x.columns()
	if features == 0 {
		return "", badArgument("", "%s: beside %q there is no column to learn from", in.Path, in.Label)
	}
	x.head()
	x.source()
	x.steps()
	x.judge()
	return x.b.String(), nil
}

func (x *drafter) p(format string, args ...any) { fmt.Fprintf(&x.b, format, args...) }

// Identifier makes a name of letters, digits and _ of a text.
func Identifier(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' && b.Len() > 0 {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
	}
	if n := strings.Trim(b.String(), "_"); n != "" {
		return n
	}
	return "pipeline"
}

// rename makes way for the columns that a model adds.
func (x *drafter) rename() {
	for _, n := range x.adds {
		if x.in.schema.Has(n) {
			x.renamed = append(x.renamed, [2]string{n, x.free(n + "_column")})
		}
	}
	x.label = x.at(x.in.Label)
}

// at is a column's name in the steps.
func (x *drafter) at(name string) string {
	for _, r := range x.renamed {
		if r[0] == name {
			return r[1]
		}
	}
	return name
}

// free is a name that no column has.
func (x *drafter) free(name string) string {
	taken := func(n string) bool {
		return x.in.schema.Has(n) || slices.Contains(x.adds, n) || slices.ContainsFunc(x.derived, func(d [2]string) bool { return d[0] == n })
	}
	for taken(name) {
		name += "_2"
	}
	return name
}

// task sees what kind of label it is.
func (x *drafter) task() error {
	y, t, in := x.y, x.y.field.Type, x.in
	no := func(help, format string, args ...any) error {
		return badArgument(help, "%s: label %q %s", in.Path, in.Label, fmt.Sprintf(format, args...))
	}
	switch {
	case y.Distinct < 2:
		return no("", "has %d distinct values: there is nothing to learn", y.Distinct)
	case !t.Numeric() && !t.Text() && t.Kind != batch.Bool:
		return no("a label is a bool, a number or text", "is %s", t)
	case x.d.Task != "" && !slices.Contains([]string{"binary", "multiclass", "regression", "ranking"}, x.d.Task):
		return badArgument("", "--task %s: this version learns binary, multiclass, regression and ranking", x.d.Task)
	case x.d.Task != "ranking" && x.d.Group != "":
		return badArgument("", "a task of kind %s has no group", x.d.Task)
	case x.d.Task != "" && x.d.Task != "binary" && x.d.Positive != "":
		return badArgument("", "a task of kind %s has no positive value", x.d.Task)
	case x.d.Task == "multiclass" && !t.Integer() && !t.Text() && t.Kind != batch.Bool:
		return no("clean.cast makes whole numbers of it; or --task regression", "is %s: a class is text, a whole number or a bool", t)
	case x.d.Task == "multiclass" && y.Distinct > labelClassesMax:
		return no("", "has %s values: too many to be classes", thousands(y.Distinct))
	case x.d.Task == "regression" && !t.Numeric():
		return no("", "is %s: a regression learns a number", t)
	}
	if x.d.Task == "ranking" {
		x.kind = x.d.Task
		return x.ranking()
	}
	values := x.known()
	switch {
	case x.d.Positive != "":
		if values != nil && !slices.Contains(values, x.d.Positive) {
			return no(diag.DidYouMean(x.d.Positive, "values", values), "is never %q", x.d.Positive)
		}
		x.kind, x.positive = "binary", x.d.Positive
	case x.d.Task == "regression", x.d.Task == "multiclass":
		x.kind = x.d.Task
	case t.Kind == batch.Bool, y.Distinct == 2 && t.Numeric() && y.Min.Text == "0" && y.Max.Text == "1":
		x.kind = "binary"
	case y.Distinct == 2 && values != nil:
		x.kind, x.positive = "binary", values[1] // the rarer one
		if t.Numeric() {
			x.positive = y.Max.Text
		}
	case x.d.Task == "binary":
		return no(x.classHelp(values), "is %s with %s: which is to be told from the others?", t, x.listed(values))
	case (t.Text() || t.Integer() && y.fewWhole()) && y.Distinct <= labelClassesMax && 2*y.Distinct <= in.values(y):
		x.kind = "multiclass"
	case t.Text(), y.fewWhole():
		return no(x.classHelp(values), "is %s with %s in %s rows: those are no classes", t, x.listed(values), thousands(in.values(y)))
	default:
		x.kind = "regression"
	}
	if x.kind == "binary" {
		x.binary()
	}
	return nil
}

// known are the label's values in the order of how often they are there; nil where not all of them are known.
func (x *drafter) known() (v []string) {
	if x.y.TopSampled || int64(len(x.y.Top)) < x.y.Distinct {
		return nil
	}
	for _, t := range x.y.Top {
		v = append(v, t.raw)
	}
	return v
}

func (x *drafter) listed(values []string) string {
	s := thousands(x.y.Distinct) + " values"
	if n := len(values); n > 0 {
		s += " (" + strings.Join(values[:min(n, 5)], ", ")
		if n > 5 {
			s += ", …"
		}
		s += ")"
	}
	return s
}

func (x *drafter) classHelp(values []string) string {
	v := "VALUE"
	if len(values) > 0 {
		v = values[0]
		if strings.ContainsAny(v, " \"'$&|<>()") {
			v = strconv.Quote(v)
		}
	}
	help := "--positive " + v + " writes a DAG that tells one of them from the others"
	if x.y.field.Type.Numeric() {
		help += "; if they are amounts and not names, --task regression"
	}
	return help
}

// fewWhole says whether the values are few whole numbers, which are names of things more often than amounts.
func (c *Column) fewWhole() bool {
	if !c.field.Type.Numeric() || c.Distinct > classesMax {
		return false
	}
	for _, t := range c.Top {
		if v, err := strconv.ParseFloat(t.raw, 64); err != nil || v != math.Trunc(v) {
			return false
		}
	}
	return true
}

// binary finds the share of ones, and of more than two values makes a label of two.
func (x *drafter) binary() {
	y := x.y
	x.one = x.positive
	if x.one == "" {
		x.one = y.Max.Text // true or 1
	}
	for _, t := range y.Top {
		if t.raw == x.one {
			total := x.in.values(y)
			if y.TopSampled {
				total = x.in.SampleRows
			}
			x.rate = float64(t.Rows) / float64(max(total, 1))
		}
	}
	if y.Distinct == 2 {
		return
	}
	literal := x.positive
	if y.field.Type.Text() {
		literal = strconv.Quote(literal)
	}
	name := x.free(Identifier(x.label + "_is_" + x.positive))
	x.derived = append(x.derived, [2]string{name, ref(x.label) + " == " + literal})
	x.drops = append(x.drops, drop{why: "what the label is made of", names: []string{x.label}, notes: []string{""}})
	x.label, x.positive = name, ""
}

// columns decides on each column but the label, and says how many features there will be.
func (x *drafter) columns() (features int) {
	in := x.in
	if x.group == nil { // a split by time would part groups
		x.time = x.splitTime()
	}
	var ids, leaks, empty, constant, alien, times drop
	ids.why = "identifiers: a model would learn them by heart, and tomorrow's rows have others"
	leaks.why = fmt.Sprintf("association with the label above %g: most likely they are known only once it is. Keep one if you know better", LeakStrength)
	empty.why, constant.why = "no value at all", "one value only"
	alien.why = "of a type that learners do not take"
	times.why = "moments: a model that sees dates learns what has been and not what comes back. What comes back is derived above"
	put := func(d *drop, c *Column, note string) {
		d.names, d.notes = append(d.names, x.at(c.Name)), append(d.notes, note)
	}
	for i := range in.Columns {
		c := &in.Columns[i]
		t := c.field.Type
		switch {
		case c.Name == in.Label, c == x.group:
		case in.values(c) == 0:
			put(&empty, c, "")
		case c.Distinct == 1 && c.Nulls == 0:
			put(&constant, c, "")
		case t.Kind == batch.Bytes || t.Kind == batch.List || t.Kind == batch.Vector:
			put(&alien, c, t.String())
		case t.Temporal():
			put(&times, c, x.moment(c))
			if x.time == c || x.time == nil {
				features++
			}
		case c.Identifier:
			put(&ids, c, fmt.Sprintf("%s%s values in %s rows", map[bool]string{true: "about "}[c.DistinctEstimated], thousands(c.Distinct), thousands(in.values(c))))
		case c.Leak:
			put(&leaks, c, fmt.Sprintf("%s %.3f", c.Association.Measure, c.Association.Value))
		default:
			features++
			if t.Text() && c.Distinct > nativeMax {
				x.encoded = append(x.encoded, x.at(c.Name))
			}
			if x.slice == "" && x.group == nil && t.Text() && c.Distinct > 1 && c.Distinct <= sliceMax {
				x.slice = c.Name
			}
		}
	}
	for _, d := range []drop{ids, leaks, times, empty, constant, alien} {
		if len(d.names) > 0 {
			x.drops = append(x.drops, d)
		}
	}
	return features
}

// splitTime is the moment that rows are split by: one that every row has, the earliest where there are several.
func (x *drafter) splitTime() (best *Column) {
	middle := math.Inf(1)
	for i := range x.in.Columns {
		c, s := &x.in.Columns[i], &x.in.sample.cols[i]
		if !c.field.Type.Temporal() || c.Name == x.in.Label || c.Nulls > 0 || c.Distinct < 20 {
			continue
		}
		m := s.sorted[len(s.sorted)/2] * secondsOf(c.field.Type)
		if m < middle {
			best, middle = c, m
		}
	}
	return best
}

func secondsOf(t batch.Type) float64 {
	if t.Kind == batch.Date {
		return 86400
	}
	return 1 / float64(t.Unit.PerSecond())
}

// moment derives what comes back of a moment. Of several, those other than the split's are later, and may not be known in time.
func (x *drafter) moment(c *Column) string {
	if x.time != nil && x.time != c {
		return "later than " + x.time.Name + ": is it known when the label is predicted?"
	}
	name := x.at(c.Name)
	at := ref(name)
	if c.field.Type.Zone != "" {
		at = "in_zone(" + at + ", " + strconv.Quote(c.field.Type.Zone) + ")"
	}
	derive := func(name, what string) {
		x.derived = append(x.derived, [2]string{name, what + "(" + at + ")"})
	}
	if c.field.Type.Kind == batch.Timestamp {
		derive(x.free(name+"_hour"), "hour")
	}
	derive(x.free(name+"_weekday"), "weekday")
	return ""
}

// ref is a column in an expression.
func ref(name string) string {
	if plain(name) {
		switch name { // words of the expression language
		case "and", "or", "not", "in", "contains", "matches", "startsWith", "endsWith", "nil", "true", "false", "let", "if", "else":
		default:
			return name
		}
	}
	return "col(" + strconv.Quote(name) + ")"
}

func plain(s string) bool {
	for i, r := range s {
		if !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != ""
}

// scalar is text as YAML has it: bare where every reader of YAML takes it for text.
func scalar(s string) string {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return strconv.Quote(s)
	}
	if plain(s) {
		return s
	}
	return strconv.Quote(s)
}

func scalars(s []string) string {
	var q []string
	for _, v := range s {
		q = append(q, scalar(v))
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// wrapped is a list of names over lines of at most width letters.
func wrapped(names []string, indent string, width int) string {
	var b strings.Builder
	line := indent + "["
	for i, n := range names {
		text := scalar(n) + ","
		if i == len(names)-1 {
			text = scalar(n) + "]"
		}
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(text) > width {
			b.WriteString(line + "\n")
			line = indent
		}
		if i > 0 {
			line += " "
		}
		line += text
	}
	return b.String() + line + "\n"
}

// comment is text behind a #, on one line.
func comment(s string) string { return strings.Join(strings.Fields(clip(s)), " ") }

func (x *drafter) head() {
	what := "a number"
	switch x.kind {
	case "binary":
		what = "yes or no"
	case "multiclass":
		what = "one of " + thousands(x.y.Distinct)
	}
	doc := fmt.Sprintf("Predicts %s (%s) from the other columns of %s.", x.label, what, base(x.in.Path))
	if x.group != nil {
		doc = fmt.Sprintf("Orders the rows of each %s by %s, from the other columns of %s.", x.at(x.group.Name), x.label, base(x.in.Path))
	}
	x.p("# Written by headrace new: a place to start from. Read the comments, then headrace check, headrace run.\n")
	x.p("version: 1\nname: %s\ndoc: %s\n\n", x.d.Name, strconv.Quote(doc))
	each := ""
	if x.kind == "multiclass" {
		each = "   # of each class"
	}
	x.p("params:                        # headrace run FILE --set trees=100\n  path:  {type: path, default: %s}\n  trees: {type: int, default: 200, min: 1, max: 5000}%s\n\n",
		strconv.Quote(x.d.Path), each)
}

func (x *drafter) source() {
	x.p("sources:\n  data:\n    %s: {path: \"${{ params.path }}\"}      # a file, a glob, or a folder\n", x.in.Format)
	promised := []*Column{}
	if x.y.Nulls == 0 {
		promised = append(promised, x.y)
	}
	for _, c := range []*Column{x.time, x.group} {
		if c != nil && c.Nulls == 0 {
			promised = append(promised, c)
		}
	}
	if len(promised) > 0 {
		x.p("    columns:                   # a contract: listed columns have this type and no nulls, or the run stops here\n")
	}
	for _, c := range promised {
		x.p("      %s: {type: %s}\n", scalar(c.Name), scalar(c.Type))
	}
	x.p("\ntask:\n  kind: %s\n  label: %s\n", x.kind, scalar(x.label))
	if x.group != nil {
		x.p("  group: %s            # rows of one value are ordered among themselves, wherever they stand\n", scalar(x.at(x.group.Name)))
	}
	if x.positive != "" {
		x.p("  positive: %s          # the value that counts as 1\n", scalar(x.positive))
	}
	if x.kind == "multiclass" {
		x.p("  # %s; categories: […] in a contract gives them another order\n", comment(x.listed(x.known())))
		if x.y.field.Type.Numeric() {
			x.p("  # if they are amounts and not names of things: headrace new … --task regression\n")
		}
	}
	if x.kind == "binary" && x.rate > 0 {
		x.p("  # %s of the rows are %s%s\n", percent(int64(math.Round(x.rate*1e6)), 1e6), comment(x.one), imbalance(x.rate))
	}
}

func imbalance(rate float64) string {
	switch low := math.Min(rate, 1-rate); {
	case low < 0.1:
		return fmt.Sprintf(": a model that never says so is right in %.0f%%. Look at average_precision, not at accuracy", 100*(1-low))
	case low < 0.3:
		return ": auc does not mind the imbalance, accuracy does"
	}
	return ""
}

func (x *drafter) steps() {
	x.p("\nsteps:\n  prepared:                    # row by row, and the split\n    from: data\n    do:\n")
	for i, r := range x.renamed {
		if i == 0 {
			x.p("      - clean.rename:          # models add columns of these names\n")
		}
		x.p("          %s: %s\n", scalar(r[0]), scalar(r[1]))
	}
	label := x.at(x.in.Label)
	var keep []string
	if x.y.Nulls > 0 {
		keep = append(keep, ref(label)+" != nil")
	}
	if x.y.NaNs > 0 {
		keep = append(keep, ref(label)+" == "+ref(label))
	}
	if len(keep) > 0 {
		x.p("      - clean.filter: %s      # without a label, or with NaN for one, there is nothing to learn\n", strconv.Quote(strings.Join(keep, " and ")))
	}
	if x.group != nil && x.group.Nulls > 0 {
		x.p("      - clean.filter: %s      # a row of no group has nothing to be ordered with\n", strconv.Quote(ref(x.at(x.group.Name))+" != nil"))
	}
	for i, d := range x.derived {
		if i == 0 {
			x.p("      - feature.derive:\n")
		}
		x.p("          %s: %s\n", scalar(d[0]), strconv.Quote(d[1]))
	}
	switch {
	case x.group != nil:
		x.p("      # by a hash of the group: no group is parted, and each keeps its part from night to night\n")
		x.p("      - sample.split: {by: group, train: 0.7, valid: 0.1, test: 0.2}\n")
	case x.time != nil:
		x.p("      # the newest rows are the test, as tomorrow's will be; nothing but the cuts is learnt from all rows\n")
		x.p("      - sample.split: {by: time, column: %s, train: 0.7, valid: 0.1, test: 0.2}\n", scalar(x.at(x.time.Name)))
	default:
		x.p("      # by a hash of the row: a row keeps its part from night to night. Rows that belong together (of one customer)\n")
		x.p("      # belong in one part: {by: group, column: …}\n")
		x.p("      - sample.split: {by: random, train: 0.7, valid: 0.1, test: 0.2}\n")
	}
	open := false
	for _, d := range x.drops {
		if d.long() {
			x.p("      - clean.drop:            # %s\n%s", d.why, wrapped(d.names, "          ", 100))
			open = false
			continue
		}
		if !open {
			x.p("      - clean.drop:\n")
			open = true
		}
		x.p("          # %s\n", d.why)
		for j, n := range d.names {
			if d.notes[j] != "" {
				x.p("          - %s%s # %s\n", scalar(n), strings.Repeat(" ", max(1, 18-len(scalar(n)))), comment(d.notes[j]))
			} else {
				x.p("          - %s\n", scalar(n))
			}
		}
	}
	from := "prepared"
	if len(x.encoded) > 0 {
		from = "features"
		x.p("\n  features:                    # learnt from the train rows, applied to all parts and when serving\n    from: prepared\n    do:\n")
		if x.kind == "multiclass" {
			x.p("      # more than %d values: the %d most frequent have a column each\n", nativeMax, nativeMax/2)
			x.p("      - feature.encode: {columns: %s, method: one_hot, max_categories: %d}\n", scalars(x.encoded), nativeMax/2)
		} else {
			x.p("      # more than %d values: the smoothed mean of the label stands for each. Train rows get it from the other folds,\n", nativeMax)
			x.p("      # so that no row's feature knows its own label\n")
			x.p("      - feature.encode: {columns: %s, method: target, cross_fit: 5, smoothing: 20}\n", scalars(x.encoded))
		}
	}
	metric := "log_loss"
	switch x.kind {
	case "regression":
		metric = "rmse"
	case "ranking":
		metric = "ndcg"
	}
	x.p("\n  model:                       # trees take text of few values, nulls and any scale as they are\n    from: %s\n    train.gbdt:\n", from)
	x.p("      trees: \"${{ params.trees }}\"\n      leaves: 31\n      learning_rate: 0.1\n")
	if x.linear {
		x.p("      label_gain: linear       # a label is worth itself; whole numbers from 0 to 30 may be worth 2^label - 1\n")
	}
	x.p("      early_stop: {part: valid, metric: %s, rounds: 20}\n", metric)
	x.report()
}

func (x *drafter) report() {
	slices := ""
	if x.slice != "" {
		slices = "slices: " + scalars([]string{x.slice}) + ", "
	}
	if x.linear {
		slices += fmt.Sprintf("label_gain: linear, relevant: %s, ", x.y.Q3.Text)
	}
	x.p("\n  report:                      # scores through the model as it is published, on rows that it has not seen\n    from: model\n    evaluate.%s: {part: test, %schampion: %s}\n",
		x.kind, slices, strconv.Quote("models://"+x.d.Name+"@champion"))
}

func (x *drafter) judge() {
	x.p("\ngates:                         # all lines must hold, or nothing is published (exit 3)\n  from: report\n")
	x.p("  first_run: pass              # decides the lines that name the champion, while there is none\n  require:\n")
	switch x.kind {
	case "multiclass":
		most := 0.0
		if len(x.y.Top) > 0 {
			total := x.in.values(x.y)
			if x.y.TopSampled {
				total = x.in.SampleRows
			}
			most = float64(x.y.Top[0].Rows) / float64(max(total, 1))
		}
		x.p("    - \"accuracy > %.2f\"       # better than always saying the most frequent class: raise it to what you need\n", math.Floor(100*most)/100)
		x.p("    - \"log_loss <= champion.log_loss * 1.02\"\n")
	case "ranking":
		x.p("    - \"ndcg_10 > 0.1\"          # 1 is the best order; one by chance has more, the smaller groups are: raise it to what you need\n")
		x.p("    - \"ndcg_10 >= champion.ndcg_10 - 0.005\"\n")
	case "regression":
		x.p("    - \"r2 > 0\"                 # better than always saying the mean: raise it to what you need\n")
		x.p("    - \"rmse <= champion.rmse * 1.02\"\n")
	default:
		x.p("    - \"auc > 0.5\"              # better than a coin: raise it to what you need\n")
		x.p("    - \"auc >= champion.auc - 0.002\"\n")
	}
	x.p("\npublish: {model: model, as: %s, alias: champion}\n", x.d.Name)
}
