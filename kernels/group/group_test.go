package group

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
	"github.com/headrace/headrace/kernels/hash"
)

// model is what a table does, by a map.
type model struct {
	numbers map[string]int32
	keys    [][]uint64
}

func (m *model) insert(row []uint64) int32 {
	k := text(row)
	g, ok := m.numbers[k]
	if !ok {
		g = int32(len(m.keys))
		m.numbers[k] = g
		m.keys = append(m.keys, slices.Clone(row))
	}
	return g
}

// text is a row as the key of a map.
func text(row []uint64) string {
	var b []byte
	for _, w := range row {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return string(b)
}

// hashes of one kind each: good ones, ones that all meet in a slot, in a tag, in both.
var hashings = map[string]func(dst, keys []uint64, w int){
	"rows": hash.Rows,
	"one slot": func(dst, keys []uint64, w int) {
		hash.Rows(dst, keys, w)
		for i := range dst {
			dst[i] &^= 1<<12 - 1
		}
	},
	"one tag": func(dst, keys []uint64, w int) {
		hash.Rows(dst, keys, w)
		for i := range dst {
			dst[i] &^= 1<<32 - 1<<8
		}
	},
	"few": func(dst, keys []uint64, w int) {
		hash.Rows(dst, keys, w)
		for i := range dst {
			dst[i] &= 7
		}
	},
}

// TestTable: numbers, keys and hashes as the model has them, for all widths, batches of boundary lengths, duplicates within a
// batch, growth in the middle of one, and hashes that collide.
func TestTable(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			testTable(t)
		})
	}
}

func testTable(t *testing.T) {
	t.Helper()
	for name, hashing := range hashings {
		for w := range 6 {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			m, table := model{numbers: map[string]int32{}}, New(w)
			for round := range 2 {
				for step, n := range []int{0, 1, 2, 7, 8, 9, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1000, 3} {
					if n > 257 && name != "rows" {
						continue // those that collide take as long as there are rows
					}
					keys := make([]uint64, n*w)
					for i := range keys {
						keys[i] = r.Uint64N(uint64(3+20*step)) << (60 * r.Uint64N(2))
					}
					hashes, got, before := make([]uint64, n), make([]int32, n), make([]int32, n)
					hashing(hashes, keys, w)
					table.Find(before, hashes, keys)
					for i := range n {
						want, ok := m.numbers[text(keys[i*w:(i+1)*w])]
						if !ok {
							want = -1
						}
						if before[i] != want {
							t.Fatalf("%s, %d words: Find of row %d is %d, want %d", name, w, i, before[i], want)
						}
					}
					table.Insert(got, hashes, keys)
					for i := range n {
						row := keys[i*w : (i+1)*w]
						if want := m.insert(row); got[i] != want {
							t.Fatalf("%s, %d words: row %d has number %d, want %d", name, w, i, got[i], want)
						}
						if !slices.Equal(table.Key(int(got[i])), row) || table.Hash(int(got[i])) != hashes[i] {
							t.Fatalf("%s, %d words: group %d is %v", name, w, got[i], table.Key(int(got[i])))
						}
					}
					table.Find(before, hashes, keys)
					if !slices.Equal(before, got) {
						t.Fatalf("%s, %d words: found %v after %v", name, w, before, got)
					}
				}
				if table.Len() != len(m.keys) {
					t.Fatalf("%s, %d words: %d groups, want %d", name, w, table.Len(), len(m.keys))
				}
				if round == 0 {
					size := table.Bytes()
					table.Reset()
					if table.Len() != 0 || table.Bytes() != size {
						t.Fatalf("%s: Reset left %d groups of %d bytes, had %d", name, table.Len(), table.Bytes(), size)
					}
					m = model{numbers: map[string]int32{}}
				}
			}
		}
	}
}

// TestGrowth: many groups, so that the table grows within batches, and a miss for each key that was not given.
func TestGrowth(t *testing.T) {
	const n = 100_000
	for _, w := range []int{1, 2, 3} {
		table := New(w)
		if w == 2 {
			table.Grow(n / 3)
		}
		keys, hashes, groups := make([]uint64, n*w), make([]uint64, n), make([]int32, n)
		for i := range n {
			keys[i*w], keys[i*w+w-1] = uint64(i), uint64(i)
		}
		hash.Rows(hashes, keys, w)
		table.Insert(groups, hashes, keys)
		for i, g := range groups {
			if int(g) != i || table.Key(i)[0] != uint64(i) {
				t.Fatalf("%d words: row %d has number %d", w, i, g)
			}
		}
		for i := range keys {
			keys[i] += n
		}
		hash.Rows(hashes, keys, w)
		table.Find(groups, hashes, keys)
		for i, g := range groups {
			if g != -1 {
				t.Fatalf("%d words: row %d, which is not there, has number %d", w, i, g)
			}
		}
	}
}

// TestConcurrentFind: readers share nothing that is written; the race detector would see it.
func TestConcurrentFind(t *testing.T) {
	table := New(1)
	keys, hashes, groups := make([]uint64, 3000), make([]uint64, 3000), make([]int32, 3000)
	for i := range keys {
		keys[i] = uint64(i % 1000)
	}
	hash.Rows(hashes, keys, 1)
	table.Insert(groups, hashes, keys)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got := make([]int32, len(keys))
			table.Find(got, hashes, keys)
			if !slices.Equal(got, groups) {
				t.Error("a reader found other numbers")
			}
		})
	}
	wg.Wait()
}

func BenchmarkTable(b *testing.B) {
	const batch = 4096
	for _, w := range []int{1, 2, 3} {
		for _, groups := range []int{10, 1000, 30_000, 1_000_000, 10_000_000} {
			if testing.Short() && groups > 30_000 {
				continue
			}
			keys := make([]uint64, w*groups)
			r := rand.New(rand.NewPCG(1, 1))
			for i := range keys {
				keys[i] = r.Uint64()
			}
			hashes, numbers := make([]uint64, groups), make([]int32, groups)
			hash.Rows(hashes, keys, w)
			b.Run(fmt.Sprintf("insert/words=%d/groups=%d", w, groups), func(b *testing.B) {
				bench.Least(b, groups, 0, func() {
					t := New(w)
					for o := 0; o < groups; o += batch {
						e := min(o+batch, groups)
						t.Insert(numbers[o:e], hashes[o:e], keys[o*w:e*w])
					}
				})
			})
			t := New(w)
			t.Insert(numbers, hashes, keys)
			const rows = 1 << 20
			look, lookHashes, found := make([]uint64, rows*w), make([]uint64, rows), make([]int32, rows)
			for i := range rows {
				copy(look[i*w:(i+1)*w], keys[w*r.IntN(groups):])
			}
			hash.Rows(lookHashes, look, w)
			for _, l := range cpu.Levels() {
				b.Run(fmt.Sprintf("find/words=%d/groups=%d/%v", w, groups, l), func(b *testing.B) {
					defer cpu.Lower(l)()
					o := 0
					bench.Least(b, batch, 0, func() {
						t.Find(found[o:o+batch], lookHashes[o:o+batch], look[o*w:(o+batch)*w])
						o = (o + batch) % rows
					})
				})
			}
		}
	}
	m := map[uint64]int32{} // what a table is instead of
	r := rand.New(rand.NewPCG(1, 1))
	keys := make([]uint64, 30_000)
	for i := range keys {
		keys[i] = r.Uint64()
		m[keys[i]] = int32(i)
	}
	found := make([]int32, batch)
	b.Run("map/groups=30000", func(b *testing.B) {
		bench.Least(b, batch, 0, func() {
			for i := range found {
				found[i] = m[keys[i*7]]
			}
		})
	})
}
