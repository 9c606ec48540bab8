package hash

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

// TestRows is the variants test: every level, width, length and offset against the loop of Rows' comment.
func TestRows(t *testing.T) {
	const guard = 0xdeadbeefdeadbeef
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			r := rand.New(rand.NewPCG(1, 1))
			for w := range 7 {
				for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100} {
					for offset := range 9 {
						keys := make([]uint64, offset+n*w)[offset:]
						for i := range keys {
							keys[i] = r.Uint64() >> r.UintN(64)
						}
						buf := make([]uint64, offset+n+9)
						for i := range buf {
							buf[i] = guard
						}
						dst := buf[offset : offset+n]
						Rows(dst, keys, w)
						for i, got := range dst {
							var h uint64
							for _, x := range keys[i*w : (i+1)*w] {
								h ^= x
								h ^= h >> 32
								h *= k1
							}
							h ^= h >> 29
							h *= k2
							h ^= h >> 32
							if got != h {
								t.Fatalf("row %d of %d, %d words: %x, want %x", i, n, w, got, h)
							}
						}
						for i, x := range buf {
							if (i < offset || i >= offset+n) && x != guard {
								t.Fatalf("%d rows of %d words: written at %d", n, w, i-offset)
							}
						}
					}
				}
			}
		})
	}
}

// TestRowsSpread: each bit of a key turns about half of the hash's bits, and keys as they occur (small numbers, pairs of them,
// steps of a power of two) fill the slots of the lower bits and the partitions of the upper ones evenly.
func TestRowsSpread(t *testing.T) {
	for w := 1; w <= 4; w++ {
		r := rand.New(rand.NewPCG(1, uint64(w)))
		key, h := make([]uint64, w), make([]uint64, 1)
		for bit := range 64 * w {
			turned := 0
			for range 200 {
				for i := range key {
					key[i] = r.Uint64()
				}
				Rows(h, key, w)
				before := h[0]
				key[bit/64] ^= 1 << (bit % 64)
				Rows(h, key, w)
				turned += bits.OnesCount64(before ^ h[0])
			}
			if mean := float64(turned) / 200; mean < 24 || mean > 40 {
				t.Errorf("%d words, bit %d: %.1f bits turn", w, bit, mean)
			}
		}
	}
	const n = 1 << 16
	dst := make([]uint64, n)
	for name, key := range map[string]func(i int) [2]uint64{
		"numbers":  func(i int) [2]uint64 { return [2]uint64{uint64(i), 0} },
		"second":   func(i int) [2]uint64 { return [2]uint64{7, uint64(i)} },
		"grid":     func(i int) [2]uint64 { return [2]uint64{uint64(i >> 8), uint64(i & 255)} },
		"equal":    func(i int) [2]uint64 { return [2]uint64{uint64(i), uint64(i)} },
		"upper":    func(i int) [2]uint64 { return [2]uint64{uint64(i) << 48, 1} },
		"steps":    func(i int) [2]uint64 { return [2]uint64{uint64(i) << 20, uint64(i) << 40} },
		"negative": func(i int) [2]uint64 { return [2]uint64{-uint64(i), uint64(i) * 1000} },
	} {
		var keys []uint64
		for i := range n {
			k := key(i)
			keys = append(keys, k[0], k[1])
		}
		Rows(dst, keys, 2)
		distinct := map[uint64]bool{}
		var lower, upper [256]int
		for _, h := range dst {
			distinct[h] = true
			lower[h&255]++
			upper[h>>56]++
		}
		if len(distinct) != n {
			t.Errorf("%s: %d hashes of %d keys", name, len(distinct), n)
		}
		for what, counts := range map[string][256]int{"lower": lower, "upper": upper} {
			var x2 float64
			for _, c := range counts {
				d := float64(c) - n/256
				x2 += d * d / (n / 256)
			}
			if x2 > 255+6*23 { // six deviations of a chi-square with 255 degrees
				t.Errorf("%s: %s bits: chi-square %.0f", name, what, x2)
			}
		}
	}
}

func BenchmarkRows(b *testing.B) {
	const n = 4096
	for _, w := range []int{1, 2, 3, 4} {
		keys, dst := make([]uint64, n*w), make([]uint64, n)
		for i := range keys {
			keys[i] = uint64(i) * 77
		}
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("words=%d/%v", w, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				bench.Least(b, n, 0, func() { Rows(dst, keys, w) })
			})
		}
	}
}
