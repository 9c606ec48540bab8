// Package csv reads and writes comma-separated text.
package csv

import (
	"context"
	"errors"
	"fmt"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
)

// Options are what a DAG file says of a CSV source or sink.
type Options struct {
	Path      string   `param:"path" doc:"a file, a glob, or a folder; for a sink, the file. Those whose names end in .gz or .zst are compressed" required:"true"`
	Delimiter string   `param:"delimiter" doc:"the character between fields: one byte, or tab" default:","`
	Header    bool     `param:"header" doc:"whether the first record names the columns; without it they are column_1, column_2 and so on" default:"true"`
	Nulls     []string `param:"nulls" doc:"what stands for no value, without quotes; a sink writes the first" default:"[\"\"]"`
	// A gzip file of 1 MB may hold 1 GB of one letter; real tables shrink five- to twentyfold.
	ExpandMax int `param:"expand_max" doc:"for a compressed source: it may be this many times its size on disk (16 MiB are always allowed)" default:"200" min:"1" max:"1000000"`
}

// Extensions are the names of files that a folder is searched for.
var Extensions = []string{".csv", ".csv.gz", ".csv.zst"}

// New gives the options with their defaults.
func New() *Options {
	return &Options{Delimiter: ",", Header: true, Nulls: []string{""}, ExpandMax: 200}
}

func init() {
	connectors.Register(connectors.Format{
		Name: "csv",
		Doc: "Comma-separated text (RFC 4180) in UTF-8. A column that the source declares has the type declared. Others get theirs from the " +
			"first 64 KiB of each file: int64, float64, bool, date, timestamp, else string; digits with a leading zero stay text. They are " +
			"nullable. A later value that does not fit is an error that names its line.",
		Extensions: Extensions,
		Options:    func() connectors.Options { return New() },
	})
}

// Locate is the path.
func (o *Options) Locate() *string { return &o.Path }

func (o *Options) delimiter() (byte, error) {
	switch d := o.Delimiter; {
	case d == "tab" || d == `\t`:
		return '\t', nil
	case len(d) == 1 && d[0] < 0x80 && d != "\"" && d != "\n" && d != "\r" && d != "\x00":
		return d[0], nil
	}
	return 0, fmt.Errorf("delimiter %q: it is one byte, and no quote or line end", o.Delimiter)
}

// Open reads the beginning of every file.
func (o *Options) Open(ctx context.Context, fs files.FS, contract []connectors.Want) (connectors.Dataset, error) {
	if _, err := o.delimiter(); err != nil {
		return nil, err
	}
	names, err := files.Expand(fs, o.Path, Extensions...)
	if err != nil {
		return nil, err
	}
	return open(ctx, fs, o, names, contract)
}

// Create begins a file.
func (o *Options) Create(_ context.Context, fs files.FS, schema operators.Schema) (connectors.Writer, error) {
	if _, err := o.delimiter(); err != nil {
		return nil, err
	}
	return create(fs, o, schema)
}

var errExpand = errors.New("it expands to more than expand_max times its size on disk")
