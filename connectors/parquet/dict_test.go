package parquet_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"github.com/headrace/headrace/operators/batch"
)

// TestDictionaryLasts: the batches of a row group share one dictionary, which stays as it is and where it is when the arena is reset, the
// reader's buffers are used again, and other row groups are read: who keeps its address keeps what it means.
func TestDictionaryLasts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dict.parquet")
	writeForeign(t, path, 9000, pq.MaxRowsPerRowGroup(3000), pq.PageBufferSize(2000), pq.Compression(&pq.Snappy))
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	text := d.Schema().Index("text")
	all := func(c *batch.Column) string {
		var b strings.Builder
		for i := range c.N {
			b.Write(c.Text(i))
			b.WriteByte('|')
		}
		return b.String()
	}
	was := map[*batch.Column]string{}
	ctx := &batch.Ctx{Poison: true}
	for u := range d.Units() {
		var dict *batch.Column
		batches := 0
		err := d.Read(context.Background(), ctx, u, []int{text}, 500, func(b batch.Batch) error {
			c := &b.Cols[0]
			switch {
			case c.Dict == nil:
				return nil // past the dictionary's pages
			case dict == nil:
				if dict = c.Dict; was[dict] != "" {
					t.Errorf("unit %d has the dictionary of another", u)
				}
				was[dict] = all(dict)
			case c.Dict != dict:
				t.Errorf("unit %d: a batch has a dictionary of its own", u)
			}
			if !c.Dict.Lasts || c.Clone().Dict != dict {
				t.Errorf("unit %d: a clone has a dictionary of its own", u)
			}
			batches++
			ctx.Reset()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if u == 0 && batches != 6 {
			t.Errorf("%d batches of 6 are coded", batches)
		}
	}
	if len(was) < 2 {
		t.Fatalf("%d dictionaries", len(was))
	}
	for c, want := range was {
		if got := all(c); got != want {
			t.Errorf("a dictionary is now %.40q, was %.40q", got, want)
		}
	}
}
