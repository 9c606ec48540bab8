package canon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"
)

// state has one value of each method of Writer and Reader.
type state struct {
	U  uint64
	I  int64
	B  bool
	W  uint64
	F  float64
	Y  []byte
	S  string
	Fs []float64
	Ss []string
	Is []int32
	Us []uint16
}

func (s *state) encode() []byte {
	var w Writer
	w.Uint(s.U)
	w.Int(s.I)
	w.Bool(s.B)
	w.Word(s.W)
	w.Float(s.F)
	w.Bytes(s.Y)
	w.String(s.S)
	w.Floats(s.Fs)
	w.Strings(s.Ss)
	Ints(&w, s.Is)
	Uints(&w, s.Us)
	return w.Buf
}

func decode(data []byte) (*state, error) {
	r := NewReader(data)
	s := &state{U: r.Uint(), I: r.Int(), B: r.Bool(), W: r.Word(), F: r.Float(), Y: r.Bytes(), S: r.String(), Fs: r.Floats(), Ss: r.Strings(),
		Is: ReadInts[int32](r), Us: ReadUints[uint16](r)}
	return s, r.End()
}

func states() []*state {
	return []*state{
		{},
		{U: math.MaxUint64, I: math.MinInt64, B: true, W: math.MaxUint64, F: math.Inf(-1), Y: []byte{0, 255}, S: "é\x00\xff",
			Fs: []float64{0, math.Copysign(0, -1), math.NaN(), 5e-324}, Ss: []string{"", "a", "a longer one"},
			Is: []int32{math.MinInt32, -1, 0, math.MaxInt32}, Us: []uint16{0, 127, 128, math.MaxUint16}},
		{U: 128, I: math.MaxInt64, W: 1 << 63, F: math.MaxFloat64, Y: bytes.Repeat([]byte{7}, 300), Ss: make([]string, 200), Fs: make([]float64, 130)},
	}
}

func TestRoundTrip(t *testing.T) {
	for i, s := range states() {
		data := s.encode()
		got, err := decode(data)
		if err != nil {
			t.Fatalf("state %d: %v", i, err)
		}
		if again := got.encode(); !bytes.Equal(again, data) {
			t.Errorf("state %d: read and written\n%x, was\n%x", i, again, data)
		}
		if got.U != s.U || got.I != s.I || got.B != s.B || got.W != s.W || got.S != s.S || !bytes.Equal(got.Y, s.Y) ||
			!slices.Equal(got.Ss, s.Ss) || !slices.Equal(got.Is, s.Is) || !slices.Equal(got.Us, s.Us) || len(got.Fs) != len(s.Fs) {
			t.Errorf("state %d: %+v, was %+v", i, got, s)
		}
		for j := range s.Fs {
			if math.Float64bits(got.Fs[j]) != math.Float64bits(s.Fs[j]) {
				t.Errorf("state %d: float %d is %v, was %v", i, j, got.Fs[j], s.Fs[j])
			}
		}
	}
}

// The bytes are what bundles hold: they may not change.
func TestGolden(t *testing.T) {
	s := state{U: 300, I: -2, B: true, W: 1, F: 1, Y: []byte{9}, S: "ab", Fs: []float64{2}, Ss: []string{"c"}, Is: []int32{-1, 64}, Us: []uint16{128}}
	want := []byte{0xac, 2, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 1, 9, 2, 'a', 'b', 1, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 1, 'c',
		2, 1, 0x80, 1, 1, 0x80, 1}
	if got := s.encode(); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestOneNaN(t *testing.T) {
	var a, b Writer
	a.Float(math.Float64frombits(0x7ff8dead00000000))
	b.Float(math.Float64frombits(0xfff0000000000001))
	if !bytes.Equal(a.Buf, b.Buf) || binary.LittleEndian.Uint64(a.Buf) != math.Float64bits(math.NaN()) {
		t.Errorf("two NaN are %x and %x", a.Buf, b.Buf)
	}
	if x := NewReader(a.Buf).Float(); x == x {
		t.Errorf("NaN was read as %v", x)
	}
}

func TestOutOfRange(t *testing.T) {
	var i, u Writer
	Ints(&i, []int64{1, math.MaxInt32 + 1})
	Uints(&u, []uint32{256})
	for what, read := range map[string]func() error{
		"int32":  func() error { r := NewReader(i.Buf); ReadInts[int32](r); return r.End() },
		"int8":   func() error { r := NewReader(i.Buf); ReadInts[int8](r); return r.End() },
		"uint8":  func() error { r := NewReader(u.Buf); ReadUints[uint8](r); return r.End() },
		"bool":   func() error { r := NewReader([]byte{2}); r.Bool(); return r.End() },
		"varint": func() error { r := NewReader(bytes.Repeat([]byte{255}, 11)); r.Uint(); return r.End() },
		"zigzag": func() error { r := NewReader(bytes.Repeat([]byte{255}, 11)); r.Int(); return r.End() },
		"word":   func() error { r := NewReader(make([]byte, 7)); r.Word(); return r.End() },
		"rest":   func() error { r := NewReader(make([]byte, 9)); r.Word(); return r.End() },
	} {
		if err := read(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	r := NewReader(i.Buf)
	if v := ReadInts[int64](r); r.End() != nil || !slices.Equal(v, []int64{1, math.MaxInt32 + 1}) {
		t.Errorf("%v %v", v, r.Err())
	}
}

// The first error stands, and after it everything is zero.
func TestAfterError(t *testing.T) {
	r := NewReader([]byte{5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	r.Fail("no %s", "good")
	first := r.Err()
	r.Fail("another")
	if r.Uint() != 0 || r.Int() != 0 || r.Bool() || r.Word() != 0 || r.Float() != 0 || r.Len(0) != 0 || len(r.Bytes()) != 0 || r.String() != "" ||
		r.Floats() != nil || r.Strings() != nil || ReadInts[int8](r) != nil || ReadUints[uint64](r) != nil || r.Rest() != 0 {
		t.Error("a value was read after an error")
	}
	if r.End() != first || first.Error() != "corrupt state: no good" {
		t.Errorf("%v, first %v", r.End(), first)
	}
}

// An error says where in what, however deep.
func TestPlaces(t *testing.T) {
	var inner Writer
	inner.Uint(1)
	var w Writer
	w.Bytes(inner.Buf)
	r := NewReader(w.Buf)
	in := NewReader(r.View())
	in.Uint()
	in.At("part %d", 0) // nothing is wrong yet
	in.Word()
	in.At("part %d", 1)
	err := in.End()
	r.Fail("node %d: %s", 2, Cause(err))
	if got := r.End(); !errors.Is(got, ErrCorrupt) || got.Error() != "corrupt state: node 2: part 1: cut short" {
		t.Error(got)
	}
	if other := errors.New("other"); Cause(other) != "other" {
		t.Error(Cause(other))
	}
}

func TestBytesAreACopy(t *testing.T) {
	var w Writer
	w.Bytes([]byte("abc"))
	got := NewReader(w.Buf).Bytes()
	got[0] = 'x'
	if w.Buf[1] != 'a' {
		t.Error("the reader's input was changed")
	}
}

// hostile reads bytes that no writer may have written: an error or a value, and no memory out of proportion. The longest way up
// is Strings: a byte of input stands for a string's header of 16.
func hostile(t *testing.T, data []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := decode(data)
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(16<<10+32*len(data)); got > most {
		t.Fatalf("%d bytes of input took %d of memory", len(data), got)
	}
	if err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("error %v", err)
	}
	if err == nil {
		again, err := decode(s.encode())
		if err != nil || !bytes.Equal(again.encode(), s.encode()) {
			t.Fatalf("%x was read, and not again: %v", data, err)
		}
	}
}

func TestTruncationsAndFlips(t *testing.T) {
	for _, s := range states() {
		data := s.encode()
		for n := range data {
			if _, err := decode(data[:n]); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("cut at %d of %d: error %v", n, len(data), err)
			}
		}
		for i := range data {
			for bit := range 8 {
				bad := bytes.Clone(data)
				bad[i] ^= 1 << bit
				hostile(t, bad)
			}
		}
	}
}

// A length that lies is refused before memory is taken for it.
func TestHugeLengths(t *testing.T) {
	for _, n := range []uint64{2, 1 << 20, 1 << 40, 1 << 62, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		var w Writer
		w.Uint(n)
		w.Buf = append(w.Buf, 0)
		for what, read := range map[string]func(*Reader){
			"bytes":   func(r *Reader) { r.Bytes() },
			"string":  func(r *Reader) { _ = r.String() },
			"floats":  func(r *Reader) { r.Floats() },
			"strings": func(r *Reader) { r.Strings() },
			"ints":    func(r *Reader) { ReadInts[int64](r) },
			"uints":   func(r *Reader) { ReadUints[uint64](r) },
			"len":     func(r *Reader) { r.Len(3) },
		} {
			r := NewReader(w.Buf)
			allocs := testing.AllocsPerRun(1, func() { read(r) })
			if r.Err() == nil || allocs > 20 {
				t.Errorf("%s of %d in one byte: error %v, %v allocations", what, n, r.Err(), allocs)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range states() {
		f.Add(s.encode())
	}
	f.Fuzz(hostile)
}
