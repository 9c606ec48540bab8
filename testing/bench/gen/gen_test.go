package gen

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// flights writes a few flights as the real file has them: whole minutes, two a minute, over two days.
func flights(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "real.parquet")
	o := parquet.New()
	o.Path = path
	full := Schema()
	schema := operators.Schema{Fields: full.Fields[:5:5]}
	schema.Fields[1].Nullable = false
	w, err := o.Create(context.Background(), files.Local(), schema)
	if err != nil {
		t.Fatal(err)
	}
	date, delay, distance := make([]int64, n), make([]int64, n), make([]int64, n)
	origin, destination := make([]string, n), make([]string, n)
	for i := range n {
		date[i] = 978307200e6 + int64(i/2)*2*day/int64(n)/60e6*60e6*2
		delay[i], distance[i] = int64(i%50-10), int64(200+i%40*10)
		origin[i], destination[i] = fmt.Sprintf("A%02d", i%7), fmt.Sprintf("A%02d", i%11)
	}
	at := batch.OfInt64s(date)
	at.Type = schema.Fields[0].Type
	err = w.Write(batch.Batch{N: n, Cols: []batch.Column{at, batch.OfInt64s(delay), batch.OfInt64s(distance), batch.OfStrings(origin), batch.OfStrings(destination)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return path
}

// seen is what a file holds, counted the long way.
type seen struct {
	rows, duplicates, delayNulls, airNulls int64
	originDays, carriers, tails            map[string]bool
	days                                   map[int64]bool
}

func tally(t *testing.T, path string) seen {
	t.Helper()
	o := parquet.New()
	o.Path = path
	ds, err := o.Open(context.Background(), files.Local(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ds.Close()
	s := seen{originDays: map[string]bool{}, carriers: map[string]bool{}, tails: map[string]bool{}, days: map[int64]bool{}}
	keys := map[string]bool{}
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for u := range ds.Units() {
		c := &batch.Ctx{}
		err := ds.Read(context.Background(), c, u, all, 1<<16, func(b batch.Batch) error {
			s.rows += int64(b.N)
			s.delayNulls += int64(b.Cols[1].Nulls())
			s.airNulls += int64(b.Cols[7].Nulls())
			for i, at := range b.Cols[0].Int64s() {
				key := fmt.Sprint(at, b.Cols[3].Str(i), b.Cols[4].Str(i), b.Cols[6].Str(i))
				s.duplicates += count(keys[key])
				keys[key] = true
				s.days[at/day] = true
				s.originDays[fmt.Sprint(b.Cols[3].Str(i), at/day)] = true
				s.carriers[string(b.Cols[5].Text(i))], s.tails[string(b.Cols[6].Text(i))] = true, true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestCountsAreAsStated(t *testing.T) {
	real := flights(t, 20000)
	for _, copies := range []int64{1, 3} {
		m, err := File(context.Background(), t.TempDir(), Params{Source: real, Rows: 20000 * copies, Codec: "snappy"})
		if err != nil {
			t.Fatal(err)
		}
		s := tally(t, m.Path)
		if s.rows != m.Rows || s.duplicates != m.Duplicates || s.delayNulls != m.DelayNulls || s.airNulls != m.AirNulls {
			t.Errorf("stated %+v, but the file has %d rows, %d duplicates, %d and %d nulls", m, s.rows, s.duplicates, s.delayNulls, s.airNulls)
		}
		for what, n := range map[string][3]int64{ // counted, least, greatest
			"duplicates":   {s.duplicates, m.Rows * 8 / 1000, m.Rows * 12 / 1000},
			"null delays":  {s.delayNulls, m.Rows * 13 / 1000, m.Rows * 17 / 1000},
			"null times":   {s.airNulls, m.Rows * 17 / 1000, m.Rows * 23 / 1000},
			"days":         {int64(len(s.days)), 2 * copies, 2 * copies},
			"origin, day":  {int64(len(s.originDays)), 14 * copies, 14 * copies},
			"carriers":     {int64(len(s.carriers)), 14, 14},
			"tail numbers": {int64(len(s.tails)), 4900, 5000},
		} {
			if n[0] < n[1] || n[0] > n[2] {
				t.Errorf("%d copies: %d %s, not %d to %d", copies, n[0], what, n[1], n[2])
			}
		}
	}
}

func TestSameBytesTwice(t *testing.T) {
	p := Params{Source: flights(t, 5000), Rows: 2*groupRows + 77, Codec: "zstd"}
	var texts [2][]byte
	for i := range texts {
		m, err := File(context.Background(), t.TempDir(), p)
		if err != nil {
			t.Fatal(err)
		}
		if texts[i], err = os.ReadFile(m.Path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Error("two files of the same parameters differ")
	}
}

func TestAFileIsKeptUntilItsParametersChange(t *testing.T) {
	dir := t.TempDir()
	p := Params{Source: flights(t, 1000), Rows: 3000, Codec: "snappy"}
	make := func() Made {
		t.Helper()
		m, err := File(context.Background(), dir, p)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first, second := make(), make()
	if !first.Fresh || second.Fresh {
		t.Errorf("made now: %v, then %v", first.Fresh, second.Fresh)
	}
	second.Fresh = first.Fresh
	if first != second {
		t.Errorf("found %+v, but made %+v", second, first)
	}
	if err := os.Truncate(first.Path, first.Bytes-1); err != nil {
		t.Fatal(err)
	}
	if !make().Fresh {
		t.Error("a file cut short was taken as found")
	}
	p.Source = flights(t, 1001)
	if !make().Fresh {
		t.Error("a file of another source was taken as found")
	}
}

func TestSize(t *testing.T) {
	for rows, want := range map[int64]string{3e6: "3m", 30e6: "30m", 500e3: "500k", 1500e3: "1500k", 77: "77"} {
		if got := Size(rows); got != want {
			t.Errorf("Size(%d) is %s, not %s", rows, got, want)
		}
	}
}
