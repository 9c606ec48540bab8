// Package store keeps what runs leave behind: the runs themselves, and the registry of published models.
//
//	runs/<dag>/<run>/{run.json, journal.jsonl, metrics.json, report.html}
//	models/<name>/versions/<n>/{manifest.json, states/..., version.json}
//	models/<name>/aliases/<alias>     a file that holds a version's number
//	locks/<dag>
//
// Everything is written aside, synced and renamed; an alias moves last. A version is a folder that appears whole.
package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headrace/headrace/connectors/files"
)

// ErrNoModel is wrapped where there is no such model, version or alias.
var ErrNoModel = errors.New("no such model")

// ErrBadName is wrapped where a name of a model, an alias or a DAG could not be a file's.
var ErrBadName = errors.New("letters, digits, _ - and . only")

// ErrNoRun is wrapped where there is no such run.
var ErrNoRun = errors.New("no such run")

// ErrLocked is wrapped where another run of the same DAG is under way.
var ErrLocked = errors.New("another run of this DAG is under way")

// Workspace is a folder that holds runs and models.
type Workspace struct {
	fs  files.FS
	dir string
}

// Open makes the folder if it is not there.
func Open(fs files.FS, dir string) (*Workspace, error) {
	if err := fs.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	return &Workspace{fs, dir}, nil
}

// Look is Open for readers: the folder need not be there, and is not made.
func Look(fs files.FS, dir string) *Workspace { return &Workspace{fs, dir} }

var nameRule = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// valid holds names of models, aliases and runs to what is safe as a file's name.
func valid(what, name string) error {
	if !nameRule.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("%s %q: %w", what, name, ErrBadName)
	}
	return nil
}

// RunMeta is run.json.
type RunMeta struct {
	ID       string            `json:"id"`
	DAG      string            `json:"dag"`
	File     string            `json:"file"`
	Digest   string            `json:"digest"`
	Engine   string            `json:"engine"`
	Date     string            `json:"date,omitempty"`
	Params   map[string]string `json:"params"`
	Sources  map[string]string `json:"sources"` // digest of each
	Workers  int               `json:"workers"`
	Started  time.Time         `json:"started"`
	Finished *time.Time        `json:"finished,omitempty"`
	Seconds  float64           `json:"seconds,omitempty"`
	Status   string            `json:"status"` // running, done, rejected, failed; Runs also says killed
	Error    string            `json:"error,omitempty"`
}

// Run is a run under way.
type Run struct {
	ID, Dir string
	Meta    RunMeta
	ws      *Workspace
	journal files.File
	seq     int
	lines   []byte // of the whole journal
	torn    bool   // a write or sync has failed: the file may end in half a line
}

// NewRun makes a run's folder, with run.json and the journal's first line. Runs of a DAG are numbered without gaps: the folder is made
// aside and appears whole.
func (w *Workspace) NewRun(dag string, meta RunMeta) (*Run, error) {
	if err := valid("DAG name", dag); err != nil {
		return nil, err
	}
	unlock, err := w.lock("runs-"+dag, true)
	if err != nil {
		return nil, err
	}
	defer unlock()
	parent := path.Join(w.dir, "runs", dag)
	if err := w.folder(parent); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	have, err := w.folders(parent)
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	n := 1
	for _, id := range have {
		n = max(n, runNumber(id)+1)
	}
	meta.ID = fmt.Sprintf("%s-%04d", meta.Started.UTC().Format("20060102"), n)
	meta.Status = "running"
	aside := path.Join(parent, ".aside")
	if err := w.fs.RemoveAll(aside); err != nil { // of a run that was killed here
		return nil, fmt.Errorf("run folder: %w", err)
	}
	r := &Run{ID: meta.ID, Dir: aside, Meta: meta, ws: w}
	if err := r.begin(path.Join(parent, meta.ID)); err != nil {
		if r.journal != nil {
			_ = r.journal.Close()
		}
		_ = w.fs.RemoveAll(aside) // the next run does it again; the first failure is the one to tell
		return nil, err
	}
	if err := w.fs.SyncDir(parent); err != nil {
		return nil, errors.Join(fmt.Errorf("run folder: %w", err), r.Finish("failed", err, 0, meta.Started))
	}
	return r, nil
}

// begin fills the folder and moves it to its place.
func (r *Run) begin(place string) (err error) {
	if err := r.ws.fs.MkdirAll(r.Dir); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := r.save(); err != nil {
		return err
	}
	if r.journal, err = r.ws.fs.Append(path.Join(r.Dir, journalName)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := r.Event("started", map[string]any{"run": r.ID}); err != nil {
		return err
	}
	if err := r.ws.fs.SyncDir(r.Dir); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := r.ws.fs.Rename(r.Dir, place); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	r.Dir = place
	return nil
}

// runNumber is the number in a run's id, 0 where there is none.
func runNumber(id string) int {
	_, num, _ := strings.Cut(id, "-")
	n, err := strconv.Atoi(num)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

const journalName = "journal.jsonl"

// Event appends a line to the journal; it is on disk when Event returns. After a failure the journal is written anew with the next line,
// so that it never holds half of one, and a sync that failed is not tried again on the file it failed on.
func (r *Run) Event(kind string, fields map[string]any) error {
	line := map[string]any{"seq": r.seq + 1, "event": kind}
	maps.Copy(line, fields)
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	b = append(b, '\n')
	if r.torn {
		if err := r.repair(b); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	} else {
		if _, err = r.journal.Write(b); err == nil {
			err = r.journal.Sync()
		}
		if r.torn = err != nil; r.torn {
			_ = r.repair(nil) // the next line tries again; the first failure is the one to tell
			return fmt.Errorf("journal: %w", err)
		}
	}
	r.seq, r.lines = r.seq+1, append(r.lines, b...)
	return nil
}

// repair writes the journal anew, with a line more.
func (r *Run) repair(line []byte) error {
	name := path.Join(r.Dir, journalName)
	if err := files.WriteFile(r.ws.fs, name, slices.Concat(r.lines, line)); err != nil {
		return err
	}
	f, err := r.ws.fs.Append(name)
	if err != nil {
		return err
	}
	_ = r.journal.Close() // of the file that is no more
	r.journal, r.torn = f, false
	return nil
}

// Save writes a file into the run's folder, whole or not at all.
func (r *Run) Save(name string, data []byte) error {
	if err := files.WriteFile(r.ws.fs, path.Join(r.Dir, name), data); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// Path is where a file of the run is.
func (r *Run) Path(name string) string { return filepath.FromSlash(path.Join(r.Dir, name)) }

func (r *Run) save() error {
	data, err := pretty(r.Meta)
	if err != nil {
		return fmt.Errorf("run.json: %w", err)
	}
	return r.Save("run.json", data)
}

// Finish says how the run ended.
func (r *Run) Finish(status string, cause error, seconds float64, now time.Time) error {
	r.Meta.Status, r.Meta.Seconds, r.Meta.Finished = status, seconds, &now
	fields := map[string]any{"status": status}
	if cause != nil {
		r.Meta.Error = cause.Error()
		fields["error"] = cause.Error()
	}
	return errors.Join(r.Event("finished", fields), r.journal.Close(), r.save())
}

// pretty is JSON with a final newline; a NaN is an error.
func pretty(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// folder makes a folder of the workspace, and makes it last with all above it.
func (w *Workspace) folder(name string) error {
	if err := w.fs.MkdirAll(name); err != nil {
		return err
	}
	for name != w.dir {
		name = path.Dir(name)
		if err := w.fs.SyncDir(name); err != nil {
			return err
		}
	}
	return nil
}

func (w *Workspace) read(name string) ([]byte, error) {
	f, err := w.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 64<<20))
}

// folders and files are the names in a folder, sorted, without those that begin with a dot (what is being written); none where the
// folder is not there.
func (w *Workspace) folders(name string) ([]string, error) { return w.list(name, true) }
func (w *Workspace) files(name string) ([]string, error)   { return w.list(name, false) }

func (w *Workspace) list(name string, folders bool) ([]string, error) {
	have, err := w.fs.ReadDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range have {
		if e.IsDir() == folders && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// Runs are the runs of a DAG, oldest first; of all DAGs where dag is "". A run that says it is running, and of which no process holds
// the DAG's lock any more, has the status "killed". Looking changes nothing.
func (w *Workspace) Runs(dag string) ([]RunMeta, error) {
	dagNames := []string{dag}
	var err error
	if dag != "" {
		err = valid("DAG name", dag)
	} else {
		dagNames, err = w.folders(path.Join(w.dir, "runs"))
	}
	if err != nil {
		return nil, err
	}
	var out []RunMeta
	for _, d := range dagNames {
		runs, err := w.runsOf(d)
		if err != nil {
			return nil, err
		}
		out = append(out, runs...)
	}
	slices.SortStableFunc(out, func(a, b RunMeta) int { return a.Started.Compare(b.Started) })
	return out, nil
}

func (w *Workspace) runsOf(dag string) (out []RunMeta, err error) {
	ids, err := w.folders(path.Join(w.dir, "runs", dag))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(ids, func(a, b string) int { return runNumber(a) - runNumber(b) })
	for _, id := range ids {
		m, err := w.run(dag, id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a folder of someone else's
		}
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	// One run of a DAG is under way at a time, so that only the last can be.
	for i := range out {
		m := &out[i]
		switch {
		case m.Status != "running":
		case i < len(out)-1:
			m.Status = "killed"
		case !w.locked(dag):
			if *m, err = w.run(dag, m.ID); err != nil { // it may have ended since it was read
				return nil, err
			}
			if m.Status == "running" {
				m.Status = "killed"
			}
		}
	}
	return out, nil
}

// run reads a run.json. Its place says whose it is, whatever stands in it.
func (w *Workspace) run(dag, id string) (m RunMeta, err error) {
	data, err := w.read(path.Join(w.dir, "runs", dag, id, "run.json"))
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return m, fmt.Errorf("run %s/%s: %w", dag, id, err)
	}
	m.DAG, m.ID = dag, id
	return m, nil
}

// FindRun gives a run by its id or "dag/id", and its folder; "latest" is the newest of all.
func (w *Workspace) FindRun(id string) (RunMeta, string, error) {
	dag, short, ok := strings.Cut(id, "/")
	if !ok {
		dag, short = "", id
	} else if err := valid("DAG name", dag); err != nil {
		return RunMeta{}, "", err
	}
	all, err := w.Runs(dag)
	if err != nil {
		return RunMeta{}, "", err
	}
	var found []RunMeta
	for _, m := range all {
		if m.ID == short {
			found = append(found, m)
		}
	}
	if short == "latest" && len(all) > 0 {
		found = all[len(all)-1:]
	}
	switch len(found) {
	case 1:
		return found[0], filepath.FromSlash(path.Join(w.dir, "runs", found[0].DAG, found[0].ID)), nil
	case 0:
		return RunMeta{}, "", fmt.Errorf("run %q: %w (headrace runs lists them)", id, ErrNoRun)
	}
	return RunMeta{}, "", fmt.Errorf("run %q is of several DAGs: write DAG/%s", id, id)
}

// VersionMeta is version.json: what is known of a published version beside its bundle.
type VersionMeta struct {
	Version int                `json:"version"`
	Run     string             `json:"run"`
	DAG     string             `json:"dag"`
	Hash    string             `json:"hash"`
	SHA256  string             `json:"sha256"` // of manifest.json, as it was published; Publish fills it in
	Created time.Time          `json:"created"`
	Metrics map[string]float64 `json:"metrics"`
}

func (w *Workspace) model(name string) string { return path.Join(w.dir, "models", name) }

// Publish is PublishAs without an alias.
func (w *Workspace) Publish(name string, bundle map[string][]byte, meta VersionMeta) (int, error) {
	return w.PublishAs(name, "", bundle, meta, nil)
}

// PublishAs puts a bundle into the registry as the next version. The version's folder appears by one rename, whole; two that publish at
// once get two numbers. The alias, where it is not "", moves to the version last; its file is on disk before the version is to be seen, so
// that a full disk publishes nothing rather than half. Before, which may be nil, is called with the number at that moment too, and where
// it fails nothing is published.
func (w *Workspace) PublishAs(name, alias string, bundle map[string][]byte, meta VersionMeta, before func(version int) error) (int, error) {
	if err := valid("model name", name); err != nil {
		return 0, err
	}
	if alias != "" {
		if err := validAlias(alias); err != nil {
			return 0, err
		}
	}
	for f := range bundle {
		if !fs.ValidPath(f) || f == "." {
			return 0, fmt.Errorf("registry: %q is no file of a model", f)
		}
	}
	manifest, ok := bundle["manifest.json"]
	if !ok {
		return 0, errors.New("registry: a model without a manifest.json")
	}
	versions := path.Join(w.model(name), "versions")
	unlock, err := w.lock("model-"+name, true)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if err := w.folder(versions); err != nil {
		return 0, fmt.Errorf("registry: %w", err)
	}
	have, err := w.numbers(name) // a version that cannot be read has its number all the same
	if err != nil {
		return 0, fmt.Errorf("registry: %w", err)
	}
	meta.Version, meta.SHA256 = 1, digest(manifest)
	if len(have) > 0 {
		meta.Version = have[len(have)-1] + 1
	}
	record, err := pretty(meta)
	if err != nil {
		return 0, fmt.Errorf("registry: version.json: %w", err)
	}
	if err := w.sweep(versions, ".aside-"); err != nil {
		return 0, fmt.Errorf("registry: %w", err)
	}
	aside := path.Join(versions, fmt.Sprintf(".aside-%d", meta.Version))
	fail := func(err error) (int, error) {
		_ = w.fs.RemoveAll(aside) // the next run does it again; the first failure is the one to tell
		return 0, err
	}
	bundle = maps.Clone(bundle)
	bundle["version.json"] = record
	folders := map[string]bool{aside: true}
	for _, f := range slices.Sorted(maps.Keys(bundle)) {
		to := path.Join(aside, f)
		folders[path.Dir(to)] = true
		if err := w.fs.MkdirAll(path.Dir(to)); err != nil {
			return fail(fmt.Errorf("registry: %w", err))
		}
		if err := files.WriteFile(w.fs, to, bundle[f]); err != nil {
			return fail(fmt.Errorf("registry: %w", err))
		}
	}
	for _, d := range slices.Sorted(maps.Keys(folders)) {
		if err := w.fs.SyncDir(d); err != nil {
			return fail(fmt.Errorf("registry: %w", err))
		}
	}
	if before != nil {
		if err := before(meta.Version); err != nil {
			return fail(err)
		}
	}
	var pointer *files.Aside
	if alias != "" {
		if pointer, err = w.pointer(name, alias, meta.Version); err != nil {
			return fail(err)
		}
		defer func() { _ = pointer.Abort() }() // does nothing once it is committed; an error before that is the one to tell
	}
	if err := w.fs.Rename(aside, path.Join(versions, strconv.Itoa(meta.Version))); err != nil {
		return fail(fmt.Errorf("registry: %w", err))
	}
	if err := w.fs.SyncDir(versions); err != nil {
		return 0, fmt.Errorf("registry: %w", err)
	}
	if pointer != nil {
		if err := pointer.Commit(); err != nil {
			return 0, fmt.Errorf("registry: %w", err)
		}
	}
	return meta.Version, nil
}

// sweep removes what processes that were killed left in a folder of the registry. The caller holds the model's lock.
func (w *Workspace) sweep(dir, prefix string) error {
	have, err := w.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range have {
		if err == nil && strings.HasPrefix(e.Name(), prefix) {
			err = w.fs.RemoveAll(path.Join(dir, e.Name()))
		}
	}
	return err
}

func digest(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

func validAlias(alias string) error {
	if err := valid("alias", alias); err != nil {
		return err
	}
	if _, err := strconv.Atoi(alias); err == nil {
		return fmt.Errorf("alias %q: a number is a version", alias)
	}
	return nil
}

// pointer is an alias's file, on disk and not yet in its place. The caller holds the model's lock.
func (w *Workspace) pointer(name, alias string, version int) (*files.Aside, error) {
	dir := path.Join(w.model(name), "aliases")
	if err := w.folder(dir); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if err := w.sweep(dir, "."+alias+"."); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	a, err := files.WriteAside(w.fs, path.Join(dir, alias))
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if _, err = io.WriteString(a, strconv.Itoa(version)+"\n"); err == nil {
		err = a.Sync()
	}
	if err != nil {
		_ = a.Abort()
		return nil, fmt.Errorf("registry: %w", err)
	}
	return a, nil
}

// SetAlias points an alias at a version, by one rename.
func (w *Workspace) SetAlias(name, alias string, version int) error {
	if err := valid("model name", name); err != nil {
		return err
	}
	if err := validAlias(alias); err != nil {
		return err
	}
	if _, err := w.fs.Stat(path.Join(w.model(name), "versions", strconv.Itoa(version), "manifest.json")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("model %s version %d: %w", name, version, ErrNoModel)
	} else if err != nil {
		return fmt.Errorf("model %s version %d: %w", name, version, err)
	}
	unlock, err := w.lock("model-"+name, true)
	if err != nil {
		return err
	}
	defer unlock()
	a, err := w.pointer(name, alias, version)
	if err == nil {
		if err = a.Commit(); err != nil {
			err = fmt.Errorf("registry: %w", err)
		}
	}
	return err
}

// Resolve gives the version that an alias or a number means, and its files. ErrNoModel is wrapped only where there is none: a registry
// that cannot be read, an alias that points to nothing, or a manifest that was changed after it was published is another error, for a
// gate may pass where there is no champion.
func (w *Workspace) Resolve(name, alias string) (int, fs.FS, error) {
	if err := errors.Join(valid("model name", name), valid("alias", alias)); err != nil {
		return 0, nil, err
	}
	v, err := strconv.Atoi(alias)
	if isAlias := err != nil; isAlias {
		if v, err = w.alias(name, alias); err != nil {
			return 0, nil, err
		}
		alias = ""
	}
	dir := path.Join(w.model(name), "versions", strconv.Itoa(v))
	manifest, err := w.read(path.Join(dir, "manifest.json"))
	if errors.Is(err, fs.ErrNotExist) && alias != "" {
		return 0, nil, fmt.Errorf("model %s version %d: %w", name, v, ErrNoModel)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("model %s version %d: %w", name, v, err)
	}
	m, err := w.version(name, v)
	if err == nil && m.SHA256 != digest(manifest) {
		err = errors.New("manifest.json was changed after it was published")
	}
	if err != nil {
		return 0, nil, fmt.Errorf("model %s version %d: %w", name, v, err)
	}
	return v, sub{w.fs, dir}, nil
}

// alias reads where an alias points to.
func (w *Workspace) alias(name, alias string) (int, error) {
	data, err := w.read(path.Join(w.model(name), "aliases", alias))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("model %s@%s: %w", name, alias, ErrNoModel)
	}
	if err != nil {
		return 0, fmt.Errorf("model %s@%s: %w", name, alias, err)
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || v < 1 {
		return 0, fmt.Errorf("model %s@%s: its file holds %q, no version", name, alias, data)
	}
	return v, nil
}

// sub shows a folder of a files.FS as an fs.FS; names are held inside it.
type sub struct {
	fs  files.FS
	dir string
}

func (s sub) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return s.fs.Open(path.Join(s.dir, name))
}

// Versions are the published versions of a model, oldest first.
func (w *Workspace) Versions(name string) ([]VersionMeta, error) {
	if err := valid("model name", name); err != nil {
		return nil, err
	}
	have, err := w.numbers(name)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var out []VersionMeta
	for _, v := range have {
		m, err := w.version(name, v)
		if err != nil {
			return nil, fmt.Errorf("model %s version %d: %w", name, v, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// numbers are the numbers of a model's versions, sorted.
func (w *Workspace) numbers(name string) (out []int, err error) {
	names, err := w.folders(path.Join(w.model(name), "versions"))
	for _, n := range names {
		if v, err := strconv.Atoi(n); err == nil && v > 0 {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out, err
}

// version reads a version.json.
func (w *Workspace) version(name string, v int) (m VersionMeta, err error) {
	data, err := w.read(path.Join(w.model(name), "versions", strconv.Itoa(v), "version.json"))
	if err == nil {
		if err = json.Unmarshal(data, &m); err != nil {
			err = fmt.Errorf("version.json: %w", err)
		}
	}
	m.Version = v
	return m, err
}

// Model is a model of the registry.
type Model struct {
	Name     string
	Versions []VersionMeta
	Aliases  map[string]int
}

// Models are all models, by name.
func (w *Workspace) Models() ([]Model, error) {
	names, err := w.folders(path.Join(w.dir, "models"))
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var out []Model
	for _, n := range names {
		m := Model{Name: n, Aliases: map[string]int{}}
		if m.Versions, err = w.Versions(n); err != nil {
			return nil, err
		}
		aliases, err := w.files(path.Join(w.model(n), "aliases"))
		if err != nil {
			return nil, fmt.Errorf("registry: %w", err)
		}
		for _, a := range aliases {
			if m.Aliases[a], err = w.alias(n, a); err != nil {
				return nil, err
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// Lock holds a DAG for one run. The lock is the operating system's: it dies with the process.
func (w *Workspace) Lock(dag string) (release func(), err error) {
	if err := valid("DAG name", dag); err != nil {
		return nil, err
	}
	// Who lists runs tries the lock for a moment, and must not keep a run from starting.
	for try := 0; ; try++ {
		release, err = w.lock("dag-"+dag, false)
		if !errors.Is(err, ErrLocked) || try == 5 {
			return release, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *Workspace) lockFile(name string) string {
	return filepath.Join(filepath.FromSlash(w.dir), "locks", name)
}

func (w *Workspace) lock(name string, wait bool) (func(), error) {
	name = w.lockFile(name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := flock(f, wait); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// locked says whether a process holds a DAG's lock. Where that cannot be known it says yes: a run is not called dead on a guess.
func (w *Workspace) locked(dag string) bool {
	f, err := os.Open(w.lockFile("dag-" + dag))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return flockShared(f) != nil
}
