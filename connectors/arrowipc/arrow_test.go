package arrowipc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/float16"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/arrowipc"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

func show(c *batch.Column, i int) string {
	if c.Null(i) {
		return "nil"
	}
	switch c.Type.Kind {
	case batch.Bool:
		return fmt.Sprint(c.Bit(i))
	case batch.Int32, batch.Date:
		return fmt.Sprint(c.Int32s()[i])
	case batch.Float32:
		return fmt.Sprint(c.Float32s()[i])
	case batch.Float64:
		return fmt.Sprint(c.Float64s()[i])
	case batch.String, batch.Bytes:
		return fmt.Sprintf("%q", c.Text(i))
	}
	return fmt.Sprint(c.Int64s()[i])
}

func openPath(path string) (connectors.Dataset, error) {
	o := arrowipc.New()
	o.Path = path
	return o.Open(context.Background(), files.Local(), nil)
}

func readAll(d connectors.Dataset, rowsMax int) (rows []string, err error) {
	var cols []int
	for i := range d.Schema().Fields {
		cols = append(cols, i)
	}
	c := &batch.Ctx{Poison: true}
	for u := range d.Units() {
		err := d.Read(context.Background(), c, u, cols, rowsMax, func(b batch.Batch) error {
			if b.N > rowsMax || b.ID.Base != uint64(len(rows)) {
				return fmt.Errorf("%d rows at %d of %d", b.N, b.ID.Base, len(rows))
			}
			for i := range b.N {
				var r []string
				for j := range b.Cols {
					r = append(r, show(&b.Cols[j], i))
				}
				rows = append(rows, strings.Join(r, " "))
			}
			c.Reset()
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func everyType() (s operators.Schema) {
	for _, n := range []string{"bool", "int32", "int64", "float32", "float64", "string", "bytes", "date", "timestamp[s]", "timestamp[ns, Europe/Berlin]", "decimal(18, 4)"} {
		t, err := batch.ParseType(n)
		if err != nil {
			panic(err)
		}
		s.Fields = append(s.Fields, operators.Field{Name: n, Type: t}, operators.Field{Name: n + " or null", Type: t, Nullable: true})
	}
	return s
}

func random(r *rand.Rand, f operators.Field, n int, coded bool) batch.Column {
	c := (*batch.Ctx)(nil).New(f.Type, n)
	switch {
	case f.Type.Kind == batch.Bool:
		v := make([]bool, n)
		for i := range v {
			v[i] = r.IntN(2) == 0
		}
		c = batch.OfBools(v)
	case f.Type.Text():
		v := make([]string, n)
		for i := range v {
			v[i] = []string{"", "a", "ü", "longer than that"}[r.IntN(4)]
		}
		c = batch.OfStrings(v)
		if coded {
			dict := batch.OfStrings([]string{"x", "", "y"})
			dict.Type = f.Type
			codes := make([]int32, n)
			for i := range codes {
				codes[i] = int32(r.IntN(3))
			}
			c = batch.OfCodes(codes, &dict)
		}
	case f.Type.Width() == 4:
		for i := range n {
			i32(c)[i] = int32(r.IntN(1 << 30))
		}
	default:
		for i := range n {
			i64(c)[i] = int64(r.Uint64() >> 4)
		}
	}
	c.Type = f.Type
	if f.Nullable {
		null := make([]bool, n)
		for i := range null {
			null[i] = r.IntN(3) == 0
		}
		c = c.WithNulls(null)
	}
	return c
}

func write(t *testing.T, path string, set func(*arrowipc.Options), sizes ...int) (want []string) {
	o := arrowipc.New()
	o.Path = path
	if set != nil {
		set(o)
	}
	s := everyType()
	w, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for k, n := range sizes {
		b := batch.Batch{N: n}
		for _, f := range s.Fields {
			b.Cols = append(b.Cols, random(r, f, n, k%2 == 1))
		}
		for i := range n {
			var row []string
			for j := range b.Cols {
				row = append(row, show(&b.Cols[j], i))
			}
			want = append(want, strings.Join(row, " "))
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return want
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"f.arrow", "f.arrows"} {
		for _, pack := range []string{"none", "zstd", "lz4"} {
			for _, sizes := range [][]int{nil, {0}, {1}, {63, 64, 65}, {1000, 0, 500}} {
				path := filepath.Join(t.TempDir(), name)
				want := write(t, path, func(o *arrowipc.Options) { o.Compression = pack }, sizes...)
				d, err := openPath(path)
				if err != nil {
					t.Fatalf("%s %s %v: %v", name, pack, sizes, err)
				}
				if fmt.Sprint(d.Schema()) != fmt.Sprint(everyType()) || d.Files()[0].Rows != int64(len(want)) {
					t.Fatalf("%s %s %v: %v, %v", name, pack, sizes, d.Schema(), d.Files())
				}
				for _, rowsMax := range []int{1, 7, 64, 1 << 20} {
					got, err := readAll(d, rowsMax)
					if err != nil || !slices.Equal(got, want) {
						t.Fatalf("%s %s %v, batches of %d: %v, %d rows", name, pack, sizes, rowsMax, err, len(got))
					}
				}
			}
		}
	}
}

// Arrays that others make: other widths, offsets, dictionaries with nulls.
func TestForeign(t *testing.T) {
	mem := memory.NewGoAllocator()
	build := func(dt arrow.DataType, fill func(b array.Builder)) arrow.Array {
		b := array.NewBuilder(mem, dt)
		fill(b)
		return b.NewArray()
	}
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	arrays := []arrow.Array{
		build(arrow.PrimitiveTypes.Int8, func(b array.Builder) {
			b.(*array.Int8Builder).AppendValues([]int8{-128, 127, 0, 1}, []bool{true, true, false, true})
		}),
		build(arrow.PrimitiveTypes.Uint32, func(b array.Builder) { b.(*array.Uint32Builder).AppendValues([]uint32{1 << 31, 2, 3, 4}, nil) }),
		build(arrow.FixedWidthTypes.Boolean, func(b array.Builder) { b.(*array.BooleanBuilder).AppendValues([]bool{true, false, true, true}, nil) }),
		build(arrow.BinaryTypes.LargeString, func(b array.Builder) {
			b.(*array.LargeStringBuilder).AppendValues([]string{"a", "bc", "", "d"}, []bool{true, true, true, false})
		}),
		build(dict, func(b array.Builder) {
			d := b.(*array.BinaryDictionaryBuilder)
			for _, s := range []string{"x", "y", "x"} {
				if err := d.AppendString(s); err != nil {
					t.Fatal(err)
				}
			}
			d.AppendNull()
		}),
		build(&arrow.Decimal128Type{Precision: 5, Scale: 2}, func(b array.Builder) {
			b.(*array.Decimal128Builder).AppendValues([]decimal128.Num{decimal128.FromI64(-5), decimal128.FromI64(7), {}, {}}, nil)
		}),
		build(arrow.FixedWidthTypes.Float16, func(b array.Builder) {
			b.(*array.Float16Builder).AppendValues([]float16.Num{float16.New(1.5), float16.New(-2), float16.New(0), float16.New(0.5)}, nil)
		}),
		build(arrow.FixedWidthTypes.Date64, func(b array.Builder) {
			b.(*array.Date64Builder).AppendValues([]arrow.Date64{86400000, -86400000, 0, 172800000}, nil)
		}),
		build(&arrow.FixedSizeBinaryType{ByteWidth: 2}, func(b array.Builder) {
			b.(*array.FixedSizeBinaryBuilder).AppendValues([][]byte{[]byte("ab"), []byte("cd"), []byte("ef"), []byte("gh")}, nil)
		}),
		build(arrow.ListOf(arrow.PrimitiveTypes.Int64), func(b array.Builder) { b.AppendNulls(4) }),
	}
	var fields []arrow.Field
	for i, a := range arrays {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: a.DataType(), Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	rec := array.NewRecord(schema, arrays, 4)
	want := []string{
		`-128 2147483648 true "a" "x" -5 1.5 1 "ab"`, `127 2 false "bc" "y" 7 -2 -1 "cd"`, `nil 3 true "" "x" 0 0 0 "ef"`, `1 4 true nil nil 0 0.5 2 "gh"`,
	}
	// Slices are converted without a file between, which would set their offsets to 0.
	for lo := range 4 {
		for hi := lo; hi <= 4; hi++ {
			s := rec.NewSlice(int64(lo), int64(hi))
			var cols []batch.Column
			for _, a := range s.Columns()[:9] {
				c, err := batch.FromArrow(nil, a)
				if err != nil {
					t.Fatal(err)
				}
				cols = append(cols, c)
			}
			for i := range hi - lo {
				var r []string
				for j := range cols {
					r = append(r, show(&cols[j], i))
				}
				if got := strings.Join(r, " "); got != want[lo+i] {
					t.Errorf("%d to %d, row %d: %s, want %s", lo, hi, i, got, want[lo+i])
				}
			}
		}
	}
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(schema))
	for range 2 {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f.arrow") // a stream under a file's name is read all the same
	if err := os.WriteFile(path, buf.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	if d.Unreadable()["c9"] == "" || len(d.Schema().Fields) != 9 {
		t.Errorf("%v %v", d.Unreadable(), d.Schema())
	}
	got, err := readAll(d, 3)
	if err != nil || !slices.Equal(got, append(slices.Clone(want), want...)) {
		t.Errorf("%v %v", err, got)
	}
}

// Bitmaps at every offset.
func TestBits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	v := make([]bool, 300)
	for i := range v {
		v[i] = r.IntN(2) == 0
	}
	b := array.NewBooleanBuilder(memory.NewGoAllocator())
	b.AppendValues(v, v)
	a := b.NewArray()
	for lo := range 140 {
		for _, n := range []int{0, 1, 63, 64, 65, 128, 160} {
			c, err := batch.FromArrow(nil, array.NewSlice(a, int64(lo), int64(lo+n)))
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if c.Null(i) == v[lo+i] || c.Bit(i) != v[lo+i] {
					t.Fatalf("%d+%d: bit %d", lo, n, i)
				}
			}
			if n%64 != 0 && c.Bits()[n/64]>>(n%64) != 0 {
				t.Fatalf("%d+%d: bits behind the end", lo, n)
			}
		}
	}
}

func TestDamage(t *testing.T) {
	for _, name := range []string{"f.arrow", "f.arrows"} {
		for _, pack := range []string{"none", "zstd", "lz4"} {
			path := filepath.Join(t.TempDir(), name)
			want := write(t, path, func(o *arrowipc.Options) { o.Compression = pack }, 200, 100)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			try := func(what string, b []byte) error {
				if err := os.WriteFile(path, b, 0o666); err != nil {
					t.Fatal(err)
				}
				d, err := openPath(path)
				if err == nil {
					_, err = readAll(d, 64)
				}
				var data *connectors.DataError
				if err != nil && (!strings.Contains(err.Error(), path) || !errors.As(err, &data)) {
					t.Errorf("%s %s: %v", name, what, err)
				}
				return err
			}
			for i := range 20 {
				err := try(fmt.Sprintf("cut at %d/20", i), whole[:len(whole)*i/20])
				if err == nil && strings.HasSuffix(name, ".arrow") {
					t.Errorf("%s cut at %d/20 was read", name, i)
				}
			}
			failed := 0
			for seed := range 120 {
				r := rand.New(rand.NewPCG(uint64(seed), 9))
				b := slices.Clone(whole)
				for range 1 + r.IntN(6) {
					i := r.IntN(len(b))
					if r.IntN(2) == 0 {
						i = r.IntN(min(len(b), 4000)) // the schema
					}
					b[i] ^= byte(1 + r.IntN(255))
				}
				if try(fmt.Sprint("mutant ", seed), b) != nil {
					failed++
				}
			}
			if failed < 30 {
				t.Errorf("%s %s: only %d of 120 mutants were refused", name, pack, failed)
			}
			if err := try("whole", whole); err != nil || len(want) != 300 {
				t.Error(err)
			}
		}
	}
}

// i32 and i64 are the bits of a column whatever they stand for.
func i32(c batch.Column) []int32 { c.Type = batch.T(batch.Int32); return c.Int32s() }
func i64(c batch.Column) []int64 { c.Type = batch.T(batch.Int64); return c.Int64s() }
