package tree

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/kernels/cpu"
)

var lengths = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 1000}

func source(n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 9)) }

// levels runs f at each instruction level.
func levels(t *testing.T, f func(t *testing.T)) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			f(t)
		})
	}
}

func TestFlush(t *testing.T) {
	levels(t, func(t *testing.T) {
		for _, f := range []Fields{{12, 37}, {9, 35}, {14, 14}} {
			for n := 8; n <= 256; n += 8 {
				r := source(n)
				var got, want [3][]int64
				for i := range got {
					for range n {
						got[i] = append(got[i], r.Int64N(1<<40)-1<<39)
					}
					want[i] = slices.Clone(got[i])
				}
				var words, beyond [256]uint64
				for b := range words {
					if r.IntN(3) > 0 {
						words[b] = r.Uint64()
					}
					if beyond[b] = words[b]; b >= n || words[b] == 0 {
						continue
					}
					w := words[b]
					beyond[b] = 0
					want[2][b] += int64(w & (1<<f.H - 1))
					want[1][b] += int64(w >> f.H & (1<<(f.G-f.H) - 1))
					want[0][b] += int64(w) >> f.G
				}
				Flush(got[0], got[1], got[2], &words, f)
				if fmt.Sprint(got) != fmt.Sprint(want) || words != beyond {
					t.Fatalf("%v, %d bins", f, n)
				}
			}
		}
	})
}

func TestUnion(t *testing.T) {
	levels(t, func(t *testing.T) {
		for n := 0; n <= 256; n += 8 {
			r, words, want := source(n), make([]uint64, n), uint64(0)
			for i := range words {
				words[i] = 1 << r.IntN(64) & r.Uint64()
				want |= words[i]
			}
			if got := Union(words); got != want {
				t.Errorf("%d words: %x, want %x", n, got, want)
			}
		}
	})
}

func TestRound(t *testing.T) {
	levels(t, func(t *testing.T) {
		for _, n := range lengths {
			r := source(n)
			src := make([]uint64, n)
			for i := range src {
				src[i] = uint64(r.Int64N(1<<31+1)-1<<30)<<32 + uint64(r.Int64N(1<<30+1))
			}
			for _, grid := range []Grid{{Fields{11, 36}, 13, 15}, {Fields{9, 35}, 0, 0}, {Fields{9, 35}, 1, 31}, {Fields{5, 11}, 12, 3}} {
				got := make([]uint64, n)
				grid.Round(got, src)
				for i, v := range src {
					g, h := int64(v)>>32, int64(uint32(v))
					if d := float64(uint64(1) << grid.DownG); d > 1 {
						g = int64(math.Floor(float64(g)/d + 0.5))
					}
					if d := float64(uint64(1) << grid.DownH); d > 1 {
						h = int64(math.Floor(float64(h)/d + 0.5))
					}
					if want := grid.Word(g, max(h, 1)); got[i] != want {
						t.Fatalf("%v: %x became %x, want %x", grid, v, got[i], want)
					}
				}
			}
		}
	})
}

func TestBest(t *testing.T) {
	levels(t, func(t *testing.T) {
		for n := range 256 {
			r := source(n)
			var g, h, rows [264]int64
			s := Search{RowsMin: int64(r.IntN(4)), HessMin: int64(r.IntN(40)), L1: float64(r.IntN(2)) * r.Float64() * 50, L2: float64(r.IntN(2)) * r.Float64() * 100}
			if n%3 == 0 {
				s.G0, s.H0, s.N0 = r.Int64N(2000)-1000, 1+r.Int64N(100), 1+r.Int64N(10)
			}
			s.G, s.H, s.N = s.G0, s.H0, s.N0
			for b := range n {
				if r.IntN(4) > 0 {
					rows[b] = 1 + r.Int64N(5)
					h[b] = rows[b] * (1 + r.Int64N(9))
					g[b] = r.Int64N(200) - 100
					if n%5 == 0 {
						g[b], h[b] = 3*(g[b]&1), rows[b] // ties
					}
					switch n % 7 {
					case 1: // sums that floats round, and hessians that they do not
						g[b], h[b] = r.Int64N(1<<54)-1<<53, rows[b]*(1+r.Int64N(1<<40))
					case 2:
						h[b] = rows[b] * (1 + r.Int64N(1<<51))
					}
				}
				s.G, s.H, s.N = s.G+g[b], s.H+h[b], s.N+rows[b]
			}
			for b := n; b < len(g); b++ { // does not matter
				g[b], h[b], rows[b] = math.MaxInt32, math.MaxInt32, math.MaxInt32
			}
			if n%2 == 0 { // nor where cuts there would be allowed, as rows without a value are right of all
				s.G, s.H, s.N = s.G-300, s.H+100, s.N+10
				for b := n; b < len(g); b++ {
					g[b], h[b], rows[b] = 40, 1, 1
				}
			}
			best, cut := 0.0, -1
			left := s
			gl, hl, nl := s.G0, s.H0, s.N0
			for b := range n {
				gl, hl, nl = gl+g[b], hl+h[b], nl+rows[b]
				if rows[b] == 0 || nl < s.RowsMin || s.N-nl < s.RowsMin || hl < s.HessMin || s.H-hl < s.HessMin {
					continue
				}
				if score := left.Of(gl, hl, s.L2); score > best {
					best, cut = score, b
				}
			}
			if got, at := s.Best(g[:n], h[:n], rows[:n]); got != best || at != cut {
				t.Fatalf("%d bins: %v at %d, want %v at %d", n, got, at, best, cut)
			}
		}
	})
}

// A histogram that reads the same from both ends has each score twice, at cuts in any two lanes: the lower cut wins.
func TestBestOfEqualIsTheLowest(t *testing.T) {
	levels(t, func(t *testing.T) {
		for bins := 2; bins <= 256; bins++ {
			r := source(bins)
			for range 4 {
				var g, h, n [256]int64
				s := Search{RowsMin: 1, HessMin: 1}
				for b := range bins {
					if twin := bins - 1 - b; twin < b {
						g[b], h[b], n[b] = g[twin], h[twin], n[twin]
					} else {
						n[b] = 1 + r.Int64N(3)
						g[b], h[b] = r.Int64N(2000)-1000, n[b]
					}
					s.G, s.H, s.N = s.G+g[b], s.H+h[b], s.N+n[b]
				}
				if _, cut := s.Best(g[:bins], h[:bins], n[:bins]); cut < 0 || cut > bins-2-cut {
					t.Fatalf("%d bins: cut %d, which %d equals", bins, cut, bins-2-cut)
				}
			}
		}
	})
}

func TestScoreIsTheSumOfBothSides(t *testing.T) {
	s := Search{G: 70, H: 90, N: 10, L1: 3, L2: 5}
	want := 57.0*57/(20+5) + 7*7/(70.0+5)
	if got := s.Of(60, 20, s.L2); math.Abs(got-want) > 1e-12*want || s.Of(10, 70, s.L2) != got {
		t.Errorf("%v, want %v, and the mirror image %v", got, want, s.Of(10, 70, s.L2))
	}
	if got, want := s.Whole(), 67.0*67/95; math.Abs(got-want) > 1e-12*want {
		t.Errorf("whole %v, want %v", got, want)
	}
}

func TestSidesAndPart(t *testing.T) {
	levels(t, func(t *testing.T) {
		for _, n := range append(lengths, 5000) {
			r := source(n)
			for _, step := range []int{1, 2, 50} {
				rows := make([]int32, n)
				last := r.IntN(5)
				for i := range rows {
					last += 1 + r.IntN(step)
					rows[i] = int32(last)
				}
				col := make([]uint8, last+4)[:last+1]
				for i := range col {
					col[i] = uint8(r.Uint32())
					if n%2 == 0 && i > 0 && i%150 != 0 {
						col[i] = col[i-1] // rows go one way for long
					}
				}
				for _, share := range []int{0, 1, 50, 99, 100} {
					var set Set
					for b := range 256 {
						if r.IntN(100) < share {
							set[b/64] |= 1 << (b % 64)
						}
					}
					var left, right []int32
					want := make([]uint64, (n+63)/64)
					for i, row := range rows {
						if set.Has(col[row]) {
							left = append(left, row)
							want[i/64] |= 1 << (i % 64)
						} else {
							right = append(right, row)
						}
					}
					sides := make([]uint64, len(want))
					if got := Sides(sides, rows, col, &set); got != len(left) || !slices.Equal(sides, want) {
						t.Fatalf("%d rows, step %d, share %d: %d go left, want %d", n, step, share, got, len(left))
					}
					all := make([]int32, n+2)
					all[0], all[n+1] = -7, -7
					gotLeft, gotRight := all[1:1+len(left)], all[1+len(left):1+n]
					Part(gotLeft, gotRight, rows, sides)
					if !slices.Equal(gotLeft, left) || !slices.Equal(gotRight, right) || all[0] != -7 || all[n+1] != -7 {
						t.Fatalf("%d rows, step %d, share %d: rows went elsewhere", n, step, share)
					}
				}
			}
		}
	})
}

func TestPartRefuses(t *testing.T) {
	levels(t, func(t *testing.T) {
		for _, n := range []int{64, 128, 130} {
			for _, room := range []int{1, 9, 40} {
				for _, side := range []uint64{0, 1<<64 - 1} { // all go to a side that has less room
					all := make([]int32, 3*n)
					left, right := all[:room:room], all[room:n:n]
					if side == 0 {
						left, right = all[:n-room:n-room], all[n-room:n:n]
					}
					func() {
						defer func() {
							if recover() == nil {
								t.Errorf("%d rows, room %d, sides %x: taken", n, room, side)
							}
						}()
						rows := make([]int32, n)
						for i := range rows {
							rows[i] = 1
						}
						Part(left, right, rows, []uint64{side, side ^ 1<<9, side}[:(n+63)/64])
					}()
					if slices.Max(all[n:]) != 0 {
						t.Errorf("%d rows, room %d, sides %x: written past the sides", n, room, side)
					}
				}
			}
		}
	})
}

func TestSidesRefusesRowsPastTheLast(t *testing.T) {
	levels(t, func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("taken")
			}
		}()
		rows := make([]int32, 64)
		for i := range rows {
			rows[i] = 2 * int32(i)
		}
		col := make([]uint8, 1024)
		Sides(make([]uint64, 1), rows, col[:126], &Set{})
	})
}

func TestBins(t *testing.T) {
	levels(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 2, 15, 16, 17, 100, 253, 254} {
			r := source(n)
			cuts := make([]float64, n)
			for i := range cuts {
				cuts[i] = math.Round(r.NormFloat64()*1e4) / 1e4
			}
			if n > 3 {
				cuts[0], cuts[1], cuts[2], cuts[3] = math.Inf(-1), 0, 5e-324, math.MaxFloat64
			}
			slices.Sort(cuts)
			for cuts = slices.Compact(cuts); len(cuts) < n; cuts = slices.Compact(cuts) { // all of them: the most too
				cuts = append(cuts, r.NormFloat64())
				slices.Sort(cuts)
			}
			xs := append([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 5e-324, -5e-324}, cuts...)
			for _, c := range cuts {
				xs = append(xs, math.Nextafter(c, math.Inf(1)), math.Nextafter(c, math.Inf(-1)), r.NormFloat64())
			}
			c := NewCuts(cuts)
			for _, length := range append(lengths, len(xs)) {
				some := xs[max(0, len(xs)-length):]
				got := make([]uint8, len(some))
				c.Bins(got, some)
				for i, x := range some {
					want := 0
					for _, cut := range cuts {
						if x > cut {
							want++
						}
					}
					if x != x {
						want = len(cuts) + 1
					}
					if int(got[i]) != want || c.Bin(x) != got[i] {
						t.Fatalf("%d cuts: %v is in bin %d, want %d", len(cuts), x, got[i], want)
					}
				}
			}
		}
	})
}

func TestLogistic(t *testing.T) {
	var want [][]uint64
	levels(t, func(t *testing.T) {
		for at, n := range append(lengths, 20000) {
			r := source(n)
			score, label := make([]float64, n), make([]float64, n)
			for i := range score {
				score[i], label[i] = r.NormFloat64()*5, float64(r.IntN(2))
				switch r.IntN(9) {
				case 0:
					score[i] = r.NormFloat64() * 1e3
				case 1:
					score[i] = math.Copysign(0, r.NormFloat64())
				case 2:
					score[i] = 1e300 * r.NormFloat64()
				}
			}
			got := make([]uint64, n)
			topG, topH := Logistic(got, score, label, 1<<30, 1<<32, Fine)
			var wantG, wantH int64
			for i, s := range score {
				p := 1 / (1 + math.Exp(-s))
				g, h := int64(got[i])>>32, int64(uint32(got[i]))
				wantG, wantH = max(wantG, g, -g), max(wantH, h)
				if math.Abs(float64(g)-(p-label[i])*(1<<30)) > 0.6 || math.Abs(float64(h)-max(1, p*(1-p)*(1<<32))) > 0.8 || h < 1 {
					t.Fatalf("score %v, label %v: %d, %d", s, label[i], g, h)
				}
			}
			if topG != wantG || topH != wantH {
				t.Errorf("%d rows: greatest %d, %d, want %d, %d", n, topG, topH, wantG, wantH)
			}
			narrow := make([]uint64, n)
			f := Fields{H: 11, G: 36}
			Logistic(narrow, score, label, 1<<16, 1<<16, f)
			for i, v := range narrow {
				g, h := int64(v)>>f.G, int64(v>>f.H&(1<<(f.G-f.H)-1))
				if math.Abs(float64(g)-float64(int64(got[i])>>32)/(1<<14)) > 0.51 || math.Abs(float64(h)-max(1, float64(uint32(got[i]))/(1<<16))) > 0.51 || v&(1<<f.H-1) != 1 {
					t.Fatalf("score %v: %d, %d", score[i], g, h)
				}
			}
			got = append(got, narrow...)
			if len(want) == at {
				want = append(want, got)
			} else if !slices.Equal(got, want[at]) {
				t.Errorf("%d rows: other bits", n)
			}
		}
	})
}

func TestScatter(t *testing.T) {
	levels(t, func(t *testing.T) {
		for width := 1; width <= Columns; width++ {
			for _, n := range []int{0, 1, 2, 7, 127, 128, 129, 300} {
				r := source(n)
				first := r.IntN(3)
				recs := Records{Stride: (first+width+7)&^7 + 8 + 8*r.IntN(2)}
				recs.Data = make([]uint8, 400*recs.Stride)
				for i := range recs.Data {
					recs.Data[i] = uint8(r.Uint32())
				}
				words := make([]uint64, n)
				for i := range words {
					words[i] = r.Uint64()
				}
				begin := r.IntN(400 - n + 1)
				follow, some := make([]int32, n), make([]int32, n)
				for i, row := range r.Perm(400)[:n] {
					follow[i], some[i] = int32(begin+i), int32(row)
				}
				slices.Sort(some)
				for _, rows := range [][]int32{follow, some} {
					data := slices.Clone(recs.Data)
					var want Table
					for i, row := range rows {
						rec := data[int(row)*recs.Stride:][:recs.Stride]
						binary.LittleEndian.PutUint64(rec[recs.Stride-8:], words[i])
						for k := range width {
							at := k
							if Twice(width) && i%2 == 1 {
								at += width
							}
							want[at][rec[first+k]] += words[i]
						}
					}
					var got [3]Table
					recs.Data = slices.Clone(recs.Data)
					if n == 0 || int(rows[n-1]-rows[0]) == n-1 {
						begin := begin
						if n > 0 {
							begin = int(rows[0])
						}
						recs.Put(begin, words)
						recs.Scatter(width, &got[0], first, begin, n)
					} else {
						recs.PutRows(rows, words)
						got[0] = want
					}
					recs.ScatterRows(width, &got[1], first, rows, false)
					recs.ScatterRows(width, &got[2], first, rows, true)
					if !slices.Equal(recs.Data, data) {
						t.Errorf("width %d, %d rows: other records", width, n)
					}
					if got != [3]Table{want, want, want} {
						t.Errorf("width %d, %d rows", width, n)
					}
				}
			}
		}
	})
}

func TestScatterApart(t *testing.T) {
	for width := 1; width <= Columns; width++ {
		for _, n := range []int{0, 1, 2, 7, 1000} {
			r := source(n)
			first := r.IntN(3)
			stride := (first + width + 7) &^ 7
			bins, words := make([]uint8, n*stride), make([]uint64, n)
			for i := range bins {
				bins[i] = uint8(r.Uint32())
			}
			var got, want Table
			for i := range words {
				words[i] = r.Uint64()
				for k := range width {
					at := k
					if Twice(width) && i%2 == 1 {
						at += width
					}
					want[at][bins[i*stride+first+k]] += words[i]
				}
			}
			if Scatter(width, &got, bins, stride, first, words); got != want {
				t.Errorf("width %d, %d rows", width, n)
			}
		}
	}
}

func TestGather(t *testing.T) {
	levels(t, func(t *testing.T) {
		for stride := 8; stride <= 48; stride += 8 {
			for _, n := range []int{0, 1, 33, 127, 128, 129, 300} {
				r := source(n)
				bins, words := make([]uint8, 100*stride), make([]uint64, 100)
				for i := range bins {
					bins[i] = uint8(r.Uint32())
				}
				for i := range words {
					words[i] = r.Uint64()
				}
				var rows []int32
				var wantBins []uint8
				var wantWords []uint64
				for range n {
					row := r.IntN(100)
					rows, wantBins, wantWords = append(rows, int32(row)), append(wantBins, bins[row*stride:(row+1)*stride]...), append(wantWords, words[row])
				}
				gotBins, gotWords := make([]uint8, len(wantBins)), make([]uint64, n)
				if Gather(gotBins, bins, stride, rows, gotWords, words); !slices.Equal(gotBins, wantBins) || !slices.Equal(gotWords, wantWords) {
					t.Errorf("stride %d, %d rows", stride, n)
				}
			}
		}
	})
}

func TestRecordsEnd(t *testing.T) {
	r := Records{Data: make([]uint8, 10*16), Stride: 16}
	var table Table
	for name, f := range map[string]func(){
		"a row past the last":    func() { r.ScatterRows(6, &table, 0, []int32{3, 10}, true) },
		"a row before the first": func() { r.ScatterRows(6, &table, 0, []int32{-1, 3}, true) },
		"rows past the last":     func() { r.Scatter(6, &table, 0, 5, 6) },
		"columns in the word":    func() { r.Scatter(6, &table, 3, 0, 1) },
		"words past the last":    func() { r.Put(9, make([]uint64, 2)) },
		"a word past the last":   func() { r.PutRows([]int32{10}, make([]uint64, 1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: taken", name)
				}
			}()
			f()
		}()
	}
}
