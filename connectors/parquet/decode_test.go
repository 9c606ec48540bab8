package parquet

import (
	"bytes"
	"encoding/binary"
	"math"
	bigint "math/big"
	"math/rand/v2"
	"testing"
)

func TestInt96(t *testing.T) {
	at := func(day int64, nanos uint64) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, nanos), uint32(int32(day+julianEpoch)))
	}
	const day = 86_400_000_000_000
	for _, c := range []struct {
		day   int64
		nanos uint64
	}{{0, 0}, {0, day - 1}, {-1, 0}, {-1, day - 1}, {106751, 85636854775807}, {106751, 85636854775808}, {106752, 0}, {-106752, 763145224192},
		{-106752, 763145224191}, {-106753, 0}, {-106753, day - 1}, {math.MaxInt32 - julianEpoch, 0}, {math.MinInt32, 0}, {1, 2*day - 1}, {1, 2 * day}, {1, math.MaxUint64}} {
		want := new(bigint.Int).Add(new(bigint.Int).Mul(bigint.NewInt(c.day), bigint.NewInt(day)), new(bigint.Int).SetUint64(c.nanos))
		got, err := int96(at(c.day, c.nanos))
		fits := want.IsInt64() && c.nanos < 2*day && c.day >= math.MinInt32-julianEpoch
		if c.day == math.MinInt32 {
			continue // the day itself does not fit into the field
		}
		if fits != (err == nil) || fits && got != want.Int64() {
			t.Errorf("day %d, %d ns: %d, %v, want %v", c.day, c.nanos, got, err, want)
		}
	}
}

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		exp, frac := h>>10&31, h&1023
		var want float64
		switch {
		case exp == 31 && frac != 0:
			want = math.NaN()
		case exp == 31:
			want = math.Inf(1)
		case exp == 0:
			want = math.Ldexp(float64(frac), -24)
		default:
			want = math.Ldexp(float64(1024+frac), exp-25)
		}
		if h>>15 == 1 {
			want = math.Copysign(want, -1)
		}
		got := float64(half(uint16(h)))
		if got != want && !(got != got && want != want) || math.Signbit(got) != math.Signbit(want) && want == want {
			t.Fatalf("%04x: %v, want %v", h, got, want)
		}
	}
}

// packed writes runs of both kinds at random.
func packed(r *rand.Rand, v []int32, width uint) []byte {
	var b []byte
	for at := 0; at < len(v); {
		if r.IntN(2) == 0 { // a run of one value
			n := 1
			for at+n < len(v) && v[at+n] == v[at] {
				n++
			}
			b = binary.AppendUvarint(b, uint64(n)<<1)
			for i := range (width + 7) / 8 {
				b = append(b, byte(v[at]>>(8*i)))
			}
			at += n
			continue
		}
		groups := 1 + r.IntN(40)
		b = binary.AppendUvarint(b, uint64(groups)<<1|1)
		bits := make([]byte, groups*int(width))
		for i := range groups * 8 {
			if at+i >= len(v) {
				break
			}
			for k := range width {
				if v[at+i]>>k&1 == 1 {
					j := uint(i)*width + k
					bits[j/8] |= 1 << (j % 8)
				}
			}
		}
		b = append(b, bits...)
		at += groups * 8
	}
	return append(b, make([]byte, padding)...)[:len(b)]
}

func TestHybrid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for width := range uint(32) {
		for range 20 {
			v := make([]int32, 1+r.IntN(3000))
			for i := range v {
				if r.IntN(3) > 0 && i > 0 {
					v[i] = v[i-1]
				} else {
					v[i] = int32(r.Uint32() & (1<<width - 1))
				}
			}
			var h hybrid
			h.reset(packed(r, v, width), width)
			for at := 0; at < len(v); {
				got := make([]int32, min(len(v)-at, 1+r.IntN(700)))
				if err := h.codes(got, 1<<31); err != nil {
					t.Fatal(err)
				}
				for i := range got {
					if got[i] != v[at+i] {
						t.Fatalf("width %d, value %d: %d, want %d", width, at+i, got[i], v[at+i])
					}
				}
				at += len(got)
			}
			if width != 1 {
				continue
			}
			h.reset(packed(r, v, 1), 1)
			for at := 0; at < len(v); {
				n, off := min(len(v)-at, 1+r.IntN(700)), r.IntN(70)
				bits := make([]uint64, (off+n+63)/64)
				ones, err := h.bitsInto(bits, off, n)
				if err != nil {
					t.Fatal(err)
				}
				for i := range len(bits) * 64 {
					want := i >= off && i < off+n && v[at+i-off] == 1
					if bits[i/64]>>(i%64)&1 == 1 != want {
						t.Fatalf("bit %d", i)
					}
					if want {
						ones--
					}
				}
				if ones != 0 {
					t.Fatalf("%d ones too many", ones)
				}
				at += n
			}
		}
	}
}

// TestCodesInRange: a code past the dictionary is an error wherever it stands, and one past the values that are asked for is none: what
// looks the codes up checks nothing more.
func TestCodesInRange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows = 600 // more than a stage
	for _, width := range []uint{1, 3, 8, 13, 17, 31} {
		n := min(1<<width-1, 1000) // one less than there could be, so that widths do not say it all
		for range 60 {
			v, bad := make([]int32, rows), r.IntN(rows+1)
			for i := range v {
				if v[i] = int32(r.IntN(n)); i > 0 && r.IntN(2) == 0 {
					v[i] = v[i-1]
				}
			}
			if bad < rows {
				v[bad] = int32(n)
			}
			src := packed(r, v, width)
			for _, step := range []int{1, 7, 8, 100, rows} {
				var h hybrid
				h.reset(src, width)
				table := make([]int64, n)
				for i := range table {
					table[i] = int64(i)
				}
				c := &column{runs: h}
				dst, out := make([]int32, step), make([]int64, step)
				for at := 0; at+step <= rows; at += step {
					err, err2 := h.codes(dst, n), takeCodes(c, out, table)
					if wrong := at <= bad && bad < at+step; (err != nil) != wrong || (err2 != nil) != wrong {
						t.Fatalf("width %d, the bad one at %d, %d from %d on: %v, %v", width, bad, step, at, err, err2)
					} else if wrong {
						break
					}
					for i := range dst {
						if dst[i] != v[at+i] || out[i] != int64(v[at+i]) {
							t.Fatalf("width %d, code %d: %d and %d, want %d", width, at+i, dst[i], out[i], v[at+i])
						}
					}
				}
			}
		}
	}
}

// TestRepeat at lengths around the run that is doubled.
func TestRepeat(t *testing.T) {
	for n := range 300 {
		v := make([]int64, n+1)
		repeat(v[:n], 7)
		for i, x := range v {
			if (x == 7) != (i < n) {
				t.Fatalf("%d: value %d is %d", n, i, x)
			}
		}
	}
}

// TestTexts: strings behind their lengths come out as they are, at the ends of both memories too, and no length is believed.
func TestTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 300 {
		n := r.IntN(40)
		var src, want []byte
		offs := make([]int32, n+1)
		offs[0] = int32(r.IntN(100))
		for range n {
			s := make([]byte, r.IntN([]int{3, 17, 40}[r.IntN(3)]))
			for i := range s {
				s[i] = byte(r.Uint32())
			}
			src = append(binary.LittleEndian.AppendUint32(src, uint32(len(s))), s...)
			want = append(want, s...)
		}
		rest, err := cutTexts(src[:len(src):len(src)], offs)
		if err != nil || len(rest) != 0 || int(offs[n]-offs[0]) != len(want) {
			t.Fatalf("%d texts: %v, %d bytes behind, %d of %d", n, err, len(rest), offs[n]-offs[0], len(want))
		}
		mem := make([]byte, len(want)+32)
		for i := range mem {
			mem[i] = 0xee
		}
		copyTexts(mem[:len(want)], src, offs)
		if !bytes.Equal(mem[:len(want)], want) || !bytes.Equal(mem[len(want):], bytes.Repeat([]byte{0xee}, 32)) {
			t.Fatalf("%d texts: %x, want %x", n, mem, want)
		}
		if n > 0 {
			if _, err := cutTexts(src[:r.IntN(len(src))], offs); err == nil {
				t.Fatal("texts that are cut off pass")
			}
		}
	}
}
