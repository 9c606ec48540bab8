// Package connectors is the contract of the edges of a graph: what can be read and written, format by format.
package connectors

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// Format is a connector's entry in the catalogue.
type Format struct {
	Name       string
	Doc        string
	Extensions []string       // ".parquet"
	Options    func() Options // options with their defaults: a struct with param tags, "path" among them
}

// Options are a connector's decoded options. They open a data set, write one, or both; Open or Create of a connector that cannot
// is an error that says so.
type Options interface {
	Open(ctx context.Context, fs files.FS, contract []Want) (Dataset, error)
	Create(ctx context.Context, fs files.FS, schema operators.Schema) (Writer, error)
	// Locate gives the option that is the path, so that the caller can make it relative to the right folder; nil where there is none.
	Locate() *string
}

// Want is a column that the DAG file declares for a source: for a format without types of its own (CSV) it decides the type.
type Want struct {
	Name     string
	Type     batch.Type // Unknown: as the format has it
	Nullable bool
}

// Dataset is an opened source: its files are listed, their footers or headers read, and no row.
type Dataset interface {
	Schema() operators.Schema
	// Unreadable are columns of the files that Schema leaves out, name to reason ("list of struct"): who asks for one is told.
	Unreadable() map[string]string
	Units() []Unit
	// Read gives the rows of a unit, in order, with the columns cols (indexes into Schema), in batches of at most rowsMax rows. A
	// batch lives in c, which the callee of emit or the caller may reset once emit has returned, or trade its memory for another's. What
	// of a batch lies elsewhere is on the Go heap and never written to again. The dictionary of a coded column always does: the batches
	// of a unit share it as long as it is the same, so that what was looked up for one batch may be remembered by the address of
	// Column.Dict for as long as that is held. Many goroutines may read at once. Errors name the file.
	Read(ctx context.Context, c *batch.Ctx, unit int, cols []int, rowsMax int, emit func(batch.Batch) error) error
	Files() []File
	Close() error
}

// Selector is a Dataset that can leave out rows that nobody wants. Select is Read but for them: what it gives has every row that is
// wanted, in order and with its identity, and may have others. What is wrong in the columns of a row that is not wanted, but for those
// that say so, need not be told.
type Selector interface {
	Select(ctx context.Context, c *batch.Ctx, unit int, s Selection, emit func(batch.Batch) error) error
}

// Selection says which rows of a unit are wanted.
type Selection struct {
	Cols    []int // as for Read
	RowsMax int
	// Never says whether no row can be wanted whose columns are within bounds, as far as those are known; nil: it is not known.
	Never func(bounds func(col int) (batch.Bounds, bool)) bool
	// Wanted gives the bitmap of the rows of b that are wanted, perhaps in c's memory; the columns of b are Early, some of Cols. nil: all.
	// Where it fails the rows are given as if all were wanted, so that who takes them fails too.
	Wanted func(c *batch.Ctx, b batch.Batch) ([]uint64, error)
	Early  []int
}

// Unit is what one worker reads at a time: a row group, a piece of a CSV file. Rows is -1 where it is not known before it is read;
// then First is known for the first such unit only, and units are read in order to number the rows.
type Unit struct {
	File  string
	First uint64 // ordinal of the first row in the data set
	Rows  int64
	Bytes int64 // on disk
	// Bounds gives what the file says of a column of Schema in this unit, for push-down; ok is false where nothing is said.
	Bounds func(col int) (b batch.Bounds, ok bool)
}

// File is one file of a data set.
type File struct {
	Path  string
	Bytes int64
	Rows  int64 // -1: not known
}

// Writer writes rows in the order given. What it writes is not there under its name before Commit.
type Writer interface {
	Write(b batch.Batch) error // columns are those of the schema
	Commit() error
	Abort() error // after Commit it does nothing
}

// Uncut is a Writer whose file follows from the rows alone: it takes batches of any size, without having them cut anew so that the file
// does not hang on how the rows came.
type Uncut interface{ Uncut() }

// DataError is an error that the data is to blame for: a corrupt file, a bad row. It exits with code 4. File is the path, Row the
// ordinal in the file from 0 or -1, Line the line from 1 or 0. People are told rows from 1.
type DataError struct {
	File string
	Line int64
	Row  int64
	Err  error
}

func (e *DataError) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
	case e.Row >= 0:
		return fmt.Sprintf("%s: row %d: %v", e.File, e.Row+1, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}
func (e *DataError) Unwrap() error { return e.Err }

var formats = map[string]Format{}

// Register puts a format in the catalogue. It is called from init; a second entry panics.
func Register(f Format) {
	if formats[f.Name].Name != "" || f.Options == nil {
		panic("connectors: " + f.Name + " registered twice or without options")
	}
	formats[f.Name] = f
}

// Lookup finds a format.
func Lookup(name string) (Format, bool) {
	f, ok := formats[name]
	return f, ok
}

// Formats are all of them, by name.
func Formats() []Format {
	var all []Format
	for _, f := range formats {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Format) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// ByExtension finds the format of a file's name.
func ByExtension(path string) (Format, bool) {
	for _, f := range Formats() {
		for _, e := range f.Extensions {
			if strings.HasSuffix(strings.ToLower(path), e) {
				return f, true
			}
		}
	}
	return Format{}, false
}
