package engine_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/inspect"
)

// trickyNames are column names that YAML, expressions or selections could read as something else.
var trickyNames = []string{"a b", `say "hi"`, "it's", "key: value", "# no comment", "- item", "-x", "*", "a*", "[x]", "{y}", "&anchor", "!tag", "%2f", "@at", "`tick`", "km/h", "ünï",
	"日本", "true", "null", "~", "1e5", "12", "yes", "p", "pred", "all()", "numeric()", "col", "nil", "not", "in", "a\\b", "tab\there", "a,b", "a|b", "$x", "x_hour", "?"}

// A DAG file that is drafted for a data file checks, whatever the columns are called, each of them as the label too.
func TestDraftTrickyNames(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "odd: data # 1.csv")
	f, err := os.Create(data)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(f)
	w.Write(append([]string{"x", "at time", "label: \"y\""}, trickyNames...))
	for i := range 200 {
		row := []string{fmt.Sprint(i % 7), fmt.Sprintf("2024-01-%02dT%02d:00:00", 1+i%28, i%24), fmt.Sprint(i / 3 % 2)}
		for j := range trickyNames {
			switch j % 3 {
			case 0:
				row = append(row, fmt.Sprint(i/(1+j%4)%2))
			case 1:
				row = append(row, fmt.Sprintf("v%d", (i+j)%5))
			default:
				row = append(row, fmt.Sprintf("%d.5", (i+j)%50))
			}
		}
		w.Write(row)
	}
	w.Flush()
	if err := f.Close(); err != nil || w.Error() != nil {
		t.Fatal(err, w.Error())
	}
	for i, label := range append([]string{`label: "y"`}, trickyNames...) {
		if i > 0 && (i-1)%3 == 1 {
			continue // five strings are no label that this version learns
		}
		in, err := inspect.Read(context.Background(), data, inspect.Options{Workers: 1, Label: label})
		if err != nil {
			t.Fatal(err)
		}
		text, err := in.DraftDAG(inspect.Draft{Path: filepath.Base(data)})
		if err != nil {
			t.Errorf("label %q: %v", label, err)
			continue
		}
		file := filepath.Join(dir, "dag.yaml")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		p, l := dags.Load(dags.LoadOptions{Files: []string{file}})
		if !l.Failed() {
			_, l = engine.Check(context.Background(), p, engine.Config{})
		}
		if l.Failed() {
			t.Errorf("label %q: the draft does not check:\n%s", label, dags.Render(l, false, 0))
			if testing.Verbose() {
				t.Log(text)
			}
		}
	}
}
