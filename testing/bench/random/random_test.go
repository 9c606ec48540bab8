package random

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headrace/headrace/cmd/command"
	_ "github.com/headrace/headrace/connectors/all"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	_ "github.com/headrace/headrace/operators/all"
	"github.com/headrace/headrace/testing/bench/gen"
)

func empty(t *testing.T) string {
	t.Helper()
	o := parquet.New()
	o.Path = filepath.Join(t.TempDir(), "flights.parquet")
	w, err := o.Create(context.Background(), files.Local(), gen.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return o.Path
}

// Every query is one that headrace check passes. Where no operator sorts, none does.
func TestQueriesPassTheCheck(t *testing.T) {
	_, sorts := operators.Lookup("table.sort")
	data, dir := empty(t), t.TempDir()
	kinds := map[string]int{}
	for seed := range uint64(1000) {
		q := Draw(seed, int(seed%7), sorts)
		for kind := range strings.SplitSeq(q.Doc(), ", ") {
			kinds[strings.Fields(kind)[0]]++
		}
		file := filepath.Join(dir, "q")
		if err := q.Write(file); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if code := command.Run([]string{"check", "-q", "--set", "path=" + data, "--set", "out=" + filepath.Join(dir, "o.csv"), file + ".yaml"}, &out, &errs); code != 0 {
			t.Fatalf("seed %d: code %d\n%s%s\n%s", seed, code, &out, &errs, q.DAG())
		}
	}
	for _, kind := range []string{"derive", "filter", "join", "group", "aggregate"} {
		if kinds[kind] < 100 {
			t.Errorf("%d of 1,000 queries have %s", kinds[kind], kind)
		}
	}
	if sorts && kinds["sort"] < 100 {
		t.Errorf("%d of 1,000 queries sort", kinds["sort"])
	}
}

func TestASeedIsOneQuery(t *testing.T) {
	a, b := Draw(0xe81e27d8, 2, true), Draw(0xe81e27d8, 2, true)
	if a.DAG() != b.DAG() || a.SQL() != b.SQL() || a.Polars() != b.Polars() {
		t.Error("drawn twice, a query differs")
	}
	if c := Draw(0xe81e27d8, 3, true); c.DAG() == a.DAG() {
		t.Error("the number of a query does nothing")
	}
}
