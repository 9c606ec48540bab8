package gen

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators/batch"
)

// source is the real flights in memory, 32 bytes each.
type source struct {
	date, delay           []int64
	distance              []int64
	origin, destination   []int32 // codes into airports
	airports              batch.Column
	carriers, tailNumbers batch.Column
	carrierOf             []int32 // of a tail number
	span                  int64   // microseconds from one copy of the source to the next: whole days
}

const day = int64(86400e6)

// read reads the flights. Their airports get codes in the order of their names, so that nothing hangs on the file's dictionaries.
func read(ctx context.Context, path string) (*source, error) {
	o := parquet.New()
	o.Path = path
	ds, err := o.Open(ctx, files.Local(), nil)
	if err != nil {
		return nil, err
	}
	defer ds.Close()
	s := &source{}
	var names []string
	codes := map[string]int32{}
	err = each(ctx, ds, []string{"date", "delay", "distance", "origin", "destination"}, func(b batch.Batch) {
		s.date = append(s.date, b.Cols[0].Int64s()...)
		s.delay = append(s.delay, b.Cols[1].Int64s()...)
		s.distance = append(s.distance, b.Cols[2].Int64s()...)
		for i, to := range []*[]int32{&s.origin, &s.destination} {
			*to = append(*to, encode(&b.Cols[3+i], codes, &names)...)
		}
	})
	if err != nil {
		return nil, err
	}
	if len(s.date) == 0 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	s.sortAirports(names)
	s.addFleet()
	s.span = (slices.Max(s.date)/day - slices.Min(s.date)/day + 1) * day
	return s, nil
}

// each gives the named columns of a data set's rows, in order. Nulls are an error: the real flights have none.
func each(ctx context.Context, ds connectors.Dataset, names []string, f func(b batch.Batch)) error {
	var cols []int
	for _, name := range names {
		i := ds.Schema().Index(name)
		if i < 0 {
			return fmt.Errorf("no column %q", name)
		}
		cols = append(cols, i)
	}
	c := &batch.Ctx{}
	for u := range ds.Units() {
		err := ds.Read(ctx, c, u, cols, 1<<16, func(b batch.Batch) error {
			for i := range b.Cols {
				if n := b.Cols[i].Nulls(); n > 0 {
					return fmt.Errorf("column %q has %d nulls", names[i], n)
				}
			}
			f(b)
			return nil
		})
		if err != nil {
			return err
		}
		c.Reset()
	}
	return nil
}

func encode(col *batch.Column, codes map[string]int32, names *[]string) []int32 {
	out := make([]int32, col.N)
	for i := range out {
		code, ok := codes[col.Str(i)]
		if !ok {
			name := string(col.Text(i))
			code = int32(len(*names))
			codes[name] = code
			*names = append(*names, name)
		}
		out[i] = code
	}
	return out
}

func (s *source) sortAirports(names []string) {
	order := make([]int32, len(names))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(names[a], names[b]) })
	sorted, place := make([]string, len(names)), make([]int32, len(names))
	for to, from := range order {
		sorted[to], place[from] = names[from], int32(to)
	}
	for _, codes := range [][]int32{s.origin, s.destination} {
		for i, c := range codes {
			codes[i] = place[c]
		}
	}
	s.airports = batch.OfStrings(sorted)
}

// shares are the carriers with their share of the tail numbers in percent.
var shares = []struct {
	carrier string
	percent int
}{
	{"WN", 18}, {"DL", 15}, {"AA", 13}, {"UA", 12}, {"US", 10}, {"NW", 8}, {"MQ", 6}, {"CO", 5}, {"TW", 4}, {"HP", 3}, {"AS", 2}, {"OO", 2},
	{"AQ", 1}, {"HA", 1},
}

// tails is how many tail numbers there are.
const tails = 5000

func (s *source) addFleet() {
	var carriers, numbers []string
	var byPercent []int32
	for i, c := range shares {
		carriers = append(carriers, c.carrier)
		for range c.percent {
			byPercent = append(byPercent, int32(i))
		}
	}
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ" // as registered: neither I nor O
	for i := range tails {
		numbers = append(numbers, fmt.Sprintf("N%d%c%c", 100+i*7919%900, letters[i%24], letters[i/24%24]))
		s.carrierOf = append(s.carrierOf, byPercent[int(mix(uint64(i), 0)%100)])
	}
	s.carriers, s.tailNumbers = batch.OfStrings(carriers), batch.OfStrings(numbers)
}
