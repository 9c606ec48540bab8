package gen

import (
	"context"
	"iter"
	"math"
	"runtime"

	"github.com/headrace/headrace/operators/batch"
)

// A row is a function of its number alone, so that any worker can make it. Row r is row r mod n of the n real flights, with
//
//	date         moved on by as many days as the real flights span for every copy of them that went before, and by 0 to 59 seconds.
//	             The real ones are of whole minutes, so that all rows differ and no row changes its day: groups by (origin, day)
//	             and distinct dates grow with the copies
//	delay        the real one, -1 to +1 in the second copy and later; null in 1.5 %, as of cancelled flights
//	distance, origin, destination   the real ones: 229 origins, 3,399 routes, 1,109 distances, however many rows
//	tail_number  one of 5,000, evenly
//	carrier      of the tail number, one of 14, 1 % to 18 % of the tail numbers each
//	air_time     by distance, with noise in all bits of the mantissa: about as many values as rows; null with delay, and in 0.5 % more
//	taxi_out     whole minutes from 4 to 90, most below 20
//	price        by distance and luck, in whole cents: about 100,000 values
//
// and 1 % of rows, spread evenly, repeat one of the 100,000 rows before them in all but taxi_out and price: a correction that was
// sent later. So the first of equal rows is not the same as any of them.
const (
	duplicatesIn = 100
	backMax      = 100000
	delayNullPpm = 15000
	airNullPpm   = 5000
)

// The lanes of randomness, one for each thing that is drawn.
const (
	laneDuplicate = 1 + iota
	laneBack
	laneSecond
	laneDelay
	laneDelayNull
	laneTail
	laneAir
	laneAirNull
	laneTaxi
	lanePrice
)

// mix is SplitMix64's finalizer over a row and a lane: 64 random bits.
func mix(row, lane uint64) uint64 {
	z := row*0x9e3779b97f4a7c15 + lane*0xd1342543de82ef95 + 0x632be59bd9b4e019
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit is a float in [0, 1).
func unit(row, lane uint64) float64 { return float64(mix(row, lane)>>11) / (1 << 53) }

// original is the row that row r repeats: r itself, where it repeats none.
func original(r uint64) uint64 {
	if !repeats(r) {
		return r
	}
	back := r - 1 - mix(r, laneBack)%min(r, backMax)
	for repeats(back) {
		back--
	}
	return back
}

func repeats(r uint64) bool { return r > 0 && mix(r, laneDuplicate)%duplicatesIn == 0 }

// group is some rows with their counts.
type group struct {
	rows                             batch.Batch
	duplicates, delayNulls, airNulls int64
}

// groups makes all rows, in order, a group ahead on every core. It ends early with the context.
func (s *source) groups(ctx context.Context, rows int64) iter.Seq[group] {
	return func(yield func(group) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ahead := make(chan chan group, runtime.GOMAXPROCS(0))
		go func() {
			defer close(ahead)
			for lo := int64(0); lo < rows; lo += groupRows {
				out := make(chan group, 1)
				select {
				case ahead <- out:
				case <-ctx.Done():
					return
				}
				go func() { out <- s.group(uint64(lo), int(min(groupRows, rows-lo))) }()
			}
		}()
		for out := range ahead {
			if !yield(<-out) {
				return
			}
		}
	}
}

// columns are the memory of a group being made.
type columns struct {
	date, delay, distance, taxiOut     []int64
	origin, destination, carrier, tail []int32
	airTime, price                     []float64
	delayNull, airNull                 []bool
}

func (s *source) group(lo uint64, n int) group {
	c := columns{
		date: make([]int64, n), delay: make([]int64, n), distance: make([]int64, n), taxiOut: make([]int64, n),
		origin: make([]int32, n), destination: make([]int32, n), carrier: make([]int32, n), tail: make([]int32, n),
		airTime: make([]float64, n), price: make([]float64, n),
		delayNull: make([]bool, n), airNull: make([]bool, n),
	}
	var g group
	for i := range n {
		r := lo + uint64(i)
		from := original(r)
		s.flight(&c, i, from)
		c.taxiOut[i], c.price[i] = taxiOut(r), price(r, c.distance[i])
		g.duplicates += count(from != r)
		g.delayNulls += count(c.delayNull[i])
		g.airNulls += count(c.airNull[i])
	}
	g.rows = c.batch(s, lo)
	return g
}

// flight sets what a repeated row shares with its original.
func (s *source) flight(c *columns, i int, r uint64) {
	copies, at := r/uint64(len(s.date)), r%uint64(len(s.date))
	c.date[i] = s.date[at] + int64(copies)*s.span + int64(mix(r, laneSecond)%60)*1e6
	c.delay[i] = s.delay[at]
	if copies > 0 {
		c.delay[i] += int64(mix(r, laneDelay)%3) - 1
	}
	c.distance[i], c.origin[i], c.destination[i] = s.distance[at], s.origin[at], s.destination[at]
	c.tail[i] = int32(mix(r, laneTail) % tails)
	c.carrier[i] = s.carrierOf[c.tail[i]]
	// The sum of three evenly spread numbers is bell-shaped enough.
	noise := float64((unit(r, laneAir) + unit(r, laneAir<<8) + unit(r, laneAir<<16) - 1.5) * 16)
	c.airTime[i] = math.Max(10, 18+float64(float64(c.distance[i])/7.8)+noise)
	c.delayNull[i] = mix(r, laneDelayNull)%1e6 < delayNullPpm
	c.airNull[i] = c.delayNull[i] || mix(r, laneAirNull)%1e6 < airNullPpm
}

func taxiOut(r uint64) int64 {
	return min(90, 4+int64(-6*math.Log(1-unit(r, laneTaxi)))+int64(mix(r, laneTaxi<<8)%8))
}

func price(r uint64, distance int64) float64 {
	luck := unit(r, lanePrice)
	cents := float64(4900+11*distance) * (0.6 + float64(1.8*float64(luck*luck)))
	return math.Round(cents) / 100
}

func count(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (c *columns) batch(s *source, lo uint64) batch.Batch {
	date := batch.OfInt64s(c.date)
	date.Type = Schema().Fields[0].Type
	return batch.Batch{N: len(c.date), ID: batch.IDs{Base: lo}, Cols: []batch.Column{
		date,
		batch.OfInt64s(c.delay).WithNulls(c.delayNull),
		batch.OfInt64s(c.distance),
		batch.OfCodes(c.origin, &s.airports),
		batch.OfCodes(c.destination, &s.airports),
		batch.OfCodes(c.carrier, &s.carriers),
		batch.OfCodes(c.tail, &s.tailNumbers),
		batch.OfFloat64s(c.airTime).WithNulls(c.airNull),
		batch.OfInt64s(c.taxiOut),
		batch.OfFloat64s(c.price),
	}}
}
