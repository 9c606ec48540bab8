package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/headrace/headrace/cmd/command"
	_ "github.com/headrace/headrace/connectors/all"
	_ "github.com/headrace/headrace/operators/all"
)

func headrace(t *testing.T, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := command.Run(args, &out, &errs); code != 0 {
		t.Fatalf("headrace %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
}

// What is served is what predict writes, to the last bit, from many goroutines at once; a row that will not do is refused.
func TestServing(t *testing.T) {
	ws := t.TempDir()
	headrace(t, "run", "../flights/flight_delay.yaml", "-q", "--workspace", ws, "--set", "trees=10", "--set", "min_auc=0")
	rows := "date,distance,origin,destination\n2001-01-05T18:40:00,337,SFO,LAX\n2001-03-07T06:10:00,2475,JFK,LAX\n2001-06-01T12:00:00,100,XXX,YYY\n"
	file, scored := filepath.Join(ws, "rows.csv"), filepath.Join(ws, "scored.csv")
	if err := os.WriteFile(file, []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	headrace(t, "predict", "flight_delay", file, "-o", scored, "--workspace", ws)
	data, err := os.ReadFile(scored)
	if err != nil {
		t.Fatal(err)
	}
	want, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(want) != 4 || strings.Join(want[0], ",") != "_row,p,pred" {
		t.Fatalf("%q %v", want, err)
	}
	m, err := load(filepath.Join(ws, "models/flight_delay/versions/1"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m)
	defer server.Close()
	post := func(body string) (int, string) {
		r, err := http.Post(server.URL, "application/json", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		return r.StatusCode, string(text)
	}
	var all sync.WaitGroup
	for i, line := range strings.Split(strings.TrimSpace(rows), "\n")[1:] {
		c := strings.Split(line, ",")
		body := `{"date": "` + c[0] + `", "distance": ` + c[1] + `, "origin": "` + c[2] + `", "destination": "` + c[3] + `"}`
		for range 20 {
			all.Go(func() {
				code, text := post(body)
				var got struct {
					P    json.Number
					Pred bool
				}
				if err := json.Unmarshal([]byte(text), &got); err != nil || code != http.StatusOK {
					t.Errorf("%s: %d %s", body, code, text)
				}
				if pred := map[bool]string{true: "true", false: "false"}[got.Pred]; got.P.String() != want[i+1][1] || pred != want[i+1][2] {
					t.Errorf("row %d: served %s, %s; predict wrote %q", i, got.P, pred, want[i+1])
				}
			})
		}
	}
	all.Wait()
	for body, why := range map[string]string{
		`{"date": "2001-01-05T18:40:00", "distance": 337, "origin": "SFO"}`:                         `column "destination" must be given`,
		`{"date": "yesterday", "distance": 337, "origin": "SFO", "destination": "LAX"}`:             `column "date", which is timestamp`,
		`{"date": "2001-01-05T18:40:00", "distance": 0.5, "origin": "SFO", "destination": "LAX"}`:   `column "distance", which is int64`,
		`{"date": "2001-01-05T18:40:00", "distance": "far", "origin": "SFO", "destination": "LAX"}`: "not far",
		`[`: "EOF",
	} {
		if code, text := post(body); code != http.StatusBadRequest || !strings.Contains(text, why) {
			t.Errorf("%s: %d %s, want %s", body, code, text, why)
		}
	}
}
