// Package check holds DAG files with what `headrace check` must say of them, and where.
package check

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/headrace/headrace/testing/cases/rig"
)

// Every file of testdata is a txtar archive about one topic. A file in it with a dot in its name is data; "head" goes before each of the
// others, which are DAG files, one a case. In them
//
//	«E0401»        stands where the check must find that, and is taken out; it must find nothing else
//	# says: text   what a finding's message or help must hold
//	# input: text  the bundle input that the check must print
func TestCheck(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		head := ""
		for _, f := range a.Files {
			switch {
			case f.Name == "head":
				head = string(f.Data)
			case strings.Contains(f.Name, "."):
				rig.Write(t, filepath.Join(dir, f.Name), string(f.Data))
			default:
				t.Run(strings.TrimSuffix(filepath.Base(name), ".txt")+"/"+f.Name, func(t *testing.T) { check(t, dir, head+string(f.Data)) })
			}
		}
	}
}

var (
	mark     = regexp.MustCompile(`^«([EW]\d{4})»`)
	found    = regexp.MustCompile(`(?m)^\S*?dag\.yaml:(?:(\d+:\d+):)? (?:error|warning)\[([EW]\d+)\]`)
	says     = regexp.MustCompile(`(?m)^\s*# says: (.*)$`)
	input    = regexp.MustCompile(`(?m)^\s*# input: (.*)$`)
	hasInput = regexp.MustCompile(`(?m)^bundle input \((.*)$`)
)

func check(t *testing.T, dir, text string) {
	text, want := marks(text)
	file := filepath.Join(dir, "dag.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	r := rig.InProcess("check", file)
	var got []string
	for _, m := range found.FindAllStringSubmatch(r.Errors, -1) {
		got = append(got, m[1]+" "+m[2])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("findings %q, want %q\n%s%s", got, want, r.Errors, r.Out)
	}
	failed := slices.ContainsFunc(want, func(w string) bool { return strings.Contains(w, " E") })
	if failed != (r.Code != 0) {
		t.Errorf("exit code %d", r.Code)
	}
	for _, m := range says.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(r.Errors, m[1]) {
			t.Errorf("does not say %q\n%s", m[1], r.Errors)
		}
	}
	for _, m := range input.FindAllStringSubmatch(text, -1) {
		if h := hasInput.FindStringSubmatch(r.Out); h == nil || h[1] != m[1] {
			t.Errorf("bundle input %q, want %q\n%s", h, m[1], r.Errors)
		}
	}
}

// marks takes the marks out of a text and says where they stood, as "line:column code".
func marks(text string) (clean string, want []string) {
	var b strings.Builder
	line, col := 1, 1
	for text != "" {
		if m := mark.FindStringSubmatch(text); m != nil {
			want = append(want, fmt.Sprintf("%d:%d %s", line, col, m[1]))
			text = text[len(m[0]):]
			continue
		}
		r := []rune(text[:min(4, len(text))])[0]
		if r == '\n' {
			line, col = line+1, 0
		}
		col++
		n := len(string(r))
		b.WriteString(text[:n])
		text = text[n:]
	}
	return b.String(), want
}
