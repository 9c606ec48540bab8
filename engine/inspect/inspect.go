// Package inspect describes a data file to who sees it for the first time.
package inspect

import (
	"context"
	"encoding/json"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Version is that of the JSON form of a File. It rises when a field changes its meaning or goes.
const Version = 1

// Options say how a file is read. None but Label changes the result.
type Options struct {
	FS      files.FS // nil: the machine's own
	Workers int      // 0: all cores
	Label   string   // the column that the others are compared with; "" for none
	rowsMax int      // of a batch; tests cut otherwise
}

// File is what a data file holds.
type File struct {
	Path       string       `json:"path"`
	Format     string       `json:"format"`
	Files      int          `json:"files"`
	Bytes      int64        `json:"bytes"`
	Rows       int64        `json:"rows"`
	SampleRows int64        `json:"sample_rows"` // the rows that quartiles, skews and associations are of; below Rows it is a sample by row hash
	Label      string       `json:"label,omitempty"`
	LabelKind  string       `json:"label_kind,omitempty"` // "classes" or "numbers"
	Columns    []Column     `json:"columns"`
	Warnings   []Warning    `json:"warnings"`
	Unreadable []Unreadable `json:"unreadable,omitempty"`

	schema operators.Schema
	sample sample
}

// Column is one column's statistics, over all rows unless they say otherwise.
type Column struct {
	Name              string       `json:"name"`
	Type              string       `json:"type"`
	Nullable          bool         `json:"nullable"`
	Nulls             int64        `json:"nulls"`
	NaNs              int64        `json:"nans"`
	Distinct          int64        `json:"distinct"` // neither null nor NaN
	DistinctEstimated bool         `json:"distinct_estimated,omitempty"`
	Min               *Value       `json:"min,omitempty"`
	Q1                *Value       `json:"q1,omitempty"` // quartiles are values of the sample
	Median            *Value       `json:"median,omitempty"`
	Q3                *Value       `json:"q3,omitempty"`
	Max               *Value       `json:"max,omitempty"`
	Mean              *float64     `json:"mean,omitempty"` // of numbers and bools, where it is finite
	Std               *float64     `json:"std,omitempty"`  // of the population
	Skew              *float64     `json:"skew,omitempty"` // of the sample
	Top               []Count      `json:"top,omitempty"`  // most frequent first, equal ones by value
	TopSampled        bool         `json:"top_sampled,omitempty"`
	Association       *Association `json:"association,omitempty"`
	Identifier        bool         `json:"identifier,omitempty"`
	Leak              bool         `json:"leak,omitempty"`

	field operators.Field
}

// Value is a value as text: of a number the shortest that reads back as it, of text at most its beginning. In JSON it is a number where
// the column is one.
type Value struct {
	Text   string
	Number bool
}

// MarshalJSON writes a number or a string.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.Number && !strings.ContainsAny(v.Text, "IN") { // infinities have no JSON
		return []byte(v.Text), nil
	}
	return json.Marshal(v.Text)
}

// Count is a value with how many rows have it.
type Count struct {
	Value string `json:"value"` // safe to print; long text is cut
	Rows  int64  `json:"rows"`
	raw   string // up to longText bytes of it
}

// Unreadable is a column of the file that no operator can be given.
type Unreadable struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Kind of a label.
const (
	Classes = "classes"
	Numbers = "numbers"
)

// Read reads a file once, on all cores, and describes its columns. What it holds in memory is bounded by the number of columns, not by
// that of rows. The result is the same for any number of workers.
func Read(ctx context.Context, path string, opt Options) (*File, error) {
	if opt.FS == nil {
		opt.FS = files.Local()
	}
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.rowsMax <= 0 {
		opt.rowsMax = 16384
	}
	d, format, err := open(ctx, path, opt.FS)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	in := &File{Path: path, Format: format, Files: len(d.Files()), Label: opt.Label, Columns: []Column{}, Warnings: []Warning{}, schema: d.Schema()}
	for _, f := range d.Files() {
		in.Bytes += f.Bytes
	}
	for name, why := range d.Unreadable() {
		in.Unreadable = append(in.Unreadable, Unreadable{name, why})
	}
	slices.SortFunc(in.Unreadable, func(a, b Unreadable) int { return strings.Compare(a.Name, b.Name) })
	label := in.schema.Index(opt.Label)
	if opt.Label != "" && label < 0 {
		return nil, badArgument(diag.DidYouMean(opt.Label, "columns", in.schema.Names()), "%s: no column %q", path, opt.Label)
	}
	all, err := scan(ctx, d, opt)
	if err != nil {
		return nil, err
	}
	in.Rows, in.sample = all.rows, all.sample.finish()
	in.SampleRows = int64(in.sample.n)
	for i := range all.tallies {
		in.Columns = append(in.Columns, all.tallies[i].finish(&in.sample.cols[i]))
	}
	if label >= 0 {
		in.associate(label)
	}
	in.warn()
	return in, nil
}

func open(ctx context.Context, path string, fs files.FS) (connectors.Dataset, string, error) {
	f, ok := connectors.ByExtension(path)
	if !ok {
		// a folder has no name's end
		if f, ok = connectors.Lookup("parquet"); !ok || strings.Contains(base(path), ".") {
			var ends []string
			for _, f := range connectors.Formats() {
				ends = append(ends, f.Extensions...)
			}
			return nil, "", badArgument("there are "+strings.Join(ends, ", "), "%s: no format is known by that name's end", path)
		}
	}
	opt := f.Options()
	*opt.Locate() = path
	d, err := opt.Open(ctx, fs, nil)
	return d, f.Name, err
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func badArgument(help, format string, args ...any) error {
	return diag.List{diag.New(diag.BadArgument, diag.At{}, format, args...).WithHelp("%s", help)}.Err()
}

// column finds a column's statistics by name.
func (in *File) column(name string) *Column {
	if i := in.schema.Index(name); i >= 0 {
		return &in.Columns[i]
	}
	return nil
}

// values are the rows with a value that is neither null nor NaN.
func (in *File) values(c *Column) int64 { return in.Rows - c.Nulls - c.NaNs }

// finite gives a number to store, nil where there is none that JSON could hold.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
