package forest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/kernels/cpu"
)

func source(n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 7)) }

// levels runs f at each instruction level.
func levels(t *testing.T, f func(t *testing.T)) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			f(t)
		})
	}
}

// random is a tree that is split at leaves drawn from the last few: the fewer, the deeper.
func random(r *rand.Rand, leaves, last, columns int, sets bool) (splits []Split, leaf []float64) {
	open := [][2]int{{-1, 0}} // the node and side where a leaf hangs
	hang := func(at [2]int, c int32) {
		switch {
		case at[0] < 0:
		case at[1] == 0:
			splits[at[0]].Left = c
		default:
			splits[at[0]].Right = c
		}
	}
	for len(open) < leaves {
		at := max(0, len(open)-last) + r.IntN(min(last, len(open)))
		n := len(splits)
		hang(open[at], int32(n))
		s := Split{Column: r.IntN(columns), Most: uint8(r.IntN(256))}
		if sets && r.IntN(3) == 0 {
			s.Set = &[4]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
		}
		splits = append(splits, s)
		open[at] = [2]int{n, 0}
		open = append(open, [2]int{n, 1})
	}
	for i, at := range open {
		hang(at, ^int32(i))
		leaf = append(leaf, r.NormFloat64())
	}
	return splits, leaf
}

// find walks.
func find(splits []Split, code func(column int) uint8) int32 {
	c := int32(0)
	if len(splits) == 0 {
		c = ^0
	}
	for c >= 0 {
		s := &splits[c]
		x := code(s.Column)
		left := x <= s.Most
		if s.Set != nil {
			left = s.Set[x/64]>>(x%64)&1 == 1
		}
		if c = s.Right; left {
			c = s.Left
		}
	}
	return ^c
}

func TestAdd(t *testing.T) {
	const columns = 5
	levels(t, func(t *testing.T) {
		for leaves := 1; leaves <= LeavesMax; leaves++ {
			for _, last := range []int{1, 3, LeavesMax} {
				r := source(leaves)
				splits, leaf := random(r, leaves, last, columns, leaves%2 == 0)
				tree := NewTree(splits, leaf, columns)
				b := Block{Codes: make([]uint8, tree.Columns()*Rows)}
				for i := range b.Codes {
					b.Codes[i] = uint8(r.Uint32())
				}
				for i := range b.masks {
					b.masks[i] = r.Uint64()
				}
				var want [Rows]float64
				for i := range want {
					b.Score[i] = r.NormFloat64()
					want[i] = b.Score[i] + leaf[find(splits, func(j int) uint8 { return b.Codes[j*Rows+i] })]
				}
				was := b.Score
				if tree.Add(&b); b.Score != want {
					t.Fatalf("%d leaves, of the last %d", leaves, last)
				}
				if AddTo(&was, tree.Find(&b), tree.Values()); was != want {
					t.Fatalf("%d leaves, of the last %d: by their numbers", leaves, last)
				}
				for i := range b.Codes { // a second block, on what the first has left
					b.Codes[i] = uint8(r.Uint32())
				}
				for i := range want {
					want[i] += leaf[find(splits, func(j int) uint8 { return b.Codes[j*Rows+i] })]
				}
				if tree.Add(&b); b.Score != want {
					t.Fatalf("%d leaves, of the last %d: a second block", leaves, last)
				}
			}
		}
	})
}

// specials are numbers at which a comparison may go wrong; all but the first are cuts too.
var specials = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 5e-324, -5e-324, math.MaxFloat64}

func TestNewTreeRefuses(t *testing.T) {
	for what, f := range map[string]func(){
		"a leaf too few":   func() { NewTree([]Split{{Left: ^0, Right: ^1}}, []float64{1}, 1) },
		"257 leaves":       func() { NewTree(make([]Split, LeavesMax), make([]float64, LeavesMax+1), 1) },
		"no such column":   func() { NewTree([]Split{{Column: 1, Left: ^0, Right: ^1}}, []float64{1, 2}, 1) },
		"a column below 0": func() { NewTree([]Split{{Column: -1, Left: ^0, Right: ^1}}, []float64{1, 2}, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
}

func TestNewRowRefuses(t *testing.T) {
	columns := make([]RowColumn, RowCuts+1)
	for i := range columns {
		columns[i] = RowColumn{First: 2 * i, Cuts: NewCuts(nil)}
	}
	NewRow(nil, nil, columns[:RowCuts])
	defer func() {
		if recover() == nil {
			t.Error("a number too many: no panic") // its codes would be written behind the others
		}
	}()
	NewRow(nil, nil, columns)
}

func TestCodes(t *testing.T) {
	levels(t, func(t *testing.T) {
		for n := range CutsMax + 1 {
			r := source(n)
			cuts := make([]float64, n)
			for i := range cuts {
				cuts[i] = math.Round(r.NormFloat64()*1e4) / 1e4
			}
			if n > 4 && n < CutsMax { // what lies behind the cuts is like a cut of +Inf: the most have none
				copy(cuts, []float64{math.Inf(-1), 0, 5e-324, math.MaxFloat64, math.Inf(1)})
			}
			slices.Sort(cuts)
			for cuts = slices.Compact(cuts); len(cuts) < n; cuts = slices.Compact(cuts) { // all of them: the most too
				cuts = append(cuts, r.NormFloat64())
				slices.Sort(cuts)
			}
			xs := append(slices.Clone(specials), cuts...)
			for _, c := range cuts {
				xs = append(xs, math.Nextafter(c, math.Inf(1)), math.Nextafter(c, math.Inf(-1)), r.NormFloat64())
			}
			c := NewCuts(cuts)
			for _, length := range []int{0, 1, 7, 8, 9, len(xs)} {
				some := xs[max(0, len(xs)-length):]
				low, high := make([]uint8, len(some)), make([]uint8, len(some))
				c.Codes(low, high, some)
				for i, x := range some {
					wantLow, wantHigh := 0, Missing
					for _, cut := range cuts {
						if x > cut {
							wantLow++
						}
					}
					if x == x {
						wantHigh = wantLow
					}
					if int(low[i]) != wantLow || int(high[i]) != wantHigh {
						t.Fatalf("%d cuts: %v is %d and %d, want %d and %d", len(cuts), x, low[i], high[i], wantLow, wantHigh)
					}
				}
			}
		}
	})
}

func TestRow(t *testing.T) {
	levels(t, func(t *testing.T) {
		for trees := range 70 {
			r := source(trees)
			columns, numbers := []RowColumn{}, r.IntN(RowCuts+1)
			codes, first := trees%2*r.IntN(4), 0
			if numbers+codes == 0 {
				numbers = 1
			}
			feature, cuts := []int{}, [][]float64{} // of each of the splits' columns; of each number
			for i := range numbers + codes {
				c := RowColumn{First: first, Levels: []int{1, 2, 31, 254, Missing}[r.IntN(5)]}
				first++
				feature = append(feature, i)
				if i >= codes {
					v := make([]float64, r.IntN(CutsMax+1))
					for j := range v {
						if v[j] = r.NormFloat64(); r.IntN(8) == 0 {
							v[j] = specials[1+r.IntN(len(specials)-1)]
						}
					}
					slices.Sort(v)
					v = slices.Compact(v)
					cuts, c.Cuts = append(cuts, v), NewCuts(v)
					first++
					feature = append(feature, i)
				}
				columns = append(columns, c)
			}
			all, leaf := make([][]Split, trees), make([][]float64, trees)
			for i := range all {
				all[i], leaf[i] = random(r, 1+r.IntN(RowLeaves), 1+r.IntN(RowLeaves), first, false)
				for j := range all[i] {
					if s := &all[i][j]; s.Column < codes {
						s.Set = &[4]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
					}
				}
			}
			row := NewRow(all, leaf, columns)
			for range 50 {
				x, code := make([]float64, numbers), make([]uint8, codes)
				for i := range x {
					switch x[i] = r.NormFloat64(); {
					case r.IntN(3) == 0:
						x[i] = specials[r.IntN(len(specials))]
					case r.IntN(2) == 0 && len(cuts[i]) > 0:
						x[i] = cuts[i][r.IntN(len(cuts[i]))]
					}
				}
				for i := range code {
					code[i] = uint8(r.IntN(columns[i].Levels + 1))
				}
				want := 0.5
				for i := range all {
					want += leaf[i][find(all[i], func(j int) uint8 {
						c := feature[j]
						switch {
						case c < codes && int(code[c]) == columns[c].Levels:
							return Missing
						case c < codes:
							return code[c]
						}
						switch v := x[c-codes]; {
						case v == v:
							return columns[c].Cuts.Code(v)
						case j == columns[c].First:
							return 0
						}
						return Missing
					})]
				}
				if got := row.Score(0.5, x, code); got != want {
					t.Fatalf("%d trees: %v, want %v", trees, got, want)
				}
			}
		}
	})
}

// BenchmarkForest is ns a row and node, row, or value of each loop at each level.
func BenchmarkForest(b *testing.B) {
	run := func(name string, units int, f func()) {
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("%s/%s", name, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(units), "ns/row")
			})
		}
	}
	const columns, trees = 56, 100
	for _, leaves := range []int{31, 255} {
		for _, last := range []int{8, LeavesMax} {
			r := source(leaves)
			var all []Tree
			for range trees {
				splits, leaf := random(r, leaves, last, columns, false)
				all = append(all, NewTree(splits, leaf, columns))
			}
			block := Block{Codes: make([]uint8, columns*Rows)}
			for i := range block.Codes {
				block.Codes[i] = uint8(r.Uint32())
			}
			run(fmt.Sprintf("Add of %d leaves, last %d", leaves, last), trees*Rows, func() {
				for i := range all {
					all[i].Add(&block)
				}
			})
			run(fmt.Sprintf("reach of %d leaves, last %d", leaves, last), trees*Rows, func() {
				for i := range all {
					reach(&block.leaf, all[i].nodes, block.Codes, &block.masks)
				}
			})
		}
	}
	r := source(1)
	var block Block
	block.Codes = make([]uint8, 2*Rows)
	for i := range block.Codes {
		block.Codes[i] = uint8(r.Uint32())
	}
	run("beyond", Rows, func() { beyond(block.Column(0), block.Column(1), &[4]uint64{1, 2, 3, 4}) })
	for _, n := range []int{15, 63, 127, 254} {
		xs, cuts := make([]float64, Rows), make([]float64, n)
		for i := range xs {
			xs[i] = r.NormFloat64()
		}
		for i := range cuts {
			cuts[i] = r.NormFloat64()
		}
		slices.Sort(cuts)
		c := NewCuts(cuts)
		run(fmt.Sprintf("Codes of %d cuts", n), Rows, func() { c.Codes(block.Codes[:Rows], block.Codes[Rows:], xs) })
	}
	var cuts []RowColumn
	for j := range 28 {
		v := make([]float64, 110)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		slices.Sort(v)
		cuts = append(cuts, RowColumn{First: 2 * j, Cuts: NewCuts(v)})
	}
	var all [][]Split
	var leaf [][]float64
	for range 100 {
		splits, values := random(r, 31, 8, 56, false)
		all, leaf = append(all, splits), append(leaf, values)
	}
	row, x := NewRow(all, leaf, cuts), make([]float64, 28)
	run("Row of 28 numbers, 100 trees of 31 leaves", 1, func() {
		for i := range x {
			x[i] += 0.1
		}
		row.Score(0, x, nil)
	})
}
