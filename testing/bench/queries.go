package bench

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strconv"
)

// Query is one piece of work, written for every engine that does it: File.yaml, File.sql and File.polars.js, or File.sql and File.py, or
// a Program.
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

	DAG     string   // of Headrace, where it is not File.yaml
	Peers   []string // who does the same; nil: DuckDB and Polars
	RowsMax int64    // more rows than these, and the scaling, only where the query is asked for by name; 0: any number
	RowsMin int64    // fewer rows than these, as well
	// Score says how good a result is and of how many rows, in place of Judge: results may differ, but their rows are as many, and the
	// first engine's score is no further below a peer's than Near, nor above it than Far, where there is one, and Least at least.
	Score func(ctx context.Context, path string) (score float64, rows int, err error)
	Near  float64
	Far   float64 // Near, if not given; a peer that is further behind was set up badly
	Least float64

	Program *Program // what is run in place of a DAG file and its peers' queries
}

// dag is what Headrace runs.
func (q *Query) dag() string { return cmp.Or(q.DAG, q.File+".yaml") }

// among gives the engines that do the query, in their order.
func (q *Query) among(all []Engine) []Engine {
	peers := q.Peers
	if peers == nil {
		peers = []string{"duckdb", "polars"}
	}
	some := all[:1:1]
	for _, e := range all[1:] {
		if slices.Contains(peers, e.Name) {
			some = append(some, e)
		}
	}
	return some
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
	{
		Name: "11 job", File: "11_job", Doc: "filter, dedupe, 15 features, split, 100 trees, judge", Ext: ".parquet",
		DAG: "examples/arrivals/late_arrival.yaml", Peers: []string{"xgboost"}, RowsMax: 3e6, Score: auc, Near: 0.002,
	},
	training("train dense 31", dense, "1M rows of 28 numbers, 100 trees of 31 leaves", 31),
	training("train dense 255", dense, "the same, 255 leaves", 255),
	training("train flights 31", flights, "2.4M real flights as 6 numbers, 31 leaves", 31),
	training("train flights 255", flights, "the same, 255 leaves", 255),
	airports,
	growing("forest dense", dense, "100,000 rows of 28 numbers, 100 trees to the last row", "forest", 100_000),
	growing("forest extra", dense, "extra trees of the same", "extra", 100_000),
	growing("forest numbers", dense, "20,000 of them, one of the numbers from the others", "numbers", 20_000, "--target", "x24"),
	growing("forest flights", flights, "300,000 real flights as 6 numbers, late or not", "forest", 300_000),
	growing("forest delays", delays, "the same, by how many minutes, 100 rows a leaf", "numbers", 300_000, "--rows", "100"),
	growing("forest adult", adult, "39,000 people as 14 numbers, two classes", "forest", 0),
	growing("forest cover", covertype, "12,000 places as 54 numbers, seven classes", "multiclass", 0),
	growing("forest odd", odd, "isolation forest of a million rows, a hundredth odd", "isolation", 0),
	predicting("predict 31", dense, "1M rows of 28 numbers by 100 trees of 31 leaves", 31),
	predicting("predict 255", dense, "the same, 255 leaves", 255),
	gapped,
	singly,
}

// Rows are the rows of the benchmark.
func Rows(root string) []Query {
	out := make([]Query, len(rows))
	for i, q := range rows {
		if q.Program == nil {
			q.File = filepath.Join(root, "testing", "bench", "rows", q.File)
		}
		if q.DAG != "" {
			q.DAG = filepath.Join(root, filepath.FromSlash(q.DAG))
		}
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
