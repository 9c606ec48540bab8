package gbdt

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/testing/race"
)

// flags is a table of which most columns are of few bins: indicators of each of 40 values, one of them rare and one that no row has, flags that
// are set independently, some of them missing, one that is mostly set, and two columns of many bins, one of them mostly 0.
func flags(seed uint64, n int, kind Objective) Data {
	r := rand.New(rand.NewPCG(seed, 11))
	d := synth(seed, n, kind)
	column := func(name string, value func(i int) float64) {
		f := Feature{Name: name, Values: make([]float64, n)}
		for i := range f.Values {
			f.Values[i] = value(i)
		}
		d.Features = append(d.Features, f)
	}
	kinds := make([]int, n)
	for i := range kinds {
		if kinds[i] = r.IntN(39); kinds[i] == 7 && r.Float64() < 0.99 {
			kinds[i] = 38
		}
		if kind == Regression {
			d.Label[i] += float64(kinds[i]%3) / 2
		}
	}
	for v := range 40 {
		column(fmt.Sprint("is ", v), func(i int) float64 {
			switch {
			case kinds[i] != v:
				return 0
			case v%5 == 0 && r.Float64() < 0.2:
				return math.NaN()
			}
			return 1 + float64(v%2*r.IntN(3))
		})
	}
	for v := range 11 {
		column(fmt.Sprint("flag ", v), func(i int) float64 {
			if v == 3 && r.Float64() < 0.1 {
				return math.NaN()
			}
			return float64(min(1, r.IntN(2+v)))
		})
	}
	column("seldom", func(int) float64 { return max(0, math.Floor(400*(r.Float64()-0.95)*20)) })
	return d
}

// bundlesOf are what a fit finds, with the table in bins.
func bundlesOf(d *Data, o Options) (all []bundle, cols []trees.Column, b trees.Binned) {
	trees.Lead(workers(3, 1), func(t *trees.Team) {
		cols = trees.MakeColumns(t, d, o.Bins, o.Seed)
		b = trees.Bin(t, cols, d, nil)
		all = bundled(t, cols, b, d.N, o.Leaves)
	})
	return all, cols, b
}

// Every column is in one bundle, and a row's code says the bin of each.
func TestBundles(t *testing.T) {
	for _, n := range []int{1, 63, 4000, 150_000} {
		d := flags(1, n, Regression)
		all, cols, b := bundlesOf(&d, Defaults())
		in := make([]int, len(cols))
		alone, products := 0, 0
		for _, u := range all {
			data := make([]uint8, n)
			u.lay(data, 1, b, 0, n)
			if !slices.IsSorted(u.columns) || u.slots < 1 || u.slots > 256 || u.room() < u.slots || u.room()%8 != 0 {
				t.Fatalf("%d rows: columns %v of %d codes, room for %d", n, u.columns, u.slots, u.room())
			}
			if len(u.columns) > 1 && u.alone {
				alone += len(u.columns)
			} else if len(u.columns) > 1 {
				products += len(u.columns)
			}
			for i, c := range u.columns {
				in[c]++
				for r, code := range data {
					if int(code) >= u.slots {
						t.Fatalf("%d rows: code %d of %d", n, code, u.slots)
					}
					bin := code
					if u.alone {
						bin = u.parts[i].usual
						if at := int(code) - u.parts[i].first; at >= 0 && at < len(u.parts[i].bins) {
							bin = u.parts[i].bins[at]
						}
					} else if u.parts != nil {
						bin = u.parts[i].bins[code]
					}
					if bin != b[c][r] {
						t.Fatalf("%d rows: row %d has code %d, bin %d of column %d, which is %d", n, r, code, bin, c, b[c][r])
					}
				}
			}
		}
		for c, times := range in {
			if times != 1 {
				t.Errorf("%d rows: column %d is in %d bundles", n, c, times)
			}
		}
		if n == 150_000 && (alone < 40 || products < 10 || len(all) > 12) {
			t.Errorf("%d columns are alone, %d in products: %d bundles in all", alone, products, len(all))
		}
		if n < productRows && products > 0 {
			t.Errorf("%d rows: %d columns in products", n, products)
		}
	}
}

// What columns share is no part of a model, nor of any histogram.
func TestBundlesSameBits(t *testing.T) {
	sampled := func(o *Options) { o.RowSample, o.ColumnSample = 0.7, 0.5 }
	for name, c := range map[string]struct {
		kind   Objective
		change []func(*Options)
		uneven bool
	}{
		"binary":         {kind: Binary},
		"binary sampled": {kind: Binary, change: []func(*Options){sampled}},
		"regression":     {kind: Regression, change: []func(*Options){sampled}},
		"weighted":       {kind: Regression, uneven: true},
		"oblivious":      {kind: Binary, change: []func(*Options){func(o *Options) { o.Growth, o.MaxDepth = Oblivious, 4 }}},
		"node":           {kind: Binary, change: []func(*Options){func(o *Options) { o.ColumnSampleNode = 0.3 }}},
		"goss":           {kind: Binary, change: []func(*Options){func(o *Options) { o.Goss = Goss{Top: 0.2, Other: 0.1} }}},
	} {
		if race.On && name != "weighted" && name != "binary sampled" {
			continue
		}
		d, v := flags(1, 17_000, c.kind), flags(2, 2000, c.kind)
		if c.uneven {
			d = weighted(d, 3, (*rand.Rand).Float64)
		}
		o := options(c.kind, append(c.change, func(o *Options) { o.Trees, o.Leaves = 5, 4 })...)
		var models [2][]byte
		for i := range models {
			trees.Lead(workers(3, 1), func(team *trees.Team) {
				b, err := newBooster(team, Env{}, d, &v, o)
				if err != nil {
					t.Fatal(err)
				}
				g := b.grower
				if i == 1 {
					plain := newGrower(team, &o, g.cols, unshared(g.cols), d.N)
					plain.bytes = g.bytes
					lay := plain.layIn(d.N)
					team.Blocks(d.N, func(_, begin, end int) { lay(g.bytes, begin, end) })
					b.grower, b.loss.beside = plain, &plain.builder
					b.grad[0] = plain.grad
				} else {
					g.watch = func(n *node) {
						want := newHist(g.off[len(g.cols)], g.packed.even())
						g.direct(want, g.bytes, n.rows)
						for f, used := range g.use {
							got, want := g.of(n.hist, f), g.of(want, f)
							if used && !(slices.Equal(got.g, want.g) && slices.Equal(got.h, want.h) && slices.Equal(got.n, want.n)) {
								t.Errorf("%s: sums of column %d of %d rows are wrong", name, f, len(n.rows))
							}
						}
					}
				}
				if err := b.run(); err != nil {
					t.Fatal(err)
				}
				b.finish()
				models[i] = encode(t, b.m)
				if i == 0 && len(g.bundles) > len(g.cols)/2 {
					t.Errorf("%s: %d bundles of %d columns", name, len(g.bundles), len(g.cols))
				}
				if len(b.m.Trees) != 5 {
					t.Errorf("%s: %d trees", name, len(b.m.Trees))
				}
			})
		}
		if !bytes.Equal(models[0], models[1]) {
			t.Errorf("%s: another model without bundles", name)
		}
	}
}
