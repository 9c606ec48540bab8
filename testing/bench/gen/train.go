package gen

import (
	"context"
	"time"
)

// Table is numbers to learn from, column by column; the last Test rows are there to test on.
type Table struct {
	Names  []string
	Levels []int // of each column: how many codes there are, where it is codes; else 0
	X      [][]float32
	Label  []float64
	Test   int
}

const laneTest = 200

// Late is 1 of a flight more than 15 minutes late.
func Late(minutes int64) float64 {
	if minutes > 15 {
		return 1
	}
	return 0
}

// Minutes is how late a flight was, as far as it is usual: two hours at most, and a quarter early.
func Minutes(minutes int64) float64 { return float64(min(max(minutes, -15), 120)) }

// FlightTable is the real flights as numbers, and a label of how late each was. A fifth, drawn by the seed, stands at the end; else the
// order is the file's.
func FlightTable(ctx context.Context, path string, seed uint64, label func(minutes int64) float64) (Table, error) {
	s, err := read(ctx, path)
	if err != nil {
		return Table{}, err
	}
	airports := s.airports.N
	t := Table{
		Names:  []string{"month", "hour", "weekday", "distance", "origin", "destination"},
		Levels: []int{0, 0, 0, 0, airports, airports},
		X:      make([][]float32, 6),
	}
	for _, testing := range []bool{false, true} {
		for i, date := range s.date {
			if (mix(uint64(i), laneTest+seed)%5 == 0) != testing {
				continue
			}
			days := date / day
			if testing {
				t.Test++
			}
			for j, v := range []int64{monthOf(days), date % day / 3600e6, (days + 4) % 7, s.distance[i], int64(s.origin[i]), int64(s.destination[i])} {
				t.X[j] = append(t.X[j], float32(v))
			}
			t.Label = append(t.Label, label(s.delay[i]))
		}
	}
	return t, nil
}

// monthOf is the month, 1 to 12, of a day since 1970.
func monthOf(days int64) int64 {
	return int64(time.Unix(days*86400, 0).UTC().Month())
}
