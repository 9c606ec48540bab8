package program

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/race"
)

// lawLengths are around the words of a bitmap and the blocks of Trees.
var lawLengths = []int{0, 1, 2, 63, 64, 65, 127, 130, 300}

// laws holds a graph of one kind to what every kind promises, over columns of at least 300 rows.
func laws(t *testing.T, g Graph, cols []batch.Column) {
	t.Helper()
	for _, n := range lawLengths {
		if race.On && n%64 > 1 && n < 300 {
			continue
		}
		in := make([]batch.Column, len(cols))
		for j := range cols {
			in[j] = cols[j].Slice(nil, 0, n)
		}
		want := lawBatch(t, g, n, in)
		lawSame(t, fmt.Sprintf("row by row, %d rows", n), lawRows(t, g, n, in), want)
		lawSame(t, fmt.Sprintf("other garbage under nulls, %d rows", n), lawBatch(t, g, n, lawGarbage(in)), want)
		lawSame(t, fmt.Sprintf("coded text, %d rows", n), lawBatch(t, g, n, lawCoded(in, false)), want)
		lawSame(t, fmt.Sprintf("text of a long dictionary, %d rows", n), lawBatch(t, g, n, lawCoded(in, true)), want)
		lawSame(t, fmt.Sprintf("garbage codes, %d rows", n), lawBatch(t, g, n, lawGarbage(lawCoded(in, false))), want)
		if n == 65 {
			lawNarrow(t, g, n, in, want)
		}
		data := g.Marshal()
		h, err := Unmarshal(data)
		if err != nil {
			t.Fatalf("unmarshal: %v", err)
		}
		if again := h.Marshal(); !bytes.Equal(again, data) {
			t.Fatalf("marshal, unmarshal, marshal:\n%x\n%x", data, again)
		}
		lawSame(t, "restored", lawBatch(t, h, n, in), want)
	}
	lawNoAllocs(t, g, cols)
	lawCorrupt(t, g, cols)
}

// lawBatch runs the batch form in used memory and checks that it left its input alone and gave what columns promise.
func lawBatch(t *testing.T, g Graph, n int, in []batch.Column) []batch.Column {
	t.Helper()
	c := lawCtx
	defer c.Reset()
	before := make([]batch.Column, len(in))
	for j := range in {
		before[j] = in[j].Clone()
	}
	out, err := g.Batch(c, n, in)
	if err != nil {
		t.Fatalf("%d rows: %v", n, err)
	}
	for j := range in {
		if a, b := &before[j], &in[j]; !slices.Equal(a.Valid, b.Valid) || !bytes.Equal(a.Values, b.Values) || !slices.Equal(a.Offsets, b.Offsets) {
			t.Fatalf("input %d was changed", j)
		}
	}
	for j := range out {
		o := &out[j]
		if o.N != n || o.Type != g.Types[g.Out[j].Slot] {
			t.Fatalf("output %d is %d rows of %s", j, o.N, o.Type)
		}
		bitmaps := [][]uint64{o.Valid}
		if o.Type.Kind == batch.Bool {
			bitmaps = append(bitmaps, o.Bits())
		}
		for _, w := range bitmaps {
			if w != nil && (len(w) != batch.Words(n) || n&63 != 0 && w[len(w)-1]>>(n&63) != 0) {
				t.Fatalf("output %d of %d rows has a bitmap %x", j, n, w)
			}
		}
	}
	for j := range out {
		out[j] = out[j].Clone()
	}
	return out
}

// lawCtx is used by one test after the other, so that all but the first get memory that others have written.
var lawCtx = &batch.Ctx{Poison: true}

// lawRows runs the row form and lays its results out as columns.
func lawRows(t *testing.T, g Graph, n int, in []batch.Column) []batch.Column {
	t.Helper()
	f := g.Frame()
	vals := make([][]Value, len(g.Out))
	for i := range n {
		for j, p := range g.In {
			f.SetRow(p.Slot, &in[j], i)
		}
		if err := g.Row(f); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		for j, p := range g.Out {
			v, k := Value{}, g.Types[p.Slot].Kind
			if !f.Null[p.Slot] {
				v = Value{Kind: k, I: f.I[p.Slot], F: f.F[p.Slot], S: strings.Clone(f.S[p.Slot])}
			}
			vals[j] = append(vals[j], v)
		}
	}
	out := make([]batch.Column, len(g.Out))
	for j, p := range g.Out {
		parts := []batch.Column{(*batch.Ctx)(nil).New(g.Types[p.Slot], 0)}
		for _, v := range vals[j] {
			parts = append(parts, v.column(g.Types[p.Slot]))
		}
		var err error
		if out[j], err = batch.Concat(nil, parts); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// lawCell is a cell to the bit; all NaN are one, as in what is stored.
func lawCell(c *batch.Column, i int) string {
	if c.Null(i) {
		return "null"
	}
	if v := ValueOf(c, i); c.Type.Float() {
		return fmt.Sprintf("%x", floatBits(v.F))
	} else {
		return v.String()
	}
}

func floatBits(x float64) uint64 {
	if x != x {
		return math.MaxUint64
	}
	return math.Float64bits(x)
}

func lawSame(t *testing.T, what string, got, want []batch.Column) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d columns, want %d", what, len(got), len(want))
	}
	for j := range want {
		if got[j].N != want[j].N || got[j].Type != want[j].Type {
			t.Fatalf("%s: column %d is %d %s, want %d %s", what, j, got[j].N, got[j].Type, want[j].N, want[j].Type)
		}
		for i := range want[j].N {
			if g, w := lawCell(&got[j], i), lawCell(&want[j], i); g != w {
				t.Fatalf("%s: column %d, row %d is %s, the batch form gave %s", what, j, i, g, w)
			}
		}
	}
}

// lawGarbage gives the columns with other values under their nulls.
func lawGarbage(in []batch.Column) []batch.Column {
	out := slices.Clone(in)
	for j := range out {
		o := in[j].Clone()
		for i := range o.N {
			if !o.Null(i) {
				continue
			}
			switch {
			case o.Type.Kind == batch.Bool:
				o.Bits()[i>>6] ^= 1 << (i & 63)
			case o.Dict != nil:
				o.Codes()[i] = []int32{-1, math.MaxInt32, math.MinInt32, 0}[i%4]
			case o.Type.Kind == batch.Vector:
				for m := range o.Wide {
					o.Member(m)[i] = math.NaN()
				}
			case o.Type.Text():
				for b := o.Offsets[i]; b < o.Offsets[i+1]; b++ {
					o.Values[b] ^= 0xff
				}
			default:
				w := o.Type.Width()
				for b := i * w; b < (i+1)*w; b++ {
					o.Values[b] = ^o.Values[b]
				}
			}
		}
		out[j] = o
	}
	return out
}

// lawCoded gives the columns with their text coded, perhaps with far more entries than rows.
func lawCoded(in []batch.Column, long bool) []batch.Column {
	out := slices.Clone(in)
	for j := range out {
		if !in[j].Type.Text() {
			continue
		}
		seen, dict, codes := map[string]int32{}, []string{"never"}, []int32{}
		if long {
			for i := range 1000 {
				dict = append(dict, fmt.Sprint("never ", i))
			}
		}
		for i := range in[j].N {
			code := int32(0)
			if !in[j].Null(i) {
				s := strings.Clone(in[j].Str(i))
				var ok bool
				if code, ok = seen[s]; !ok {
					code = int32(len(dict))
					seen[s], dict = code, append(dict, s)
				}
			}
			codes = append(codes, code)
		}
		d := batch.OfStrings(dict)
		d.Type = in[j].Type
		out[j] = batch.OfCodes(codes, &d)
		out[j].Valid = in[j].Valid
	}
	return out
}

// lawNarrow checks that some of the outputs are what they are among all: every set of the first three and the last three.
func lawNarrow(t *testing.T, g Graph, n int, in, want []batch.Column) {
	t.Helper()
	ends := min(len(g.Out), 6)
	for set := 1; set < 1<<ends; set++ {
		var names []string
		var cols []batch.Column
		for bit := range ends {
			j := bit
			if bit >= 3 {
				j += len(g.Out) - ends
			}
			if set>>bit&1 == 1 {
				names, cols = append(names, g.Out[j].Name), append(cols, want[j])
			}
		}
		h := g.Narrow(names)
		var ins []batch.Column
		for _, p := range h.In {
			ins = append(ins, in[slices.IndexFunc(g.In, func(q Port) bool { return q.Name == p.Name })])
		}
		lawSame(t, fmt.Sprint("narrowed to ", names), lawBatch(t, h, n, ins), cols)
		lawSame(t, fmt.Sprint("rows narrowed to ", names), lawRows(t, h, n, ins), cols)
		if !bytes.Equal(h.Narrow(names).Marshal(), h.Marshal()) {
			t.Fatalf("narrowed to %v: narrowing it again takes something away", names)
		}
		if u, err := Unmarshal(h.Marshal()); err != nil {
			t.Fatalf("narrowed to %v: %v", names, err)
		} else {
			lawSame(t, "narrowed and restored", lawBatch(t, u, n, ins), cols)
		}
	}
}

func lawNoAllocs(t *testing.T, g Graph, in []batch.Column) {
	t.Helper()
	f, i := g.Frame(), 0
	row := func() {
		for j, p := range g.In {
			f.SetRow(p.Slot, &in[j], i%in[j].N)
		}
		if err := g.Row(f); err != nil {
			t.Fatal(err)
		}
		i++
	}
	for range 300 {
		row()
	}
	if n := testing.AllocsPerRun(600, row); n != 0 {
		t.Fatalf("the row form allocates %v times a row", n)
	}
}

// lawCorrupt changes bytes of the stored form: whatever comes of it, it is no panic, and what is read is written alike, and runs.
func lawCorrupt(t *testing.T, g Graph, cols []batch.Column) {
	t.Helper()
	data := g.Marshal()
	r := rand.New(rand.NewPCG(1, uint64(len(data))))
	for range 200 {
		bad := bytes.Clone(data)
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		}
		if r.IntN(4) == 0 {
			bad = bad[:r.IntN(len(bad))]
		}
		h, err := Unmarshal(bad)
		if err != nil {
			continue
		}
		if !bytes.Equal(h.Marshal(), bad) {
			t.Fatalf("%x\nwas read and written as\n%x", bad, h.Marshal())
		}
		lawRuns(t, h, cols)
	}
}

// lawRuns holds an odd graph that was accepted to one thing: it gives what it gives, in both forms alike, or the same error in both. cols are
// those of the graph that it was made from; a column that is now of another type is made anew.
func lawRuns(t *testing.T, g Graph, cols []batch.Column) {
	t.Helper()
	const n = 70 // a block of which trees are compared, and rows that are walked
	r := rand.New(rand.NewPCG(9, 9))
	in := make([]batch.Column, len(g.In))
	for j, p := range g.In {
		switch k := g.Types[p.Slot].Kind; {
		case j < len(cols) && cols[j].Type == g.Types[p.Slot]:
			in[j] = cols[j].Slice(nil, 0, n)
		case k == batch.Vector || k == batch.List:
			return // their width is not said
		default:
			made := lawColumn(r, g.Types[p.Slot], true)
			in[j] = made.Slice(nil, 0, n)
		}
	}
	out, err := g.Batch(nil, n, in)
	f := g.Frame()
	for i := range n {
		for j, p := range g.In {
			f.SetRow(p.Slot, &in[j], i)
		}
		rowErr := g.Row(f)
		if rowErr != nil && err == nil {
			t.Fatalf("row %d: %v, the batch gave no error", i, rowErr)
		}
		if err != nil {
			continue
		}
		for j, p := range g.Out {
			if k := g.Types[p.Slot].Kind; (k == batch.Float64 || k == batch.Float32) && !out[j].Null(i) {
				if got, want := floatBits(f.F[p.Slot]), floatBits(ValueOf(&out[j], i).F); f.Null[p.Slot] || got != want {
					t.Fatalf("row %d alone is %x, the batch gave %x", i, got, want)
				}
			}
		}
	}
}

// refuses checks that Init finds the mistake.
func refuses(t *testing.T, what string, k Kind, in, out []batch.Type) {
	t.Helper()
	if err := k.Init(in, out); err == nil {
		t.Errorf("%s: no error", what)
	}
}

const lawSize = 300

// lawColumn makes a column of 300 rows with every special value of its type in it.
func lawColumn(r *rand.Rand, t batch.Type, nulls bool) batch.Column {
	col := (*batch.Ctx)(nil).New(t, lawSize)
	floats := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}
	for i := range lawSize {
		small := int64(r.IntN(20) - 5)
		switch t.Kind {
		case batch.Bool:
			if r.IntN(2) == 0 {
				col.Bits()[i>>6] |= 1 << (i & 63)
			}
		case batch.Int32, batch.Date:
			col.Int32s()[i] = int32(small)
			if r.IntN(10) == 0 {
				col.Int32s()[i] = []int32{math.MaxInt32, math.MinInt32}[r.IntN(2)]
			}
		case batch.Int64, batch.Timestamp, batch.Decimal:
			col.Int64s()[i] = small
			if r.IntN(10) == 0 {
				col.Int64s()[i] = []int64{math.MaxInt64, math.MinInt64, 1<<53 + 1}[r.IntN(3)]
			}
		case batch.Float32:
			col.Float32s()[i] = float32(r.IntN(16)) / 4
			if r.IntN(4) == 0 {
				col.Float32s()[i] = float32(floats[r.IntN(len(floats))])
			}
		case batch.Float64:
			col.Float64s()[i] = r.NormFloat64()
			if r.IntN(4) == 0 {
				col.Float64s()[i] = floats[r.IntN(len(floats))]
			}
		}
	}
	if t.Text() {
		v := make([]string, lawSize)
		for i := range v {
			v[i] = []string{"", "a", "b", "ab", "a longer text than sixteen bytes", "é\x00\xff", "never"}[r.IntN(7)]
		}
		col = batch.OfStrings(v)
		col.Type = t
	}
	if nulls {
		null := make([]bool, lawSize)
		for i := range null {
			null[i] = r.IntN(5) == 0
		}
		col = col.WithNulls(null)
	}
	return col
}

var lawDecimal = batch.Type{Kind: batch.Decimal, Precision: 18, Scale: 3}
var lawStamp = batch.Type{Kind: batch.Timestamp, Unit: batch.Milli, Zone: "Europe/Rome"}

func typesOf(kinds ...batch.Kind) (t []batch.Type) {
	for _, k := range kinds {
		switch k {
		case batch.Decimal:
			t = append(t, lawDecimal)
		case batch.Timestamp:
			t = append(t, lawStamp)
		default:
			t = append(t, batch.T(k))
		}
	}
	return t
}

func named(prefix string, t []batch.Type) (n []Named) {
	for j, x := range t {
		n = append(n, Named{fmt.Sprint(prefix, j), x})
	}
	return n
}

// lawCase makes a graph of k and columns for it, with and without nulls, and holds it to the laws.
func lawCase(t *testing.T, k func() Kind, in, out []batch.Type) Graph {
	t.Helper()
	g := One(k(), named("in", in), named("out", out))
	for _, nulls := range []bool{false, true} {
		r := rand.New(rand.NewPCG(3, 4))
		cols := make([]batch.Column, len(in))
		for j := range in {
			cols[j] = lawColumn(r, in[j], nulls)
		}
		laws(t, g, cols)
	}
	return g
}

func repeat[T any](x T, n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = x
	}
	return s
}

// sameMemory says whether two columns share theirs.
func sameMemory(a, b []byte) bool {
	return len(a) > 0 && len(b) > 0 && unsafe.SliceData(a) == unsafe.SliceData(b)
}
