// Command sample cuts every n-th row of a Parquet file into a small one of the same schema.
//
// The files under examples/ that are parts of larger published ones are made with it, so that anybody can make them again:
//
//	go run ./scripts/sample -every 30 -group 20000 data/flights-3m.parquet examples/flights/flights.parquet
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

func main() {
	every := flag.Int("every", 30, "keep the first of each `n` rows")
	group := flag.Int("group", 20000, "`rows` in a row group")
	flag.Parse()
	if flag.NArg() != 2 || *every < 1 || *group < 1 {
		fmt.Fprintln(os.Stderr, "usage: sample [-every n] [-group rows] FROM.parquet TO.parquet")
		os.Exit(2)
	}
	rows, err := sample(flag.Arg(0), flag.Arg(1), *every, *group)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d rows\n", flag.Arg(1), rows)
}

// sample writes rows 0, every, 2*every, … of the file from into the file to, group rows in a row group, and returns how
// many it wrote. Columns, their order, types and nullability stay as they are, so a DAG that reads one reads the other.
// It writes aside and renames: a failure leaves an older sample untouched.
func sample(from, to string, every, group int) (int, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return 0, err
	}
	file, err := parquet.OpenFile(in, info.Size())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", from, err)
	}

	aside := to + ".part"
	out, err := os.Create(aside)
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(aside) }() // there is nothing to remove once it is renamed
	rows, err := copyEvery(out, file, every, group)
	if err := errors.Join(err, out.Close()); err != nil {
		return 0, fmt.Errorf("%s: %w", to, err)
	}
	return rows, os.Rename(aside, to)
}

func copyEvery(out io.Writer, file *parquet.File, every, group int) (int, error) {
	w := parquet.NewGenericWriter[any](out, file.Schema(),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedBestCompression}),
		parquet.MaxRowsPerRowGroup(int64(group)))
	kept, seen := 0, 0 // seen runs on across row groups: the sample must not depend on where they were cut
	for _, g := range file.RowGroups() {
		n, err := eachRow(g, func(row parquet.Row) error {
			defer func() { seen++ }()
			if seen%every != 0 {
				return nil
			}
			kept++
			_, err := w.WriteRows([]parquet.Row{row})
			return err
		})
		if err != nil {
			return kept, err
		}
		if int64(n) != g.NumRows() {
			return kept, fmt.Errorf("a row group says %d rows and holds %d", g.NumRows(), n)
		}
	}
	return kept, w.Close()
}

// eachRow calls do with each row of the group, valid until do returns, and returns how many there were.
func eachRow(g parquet.RowGroup, do func(parquet.Row) error) (int, error) {
	rows := g.Rows()
	defer rows.Close()
	total, block := 0, make([]parquet.Row, 512)
	for {
		n, err := rows.ReadRows(block)
		for _, row := range block[:n] {
			if err := do(row); err != nil {
				return total, err
			}
			total++
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
