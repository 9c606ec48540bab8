package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headrace/headrace/connectors/files"
)

// RunMeta is run.json.
type RunMeta struct {
	ID       string            `json:"id"`
	DAG      string            `json:"dag"`
	File     string            `json:"file"`
	Digest   string            `json:"digest"`
	Engine   string            `json:"engine"`
	Date     string            `json:"date,omitempty"`
	Params   map[string]string `json:"params"`
	Sources  map[string]string `json:"sources"`          // digest of each
	Models   map[string]string `json:"models,omitempty"` // that steps went on from: hash of each
	Workers  int               `json:"workers"`
	Started  time.Time         `json:"started"`
	Finished *time.Time        `json:"finished,omitempty"`
	Seconds  float64           `json:"seconds,omitempty"`
	Status   string            `json:"status"` // running, done, refused, failed; Runs also says killed
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
