package mem_test

import (
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"sync"
	"testing"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/operators/batch"
)

func TestBudget(t *testing.T) {
	b := mem.New(100, "")
	if !b.Try(60) || b.Try(41) || !b.Try(40) || b.Used() != 100 || b.Peak() != 100 {
		t.Fatalf("used %d, peak %d", b.Used(), b.Peak())
	}
	b.Free(60)
	if !b.Try(1) || b.Used() != 41 || b.Peak() != 100 {
		t.Fatalf("used %d, peak %d", b.Used(), b.Peak())
	}
	if got := b.Share(4, 10, 1000); got != 25 {
		t.Errorf("a fourth of 100 is %d", got)
	}
	if got := b.Share(4, 30, 1000); got != 30 {
		t.Errorf("at least 30: %d", got)
	}
	var none *mem.Budget
	if !none.Try(1<<60) || none.Share(4, 10, 1000) != 1000 || !mem.New(0, "").Try(1<<60) {
		t.Error("no limit is a limit")
	}
}

// rowsOf is a batch with every kind of column, nulls and identities.
func rowsOf(r *rand.Rand, n int) batch.Batch {
	texts, codes := make([]string, n), make([]int32, n)
	f, i64, bools, null := make([]float64, n), make([]int64, n), make([]bool, n), make([]bool, n)
	b := batch.Batch{N: n}
	for i := range n {
		texts[i], codes[i] = string(make([]byte, r.IntN(9))), int32(r.IntN(3))
		f[i], i64[i], bools[i], null[i] = r.NormFloat64(), r.Int64(), r.IntN(2) == 0, r.IntN(3) == 0
		b.ID.Ordinals, b.ID.Copies = append(b.ID.Ordinals, r.Uint64()), append(b.ID.Copies, r.Uint32())
		b.Part, b.Key = append(b.Part, uint8(r.IntN(3))), append(b.Key, r.Uint64())
	}
	dict := batch.OfStrings([]string{"SFO", "", "LAX"})
	b.Cols = []batch.Column{batch.OfFloat64s(f), batch.OfInt64s(i64).WithNulls(null), batch.OfBools(bools), batch.OfStrings(texts),
		batch.OfCodes(codes, &dict), batch.OfInt32s(codes)}
	return b
}

// same compares what columns hold, not where.
func same(a, b batch.Batch) bool {
	if a.N == 0 {
		return b.N == 0
	}
	a, b = a.Clone(), b.Clone()
	for _, cols := range [][]batch.Column{a.Cols, b.Cols} {
		for i := range cols { // no bytes are no bytes
			cols[i].Values = append([]byte{}, cols[i].Values...)
		}
	}
	return reflect.DeepEqual(a, b)
}

func TestFileGivesTheRowsBack(t *testing.T) {
	dir := t.TempDir()
	m := mem.New(1, dir)
	defer m.Close()
	f, err := m.File()
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("the file has a name: %v", left)
	}
	const writers = 4
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			c := &batch.Ctx{Poison: true}
			for _, n := range []int{0, 1, 63, 64, 65, 1000, 4097} {
				in := rowsOf(r, n)
				blk, err := f.Write(&in)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := f.Read(c, &blk, nil)
				if err != nil || !same(got, in) {
					t.Errorf("%d rows do not come back: %v", n, err)
				}
				got, err = f.Read(c, &blk, []int{4, 0})
				in.Cols = []batch.Column{in.Cols[4], in.Cols[0]}
				if err != nil || !same(got, in) {
					t.Errorf("two columns of %d rows do not come back: %v", n, err)
				}
				c.Reset()
			}
		})
	}
	wg.Wait()
	if m.Spilled() == 0 {
		t.Error("nothing was counted")
	}
}

func TestMachine(t *testing.T) {
	if n := mem.Machine(); runtime.GOOS == "linux" && n < 64<<20 {
		t.Errorf("this machine has %d bytes", n)
	}
}
