// Package parquet reads and writes Apache Parquet files.
package parquet

import (
	"context"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
)

// Options are what a DAG file says of a Parquet source or sink.
type Options struct {
	Path         string `param:"path" doc:"A file, a glob, or a folder; of a sink, the file." required:"true"`
	Compression  string `param:"compression" doc:"Of a sink: how pages are compressed." default:"zstd" enum:"zstd|snappy|none"`
	RowGroupRows int    `param:"row_group_rows" doc:"Of a sink: rows of a row group, which is what one worker reads at a time." default:"122880" min:"1" max:"16777216"`
	PageMaxBytes int    `param:"page_max_bytes" doc:"Of a source: a page that expands to more is refused." default:"134217728" min:"65536" max:"1073741824"`
}

// Extensions are the names of files that a folder is searched for.
var Extensions = []string{".parquet", ".pq"}

// New gives the options with their defaults.
func New() *Options {
	return &Options{Compression: "zstd", RowGroupRows: 122880, PageMaxBytes: 128 << 20}
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
	return open(ctx, fs, names, o.PageMaxBytes)
}

// Create begins a file.
func (o *Options) Create(_ context.Context, fs files.FS, schema operators.Schema) (connectors.Writer, error) {
	return create(fs, o, schema)
}
