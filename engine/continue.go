package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/bundle"
	"github.com/headrace/headrace/operators/program"
)

// latest is what the newest version of a model is called where nothing else has that alias.
const latest = "latest"

// published finds models of the registry for steps that go on from one. None, and no error, is what a step may begin anew at: nothing is
// published by that name, and this DAG is what publishes it. A name that nobody will publish, a version that is not there and an alias that
// this DAG does not move are mistakes: a job would begin anew every night without a word.
func published(p *dags.Pipeline, cfg Config) func(ref string) (*operators.Published, error) {
	ws := store.Look(cfg.FS, cfg.Workspace)
	return func(ref string) (*operators.Published, error) {
		name, alias, err := ParseModelRef(ref)
		if err != nil {
			return nil, err
		}
		v, fsys, err := ws.Resolve(name, alias)
		if errors.Is(err, store.ErrNoModel) {
			have, e := versions(ws, name)
			switch {
			case e != nil:
				return nil, e
			case alias == latest && len(have) > 0:
				v, fsys, err = ws.Resolve(name, strconv.Itoa(have[len(have)-1]))
			case begins(p, name, alias, len(have)):
				return nil, nil
			default:
				return nil, none(ws, name, alias, have)
			}
		}
		if err != nil {
			return nil, err
		}
		b, err := bundle.Load(fsys)
		if err != nil {
			return nil, fmt.Errorf("model %s version %d: %w", name, v, err)
		}
		t := b.Manifest.Task
		return &operators.Published{Name: name, Version: v, Hash: b.Hash, Task: operators.Task{Kind: t.Kind, Label: t.Label, Positive: t.Positive},
			Graph: b.Graph, Splits: b.Splits()}, nil
	}
}

// versions are the numbers of a model's versions, sorted.
func versions(ws *store.Workspace, name string) (out []int, err error) {
	list, err := ws.Versions(name)
	for _, m := range list {
		out = append(out, m.Version)
	}
	return out, err
}

// begins says whether a model that is not there is this DAG's own, to come: of no version, or of versions that never had the alias that
// the DAG moves.
func begins(p *dags.Pipeline, name, alias string, versions int) bool {
	if p.Publish == nil || p.Publish.As != name {
		return false
	}
	if _, err := strconv.Atoi(alias); err == nil {
		return false
	}
	return versions == 0 || alias == p.Publish.Alias
}

// none says what there is instead of a model that is not there.
func none(ws *store.Workspace, name, alias string, have []int) error {
	if len(have) == 0 {
		return fmt.Errorf("there is no model %s, and this DAG does not publish one by that name", name)
	}
	what := "alias " + alias
	if _, err := strconv.Atoi(alias); err == nil {
		what = "version " + alias
	}
	there := []string{fmt.Sprintf("version %d", have[0])}
	if last := have[len(have)-1]; last > have[0] {
		there[0] = fmt.Sprintf("versions %d to %d", have[0], last)
	}
	models, err := ws.Models()
	if err != nil {
		return err
	}
	for _, m := range models {
		if m.Name == name {
			there = append(there, slices.Sorted(maps.Keys(m.Aliases))...)
		}
	}
	return fmt.Errorf("model %s has no %s; there are %s", name, what, strings.Join(there, ", "))
}

// splits finds, of each evaluation of a model that goes on from another, how that one's rows were parted: rows that it has learnt from are
// no test of the new one.
func (r *runner) splits() {
	r.before = map[*plan.Evaluation]learnt{}
	for _, e := range r.pl.Evals {
		if b := e.Model.Out.Model.Before; b != nil && e.Serving != nil {
			r.before[e] = known(e, b.Splits)
		}
	}
}

// learnt says which rows a model has learnt from.
type learnt struct {
	splits  []*program.Graph // those that any of them sends to train
	missing string           // why there are splits besides that say nothing here; "" if there are none
}

// known are the splits whose columns the serving place has, which are asked for.
func known(e *plan.Evaluation, splits []*program.Graph) (l learnt) {
	for _, s := range splits {
		var cols []string
		for _, p := range s.In {
			switch have, ok := e.Serving.Place.Sch.Field(p.Name); {
			case !ok:
				l.missing = fmt.Sprintf("its split reads column %q, which %s does not have", p.Name, e.Serving.Place.Label())
			case have.Type != s.Types[p.Slot]:
				l.missing = fmt.Sprintf("its split reads column %q as %s, and it is %s now", p.Name, s.Types[p.Slot], have.Type)
			default:
				cols = append(cols, p.Name)
			}
		}
		if len(cols) == len(s.In) {
			l.splits = append(l.splits, s)
			e.Champion = append(e.Champion, cols...)
		}
	}
	return l
}
