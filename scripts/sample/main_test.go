package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type flight struct {
	Delay  *int64 `parquet:"delay,optional"`
	Origin string `parquet:"origin,optional"`
	Date   int64  `parquet:"date,optional,timestamp(microsecond:local)"`
}

func TestSampleKeepsSchemaAndEveryNthRow(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.parquet"), filepath.Join(dir, "to.parquet")
	rows := make([]flight, 1000)
	for i := range rows {
		rows[i] = flight{Origin: string(rune('a' + i%26)), Date: int64(i)}
		if i%14 != 0 {
			delay := int64(-i)
			rows[i].Delay = &delay
		}
	}
	// Row groups of 96 rows are no multiple of 7, so a count that restarted with each would pick other rows.
	if err := parquet.WriteFile(from, rows, parquet.MaxRowsPerRowGroup(96)); err != nil {
		t.Fatal(err)
	}

	n, err := sample(from, to, 7, 50)
	if err != nil || n != 143 {
		t.Fatalf("sample wrote %d rows, error %v; want 143", n, err)
	}
	got, err := parquet.ReadFile[flight](to)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range got {
		want := rows[7*i]
		if row.Origin != want.Origin || row.Date != want.Date || (row.Delay == nil) != (want.Delay == nil) ||
			row.Delay != nil && *row.Delay != *want.Delay {
			t.Fatalf("row %d is %+v, want row %d of the source, %+v", i, row, 7*i, want)
		}
	}
	if a, b := schemaOf(t, from), schemaOf(t, to); a != b {
		t.Errorf("schema of the sample:\n%s\nof its source:\n%s", b, a)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSampleLeavesTheOldFileOnFailure(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.parquet"), filepath.Join(dir, "to.parquet")
	for name, text := range map[string]string{from: "PAR1 is how it starts, no footer follows", to: "old"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sample(from, to, 2, 10); err == nil {
		t.Fatal("no error for a file without a footer")
	}
	if text, _ := os.ReadFile(to); string(text) != "old" {
		t.Errorf("the old sample now reads %q", text)
	}
}

// The example must stay readable by the DAG that reads the full file.
func TestFlightsExampleIsTheSampleOfThePublishedFile(t *testing.T) {
	root := filepath.Join("..", "..")
	example := filepath.Join(root, "examples", "flights", "flights.parquet")
	dir := os.Getenv("HEADRACE_DATA")
	if dir == "" {
		t.Skip("HEADRACE_DATA is not set")
	}
	full := filepath.Join(dir, "flights-3m.parquet")
	if a, b := schemaOf(t, full), schemaOf(t, example); a != b {
		t.Errorf("schema of the example:\n%s\nof the published file:\n%s", b, a)
	}
	again := filepath.Join(t.TempDir(), "again.parquet")
	if _, err := sample(full, again, 30, 20000); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rowsOf(t, again), rowsOf(t, example)) {
		t.Error("the example's rows are not every 30th of the published file's")
	}
}

type published struct {
	Date        int64  `parquet:"date,optional,timestamp(microsecond:local)"`
	Delay       int64  `parquet:"delay,optional"`
	Distance    int64  `parquet:"distance,optional"`
	Origin      string `parquet:"origin,optional"`
	Destination string `parquet:"destination,optional"`
}

func rowsOf(t *testing.T, name string) []published {
	t.Helper()
	rows, err := parquet.ReadFile[published](name)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func schemaOf(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	text := file.Schema().String()
	return text[len("message "+file.Schema().Name()):]
}
