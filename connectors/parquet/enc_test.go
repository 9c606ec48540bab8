package parquet

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

var lengths = []int{0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000}

// What appendCodes writes, the reader's hybrid reads, at every width, of runs and of none.
func TestCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := uint(1); width <= 31; width++ {
		for _, n := range lengths {
			for _, run := range []int{1, 3, 8, 20, 100, 5000} {
				v := make([]int32, n)
				for i := 0; i < n; {
					x := int32(r.Uint64() & (1<<width - 1))
					for k := 1 + r.IntN(run); k > 0 && i < n; k-- {
						v[i] = x
						i++
					}
				}
				b := appendCodes([]byte{9, 9}, v, width)
				if len(b) > 2+(n+7)/8*int(width)+16+n/8 {
					t.Errorf("%d codes of %d bits take %d bytes", n, width, len(b))
				}
				src := append(slices.Clone(b[2:]), make([]byte, padding)...)
				var h hybrid
				h.reset(src[:len(b)-2], width)
				got := make([]int32, n)
				if err := h.codes(got, 1<<31); err != nil || !slices.Equal(got, v) {
					t.Fatalf("width %d, %d codes in runs to %d: read otherwise: %v", width, n, run, err)
				}
			}
		}
	}
	if b := appendCodes(nil, make([]int32, 100000), 7); len(b) > 8 {
		t.Errorf("100000 equal codes take %d bytes", len(b))
	}
}

func TestLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	for _, n := range append(lengths, 20480) {
		for kind := range 5 {
			w := make([]uint64, bits.Words(n))
			for i := range n {
				if []bool{true, false, r.IntN(2) == 0, r.IntN(200) > 0, i/200%2 == 0}[kind] {
					w[i>>6] |= 1 << (i & 63)
				}
			}
			b := appendLevels(nil, w, n)
			src := append(slices.Clone(b), make([]byte, padding)...)
			var h hybrid
			h.reset(src[:len(b)], 1)
			got := make([]uint64, bits.Words(n))
			ones, err := h.bitsInto(got, 0, n)
			if err != nil || !slices.Equal(got, w) || ones != bits.Count(w) {
				t.Fatalf("%d levels of kind %d: read otherwise: %v", n, kind, err)
			}
			if kind < 2 && len(b) > 5 {
				t.Errorf("%d equal levels take %d bytes", n, len(b))
			}
		}
	}
}

// A shortened bound lies outside of the text and is text itself, or there is none.
func TestShortBounds(t *testing.T) {
	texts := []string{"", "a", strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("ä", 40), "a" + strings.Repeat("ä", 40), strings.Repeat("日", 30),
		"x" + strings.Repeat("日", 30), strings.Repeat("😀", 17), "abc" + strings.Repeat("😀", 17), strings.Repeat("\U0010ffff", 20), "a" + strings.Repeat("\U0010ffff", 20),
		strings.Repeat("\ud7ff", 30), strings.Repeat("\xff", 70), "a" + strings.Repeat("\xff", 70), strings.Repeat("\x80", 70), strings.Repeat("\x7f", 70)}
	for _, s := range texts {
		for _, utf := range []bool{true, false} {
			lo, hi := shortMin(boundOf([]byte(s)), utf), shortMax(boundOf([]byte(s)), utf)
			if !lo.ok || bytes.Compare(lo.b, []byte(s)) > 0 || len(lo.b) > boundBytes || lo.cut != (string(lo.b) != s) {
				t.Errorf("%q: least %q", s, lo.b)
			}
			none := len(s) > boundBytes && strings.ReplaceAll(s, "\xff", "") == ""
			if utf && utf8.ValidString(s) {
				none = len(s) > boundBytes && strings.Trim(s, "\U0010ffff") == ""
			}
			if hi.ok == none {
				t.Errorf("%q, UTF-8 %v: a greatest is there: %v", s, utf, hi.ok)
			}
			if hi.ok && (bytes.Compare(hi.b, []byte(s)) < 0 || len(hi.b) > boundBytes+utf8.UTFMax || hi.cut != (string(hi.b) != s)) {
				t.Errorf("%q: greatest %q", s, hi.b)
			}
			if utf && utf8.ValidString(s) && !(utf8.Valid(lo.b) && utf8.Valid(hi.b)) {
				t.Errorf("%q: bounds %q and %q are not text", s, lo.b, hi.b)
			}
		}
	}
}

func TestNumberBounds(t *testing.T) {
	nan, zero := math.NaN(), math.Copysign(0, -1)
	for _, c := range []struct{ v, want []float64 }{
		{[]float64{nan, nan}, nil}, {[]float64{nan, 3, nan, -2}, []float64{-2, 3}}, {[]float64{0, 0}, []float64{zero, 0}}, {[]float64{zero}, []float64{zero, 0}},
		{[]float64{math.Inf(1), nan}, []float64{math.Inf(1), math.Inf(1)}}, {[]float64{5, 0}, []float64{zero, 5}}, {[]float64{-5, zero}, []float64{-5, 0}},
	} {
		k64, k32 := sinkColumn{phys: physDouble}, sinkColumn{phys: physFloat}
		v32 := make([]float32, len(c.v))
		for i, x := range c.v {
			v32[i] = float32(x)
		}
		of64, of32 := batch.OfFloat64s(c.v), batch.OfFloat32s(v32)
		lo, hi := k64.bounds(of64.Values)
		lo32, hi32 := k32.bounds(of32.Values)
		if c.want == nil {
			if lo.ok || hi.ok || lo32.ok || hi32.ok {
				t.Errorf("%v: there are bounds", c.v)
			}
			continue
		}
		if !bytes.Equal(lo.b, bound64(math.Float64bits(c.want[0])).b) || !bytes.Equal(hi.b, bound64(math.Float64bits(c.want[1])).b) {
			t.Errorf("%v: bounds %x %x", c.v, lo.b, hi.b)
		}
		if !bytes.Equal(lo32.b, bound32(math.Float32bits(float32(c.want[0]))).b) || !bytes.Equal(hi32.b, bound32(math.Float32bits(float32(c.want[1]))).b) {
			t.Errorf("%v: bounds as float32 %x %x", c.v, lo32.b, hi32.b)
		}
	}
}

// The table of numbers gives what a map gives, also where keys differ in few bits.
func TestNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2))
	for _, make1 := range []func(int) uint64{
		func(int) uint64 { return r.Uint64N(3) }, func(int) uint64 { return r.Uint64N(20000) }, func(int) uint64 { return r.Uint64N(4096) << 52 },
		func(int) uint64 { return math.Float64bits(float64(r.IntN(9000))) }, func(i int) uint64 { return uint64(i / 3) }, func(i int) uint64 { return uint64(i / 2) },
		func(i int) uint64 { return uint64(i) },
	} {
		x := make([]uint64, 70000)
		for i := range x {
			x[i] = make1(i)
		}
		seen, want := map[uint64]int32{}, make([]int32, len(x))
		early := 0
		for i, v := range x {
			if _, ok := seen[v]; !ok {
				seen[v] = int32(len(seen))
			}
			want[i] = seen[v]
			if i+1 == sampleValues {
				early = len(seen)
			}
		}
		var d numbers
		codes := make([]int32, len(x))
		ok := lookUp(&d, codes, x)
		if ok != (early <= sampleDistinct && len(seen) <= dictEntriesMax) {
			t.Errorf("%d distinct values, %d early: a dictionary is made: %v", len(seen), early, ok)
		}
		if ok && !slices.Equal(codes, want) {
			t.Errorf("%d distinct values: other codes", len(seen))
		}
	}
}

// A panic of a goroutine that encodes comes out of Write or Commit, where the engine takes it for a failed step.
func TestEncoderPanics(t *testing.T) {
	o := New()
	o.Path, o.RowGroupRows = filepath.Join(t.TempDir(), "f.parquet"), 10
	s := operators.Schema{Fields: []operators.Field{{Name: "x", Type: batch.T(batch.Int64)}}}
	made, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	w := made.(*writer)
	if err := w.Write(batch.Batch{N: 5, Cols: []batch.Column{batch.OfInt64s(make([]int64, 5))}}); err != nil {
		t.Fatal(err)
	}
	w.group.cols[0].plain = nil
	func() {
		defer func() {
			if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), `column "x"`) {
				t.Errorf("it ends with %v", p)
			}
		}()
		err := w.Commit()
		t.Errorf("no panic, error %v", err)
	}()
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
}
