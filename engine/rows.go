package engine

import (
	"context"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// Hidden columns, as they are written beside a step's own.
const (
	PartColumn = "_part" // string: train, valid or test
	RowColumn  = "_row"  // int64: the row's ordinal in its source, or in the table that the engine made
)

// prepared plans a pipeline for the rows of one step and runs the fits that they need.
func prepared(ctx context.Context, p *dags.Pipeline, cfg Config, step string) (*exec.Exec, *plan.Plan, *plan.Node, error) {
	pl, list := Check(ctx, p, cfg, step)
	if list.Failed() {
		return nil, pl, nil, list.Err()
	}
	n, err := pl.Find(step)
	if err != nil {
		return nil, pl, nil, err
	}
	pl.Narrow(map[*plan.Node][]string{n: n.Sch.Names()})
	if err := budget(cfg, pl); err != nil {
		return nil, pl, nil, err
	}
	x := exec.New(pl, cfg.options(cfg.tables()))
	return x, pl, n, x.Fit(ctx)
}

// Rows writes the rows of a step to a file, in canonical order, with their part and row; the format follows from the file's name.
// Only what the step needs is run, and nothing is published.
func Rows(ctx context.Context, p *dags.Pipeline, cfg Config, step, path string) (rows int64, err error) {
	cfg = cfg.filled(p)
	f, ok := connectors.ByExtension(path)
	if !ok {
		return 0, noFormat(path)
	}
	x, pl, n, err := prepared(ctx, p, cfg, step)
	defer closeSources(pl)
	defer x.Close()
	if err != nil {
		return 0, err
	}
	schema := operators.Schema{Fields: append([]operators.Field{{Name: PartColumn, Type: batch.T(batch.String)}, {Name: RowColumn, Type: batch.T(batch.Int64)}}, n.Sch.Fields...)}
	if s := sourceAt(cfg.FS, pl, path); s != "" {
		return 0, badArgument("%s: it would be written over %s", path, s)
	}
	w, err := create(ctx, cfg.FS, f, path, schema)
	if err != nil {
		return 0, err
	}
	names := batch.OfStrings(batch.PartNames[:])
	err = send(ctx, x, n, n.Sch.Names(), w, func(b batch.Batch) error {
		codes, row := make([]int32, b.N), make([]int64, b.N)
		for i := range b.N {
			codes[i], row[i] = int32(b.PartAt(i)), int64(b.ID.At(i).Ordinal)
		}
		b.Cols = append([]batch.Column{batch.OfCodes(codes, &names), batch.OfInt64s(row)}, b.Cols...)
		rows += int64(b.N)
		return w.Write(b)
	})
	if err != nil {
		_ = w.Abort() // the first failure is the one to tell
		return 0, err
	}
	return rows, w.Commit()
}

// Peek gives the first rows of a step, with its schema.
func Peek(ctx context.Context, p *dags.Pipeline, cfg Config, step string, limit int) (operators.Schema, batch.Batch, error) {
	cfg = cfg.filled(p)
	x, pl, n, err := prepared(ctx, p, cfg, step)
	defer closeSources(pl)
	defer x.Close()
	if err != nil {
		return operators.Schema{}, batch.Batch{}, err
	}
	b, err := x.Head(ctx, n, n.Sch.Names(), limit)
	return n.Sch, b, err
}

func create(ctx context.Context, fs files.FS, f connectors.Format, path string, schema operators.Schema) (connectors.Writer, error) {
	opt := f.Options()
	*opt.Locate() = path
	return opt.Create(ctx, fs, schema)
}

// noFormat is what is said of a file whose name's end tells no format.
func noFormat(path string) error {
	var s []string
	for _, f := range connectors.Formats() {
		s = append(s, f.Extensions...)
	}
	return helped("there are "+strings.Join(s, ", "), "%s: no format is known by that name's end", path)
}

// badArgument is a mistake on the command line: exit code 2.
func badArgument(format string, args ...any) error { return helped("", format, args...) }

// helped is a bad argument with what would be right.
func helped(help, format string, args ...any) error {
	return diag.List{diag.New(diag.BadArgument, diag.At{}, format, args...).WithHelp("%s", help)}.Err()
}
