package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/bundle"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// Prediction says what Predict did.
type Prediction struct {
	Model   string // "flight_delay version 3", or the folder
	Rows    int64
	Columns []string
}

// LoadModel loads a model by reference (name@alias, models://name@alias) or from a bundle's folder.
func LoadModel(cfg Config, ref string) (*bundle.Bundle, string, error) {
	if st, err := os.Stat(ref); err == nil && st.IsDir() {
		b, err := bundle.Load(os.DirFS(ref))
		if err != nil {
			return nil, "", &connectors.DataError{File: ref, Row: -1, Err: err}
		}
		return b, ref, nil
	}
	name, alias, err := ParseModelRef(ref)
	if err != nil {
		return nil, "", badArgument("%v", err)
	}
	v, fsys, err := store.Look(cfg.FS, cfg.Workspace).Resolve(name, alias)
	if err != nil {
		return nil, "", err
	}
	b, err := bundle.Load(fsys)
	if err != nil {
		return nil, "", &connectors.DataError{File: fmt.Sprintf("model %s version %d", name, v), Row: -1, Err: err}
	}
	return b, fmt.Sprintf("%s version %d", name, v), nil
}

// Predict scores every row of a file with a published model and writes one row a row, in order: the row's number and the model's
// columns, behind the columns of keep. It runs the program that was evaluated. With explain a wide column shap stands behind all: what each
// feature adds to the raw score.
func Predict(ctx context.Context, cfg Config, ref, from, to string, keep []string, explain bool) (*Prediction, error) {
	if cfg.FS == nil {
		cfg.FS = files.Local()
	}
	if cfg.Workspace == "" {
		cfg.Workspace = ".headrace"
	}
	if cfg.Workers == 0 {
		cfg.Workers = Cores()
	}
	b, name, err := LoadModel(cfg, ref)
	if err != nil {
		return nil, err
	}
	graph, outputs := b.Graph, b.Outputs
	if explain {
		if graph, err = model.Explain(graph, b.Manifest.Task.Kind); err != nil {
			return nil, badArgument("--explain: %s: %v", name, err)
		}
		outputs = append(slices.Clone(outputs), operators.Field{Name: model.Shap, Type: batch.T(batch.Vector)})
	}
	data, err := openFile(ctx, cfg.FS, from, b.Inputs)
	if err != nil {
		return nil, err
	}
	defer data.Close()
	in, err := bindInputs(name, from, data.Schema(), b.Inputs)
	if err != nil {
		return nil, err
	}
	schema := operators.Of(operators.Field{Name: RowColumn, Type: batch.T(batch.Int64)})
	for _, k := range keep {
		i := data.Schema().Index(k)
		switch {
		case i < 0:
			return nil, helped(diag.DidYouMean(k, "columns", data.Schema().Names()), "%s: no column %q to keep", from, k)
		case slices.Contains(in[len(b.Inputs):], i):
			return nil, badArgument("--keep %s: it is named twice", k)
		}
		in = append(in, i)
		schema.Fields = append(schema.Fields, data.Schema().Fields[i])
	}
	schema.Fields = append(schema.Fields, outputs...)
	none, err := ofNoRows(graph, schema)
	if err != nil {
		return nil, err
	}
	if written, err := writtenNames(schema, none, len(keep)); err != nil {
		return nil, err
	} else if i := slices.IndexFunc(keep, written.Has); i >= 0 {
		return nil, badArgument("--keep %s: the model writes a column of that name", keep[i])
	}
	format, ok := connectors.ByExtension(to)
	if !ok {
		return nil, noFormat(to)
	}
	if hasFile(cfg.FS, data, to) {
		return nil, badArgument("%s: it would be written over its own input", to)
	}
	w, err := create(ctx, cfg.FS, format, to, schema)
	if err != nil {
		return nil, err
	}
	p := &Prediction{Model: name, Columns: schema.Names()}
	score := func(c *batch.Ctx, got batch.Batch) (batch.Batch, error) {
		run := func(n int) (out []batch.Column, err error) {
			part := got.Slice(c, 0, n)
			return graph.Batch(c, n, part.Cols[:len(b.Inputs)])
		}
		out, err := run(got.N)
		if err != nil {
			err = exec.Least(err, func(rows int) error {
				_, err := run(rows)
				return err
			})
			var r *program.RowError
			if errors.As(err, &r) && r.Row >= 0 {
				return got, &connectors.DataError{File: from, Row: int64(got.ID.At(r.Row).Ordinal), Err: r.Err}
			}
			return got, err
		}
		row := c.Int64s(got.N)
		for i := range row {
			row[i] = int64(got.ID.At(i).Ordinal)
		}
		got.Cols = append(append([]batch.Column{batch.OfInt64s(row)}, got.Cols[len(b.Inputs):]...), out...)
		return got, nil
	}
	if err := w.Write(none); err != nil { // so that a file of no rows has the columns of one with rows
		_ = w.Abort()
		return nil, err
	}
	x := exec.New(nil, exec.Options{Workers: cfg.Workers, MorselRows: cfg.MorselRows})
	if err := x.Map(ctx, data, in, score, func(b batch.Batch) error {
		p.Rows += int64(b.N)
		return w.Write(b)
	}); err != nil {
		_ = w.Abort() // the first failure is the one to tell
		return nil, err
	}
	return p, w.Commit()
}

// ofNoRows is what a graph gives of no rows, behind columns of the fields of schema that are not its: it says the members of wide columns.
func ofNoRows(g program.Graph, schema operators.Schema) (batch.Batch, error) {
	c := &batch.Ctx{}
	var in []batch.Column
	for _, p := range g.In {
		in = append(in, c.New(g.Types[p.Slot], 0))
	}
	out, err := g.Batch(c, 0, in)
	var cols []batch.Column
	for _, f := range schema.Fields[:len(schema.Fields)-len(g.Out)] {
		cols = append(cols, c.New(f.Type, 0))
	}
	return batch.Batch{Cols: append(cols, out...)}, err
}

// writtenNames are the columns of a file of predictions without those that are kept, which stand behind the first.
func writtenNames(s operators.Schema, none batch.Batch, kept int) (operators.Schema, error) {
	s.Fields = slices.Delete(slices.Clone(s.Fields), 1, 1+kept)
	none.Cols = slices.Delete(slices.Clone(none.Cols), 1, 1+kept)
	return connectors.Flat(s, &none)
}

// openFile opens a file by its name's end; the bundle's inputs give a CSV its types.
func openFile(ctx context.Context, fs files.FS, path string, want []operators.Field) (connectors.Dataset, error) {
	f, ok := connectors.ByExtension(path)
	if !ok {
		return nil, noFormat(path)
	}
	opt := f.Options()
	*opt.Locate() = path
	var contract []connectors.Want
	for _, w := range want {
		contract = append(contract, connectors.Want{Name: w.Name, Type: w.Type, Nullable: w.Nullable})
	}
	return opt.Open(ctx, fs, contract)
}

// bindInputs finds the model's inputs among a file's columns.
func bindInputs(model, path string, have operators.Schema, want []operators.Field) ([]int, error) {
	var cols []int
	var wrong []string
	for _, f := range want {
		i := have.Index(f.Name)
		switch {
		case i < 0:
			wrong = append(wrong, fmt.Sprintf("no column %q (%s)", f.Name, f.Type))
		case have.Fields[i].Type != f.Type:
			wrong = append(wrong, fmt.Sprintf("column %q is %s, and the model reads %s", f.Name, have.Fields[i].Type, f.Type))
		}
		cols = append(cols, i)
	}
	if wrong != nil {
		return nil, &connectors.DataError{File: path, Row: -1, Err: fmt.Errorf("it does not have what %s reads: %s", model, strings.Join(wrong, "; "))}
	}
	return cols, nil
}
