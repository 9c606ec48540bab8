package dags

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/param"
)

// LoadOptions are what a command line adds to a DAG file.
type LoadOptions struct {
	// Files are read in this order; each is merged over those before it: maps key by key, everything else is replaced. Names are
	// taken as they are, so a relative one is from the process's working directory.
	Files []string
	// Set gives parameters by name. A relative path among them is from WorkDir.
	Set map[string]string
	// WorkDir is an absolute path; "" is the process's working directory.
	WorkDir string
	// Env looks up a variable: HEADRACE_PARAM_TREES gives the parameter trees, unless Set does. A relative path is from WorkDir. nil
	// looks nothing up.
	Env func(name string) (string, bool)
	// RunDate is run.date, as 2001-02-03; "" is today in UTC.
	RunDate string
	// RunID is run.id; "" is "check", for there is no run.
	RunID string
	// ReadFile reads a file; nil reads from disk.
	ReadFile func(name string) ([]byte, error)
}

// stepsMax is how many steps a DAG may have, with the items of do lists: ordering them takes quadratic time.
const stepsMax = 1024

// Load reads a DAG: files, overlays and parameters into a Pipeline. All that can be said without data and without the operators'
// own checks is in the diagnostics, each mistake once, in the order of the file. The pipeline is nil only where nothing could be read.
func Load(o LoadOptions) (*Pipeline, diag.List) {
	x := &loader{o: o, p: &Pipeline{}, names: map[string]*target{}, usedParam: map[string]bool{}, afters: map[[2]string]*param.Node{}, idles: map[string]bool{}}
	if x.o.WorkDir == "" {
		// Without one, relative paths of the command line stay relative to the file's folder, which is the best that can be said.
		if dir, err := os.Getwd(); err == nil {
			x.o.WorkDir = dir
		}
	}
	if !x.read() {
		return nil, x.l.Sort()
	}
	x.top()
	return x.p, x.l.Sort()
}

// loader is a load under way.
type loader struct {
	o         LoadOptions
	p         *Pipeline
	l         diag.List
	vars      map[string]expr.Const
	usedParam map[string]bool
	afters    map[[2]string]*param.Node // step and what it comes after, by ids: where that is written
	names     map[string]*target        // sources and steps
	wants     []want                    // references to resolve once all names are known
	idles     map[string]bool           // keys that are not acted on, and said to be
	noMoments bool
	retry     *Retry
	timeout   time.Duration
}

// target is what a reference can lead to.
type target struct {
	source *Source
	steps  []*Step // of a do list all, in order
	place  diag.Place
}

// want is a step with the inputs it asks for.
type want struct {
	step  *Step
	node  *param.Node // from:, nil where there is none
	prev  *Step       // of an item of a do list, what feeds its first input
	after *param.Node
	quiet bool // a key was misspelt that may be from
}

func (x *loader) add(n *param.Node, code diag.Code, help, format string, args ...any) {
	d := diag.New(code, diag.At{}, format, args...)
	d.Help = help
	if n != nil {
		d.Place, d.Source = n.Place, n.Line
	}
	x.l.Add(d)
}

// locate adds findings about a block.
func (x *loader) locate(n *param.Node, l diag.List) {
	for _, d := range l {
		if n != nil {
			d.Place, d.Source = n.Resolve(d.At)
		}
		d.At = diag.At{}
		x.l.Add(d)
	}
}

// decode reads a block into a struct.
func (x *loader) decode(n *param.Node, into any) diag.List {
	l := param.DecodeKeys(n, into)
	x.locate(n, l)
	return l
}

// idle are the keys that are checked and that nothing acts on, and what does their work.
var idle = map[string]string{
	"schedule": "cron, systemd or Airflow can call headrace run; its exit code says what came of it",
	"gpu":      "no device is used",
	"retry":    "whatever calls headrace run can call it again: exit code 75 says that it may help",
	"timeout":  "timeout 2h headrace run ends a run that takes longer: what is published is never half",
	"cache":    "every run makes every step anew",
}

// idle warns of a key that is not acted on, where it is written first.
func (x *loader) idle(key *param.Node) {
	if !x.idles[key.Text] {
		x.idles[key.Text] = true
		x.add(key, diag.Idle, idle[key.Text], "%s is checked, and not acted on by this version", key.Text)
	}
}

// isMap says whether a node is a map, and reports it where it is not; an empty value is an empty map.
func (x *loader) isMap(n *param.Node, what string) bool {
	switch {
	case n == nil || n.Unknown:
		return false
	case n.Kind == param.Map || n.Kind == param.Null:
		return true
	}
	x.add(n, diag.WrongShape, "", "%s is a map, not %s", what, n.Kind)
	return false
}

// read reads and merges the files.
func (x *loader) read() bool {
	if len(x.o.Files) == 0 {
		x.l.Add(diag.New(diag.YAMLSyntax, diag.At{}, "no DAG file is given"))
		return false
	}
	var root *param.Node
	for _, name := range x.o.Files {
		text, err := x.readFile(name)
		if err != nil {
			d := diag.New(diag.YAMLSyntax, diag.At{}, "the file cannot be read: %s", reason(err))
			d.Place.File = name
			x.l.Add(d)
			continue
		}
		n, l := Read(name, text)
		x.l.Add(l...)
		if n == nil {
			continue
		}
		if n.Kind != param.Map {
			x.add(n, diag.WrongShape, "", "a DAG file is a map, not %s", n.Kind)
			continue
		}
		root = merge(root, n)
	}
	if root == nil || x.l.Failed() && len(root.Keys) == 0 {
		return false
	}
	x.p.File, x.p.Folder, x.p.Root = x.o.Files[0], filepath.Dir(x.o.Files[0]), root
	return true
}

func (x *loader) readFile(name string) ([]byte, error) {
	if x.o.ReadFile != nil {
		return x.o.ReadFile(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, sizeMaxBytes+1))
}

func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// merge puts over on top of base: maps key by key, everything else is replaced. New keys stand behind the old ones.
func merge(base, over *param.Node) *param.Node {
	if base == nil || base.Kind != param.Map || over.Kind != param.Map {
		return over
	}
	out := *base
	out.Keys, out.Items = slices.Clone(base.Keys), slices.Clone(base.Items)
	at := map[string]int{}
	for i, k := range out.Keys {
		at[k.Text] = i
	}
	for i, k := range over.Keys {
		if j, ok := at[k.Text]; ok {
			out.Keys[j], out.Items[j] = k, merge(out.Items[j], over.Items[i])
			continue
		}
		out.Keys, out.Items = append(out.Keys, k), append(out.Items, over.Items[i])
	}
	return &out
}

var topKeys = optionNames(fileKeys)

// top reads the file's keys. The order is that of dependence: parameters first, then the values, then the names, then the references.
func (x *loader) top() {
	root := x.p.Root
	misspelt := map[string]bool{}
	for _, k := range root.Keys {
		if !slices.Contains(topKeys, k.Text) {
			misspelt[diag.Nearest(k.Text, topKeys)] = true
			x.add(k, diag.UnknownKey, diag.DidYouMean(k.Text, "keys", topKeys), "no key %q in a DAG file", k.Text)
		}
	}
	for _, k := range []string{"version", "name", "sources"} {
		if root.Get(k) == nil && !misspelt[k] && !root.Partial {
			x.add(root, diag.MissingKey, map[string]string{"version": "begin the file with version: 1",
				"name": "name: says under what name runs and models are kept", "sources": "sources: says what is read"}[k], "key %q must be given", k)
		}
	}
	x.params(root.Get("params"))
	for i, k := range root.Keys {
		if k.Text != "params" {
			x.evaluate(root.Items[i])
		}
	}
	x.digest()

	var head struct {
		Version string `param:"version"`
		Name    string `param:"name"`
		Doc     string `param:"doc"`
	}
	for _, key := range []string{"version", "name", "doc"} {
		if n := root.Get(key); n != nil {
			one := &param.Node{Kind: param.Map, Keys: []*param.Node{root.Key(key)}, Items: []*param.Node{n}, Place: n.Place, Line: n.Line}
			x.decode(one, &head)
		}
	}
	if n := root.Get("version"); n != nil && n.Kind == param.Scalar && !n.Unknown && head.Version != "1" {
		x.add(n, diag.BadScalar, "write version: 1", "version %q is not known to this program", head.Version)
	}
	if n := root.Get("name"); n != nil && n.Kind == param.Scalar && !n.Unknown {
		x.id(n, "name")
	}
	x.p.Name, x.p.Doc = head.Name, head.Doc

	x.schedule(root.Get("schedule"))
	x.resources(root.Get("resources"))
	x.defaults(root.Get("defaults"))
	x.task(root.Get("task"))
	x.sources(root.Get("sources"))
	x.steps(root.Get("steps"))
	x.references()
	x.order()
	x.gates(root.Get("gates"))
	x.publish(root.Get("publish"))
	x.sinks(root.Get("sinks"))
	x.tests(root.Get("tests"))
	for i := range x.p.Params {
		if q := &x.p.Params[i]; !q.Bad && !x.usedParam[q.Name] {
			x.add(root.Get("params").Key(q.Name), diag.UnusedParam, "", "parameter %q is used nowhere", q.Name)
		}
	}
}

var idText = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// id checks a name that the user gives.
func (x *loader) id(n *param.Node, what string) bool {
	if idText.MatchString(n.Text) {
		return true
	}
	x.add(n, diag.BadName, "a name begins with a to z, and goes on with a to z, 0 to 9 and _", "%s %q is no name", what, n.Text)
	return false
}

type scheduleBlock struct {
	Cron     string        `param:"cron" required:"true" doc:"minute, hour, day of month, month, day of week; or @daily and the like; not acted on yet"`
	Timezone string        `param:"timezone" default:"UTC" doc:"an IANA zone"`
	Catchup  time.Duration `param:"catchup" doc:"how far back missed runs are made up for"`
	Overlap  string        `param:"overlap" enum:"skip|wait" default:"skip" doc:"what a run does that is due while one is running"`
}

func (x *loader) schedule(n *param.Node) {
	if n == nil || !x.isMap(n, "schedule") {
		return
	}
	x.idle(x.p.Root.Key("schedule"))
	var s scheduleBlock
	bad := x.decode(n, &s)
	if c := n.Get("cron"); c != nil && s.Cron != "" {
		if err := checkCron(s.Cron); err != nil {
			x.add(c, diag.BadScalar, `five fields, "30 4 * * *", or @hourly, @daily, @weekly, @monthly, @yearly`, "cron: %s", err)
		}
	}
	if z := n.Get("timezone"); z != nil && s.Timezone != "" {
		if _, err := time.LoadLocation(s.Timezone); err != nil || s.Timezone == "Local" {
			x.add(z, diag.BadScalar, "a name from the IANA database, such as Europe/Berlin or UTC", "no time zone %q", s.Timezone)
		}
	}
	if !bad.Failed() {
		x.p.Schedule = &Schedule{Cron: s.Cron, Timezone: s.Timezone, Catchup: s.Catchup, Overlap: s.Overlap, Place: n.Place}
	}
}

// cores is a number of cores, or all of them.
type cores int

func (c *cores) DecodeParam(n *param.Node) diag.List {
	if n.Kind == param.Scalar {
		if n.Text == "all" {
			*c = 0
			return nil
		}
		if v, err := param.ParseInt(n.Text); err == nil && v >= 1 && v <= 65536 {
			*c = cores(v)
			return nil
		}
	}
	return diag.List{diag.New(diag.BadScalar, diag.At{}, "cores is a number from 1 to 65536, or all")}
}

func (cores) ParamType() string { return "int or all" }
func (cores) ParamDoc() string  { return "A whole number from 1 to 65536, or `all`." }
func (cores) ParamSchema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"const": "all"}, map[string]any{"type": "integer", "minimum": 1},
		map[string]any{"type": "string", "pattern": `\$\{\{.*\}\}$`}}}
}

type resourcesBlock struct {
	Memory param.Bytes `param:"memory" min:"64MiB" doc:"memory that a run may hold; if not given, four fifths of the machine's, or of its cgroup's"`
	Cores  cores       `param:"cores" doc:"how many cores work; if not given, all"`
	GPU    string      `param:"gpu" enum:"auto|off|require" default:"auto" doc:"whether a device is used; not acted on yet: none is, and require is an error"`
}

func (x *loader) resources(n *param.Node) {
	var r resourcesBlock
	if n == nil || !x.isMap(n, "resources") {
		param.Defaults(&r)
	} else {
		x.decode(n, &r)
		switch gpu := n.Get("gpu"); {
		case gpu == nil:
		case r.GPU == "require":
			x.add(gpu, diag.OptionChoice, "leave it out", "gpu: require asks for a device, and this version uses none")
		case r.GPU == "auto":
			x.idle(n.Key("gpu"))
		}
	}
	x.p.Resources = Resources{MemoryBytes: int64(r.Memory), Cores: int(r.Cores), GPU: r.GPU}
}

type retryBlock struct {
	Limit   int           `param:"limit" min:"0" max:"100" required:"true" doc:"how often a step is tried again"`
	Backoff time.Duration `param:"backoff" default:"10s" doc:"the wait before the first of them; it doubles"`
}

type defaultsBlock struct {
	Retry   *retryBlock   `param:"retry" doc:"of every step that does not say otherwise; not acted on yet"`
	Timeout time.Duration `param:"timeout" doc:"of every step that does not say otherwise; not acted on yet"`
}

func (x *loader) defaults(n *param.Node) {
	if n == nil || !x.isMap(n, "defaults") {
		return
	}
	var d defaultsBlock
	x.decode(n, &d)
	for _, k := range n.Keys {
		if k.Text == "retry" || k.Text == "timeout" {
			x.idle(k)
		}
	}
	if d.Retry != nil {
		x.retry = &Retry{Limit: d.Retry.Limit, Backoff: d.Retry.Backoff}
	}
	x.timeout = d.Timeout
}

type taskBlock struct {
	Kind      string   `param:"kind" required:"true" enum:"binary|multiclass|regression|ranking|anomaly|none" doc:"what is learnt; none: nothing, as without the block"`
	Label     string   `param:"label" doc:"the column that is learnt"`
	Positive  string   `param:"positive" doc:"binary: the label's value that counts as 1"`
	Weight    string   `param:"weight" doc:"the column that weighs rows"`
	Group     string   `param:"group" doc:"the column that groups rows, for ranking"`
	IDs       []string `param:"ids" doc:"columns that identify a row and are no features"`
	Moments   []string `param:"moments" doc:"the order of known_at, first to last"`
	PredictAt string   `param:"predict_at" doc:"the moment when predictions are asked for"`
	Allow     []string `param:"allow" doc:"columns that may be features though the label was made from them"`
}

func (x *loader) task(n *param.Node) {
	if n == nil || !x.isMap(n, "task") {
		return
	}
	var t taskBlock
	l := x.decode(n, &t)
	x.p.Task = &Task{Bad: l.Failed() || n.Incomplete(), Task: operators.Task{Kind: operators.TaskKind(t.Kind), Label: t.Label, Positive: t.Positive, Weight: t.Weight,
		Group: t.Group, IDs: t.IDs}, Moments: t.Moments, PredictAt: t.PredictAt, Allow: t.Allow, Node: n}
	if m := n.Get("moments"); m != nil && m.Kind == param.List {
		for i, it := range m.Items {
			if slices.ContainsFunc(m.Items[:i], func(o *param.Node) bool { return o.Text == it.Text }) {
				x.add(it, diag.BadName, "", "moment %q twice", it.Text)
			}
		}
	}
	if at := n.Get("predict_at"); at != nil && t.PredictAt != "" && !n.Get("moments").Incomplete() {
		x.moment(at)
	}
}

// moment checks that a moment is one of the task's.
func (x *loader) moment(n *param.Node) {
	var have []string
	if x.p.Task != nil {
		have = x.p.Task.Moments
	}
	if slices.Contains(have, n.Text) {
		return
	}
	help := diag.DidYouMean(n.Text, "moments", slices.Compact(slices.Sorted(slices.Values(have))))
	if have == nil {
		task := x.p.Root.Get("task")
		if x.noMoments || task != nil && (task.Kind != param.Map || task.Get("moments") != nil ||
			hasNear(task, "moments", map[string]bool{"kind": true, "label": true, "predict_at": true})) {
			return // said once, or said of the moments themselves
		}
		x.noMoments = true
		help = "task.moments says which there are, in their order"
	}
	x.add(n, diag.UnknownReference, help, "no moment %q", n.Text)
}

type countBlock struct {
	Min int64 `param:"min" min:"0" doc:"fewer are an error"`
	Max int64 `param:"max" min:"1" doc:"more are an error"`
}

type expectBlock struct {
	Rows countBlock `param:"rows" doc:"how many rows there must be"`
}

type columnBlock struct {
	Type       *batch.Type `param:"type" doc:"as in the file if it is not given"`
	Nullable   bool        `param:"nullable" default:"false" doc:"whether a value may be missing"`
	Min        *float64    `param:"min" doc:"the least value that may come"`
	Max        *float64    `param:"max" doc:"the greatest value that may come"`
	Categories []string    `param:"categories" doc:"the values that there are"`
	KnownAt    string      `param:"known_at" doc:"the moment, one of task.moments, from which on the value is known"`
	Doc        string      `param:"doc" doc:"what it is"`
}

func (x *loader) sources(n *param.Node) {
	if n == nil || !x.isMap(n, "sources") {
		return
	}
	if len(n.Keys) == 0 {
		x.add(x.p.Root.Key("sources"), diag.MissingKey, "sources: says what is read", "there is no source")
	}
	for i, k := range n.Keys {
		x.id(k, "source")
		s := &Source{ID: k.Text, Place: k.Place, Line: k.Line}
		x.names[k.Text] = &target{source: s, place: k.Place}
		x.p.Sources = append(x.p.Sources, s)
		if s.Bad = !x.isMap(n.Items[i], "a source"); s.Bad {
			continue
		}
		at, have := x.format(k, n.Items[i], "source", "doc", "expect", "columns")
		if s.Bad = at < 0; !s.Bad {
			s.Format = n.Items[i].Keys[at].Text
			s.Options, s.Decoded = x.connector(s.Format, n.Items[i].Keys[at], n.Items[i].Items[at])
			s.Bad = s.Decoded == nil
		}
		if d := have["doc"]; d != nil {
			s.Doc = d.Text
		}
		if e := have["expect"]; e != nil && x.isMap(e, "expect") {
			var b expectBlock
			x.decode(e, &b)
			s.RowsMin, s.RowsMax, s.ExpectAt = b.Rows.Min, b.Rows.Max, e.Place
			if rows := e.Get("rows"); b.Rows.Max > 0 && b.Rows.Max < b.Rows.Min {
				x.add(rows, diag.OptionConflict, "", "rows: max %d is below min %d", b.Rows.Max, b.Rows.Min)
			}
		}
		if c := have["columns"]; c != nil && x.isMap(c, "columns") {
			x.contract(s, c)
		}
	}
	slices.SortFunc(x.p.Sources, func(a, b *Source) int { return strings.Compare(a.ID, b.ID) })
}

func (x *loader) contract(s *Source, n *param.Node) {
	s.Columns = []Column{}
	for j, name := range n.Keys {
		it := n.Items[j]
		c := Column{Name: name.Text, Place: name.Place, Node: it}
		if it.Kind == param.Null {
			it.Place, it.Line = name.Place, name.Line
		}
		var b columnBlock
		x.decode(it, &b)
		c.Type, c.Nullable, c.Min, c.Max, c.Categories, c.KnownAt = b.Type, b.Nullable, b.Min, b.Max, b.Categories, b.KnownAt
		if b.Min != nil && b.Max != nil && *b.Max < *b.Min {
			x.add(it.Get("max"), diag.OptionConflict, "", "max is below min")
		}
		if b.Type != nil && b.Categories != nil && !b.Type.Text() {
			x.add(it.Get("categories"), diag.OptionConflict, "", "categories are of text, and the column is %s", b.Type)
		}
		if b.Type != nil && (b.Min != nil || b.Max != nil) && !b.Type.Numeric() {
			at := it.Get("min")
			if at == nil {
				at = it.Get("max")
			}
			x.add(at, diag.OptionConflict, "", "min and max are of numbers, and the column is %s", b.Type)
		}
		if b.KnownAt != "" && !x.p.Root.Get("task").Get("moments").Incomplete() {
			x.moment(it.Get("known_at"))
		}
		s.Columns = append(s.Columns, c)
	}
}

// format finds the one key of a source or sink that is a format; -1 where there is none, which is reported. have are the other keys.
func (x *loader) format(id, n *param.Node, what string, keys ...string) (at int, have map[string]*param.Node) {
	at, have = -1, map[string]*param.Node{}
	var formats []string
	for _, f := range connectors.Formats() {
		formats = append(formats, f.Name)
	}
	misspelt := n.Partial
	for i, k := range n.Keys {
		switch {
		case slices.Contains(keys, k.Text):
			have[k.Text] = n.Items[i]
		case !slices.Contains(formats, k.Text):
			misspelt = true
			x.add(k, diag.UnknownKey, diag.DidYouMean(k.Text, "keys", append(slices.Clone(keys), formats...)), "no key or format %q in a %s", k.Text, what)
		case at >= 0:
			x.add(k, diag.OptionConflict, "", "a %s has one format, and this one already has %s", what, n.Keys[at].Text)
		default:
			at = i
		}
	}
	if at < 0 && !misspelt {
		x.add(id, diag.MissingKey, "formats: "+strings.Join(formats, ", "), "%s %q has no format", what, id.Text)
	}
	return at, have
}

// connector reads a connector's options; nil where they are mistaken.
func (x *loader) connector(name string, key, n *param.Node) (*param.Node, connectors.Options) {
	f, _ := connectors.Lookup(name)
	switch n.Kind {
	case param.Scalar: // a path alone
		n = wrap("path", key, n)
	case param.Null:
		n = &param.Node{Kind: param.Map, Place: key.Place, Line: key.Line, Unknown: n.Unknown}
	}
	o := f.Options()
	l := param.Decode(n, o)
	for _, d := range l {
		d.Place, d.Source = n.Resolve(d.At)
		if len(d.At.Path) == 0 || n.Kind == param.Map && n.Get(d.At.Path[0]) == nil {
			d.Place, d.Source = key.Place, key.Line
		}
		d.At = diag.At{}
		x.l.Add(d)
	}
	if l.Failed() || n.Incomplete() {
		return n, nil
	}
	if path := o.Locate(); path != nil && *path != "" {
		file := x.p.File
		for _, it := range n.Items {
			if it.Kind == param.Scalar && it.Text == *path && it.Place.File != "" {
				file = it.Place.File
			}
		}
		*path = joinPath(filepath.Dir(file), *path)
	}
	return n, o
}

// joinPath takes a path that was written in a folder: an absolute one, one of another store (s3://…) and - stay as they are.
func joinPath(folder, path string) string {
	if path == "" || path == "-" || filepath.IsAbs(path) || strings.Contains(path, "://") {
		return path
	}
	out := filepath.Join(folder, path)
	if strings.HasSuffix(path, "/") && !strings.HasSuffix(out, "/") {
		out += "/" // a folder, and no file of that name
	}
	return out
}

// wrap makes the map of one option from a value that stands bare.
func wrap(option string, key, value *param.Node) *param.Node {
	k := *key
	k.Text = option
	return &param.Node{Kind: param.Map, Keys: []*param.Node{&k}, Items: []*param.Node{value}, Place: value.Place, Line: value.Line}
}

func (x *loader) sinks(n *param.Node) {
	if n == nil || !x.isMap(n, "sinks") {
		return
	}
	for i, k := range n.Keys {
		x.id(k, "sink")
		s := &Sink{ID: k.Text, Place: k.Place, Line: k.Line}
		x.p.Sinks = append(x.p.Sinks, s)
		if s.Bad = !x.isMap(n.Items[i], "a sink"); s.Bad {
			continue
		}
		at, have := x.format(k, n.Items[i], "sink", "from", "doc")
		if s.Bad = at < 0; !s.Bad {
			s.Format = n.Items[i].Keys[at].Text
			s.Options, s.Decoded = x.connector(s.Format, n.Items[i].Keys[at], n.Items[i].Items[at])
			s.Bad = s.Decoded == nil
		}
		from := have["from"]
		if from == nil {
			if !hasNear(n.Items[i], "from", have) {
				x.add(k, diag.MissingKey, "from: names a source or a step", "sink %q has no from", k.Text)
			}
			s.Bad = true
			continue
		}
		var ok bool
		if s.From, ok = x.ref(from); !ok {
			s.Bad = true
		}
	}
	slices.SortFunc(x.p.Sinks, func(a, b *Sink) int { return strings.Compare(a.ID, b.ID) })
}

// hasNear says whether a map has a key that is none of have and looks like name misspelt: then name is not missing as well.
func hasNear[T any](n *param.Node, name string, have map[string]T) bool {
	if n.Partial {
		return true
	}
	for _, k := range n.Keys {
		if _, ok := have[k.Text]; !ok && diag.Nearest(k.Text, []string{name}) == name {
			return true
		}
	}
	return false
}

type gatesBlock struct {
	From     string   `param:"from" required:"true" doc:"the evaluate step that gives the metrics"`
	FirstRun string   `param:"first_run" enum:"pass|fail" doc:"what decides the lines that name champion while there is none"`
	Overlap  string   `param:"champion_overlap" enum:"allow" doc:"allow: rows that the champion has learnt from do not fail the gate"`
	Groups   string   `param:"group_overlap" enum:"allow" doc:"allow: groups of a ranking with rows in train too do not fail the gate"`
	Require  []string `param:"require" required:"true" doc:"what must hold, a comparison a line"`
}

func (x *loader) gates(n *param.Node) {
	if n == nil || !x.isMap(n, "gates") {
		return
	}
	var b gatesBlock
	x.decode(n, &b)
	g := &Gates{FirstRun: b.FirstRun, Overlap: b.Overlap, Groups: b.Groups, Place: n.Place}
	if k := x.p.Root.Key("gates"); k != nil {
		g.Place = k.Place
	}
	x.p.Gates = g
	if from := n.Get("from"); from != nil && from.Kind == param.Scalar {
		g.From, _ = x.ref(from)
	}
	req := n.Get("require")
	if req == nil {
		return
	}
	g.RequirePlace = n.Key("require").Place
	items := req.Items
	if req.Kind == param.Scalar {
		items = []*param.Node{req}
	}
	champion := false
	for _, it := range items {
		if it.Kind == param.Scalar && !it.Unknown {
			g.Require = append(g.Require, Line{Text: it.Text, Node: it})
			champion = champion || championWord.MatchString(it.Text)
		}
	}
	if champion && n.Get("first_run") == nil && !hasNear(n, "first_run", map[string]bool{"from": true, "require": true, "champion_overlap": true, "group_overlap": true}) {
		x.add(n.Key("require"), diag.MissingKey, "first_run: pass, or first_run: fail", "a line names champion, and first_run does not say what holds while there is none")
	}
}

var championWord = regexp.MustCompile(`\bchampion\b`)

type publishBlock struct {
	Model string `param:"model" required:"true" doc:"the model step that goes to the registry"`
	As    string `param:"as" doc:"the name there; that of the DAG if it is not given"`
	Alias string `param:"alias" default:"champion" doc:"the alias that moves to the new version when the gates pass"`
	Input string `param:"input" doc:"the step or source whose rows the model is served with, where there is a choice"`
}

func (x *loader) publish(n *param.Node) {
	if n == nil || !x.isMap(n, "publish") {
		return
	}
	var b publishBlock
	x.decode(n, &b)
	p := &Publish{As: b.As, Alias: b.Alias, Place: n.Place}
	if k := x.p.Root.Key("publish"); k != nil {
		p.Place = k.Place
	}
	x.p.Publish = p
	if m := n.Get("model"); m != nil && m.Kind == param.Scalar {
		p.Model, _ = x.ref(m)
	}
	for _, key := range []string{"as", "alias"} {
		if v := n.Get(key); v != nil && v.Kind == param.Scalar && !v.Unknown {
			x.id(v, key)
		}
	}
	if p.As == "" {
		p.As = x.p.Name
	}
	if in := n.Get("input"); in != nil && in.Kind == param.Scalar {
		if r, ok := x.ref(in); ok {
			p.Input = r.ID
		}
	}
}

type testBlock struct {
	Name string `param:"name" required:"true" doc:"what the test shows"`
	Step string `param:"step" required:"true" doc:"the step that it is about"`
	In   rows   `param:"in" doc:"the rows that go in: a list of maps; a map of lists where the step has several inputs"`
	Out  rows   `param:"out" doc:"the rows that come out, in order; only the columns named are compared"`
}

// rows are kept as they are written: their types are those of the step's columns.
type rows struct{ node *param.Node }

func (r *rows) DecodeParam(n *param.Node) diag.List {
	r.node = n
	check := func(n *param.Node, path ...string) (l diag.List) {
		if n.Kind != param.List {
			return diag.List{diag.New(diag.WrongShape, diag.Option(path...), "rows are a list of maps, not %s", n.Kind)}
		}
		for i, it := range n.Items {
			at := append(slices.Clone(path), strconv.Itoa(i))
			if it.Kind != param.Map {
				l.Add(diag.New(diag.WrongShape, diag.Option(at...), "a row is a map of columns, not %s", it.Kind))
			}
		}
		return l
	}
	if n.Kind != param.Map {
		return check(n)
	}
	var l diag.List
	for i, k := range n.Keys {
		l.Add(check(n.Items[i], k.Text)...)
	}
	return l
}

func (rows) ParamType() string { return "rows" }
func (rows) ParamDoc() string {
	return "A list of rows, each a map from columns to values: `[{origin: SFO, delay: null}]`. A step with several inputs takes a map from their names to such lists."
}
func (rows) ParamSchema() map[string]any {
	table := map[string]any{"type": "array", "items": map[string]any{"type": "object"}}
	return map[string]any{"anyOf": []any{table, map[string]any{"type": "object", "additionalProperties": table}}}
}

func (x *loader) tests(n *param.Node) {
	if n == nil || n.Unknown || n.Kind == param.Null {
		return
	}
	if n.Kind != param.List {
		x.add(n, diag.WrongShape, "", "tests is a list, not %s", n.Kind)
		return
	}
	for _, it := range n.Items {
		if !x.isMap(it, "a test") {
			continue
		}
		var b testBlock
		x.decode(it, &b)
		t := &Test{Name: b.Name, In: b.In.node, Out: b.Out.node, Place: it.Place}
		x.p.Tests = append(x.p.Tests, t)
		s := it.Get("step")
		if s == nil || s.Kind != param.Scalar || s.Unknown {
			continue
		}
		if i := slices.IndexFunc(x.p.Steps, func(p *Step) bool { return p.ID == s.Text && p.ID != p.Name }); i >= 0 { // one item of a do list
			t.Step, t.First = s.Text, s.Text
			continue
		}
		if to := x.names[s.Text]; to != nil && to.source == nil && len(to.steps) > 0 {
			t.First, t.Step = to.steps[0].ID, to.steps[len(to.steps)-1].ID
		} else if to == nil || to.source != nil {
			x.add(s, diag.UnknownReference, diag.DidYouMean(s.Text, "steps", x.known(false)), "no step %q", s.Text)
		}
	}
}

// known are the names that a reference may have, sorted.
func (x *loader) known(sources bool) []string {
	var n []string
	for name, t := range x.names {
		if sources || t.source == nil {
			n = append(n, name)
		}
	}
	slices.Sort(n)
	return n
}

func (x *loader) today() string {
	if x.o.RunDate != "" {
		return x.o.RunDate
	}
	return time.Now().UTC().Format(time.DateOnly)
}
