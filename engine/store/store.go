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
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors/files"
)

// ErrNoModel is what a NoModel is.
var ErrNoModel = errors.New("no such model")

// NoModel says which model, version or alias is not there, and which are.
type NoModel struct{ What, Help string }

func (e *NoModel) Error() string { return e.What }

// Is makes it an ErrNoModel.
func (e *NoModel) Is(target error) bool { return target == ErrNoModel }

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
