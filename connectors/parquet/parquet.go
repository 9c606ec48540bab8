// Package parquet reads and writes Apache Parquet files.
package parquet

import (
	"context"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/param"
)

// Options are what a DAG file says of a Parquet source or sink.
type Options struct {
	Path         string      `param:"path" doc:"a file, a glob, or a folder; for a sink, the file" required:"true"`
	Compression  string      `param:"compression" doc:"for a sink: how pages are compressed" default:"zstd" enum:"zstd|snappy|none"`
	RowGroupRows int         `param:"row_group_rows" doc:"for a sink: rows per row group, which is what one worker reads at a time" default:"122880" min:"1" max:"16777216"`
	PageMax      param.Bytes `param:"page_max" doc:"for a source: a page that expands to more is refused" default:"128MiB" min:"64KiB" max:"1GiB"`
}

// Extensions are the names of files that a folder is searched for.
var Extensions = []string{".parquet", ".pq"}

// New gives the options with their defaults.
func New() *Options {
	return &Options{Compression: "zstd", RowGroupRows: 122880, PageMax: 128 << 20}
}

func init() {
	connectors.Register(connectors.Format{
		Name:       "parquet",
		Doc:        "Apache Parquet: columns of bool, int32, int64, float, string, bytes, date, timestamp and decimal, in any encoding and codec but LZO. Nested columns are left out.",
		Extensions: Extensions,
		Options:    func() connectors.Options { return New() },
	})
}

// Locate is the path.
func (o *Options) Locate() *string { return &o.Path }

// Open reads the footers of all files. The types are the files' own, whatever the contract says: the engine compares.
func (o *Options) Open(ctx context.Context, fs files.FS, _ []connectors.Want) (connectors.Dataset, error) {
	names, err := files.Expand(fs, o.Path, Extensions...)
	if err != nil {
		return nil, err
	}
	return open(ctx, fs, names, int(o.PageMax))
}

// Create begins a file.
func (o *Options) Create(_ context.Context, fs files.FS, schema operators.Schema) (connectors.Writer, error) {
	return create(fs, o, schema)
}
