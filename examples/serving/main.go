// Command serving answers requests with a published model: a row as JSON comes in, the model's columns go out.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/bundle"
	"github.com/headrace/headrace/operators/program"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: serving FOLDER ADDRESS, such as .headrace/models/flight_delay/versions/1 localhost:8080")
	}
	m, err := load(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(os.Args[2], m))
}

// model is a bundle with frames for the requests that come at the same time.
type model struct {
	*bundle.Bundle
	frames sync.Pool
}

func load(folder string) (*model, error) {
	b, err := bundle.Load(os.DirFS(folder)) // it replays the golden rows: a model that does not give what it gave is refused
	if err != nil {
		return nil, err
	}
	return &model{Bundle: b, frames: sync.Pool{New: func() any { return b.Graph.Frame() }}}, nil
}

// ServeHTTP scores the row of a request.
func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var row map[string]any
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.UseNumber() // an int64 is no float64
	err := d.Decode(&row)
	var out map[string]any
	if err == nil {
		out, err = m.score(row)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		log.Print(err)
	}
}

// score puts a row into the slots of the graph's inputs, runs it, and takes what its outputs hold.
func (m *model) score(row map[string]any) (map[string]any, error) {
	f := m.frames.Get().(*program.Frame)
	defer m.frames.Put(f)
	for i, in := range m.Inputs {
		slot := m.Graph.In[i].Slot
		v := row[in.Name] // nil where it is null, or not there
		if f.Null[slot] = v == nil; v == nil && !in.Nullable {
			return nil, fmt.Errorf("column %q must be given", in.Name)
		}
		if err := put(f, slot, in.Type, v); err != nil {
			return nil, fmt.Errorf("column %q, which is %s: %w", in.Name, in.Type, err)
		}
	}
	if err := m.Graph.Row(f); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for i, o := range m.Outputs {
		out[o.Name] = take(f, m.Graph.Out[i].Slot, o.Type)
	}
	return out, nil
}

// put writes a value of JSON into a slot.
func put(f *program.Frame, slot int, t batch.Type, v any) (err error) {
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		if t.Kind == batch.Bool {
			f.I[slot] = map[bool]int64{true: 1}[v]
			return nil
		}
	case json.Number:
		switch {
		case t.Integer():
			f.I[slot], err = v.Int64()
			return err
		case t.Kind == batch.Float64 || t.Kind == batch.Float32:
			f.F[slot], err = v.Float64()
			return err
		}
	case string:
		switch t.Kind {
		case batch.String:
			f.S[slot] = v
			return nil
		case batch.Date:
			day, err := time.Parse(time.DateOnly, v)
			f.I[slot] = day.Unix() / (24 * 60 * 60)
			return err
		case batch.Timestamp:
			at, err := time.Parse("2006-01-02T15:04:05", v)
			f.I[slot] = at.Unix() * t.Unit.PerSecond()
			return err
		}
	}
	return fmt.Errorf("not %v", v)
}

// take reads a slot as JSON has it. What it gives is its own: the frame is another request's soon.
func take(f *program.Frame, slot int, t batch.Type) any {
	switch {
	case f.Null[slot]:
		return nil
	case t.Kind == batch.Bool:
		return f.I[slot] != 0
	case t.Kind == batch.Float64 || t.Kind == batch.Float32:
		return f.F[slot]
	case t.Kind == batch.String:
		return f.S[slot]
	case t.Kind == batch.Vector:
		return append([]float64(nil), f.V[slot]...)
	}
	return f.I[slot]
}
