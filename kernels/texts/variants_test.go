package texts

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

var lengths = []int{0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 1100}

// vocabulary has strings that differ in one byte, in their length alone, and at each place of the bytes that are compared at once.
var vocabulary = []string{
	"", "a", "b", "ab", "ba", "SFO", "SFP", "LAX", "four", "fore", "fives", "fivez", "eight888", "eight889", "Eight888", "eight8889", "neight888",
	"a string of many bytes", "a string of many bytez", "a string of other bytes", "aaaaaaaaaaaaaaaaaaaaaaaa", "\x00", "\x00\x00", "é", "日本",
}

// column makes offsets that begin at some byte of data, with bytes before and, if slack, behind it.
func column(rows []string, slack bool) ([]int32, []byte) {
	data := []byte("SFO")
	offsets := []int32{3}
	for _, s := range rows {
		data = append(data, s...)
		offsets = append(offsets, int32(len(data)))
	}
	if slack {
		data = append(data, "SFOSFOSFOSFO"...)
	}
	return offsets, data[:len(data):len(data)]
}

// TestLevels is the variants test: every level, length, string, place in a word, and end of the data.
func TestLevels(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			r := rand.New(rand.NewPCG(1, 1))
			for _, n := range lengths {
				rows := make([]string, n)
				for i := range rows {
					rows[i] = vocabulary[r.IntN(len(vocabulary))]
				}
				for _, s := range vocabulary {
					check(t, rows, s, n%2 == 0)
				}
			}
			for lane := range 130 { // every lane alone
				for _, s := range []string{"x", "four", "fives", "eight888", "a string of many bytes"} {
					rows := slices.Repeat([]string{"-"}, 130)
					rows[lane] = s
					check(t, rows, s, lane%2 == 0)
				}
			}
		})
	}
}

func check(t *testing.T, rows []string, s string, slack bool) {
	t.Helper()
	offsets, data := column(rows, slack)
	list := []string{s, "LAX", "fivez"}
	for name, c := range map[string]struct {
		f    func(dst []uint64)
		want func(x string) bool
	}{
		"Equal":     {func(d []uint64) { Equal(d, offsets, data, s) }, func(x string) bool { return x == s }},
		"HasPrefix": {func(d []uint64) { HasPrefix(d, offsets, data, s) }, func(x string) bool { return strings.HasPrefix(x, s) }},
		"HasSuffix": {func(d []uint64) { HasSuffix(d, offsets, data, s) }, func(x string) bool { return strings.HasSuffix(x, s) }},
		"Contains":  {func(d []uint64) { Contains(d, offsets, data, s) }, func(x string) bool { return strings.Contains(x, s) }},
		"In":        {func(d []uint64) { In(d, offsets, data, list) }, func(x string) bool { return slices.Contains(list, x) }},
	} {
		want := make([]uint64, (len(rows)+63)/64)
		for i, x := range rows {
			if c.want(x) {
				want[i/64] |= 1 << (i % 64)
			}
		}
		const poison = 0xdeadbeefdeadbeef
		dst := slices.Repeat([]uint64{poison}, len(want)+2)
		c.f(dst[1 : 1+len(want)])
		if !slices.Equal(dst[1:1+len(want)], want) {
			t.Fatalf("%s(%q), %d rows: %x, want %x", name, s, len(rows), dst[1:1+len(want)], want)
		}
		if dst[0] != poison || dst[len(dst)-1] != poison {
			t.Fatalf("%s: written outside dst", name)
		}
	}
}

func BenchmarkTexts(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf("%c%c%c", 'A'+r.IntN(5), 'A'+r.IntN(5), 'A'+r.IntN(5))
	}
	codes, codesData := column(rows, true)
	for i := range rows {
		rows[i] = fmt.Sprintf("customer %d of %d", r.IntN(1000), r.IntN(100))
	}
	long, longData := column(rows, true)
	dst := make([]uint64, n/64)
	for _, c := range []struct {
		name    string
		touched int
		f       func()
	}{
		{"equal/3 bytes", 7 * n, func() { Equal(dst, codes, codesData, "ABC") }},
		{"equal/17 bytes", 4*n + len(longData), func() { Equal(dst, long, longData, "customer 500 of 7") }},
		{"in 3/3 bytes", 7 * n, func() { In(dst, codes, codesData, []string{"ABC", "BCD", "EEA"}) }},
		{"prefix/1 of 3 bytes", 7 * n, func() { HasPrefix(dst, codes, codesData, "B") }},
		{"contains/17 bytes", 4*n + len(longData), func() { Contains(dst, long, longData, "77 of") }},
	} {
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("%s/%v", c.name, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				bench.Least(b, n, c.touched, c.f)
			})
		}
	}
}
