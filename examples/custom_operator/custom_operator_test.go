package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headrace/headrace/cmd/command"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/laws"
)

// TestLaws holds the operator to all that the engine relies on: cuts, nulls, layouts, the row form, stored programs.
func TestLaws(t *testing.T) { laws.Run(t, haversineSpec()) }

func headrace(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := command.Run(args, &out, &errs); code != 0 {
		t.Fatalf("headrace %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String()
}

// TestDAG runs the DAG file to its published model, and scores rows with it.
func TestDAG(t *testing.T) {
	ws := t.TempDir()
	if s := headrace(t, "test", "texas.yaml"); !strings.Contains(s, "1 passed, 0 failed") {
		t.Error(s)
	}
	if s := headrace(t, "run", "texas.yaml", "-q", "--workspace", ws); !strings.Contains(s, "published  texas version 1 as champion") {
		t.Fatal(s)
	}
	scored := filepath.Join(ws, "scored.csv")
	headrace(t, "predict", "texas", "airports.csv", "-o", scored, "--workspace", ws)
	data, err := os.ReadFile(scored)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := os.ReadFile("airports.csv")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := bytes.Count(data, []byte("\n")), bytes.Count(rows, []byte("\n")); got != want {
		t.Errorf("%d lines are scored of %d", got, want)
	}
}

// TestMistakes: what is wrong with options is found before a row is read, each mistake once and at its place.
func TestMistakes(t *testing.T) {
	data, err := os.ReadFile("texas.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"{as: km_dallas,      to_latitude", "{as: km_dallas, latitude: lattitude, to_latitude", `no column "lattitude"`},
		{"{as: km_dallas,      to_latitude", "{as: km_dallas, latitude: iata, to_latitude", `column "iata" is string`},
		{"to_latitude: 32.8968", "to_latitude: 132.8968", "90"},
		{"{as: km_dallas, ", `{as: "@km", `, "is no name for a column"},
		{"to_latitude: 32.8968, ", "", "to_latitude"},
	} {
		path, err := filepath.Abs("airports.csv")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(strings.Replace(string(data), "default: airports.csv", "default: "+path, 1), c.old, c.new, 1)
		file := filepath.Join(t.TempDir(), "texas.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := command.Run([]string{"check", file}, &out, &errs)
		if code != 2 || !strings.Contains(errs.String(), c.want) || !strings.Contains(errs.String(), "texas.yaml:27:") {
			t.Errorf("%s: exit %d\n%s", c.new, code, errs.String())
		}
	}
}

// TestKilometres compares with the law of cosines, which is another formula, and arcsin with math.Asin.
func TestKilometres(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := batch.T(batch.Float64)
	for range 10000 {
		lat, lon := 180*r.Float64()-90, 360*r.Float64()-180
		k := &Distance{Lat: 180*r.Float64() - 90, Lon: 360*r.Float64() - 180}
		if err := k.Init([]batch.Type{f, f}, []batch.Type{f}); err != nil {
			t.Fatal(err)
		}
		sin1, cos1 := math.Sincos(lat * radian)
		sin2, cos2 := math.Sincos(k.Lat * radian)
		want := radius * math.Acos(max(-1, min(1, sin1*sin2+cos1*cos2*math.Cos((lon-k.Lon)*radian))))
		if got := k.km(lat, lon); math.Abs(got-want) > 1e-3 {
			t.Fatalf("from %v, %v to %v, %v: %v km, want %v", k.Lat, k.Lon, lat, lon, got, want)
		}
	}
	for i := range 10001 {
		x := float64(i) / 10000
		if got, want := arcsin(x), math.Asin(x); math.Abs(got-want) > 4e-15 { // near 1 math.Asin itself is off by some
			t.Errorf("arcsin(%v) = %v, want %v", x, got, want)
		}
	}
}
