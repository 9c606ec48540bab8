package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/testing/race"
)

// refused are the files of the corpora that are not read, or not whole, and why: a piece of the error.
var refused = map[string]string{
	"data/datapage_v1-corrupt-checksum.parquet":               "checksum",
	"data/rle-dict-uncompressed-corrupt-checksum.parquet":     "checksum",
	"data/int96_from_spark.parquet":                           "int96 time outside of 1677 to 2262",
	"data/repeated_no_annotation.parquet":                     "claims 0 rows, its row groups 6",
	"data/encrypt_columns_plaintext_footer.parquet.encrypted": "int96 time outside", // the columns in plain text
	"bad_data/ARROW-GH-41317.parquet":                         "malformed metadata",
	"bad_data/ARROW-GH-41321.parquet":                         "dictionary codes of 254 bits",
	"bad_data/ARROW-GH-47662.parquet":                         "the page ends before its values do",
	"bad_data/ARROW-RS-GH-6229-DICTHEADER.parquet":            "of a file of 533 bytes",
	"bad_data/PARQUET-1481.parquet":                           "malformed metadata",
}

// Every file that we claim to read gives what the oracle gives, column by column; every other is refused by name.
func TestCorpora(t *testing.T) {
	dir := corpora(t)
	want := expected(t, dir)
	const base = "parquet-testing/"
	lz4 := want[base+"data/lz4_raw_compressed.parquet"]
	// The oracle has no LZ4 of the old kinds; these files hold what lz4_raw_compressed does.
	want[base+"data/hadoop_lz4_compressed.parquet"] = lz4
	want[base+"data/non_hadoop_lz4_compressed.parquet"] = lz4
	want[base+"data/hadoop_lz4_compressed_larger.parquet"] = want[base+"data/lz4_raw_compressed_larger.parquet"]

	var names []string
	for _, g := range []string{"data/*", "data/*/*", "bad_data/*"} {
		m, _ := filepath.Glob(filepath.Join(dir, base, g))
		names = append(names, m...)
	}
	columns, files := 0, 0
	for _, path := range names {
		if !strings.Contains(path, ".parquet") || strings.HasSuffix(path, ".json") {
			continue
		}
		n := strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(dir)+"/"+base)
		e := want[base+n]
		d, err := openPath(path)
		why := refused[n]
		if why == "" && strings.Contains(n, "encrypt") && !strings.Contains(n, "plaintext_footer") {
			why = "the file is encrypted"
		}
		var sums []string
		var rows int64
		if err == nil {
			micros := make([]bool, len(d.Schema().Fields))
			for i, f := range d.Schema().Fields {
				micros[i] = slices.ContainsFunc(e.Columns, func(c column) bool { return c.Name == f.Name && c.Type == "TIMESTAMP" })
			}
			sums, rows, err = digest(d, 1000, micros)
		}
		if why != "" {
			var data *connectors.DataError
			if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) || !errors.As(err, &data) {
				t.Errorf("%s: %v, want a refusal with %q", n, err, why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", n, err)
			continue
		}
		files++
		if len(e.Columns) == 0 || e.Columns[0].Sha256 == "" {
			continue // the oracle does not read it, and we read no column of it
		}
		if rows != e.Rows {
			t.Errorf("%s: %d rows, want %d", n, rows, e.Rows)
		}
		for i, f := range d.Schema().Fields {
			j := slices.IndexFunc(e.Columns, func(c column) bool { return c.Name == f.Name })
			switch {
			case j < 0:
				t.Errorf("%s: no column %q in the oracle's", n, f.Name)
			case strings.HasPrefix(e.Columns[j].Type, "GEOMETRY"): // the oracle writes it anew; we give the bytes
			case e.Columns[j].Sha256 != sums[i]:
				t.Errorf("%s: column %q is not the oracle's", n, f.Name)
			default:
				columns++
			}
		}
		for _, c := range e.Columns {
			if !d.Schema().Has(c.Name) && d.Unreadable()[c.Name] == "" {
				t.Errorf("%s: column %q is neither read nor refused", n, c.Name)
			}
		}
	}
	if columns < 150 {
		t.Errorf("only %d columns were compared", columns)
	}
	t.Logf("%d files opened, %d columns equal to the oracle's", files, columns)
}

// heapMost is what the heap and what lies behind it may take while bad files are read.
const heapMost = 300 << 20

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// mutants reads n damaged copies of a file and says how they went: refused by name, or read (damage that nothing can see: a page
// without a checksum), never a panic.
//
// want, if not nil, is what a file whose pages have checksums must give where the damage left its schema as it was.
func mutants(t *testing.T, path string, n int, want table, damage func(r *rand.Rand, b []byte) []byte) {
	t.Helper()
	good, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprint(good.Schema())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.parquet")
	debug.FreeOSMemory()
	before := heap()
	most, failed := before, 0
	for seed := range n {
		b := damage(rand.New(rand.NewPCG(uint64(seed), 7)), slices.Clone(whole))
		if err := os.WriteFile(bad, b, 0o666); err != nil {
			t.Fatal(err)
		}
		d, err := openPath(bad)
		if err == nil {
			for u := range d.Units() {
				for c := range d.Schema().Fields {
					d.Units()[u].Bounds(c)
				}
			}
			var got table
			got, err = readAll(d, every(d), 4096)
			if err == nil && want != nil && fmt.Sprint(d.Schema()) == schema {
				for i := range want {
					if !bytes.Equal(got[i], want[i]) {
						t.Errorf("mutant %d: column %d was read, and wrong", seed, i)
					}
				}
			}
		}
		if err != nil {
			failed++
			if !strings.Contains(err.Error(), bad) || strings.Contains(err.Error(), "a decoder failed") {
				t.Errorf("mutant %d: %v", seed, err)
			}
		}
		most = max(most, heap())
	}
	if most-min(before, most) > heapMost {
		t.Errorf("%d MB more than before", (most-before)>>20)
	}
	if failed < n/4 {
		t.Errorf("only %d of %d mutants were refused", failed, n)
	}
	t.Logf("%d of %d refused, at most %d MB more", failed, n, (most-min(before, most))>>20)
}

// flip changes 1 to 8 bytes, half of the time in the last tenth, where the footer is.
func flip(r *rand.Rand, b []byte) []byte {
	for range 1 + r.IntN(8) {
		i := r.IntN(len(b))
		if r.IntN(2) == 0 {
			i = len(b) - 1 - r.IntN(len(b)/10)
		}
		b[i] ^= byte(1 + r.IntN(255))
	}
	return b
}

func TestMutants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.parquet")
	want := writeFile(t, path, everyType(), func(o *parquet.Options) { o.RowGroupRows = 600 }, 3, true, 700, 700)
	mutants(t, path, race.Few(1000), want, flip)
	want = writeFile(t, path, everyType(), func(o *parquet.Options) { o.Compression = "none" }, 4, false, 500)
	mutants(t, path, race.Few(300), want, flip)
}

// The flights of the example, if the checkout has them: what users read first.
func TestMutantsOfFlights(t *testing.T) {
	path := filepath.Join("..", "..", "examples", "flights", "flights.parquet")
	if _, err := os.Stat(path); err != nil {
		t.Skip("examples/flights/flights.parquet is not here")
	}
	n := race.Few(100) // each costs a reading of the file
	if os.Getenv("HEADRACE_TORTURE") != "" {
		n = 1000
	}
	mutants(t, path, n, nil, flip)
}

func TestMutantsOfCorpora(t *testing.T) {
	dir := corpora(t)
	for _, n := range []string{"alltypes_plain.snappy", "delta_byte_array", "delta_binary_packed", "byte_stream_split.zstd", "nation.dict-malformed",
		"datapage_v2.snappy", "delta_length_byte_array", "alltypes_tiny_pages_plain"} {
		t.Run(n, func(t *testing.T) {
			mutants(t, filepath.Join(dir, "parquet-testing/data", n+".parquet"), 100, nil, flip)
		})
	}
}

// A file that is cut off anywhere is refused.
func TestCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.parquet")
	writeFile(t, path, everyType(), nil, 3, true, 1000)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := os.WriteFile(path, whole[:len(whole)*i/20], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := openPath(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%d of 20: %v", i, err)
		}
	}
	// Cut while it is read: the size that was opened is not there any more.
	if err := os.WriteFile(path, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(whole)/2)); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(d, every(d), 100); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a file that was cut after it was opened: %v", err)
	}
}
