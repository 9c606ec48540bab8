package dags

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/headrace/headrace/dags/graph"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// The keys of a step that are no operator.
var (
	stepKeys = []string{"from", "do", "doc", "after", "retry", "timeout", "cache"}
	itemKeys = []string{"from", "only", "doc", "after", "retry", "timeout", "cache"}
)

// stepBlock is what a step says besides its operator and its inputs.
type stepBlock struct {
	Doc     string         `param:"doc" doc:"what the step is for"`
	Retry   *retryBlock    `param:"retry" doc:"how often it is tried again; not acted on yet"`
	Timeout *time.Duration `param:"timeout" doc:"how long it may take; not acted on yet"`
	Cache   *bool          `param:"cache" doc:"true: what it makes is kept; not acted on yet: all is made anew each time"`
}

func (x *loader) steps(n *param.Node) {
	if n == nil || !x.isMap(n, "steps") {
		return
	}
	for i, k := range n.Keys {
		if len(x.p.Steps) >= stepsMax {
			x.add(k, diag.YAMLSubset, "", "more than %d steps", stepsMax)
			return
		}
		x.id(k, "step")
		t := &target{place: k.Place}
		if first := x.names[k.Text]; first != nil {
			x.add(k, diag.BadName, fmt.Sprintf("the source is on line %d: sources and steps share one name space", first.place.Line),
				"%q is already a source", k.Text)
		} else {
			x.names[k.Text] = t
		}
		x.step(t, k, n.Items[i])
	}
}

// step reads one entry of steps: a step, or a do list of steps.
func (x *loader) step(t *target, key, n *param.Node) {
	if n.Unknown || n.Kind != param.Map {
		if !n.Unknown {
			x.add(key, diag.WrongShape, "from: names its input, family.verb: the operator", "step %q is a map, not %s", key.Text, n.Kind)
		}
		s := &Step{ID: key.Text, Name: key.Text, Bad: true, Place: key.Place, Line: key.Line, Last: true}
		t.steps, x.p.Steps = []*Step{s}, append(x.p.Steps, s)
		return
	}
	do := n.Get("do")
	op, have, misspelt := x.parts(key, n, stepKeys, do != nil)
	if do == nil {
		s := &Step{ID: key.Text, Name: key.Text, Last: true, Place: key.Place, Line: key.Line}
		x.common(s, n, nil)
		x.operator(s, op, n)
		t.steps, x.p.Steps = []*Step{s}, append(x.p.Steps, s)
		x.wants = append(x.wants, want{step: s, node: have["from"], after: have["after"], quiet: misspelt})
		return
	}

	var items []*param.Node
	switch {
	case do.Unknown:
	case do.Kind != param.List || len(do.Items) == 0:
		x.add(n.Key("do"), diag.WrongShape, "do: holds one operator an item: - clean.keep: [a, b]", "do is a list of operators, not %s",
			map[bool]string{true: "an empty list", false: do.Kind.String()}[do.Kind == param.List])
	default:
		items = do.Items
		if left := max(1, stepsMax-len(x.p.Steps)); len(items) > left {
			x.add(items[left], diag.YAMLSubset, "", "more than %d steps", stepsMax)
			items = items[:left]
		}
	}
	if items == nil { // the inputs are looked at all the same
		items = []*param.Node{{Kind: param.Map, Unknown: true, Place: do.Place, Line: do.Line}}
	}
	var prev *Step
	for i, it := range items {
		s := &Step{ID: fmt.Sprintf("%s[%d]", key.Text, i), Name: key.Text, Index: i, Last: i == len(items)-1, Place: it.Place, Line: it.Line}
		t.steps, x.p.Steps = append(t.steps, s), append(x.p.Steps, s)
		w := want{step: s, prev: prev}
		if i == 0 {
			w.node, w.after, w.quiet = have["from"], have["after"], misspelt
		}
		prev = s
		switch {
		case it.Unknown:
			s.Bad = true
			x.wants = append(x.wants, w)
			continue
		case it.Kind != param.Map:
			help := "an item holds one operator: - clean.keep: [a, b]"
			if _, ok := operators.Lookup(it.Text); ok {
				help = fmt.Sprintf("write - %s: {}", it.Text)
			}
			x.step1(s, it, diag.WrongShape, help, "an item of do is a map, not %s", it.Kind)
			s.Bad = true
			x.wants = append(x.wants, w)
			continue
		}
		id := &param.Node{Kind: param.Scalar, Text: s.ID, Place: it.Place, Line: it.Line}
		op, have, _ := x.parts(id, it, itemKeys, false)
		x.common(s, it, n)
		x.operator(s, op, it)
		if from := have["from"]; from != nil {
			if i == 0 && w.node != nil {
				x.step1(s, it.Key("from"), diag.OptionConflict, "", "the step and the first item of its list both have a from")
			}
			w.node = from
		}
		if after := have["after"]; after != nil {
			w.after = after
		}
		x.wants = append(x.wants, w)
		x.only(s, have["only"])
	}
}

// step1 adds a finding about a step.
func (x *loader) step1(s *Step, n *param.Node, code diag.Code, help, format string, args ...any) {
	x.add(n, code, help, format, args...)
	x.l[len(x.l)-1].Step = s.ID
}

// parts finds the operator among a step's keys: -1 where there is none, which is reported unless there is a do list. misspelt says
// that a key was not known.
func (x *loader) parts(id, n *param.Node, keys []string, do bool) (op int, have map[string]*param.Node, misspelt bool) {
	two := false
	op, have, misspelt = -1, map[string]*param.Node{}, n.Partial
	for i, k := range n.Keys {
		isOp := strings.Contains(k.Text, ".")
		switch {
		case slices.Contains(keys, k.Text):
			have[k.Text] = n.Items[i]
		case isOp && do:
			x.add(k, diag.OptionConflict, "put it into the list", "step %q has a do list and an operator beside it", id.Text)
		case isOp && op >= 0:
			x.add(k, diag.OptionConflict, "several operators, one after the other, stand in a do list", "step %q has two operators, %s and %s",
				id.Text, n.Keys[op].Text, k.Text)
			two = true
		case isOp:
			op = i
		default:
			misspelt = true
			help := diag.DidYouMean(k.Text, "keys", keys)
			if near := diag.Nearest(k.Text, operators.Names()); near != "" && diag.Nearest(k.Text, keys) == "" {
				help = fmt.Sprintf("did you mean %q?", near)
			}
			x.add(k, diag.UnknownKey, help, "no key %q in a step", k.Text)
			x.l[len(x.l)-1].Step = id.Text
		}
	}
	if two {
		return -1, have, misspelt // which of them is meant is not known
	}
	if op < 0 && !do && !misspelt {
		x.add(id, diag.MissingKey, "an operator is a key with a dot: clean.filter, train.gbdt", "step %q has no operator", id.Text)
	}
	return op, have, misspelt
}

// common reads what a step says besides its operator; outer is the step around an item of a do list.
func (x *loader) common(s *Step, n, outer *param.Node) {
	s.Retry, s.Timeout = x.retry, x.timeout
	for _, n := range []*param.Node{outer, n} {
		if n == nil {
			continue
		}
		own := &param.Node{Kind: param.Map, Place: n.Place, Line: n.Line}
		for i, k := range n.Keys {
			switch k.Text {
			case "doc", "retry", "timeout", "cache":
				own.Keys, own.Items = append(own.Keys, k), append(own.Items, n.Items[i])
			}
		}
		var b stepBlock
		l := param.DecodeKeys(own, &b)
		for _, k := range own.Keys {
			if k.Text == "retry" || k.Text == "timeout" || k.Text == "cache" && b.Cache != nil && *b.Cache {
				x.idle(k)
			}
		}
		if n != outer || s.Index == 0 { // of the step around a list, once
			x.locate(own, l)
		}
		if b.Doc != "" && n != outer || s.Index == 0 && s.Doc == "" {
			s.Doc = b.Doc
		}
		if b.Retry != nil {
			s.Retry = &Retry{Limit: b.Retry.Limit, Backoff: b.Retry.Backoff}
		}
		if b.Timeout != nil {
			s.Timeout = *b.Timeout
		}
		if b.Cache != nil && (n != outer || s.Last) {
			s.Cache = b.Cache // of a list, what is kept is what comes out of it
		}
	}
}

// operator finds the operator and reads its options.
func (x *loader) operator(s *Step, at int, n *param.Node) {
	if at < 0 {
		s.Bad = true
		return
	}
	k, v := n.Keys[at], n.Items[at]
	s.Place, s.Line = k.Place, k.Line
	spec, ok := operators.Lookup(k.Text)
	if !ok {
		s.Bad = true
		s.Options = v
		x.step1(s, k, diag.UnknownOperator, diag.DidYouMean(k.Text, "operators", operators.Names()), "no operator %q", k.Text)
		return
	}
	s.Spec, s.Op, s.Options = spec, spec.New(), v
	switch {
	case v.Unknown && spec.Main == "":
		param.Defaults(s.Op)
		s.Bad = true
		return
	case v.Unknown:
		s.Options = wrap(spec.Main, k, v)
	case v.Kind == param.Null:
		s.Options = &param.Node{Kind: param.Map, Place: k.Place, Line: k.Line}
	case v.Kind != param.Map && spec.Main != "":
		s.Options = wrap(spec.Main, k, v)
	}
	for _, d := range param.Decode(s.Options, s.Op) {
		if len(d.At.Path) > 0 {
			s.Broken = append(s.Broken, d.At.Path[0])
			if d.Code == diag.UnknownOption && len(d.At.Path) == 1 {
				var names []string
				for _, o := range param.Describe(s.Op) {
					names = append(names, o.Name)
				}
				s.Broken = append(s.Broken, diag.Nearest(d.At.Path[0], names))
			}
		}
		x.l.Add(x.p.place(s, d))
	}
	for i, k := range s.Options.Keys { // an expression that failed: the option has its default, and that may be wrong here
		if s.Options.Items[i].Incomplete() {
			s.Broken = append(s.Broken, k.Text)
		}
	}
}

func (x *loader) only(s *Step, n *param.Node) {
	if n == nil || n.Unknown {
		return
	}
	s.OnlyAt = n.Place
	items := []*param.Node{n}
	if n.Kind == param.List {
		items = n.Items
	}
	for _, it := range items {
		i := slices.Index(batch.PartNames[:], it.Text)
		if it.Kind != param.Scalar || i < 0 {
			x.step1(s, it, diag.UnknownPart, diag.DidYouMean(it.Text, "parts", batch.PartNames[:]), "no part %q", it.Text)
			continue
		}
		s.Only |= 1 << i
	}
}

// references resolves all inputs, now that all names are known.
func (x *loader) references() {
	for _, w := range x.wants {
		x.inputs(w)
		for _, it := range values(w.after) {
			if t := x.names[it.Text]; t != nil && t.source == nil && len(t.steps) > 0 {
				id := t.steps[len(t.steps)-1].ID
				w.step.After = append(w.step.After, id)
				x.afters[[2]string{w.step.ID, id}] = it
			} else if it.Kind == param.Scalar && !it.Unknown {
				x.step1(w.step, it, diag.UnknownReference, diag.DidYouMean(it.Text, "steps", x.known(false)), "no step %q", it.Text)
			} else if !it.Unknown {
				x.step1(w.step, it, diag.WrongShape, "", "after is a step or a list of steps, not %s", it.Kind)
			}
		}
	}
}

// values are a node's items where it is a list, else the node.
func values(n *param.Node) []*param.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == param.List:
		return n.Items
	}
	return []*param.Node{n}
}

// inputsOf are the declared inputs: one without a name where none is declared.
func inputsOf(s operators.Spec) []operators.Input {
	if s.Inputs == nil {
		return []operators.Input{{}}
	}
	return s.Inputs
}

// inputs resolves a step's from, and holds it to the inputs that the operator declares.
func (x *loader) inputs(w want) {
	s := w.step
	var have []Ref
	if w.prev != nil {
		have = append(have, Ref{ID: w.prev.ID, Text: w.prev.ID, Place: s.Place, Line: s.Line})
	}
	n := w.node
	switch {
	case n == nil && w.prev != nil:
	case n == nil:
		if !w.quiet {
			x.step1(s, &param.Node{Place: s.Place, Line: s.Line}, diag.MissingKey, "from: names a source or a step", "the step has no from")
		}
		s.Bad = true
		return
	case n.Unknown:
		s.Bad = true
		return
	case n.Kind == param.Map:
		for i, k := range n.Keys {
			r, ok := x.ref(n.Items[i])
			if !ok {
				s.Bad = true
			}
			r.Input = k.Text
			have = append(have, r)
		}
	case n.Kind == param.Null || len(values(n)) == 0:
		x.step1(s, n, diag.WrongShape, "", "from is empty")
		s.Bad = true
		return
	default:
		for _, it := range values(n) {
			r, ok := x.ref(it)
			if !ok {
				s.Bad = true
			}
			have = append(have, r)
		}
	}
	if s.Op == nil { // an unknown operator: how many inputs it has is not known
		s.From = have
		return
	}
	s.From = x.assign(s, w, have)
}

// assign puts references in the order of the declared inputs.
func (x *loader) assign(s *Step, w want, have []Ref) []Ref {
	ins := inputsOf(s.Spec)
	at := w.node
	if at == nil {
		at = &param.Node{Place: s.Place, Line: s.Line}
	}
	fail := func(help, format string, args ...any) {
		x.step1(s, at, diag.InputCount, help, format, args...)
		s.Bad = true
	}
	least, most, many := 0, len(ins), false
	var names []string
	for _, in := range ins {
		if !in.Optional {
			least++
		}
		many = many || in.Many
		if in.Name != "" {
			names = append(names, in.Name)
		}
	}
	named := w.node != nil && w.node.Kind == param.Map
	if !named {
		if len(have) < least || len(have) > most && !many {
			fail(inputsHelp(s.Spec), "%s takes %s, not %d", s.Spec.Name, count(least, most, many), len(have))
		}
		for i := range have {
			if i < len(ins) && ins[i].Name != "" {
				have[i].Input = ins[i].Name
			}
		}
		return have
	}
	if names == nil && !many {
		fail(fmt.Sprintf("write from: %s", have[len(have)-1].Text), "%s takes one input, without a name", s.Spec.Name)
		return have
	}
	// By name: what comes from the item before is the first input.
	var out, free []Ref
	if w.prev != nil {
		have[0].Input = cmp.Or(ins[0].Name, "input")
	}
	left := map[string]Ref{}
	misspelt := map[string]bool{}
	for i, r := range have {
		switch {
		case slices.Contains(names, r.Input):
			if _, twice := left[r.Input]; twice {
				fail("the first input is what the item before gives", "input %q twice", r.Input)
			}
			left[r.Input] = r
		case many:
			free = append(free, r)
		default:
			k := w.node.Keys[i-(len(have)-len(w.node.Keys))]
			misspelt[diag.Nearest(r.Input, names)] = true
			x.step1(s, k, diag.UnknownKey, diag.DidYouMean(r.Input, "inputs", names), "%s has no input %q", s.Spec.Name, r.Input)
			s.Bad = true
		}
	}
	for _, in := range ins {
		r, ok := left[in.Name]
		switch {
		case in.Many:
			out = append(out, free...)
			if len(free) == 0 && !in.Optional {
				fail(inputsHelp(s.Spec), "%s has no inputs", s.Spec.Name)
			}
		case ok:
			out = append(out, r)
		case !in.Optional && !misspelt[in.Name]:
			fail(inputsHelp(s.Spec), "%s has no input %q", s.Spec.Name, in.Name)
		}
	}
	return out
}

func count(least, most int, many bool) string {
	switch {
	case many:
		return fmt.Sprintf("at least %d inputs", least)
	case least == most && most == 1:
		return "one input"
	case least == most:
		return fmt.Sprintf("%d inputs", most)
	}
	return fmt.Sprintf("%d to %d inputs", least, most)
}

func inputsHelp(s operators.Spec) string {
	var parts []string
	for _, in := range s.Inputs {
		if in.Name != "" {
			parts = append(parts, in.Name+map[bool]string{true: " (optional)"}[in.Optional])
		}
	}
	if parts == nil {
		return ""
	}
	return "inputs: " + strings.Join(parts, ", ")
}

// ref resolves a reference: a source, a step, step.part or step.output. ok is false where it leads nowhere, which is reported.
func (x *loader) ref(n *param.Node) (r Ref, ok bool) {
	if n.Unknown {
		return Ref{}, false
	}
	if n.Kind != param.Scalar {
		x.add(n, diag.WrongShape, "", "a reference is the name of a source or a step, not %s", n.Kind)
		return Ref{}, false
	}
	r = Ref{Text: n.Text, Place: n.Place, Line: n.Line}
	name, suffix, dotted := strings.Cut(n.Text, ".")
	t := x.names[name]
	if t == nil {
		p, line := n.Inside(0, len([]rune(name)))
		x.add(&param.Node{Place: p, Line: line}, diag.UnknownReference, diag.DidYouMean(name, "names", x.known(true)), "no source or step %q", name)
		return r, false
	}
	var outputs []string
	unknown := false // the outputs
	if t.source != nil {
		r.ID = t.source.ID
	} else {
		last := t.steps[len(t.steps)-1]
		r.ID, outputs, unknown = last.ID, last.Spec.Outputs, last.Op == nil
	}
	switch {
	case !dotted:
	case slices.Contains(batch.PartNames[:], suffix):
		r.Part = suffix
	case slices.Contains(outputs, suffix):
		r.Output = suffix
	case unknown:
		return r, false
	default:
		code, what := diag.UnknownPart, "parts"
		if outputs != nil && !slices.Contains(batch.PartNames[:], diag.Nearest(suffix, append(batch.PartNames[:], outputs...))) {
			code = diag.UnknownOutput
		}
		if outputs != nil {
			what = "parts and outputs"
		}
		p, line := n.Inside(len([]rune(name))+1, max(1, len([]rune(suffix))))
		x.add(&param.Node{Place: p, Line: line}, code, diag.DidYouMean(suffix, what, append(slices.Clone(batch.PartNames[:]), outputs...)),
			"%q has no part or output %q", name, suffix)
		return r, false
	}
	return r, true
}

// order puts the steps in topological order, the same for any order in the file, and reports cycles.
func (x *loader) order() {
	steps := x.p.Steps
	at := map[string]int{}
	for i, s := range steps {
		at[s.ID] = i
	}
	deps := make(graph.Deps, len(steps))
	for i, s := range steps {
		for _, r := range s.From {
			switch j, ok := at[r.ID]; {
			case ok && x.p.Source(r.ID) != nil: // told already; which of the two is meant nobody knows
				steps[i].Bad = true
			case ok:
				deps[i] = append(deps[i], j)
			}
		}
		for _, id := range s.After {
			deps[i] = append(deps[i], at[id])
		}
	}
	order, cycles, knotted := graph.Sort(deps, func(a, b int) bool {
		return cmp.Or(strings.Compare(steps[a].Name, steps[b].Name), cmp.Compare(steps[a].Index, steps[b].Index), cmp.Compare(a, b)) < 0
	})
	for _, c := range cycles {
		var names []string
		for _, i := range c {
			if len(names) == 0 || names[len(names)-1] != steps[i].Name {
				names = append(names, steps[i].Name)
			}
		}
		if len(names) > 1 && names[0] == names[len(names)-1] { // a list, entered in its middle
			names = names[:len(names)-1]
		}
		names = append(names, names[0])
		// It is shown where the first of them takes what the last of them makes.
		first, last := steps[c[0]], steps[c[len(c)-1]]
		place := &param.Node{Place: first.Place, Line: first.Line}
		if after := x.afters[[2]string{first.ID, last.ID}]; after != nil {
			place = after
		}
		for _, r := range first.From {
			if r.ID == last.ID {
				place = &param.Node{Place: r.Place, Line: r.Line}
			}
		}
		x.add(place, diag.Cycle, "", "steps need each other: %s", strings.Join(names, " -> "))
	}
	// Nothing is known of what steps on a cycle make; that is said once.
	for _, i := range knotted {
		steps[i].Bad = true
	}
	x.p.Steps = nil
	for _, i := range order {
		x.p.Steps = append(x.p.Steps, steps[i])
	}
}

// Locate finds the places of what a step's operator says of its options, and leaves out what is said of options that are mistaken:
// that is reported already, by Load.
func (p *Pipeline) Locate(s *Step, l diag.List) diag.List {
	var out diag.List
	for _, d := range l {
		if len(d.At.Path) > 0 && slices.Contains(s.Broken, d.At.Path[0]) {
			continue
		}
		out.Add(p.place(s, d))
	}
	return out
}

// place turns At into a place of the file. What is about the operator, or about an option that is not there, is at its name.
func (p *Pipeline) place(s *Step, d diag.Diagnostic) diag.Diagnostic {
	d.Step = s.ID
	d.Place, d.Source = s.Place, s.Line
	o := s.Options
	bare := o != nil && o.Kind != param.Map
	if o != nil && len(d.At.Path) > 0 && (bare || o.Get(d.At.Path[0]) != nil) {
		d.Place, d.Source = o.Resolve(d.At)
	}
	return d
}

// Step finds a step by its flattened id; nil where there is none.
func (p *Pipeline) Step(id string) *Step {
	for _, s := range p.Steps {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// Source finds a source; nil where there is none.
func (p *Pipeline) Source(id string) *Source {
	for _, s := range p.Sources {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// partsText names the parts that a step is for.
func partsText(s *Step) string {
	var names []string
	for i, n := range batch.PartNames {
		if s.Only.Has(batch.Part(i)) {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}
