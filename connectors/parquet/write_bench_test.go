package parquet_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// wideRows are batches of ten columns as tables have them: of few values and of many, with nulls, coded text and floats that do not repeat.
func wideRows(n int) (operators.Schema, []batch.Batch) {
	r := rand.New(rand.NewPCG(3, 4))
	var s operators.Schema
	for _, f := range []struct {
		name, typ string
		null      bool
	}{{"at", "timestamp[us]", false}, {"delay", "int64", true}, {"distance", "int64", false}, {"origin", "string", false}, {"destination", "string", true},
		{"price", "float64", false}, {"score", "float64", true}, {"ratio", "float32", false}, {"id", "int64", false}, {"late", "bool", false}} {
		t, err := batch.ParseType(f.typ)
		if err != nil {
			panic(err)
		}
		s.Fields = append(s.Fields, operators.Field{Name: f.name, Type: t, Nullable: f.null})
	}
	airports := make([]string, 300)
	for i := range airports {
		airports[i] = string([]byte{'A' + byte(i%26), 'A' + byte(i/26), 'X'})
	}
	dict := batch.OfStrings(airports)
	var all []batch.Batch
	const rows = 16384
	for at := 0; at < n; at += rows {
		k := min(rows, n-at)
		at64, delay, dist, id := make([]int64, k), make([]int64, k), make([]int64, k), make([]int64, k)
		price, score, ratio := make([]float64, k), make([]float64, k), make([]float32, k)
		origin, dest, late, n1, n2 := make([]int32, k), make([]int32, k), make([]bool, k), make([]bool, k), make([]bool, k)
		for i := range k {
			at64[i] = 1_000_000_000_000_000 + int64(at+i)/3*60_000_000
			delay[i], dist[i], id[i] = int64(math.Exp(r.NormFloat64()*1.5))-10, int64(r.IntN(1300)), int64(at+i)
			price[i], score[i], ratio[i] = math.Floor(math.Exp(r.NormFloat64()*0.5+4)*100)/100, r.NormFloat64(), float32(r.Float64())
			origin[i], dest[i], late[i] = int32(r.IntN(300)), int32(r.IntN(300)), delay[i] > 15
			n1[i], n2[i] = r.IntN(50) == 0, r.IntN(7) == 0
		}
		t := batch.OfInt64s(at64)
		t.Type = s.Fields[0].Type
		all = append(all, batch.Batch{N: k, Cols: []batch.Column{t, batch.OfInt64s(delay).WithNulls(n1), batch.OfInt64s(dist), batch.OfCodes(origin, &dict),
			batch.OfCodes(dest, &dict).WithNulls(n1), batch.OfFloat64s(price), batch.OfFloat64s(score).WithNulls(n2), batch.OfFloat32s(ratio), batch.OfInt64s(id), batch.OfBools(late)}})
	}
	return s, all
}

func BenchmarkWrite(b *testing.B) {
	const rows = 1_000_000
	s, all := wideRows(rows)
	for _, codec := range []string{"none", "snappy", "zstd"} {
		b.Run(codec, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "f.parquet")
			var size int64
			for b.Loop() {
				writeBatches(b, path, codec, s, all)
				st, err := os.Stat(path)
				if err != nil {
					b.Fatal(err)
				}
				size = st.Size()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/float64(len(s.Fields)), "ns/value")
			b.ReportMetric(float64(size)/rows, "bytes/row")
		})
	}
}

// Each column alone, so that the figure is of its encoding.
func BenchmarkWriteColumn(b *testing.B) {
	const rows = 1_000_000
	s, all := wideRows(rows)
	for i, f := range s.Fields {
		b.Run(f.Name, func(b *testing.B) {
			one := operators.Schema{Fields: []operators.Field{f}}
			var cut []batch.Batch
			for _, x := range all {
				cut = append(cut, batch.Batch{N: x.N, Cols: x.Cols[i : i+1]})
			}
			path := filepath.Join(b.TempDir(), "f.parquet")
			for b.Loop() {
				writeBatches(b, path, "snappy", one, cut)
			}
			st, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/value")
			b.ReportMetric(float64(st.Size())/rows, "bytes/row")
		})
	}
}

func writeBatches(t testing.TB, path, codec string, s operators.Schema, all []batch.Batch) {
	t.Helper()
	o := parquet.New()
	o.Path, o.Compression = path, codec
	w, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, b := range all {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}
