package bench

import (
	"path/filepath"
	"strconv"
)

// Query is one piece of work, written for every engine: File.yaml, File.sql and File.polars.js.
type Query struct {
	Name   string
	Doc    string
	File   string  // without its end
	Ext    string  // of what is written: .csv or .parquet
	Judge  Judge   // says whether two results are the same
	Keys   int     // of a CSV: how many columns at the left say which row is which
	Sorted []int   // of a Parquet file: the columns that its rows are sorted by
	Share  float64 // of a sample: what part of the rows it keeps
	Total  int64   // rows of the data; Measure sets it
}

// Empty reads one row, for what starting and stopping takes.
const Empty = "00_empty"

var rows = []Query{
	{Name: "1 group", File: "01_group", Doc: "filter, project, group by origin", Ext: ".csv", Judge: sameTable, Keys: 1},
	{Name: "2 totals", File: "02_totals", Doc: "count, sum, min, max of 5 columns", Ext: ".csv", Judge: sameTable},
	{Name: "3 expression", File: "03_expression", Doc: "filter by arithmetic, sum", Ext: ".csv", Judge: sameTable},
	{Name: "4 dedupe", File: "04_dedupe", Doc: "keep first by 4 columns, sum", Ext: ".csv", Judge: sameTable},
	{Name: "5 join", File: "05_join", Doc: "join to (origin, day) aggregate, sum", Ext: ".csv", Judge: sameTable},
	{Name: "6 quantiles", File: "06_quantiles", Doc: "5 exact quantiles of 5 columns", Ext: ".csv", Judge: sameTable},
	{Name: "7 approx", File: "07_approx_quantiles", Doc: "5 approximate quantiles of 5 columns", Ext: ".csv", Judge: withinBounds},
	{Name: "8 sort", File: "08_sort", Doc: "sort by 3 keys, write", Ext: ".parquet", Judge: sameRows, Sorted: []int{3, 1, 0}},
	{Name: "9 sample", File: "09_sample", Doc: "a tenth of the rows, write", Ext: ".parquet", Judge: sameShare, Share: 0.1},
	{Name: "10 features", File: "10_features", Doc: "fill, scale, encode 16, write", Ext: ".parquet", Judge: sameRows},
}

// Rows are the ten rows of the benchmark.
func Rows(root string) []Query {
	out := make([]Query, len(rows))
	for i, q := range rows {
		q.File = filepath.Join(root, "testing", "bench", "rows", q.File)
		out[i] = q
	}
	return out
}

// EmptyQuery is the run that everything else is compared to when the time of starting is left out.
func EmptyQuery(root string) Query {
	return Query{Name: "0 empty", Doc: "count one row", File: filepath.Join(root, "testing", "bench", "rows", Empty), Ext: ".csv", Judge: sameTable}
}

// RandomQuery is random query number n. Its first keys columns say which row is which; rows that are sorted are compared in their order.
func RandomQuery(n int, doc, file string, keys int, sorted bool) Query {
	if sorted {
		keys = 0
	}
	return Query{Name: RandomPrefix + strconv.Itoa(n), Doc: doc, File: file, Ext: ".csv", Judge: sameTable, Keys: keys}
}
