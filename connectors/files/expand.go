package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Expand gives the files that a path stands for: a file itself; of a folder, the files in it whose names end in one of ext; of a
// glob (*, ?, [a-z] in any part of the path), the files that match, whatever their extension. They come sorted by path; names that
// begin with _ or . are skipped (what Spark, Hive and we leave beside data), folders inside are not entered. A path that stands
// for no file is an error that names it.
func Expand(f FS, name string, ext ...string) ([]string, error) {
	if name == "" {
		return nil, fmt.Errorf("the path is empty")
	}
	name = filepath.ToSlash(name)
	// A file may be called a[1].parquet: what is there under the very name is not a glob.
	st, err := f.Stat(name)
	switch {
	case err == nil && !st.IsDir():
		return []string{name}, nil
	case err == nil:
		return inFolder(f, name, ext)
	case !strings.ContainsAny(name, "*?["):
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	}
	if _, err := path.Match(name, ""); err != nil {
		return nil, fmt.Errorf("%s: not a glob: %w", name, err)
	}
	base, rest := ".", name
	if strings.HasPrefix(name, "/") {
		base, rest = "/", strings.TrimPrefix(name, "/")
	}
	found, err := glob(f, base, strings.Split(rest, "/"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no file matches", name)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func inFolder(f FS, dir string, ext []string) ([]string, error) {
	all, err := f.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, cause(err))
	}
	var found []string
	for _, e := range all {
		if hidden(e.Name()) || !hasExt(e.Name(), ext) {
			continue
		}
		p := path.Join(dir, e.Name())
		if ok, err := isFile(f, p, e); err != nil {
			return nil, err
		} else if ok {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no file in the folder ends in %s", dir, strings.Join(ext, " or "))
	}
	slices.Sort(found)
	return found, nil
}

func glob(f FS, base string, parts []string) ([]string, error) {
	part, last := parts[0], len(parts) == 1
	if part == "" || part == "." {
		if last {
			return nil, nil
		}
		return glob(f, base, parts[1:])
	}
	if !last && !strings.ContainsAny(part, "*?[") {
		return glob(f, join(base, part), parts[1:])
	}
	all, err := f.ReadDir(base)
	if err != nil {
		if isNotThere(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("%s: %w", base, cause(err))
	}
	var found []string
	for _, e := range all {
		if ok, _ := path.Match(part, e.Name()); !ok || hidden(e.Name()) && !strings.ContainsRune("._", rune(part[0])) {
			continue
		}
		p := join(base, e.Name())
		is, err := isFile(f, p, e)
		switch {
		case err != nil:
			return nil, err
		case last && is:
			found = append(found, p)
		case !last && !is:
			more, err := glob(f, p, parts[1:])
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found, nil
}

// isFile follows a link.
func isFile(f FS, p string, e fs.DirEntry) (bool, error) {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type().IsRegular(), nil
	}
	st, err := f.Stat(p)
	if err != nil {
		return false, fmt.Errorf("%s: %w", p, cause(err))
	}
	return st.Mode().IsRegular(), nil
}

func join(base, name string) string {
	if base == "." {
		return name
	}
	return path.Join(base, name)
}

func hidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") }

func hasExt(name string, ext []string) bool {
	name = strings.ToLower(name)
	return len(ext) == 0 || slices.ContainsFunc(ext, func(e string) bool { return strings.HasSuffix(name, e) })
}

func isNotThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// errNotThere is fs.ErrNotExist in words for users.
var errNotThere error = notThere{}

type notThere struct{}

func (notThere) Error() string        { return "no such file or folder" }
func (notThere) Is(target error) bool { return target == fs.ErrNotExist }
