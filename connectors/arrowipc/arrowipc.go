// Package arrowipc reads and writes Arrow's IPC files and streams.
package arrowipc

import (
	"context"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
)

// Options are what a DAG file says of an Arrow source or sink.
type Options struct {
	Path        string `param:"path" doc:"a file, a glob, or a folder; for a sink, the file, which is a stream where its name ends in .arrows" required:"true"`
	Compression string `param:"compression" doc:"for a sink: how buffers are compressed" default:"none" enum:"none|zstd|lz4"`
}

// Extensions are the names of files that a folder is searched for.
var Extensions = []string{".arrow", ".arrows", ".feather", ".ipc"}

// New gives the options with their defaults.
func New() *Options { return &Options{Compression: "none"} }

func init() {
	connectors.Register(connectors.Format{
		Name:       "arrow",
		Doc:        "Arrow IPC, file or stream (also Feather 2). Nested columns are left out. A file may expand to 64 times its size.",
		Extensions: Extensions,
		Options:    func() connectors.Options { return New() },
	})
}

// Locate is the path.
func (o *Options) Locate() *string { return &o.Path }

// Open reads the schema and the headers of all messages: row counts are known, no row is read.
func (o *Options) Open(ctx context.Context, fs files.FS, _ []connectors.Want) (connectors.Dataset, error) {
	names, err := files.Expand(fs, o.Path, Extensions...)
	if err != nil {
		return nil, err
	}
	return open(ctx, fs, names)
}

// Create begins a file.
func (o *Options) Create(_ context.Context, fs files.FS, schema operators.Schema) (connectors.Writer, error) {
	return create(fs, o, schema, strings.HasSuffix(strings.ToLower(o.Path), ".arrows"))
}
