package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators/diag"
)

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
		return w.noModel(name, "version "+strconv.Itoa(version))
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
		return 0, nil, w.noModel(name, "version "+alias)
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
		return 0, w.noModel(name, fmt.Sprintf("alias %q", alias), alias)
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

// noModel says what of a model is not there; alias is the one that was looked for, if one was.
func (w *Workspace) noModel(name, what string, alias ...string) error {
	have, err := w.numbers(name)
	if err != nil || len(have) == 0 {
		models, _ := w.folders(path.Join(w.dir, "models")) // what cannot be listed is not suggested
		return &NoModel{fmt.Sprintf("no model %q in %s", name, w.dir), diag.DidYouMean(name, "models", models)}
	}
	e := &NoModel{fmt.Sprintf("model %s has no %s", name, what), fmt.Sprintf("its versions are %d to %d", have[0], have[len(have)-1])}
	if len(have) == 1 {
		e.Help = fmt.Sprintf("its only version is %d", have[0])
	}
	if alias != nil {
		aliases, _ := w.files(path.Join(w.model(name), "aliases"))
		e.Help = diag.DidYouMean(alias[0], "aliases", aliases)
	}
	return e
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
