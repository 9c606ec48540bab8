package gbdt

import (
	"cmp"
	"slices"

	"github.com/headrace/headrace/operators/internal/trees"
)

// bundle is columns that share a byte of a row's record. Of one column the byte is the bin. Of several it is a code that says the bin of each,
// so that a row costs one addition for all of them: a table of codes is taken apart into sums by column before anybody looks at
// them, which is exact, as they are integers.
type bundle struct {
	columns []int
	slots   int    // codes, or bins with that of missing
	parts   []part // of each column, where there are several
	// alone says that in every row at most one of the columns is in another bin than its usual one.
	alone bool
}

// part is a column's part in a bundle's codes.
type part struct {
	code [256]uint8 // by bin; a row's code is the sum of its columns'
	bins []uint8    // by code: the bin; where columns are alone, by code from first on, of codes in which it is in another bin than usual
	// Where columns are alone:
	first int
	usual uint8
}

const (
	// codesMost is how many codes a byte has.
	codesMost = 256
	// openMost is how many bundles of columns that are alone are tried for a further column. Each has a bit a row.
	openMost = 16
	// bundleBins is how many bins a column has at most that is looked at: two of more have too many codes.
	bundleBins = codesMost / 2
	// productRows is how many rows a leaf has on average where codes are products: there are that many to take apart for each column of a
	// node, and an addition less for each row and column but one.
	productRows = 4096
)

// unshared is the bundles of columns that share nothing.
func unshared(cols []trees.Column) []bundle {
	all := make([]bundle, len(cols))
	for i := range cols {
		all[i] = bundle{columns: []int{i}, slots: cols[i].Slots()}
	}
	return all
}

// mayShare says that there are columns of few bins.
func mayShare(cols []trees.Column) bool {
	few := 0
	for i := range cols {
		if cols[i].Slots() <= bundleBins {
			few++
		}
	}
	return few > 1
}

// sparse is a column that may be in a bundle.
type sparse struct {
	column int
	bins   []uint8 // that rows are in, ascending
	usual  uint8   // the bin of most rows
	rest   int     // rows in others
}

// bundled finds bundles of a table of n rows and trees of so many leaves: of columns of which at most one is in another bin than its usual one,
// as those of an indicator column for each of many values (exclusive features of LightGBM, Ke et al. 2017), and of others whose bins have
// few enough combinations.
func bundled(t *trees.Team, cols []trees.Column, b trees.Binned, n, leaves int) []bundle {
	var some []sparse
	for i := range cols {
		if cols[i].Slots() <= bundleBins {
			some = append(some, sparse{column: i})
		}
	}
	t.Each(len(some), func(_, i int) { some[i].count(b[some[i].column]) })
	found, rest := exclusive(t, some, b, n)
	if n/leaves >= productRows {
		found = append(found, products(rest)...)
	}
	in := make([]bool, len(cols))
	for _, u := range found {
		for _, c := range u.columns {
			in[c] = true
		}
	}
	for _, u := range unshared(cols) {
		if !in[u.columns[0]] {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b bundle) int { return cmp.Compare(a.columns[0], b.columns[0]) })
	return found
}

// count finds the bins of the rows.
func (s *sparse) count(col []uint8) {
	var counts [256]int
	for _, v := range col {
		counts[v]++
	}
	for v, n := range counts {
		if n > 0 {
			s.bins = append(s.bins, uint8(v))
		}
		if n > counts[s.usual] {
			s.usual = uint8(v)
		}
	}
	s.rest = len(col) - counts[s.usual]
}

// exclusive bundles columns that are alone: each joins the first bundle that has no row in common with it, and codes left.
func exclusive(t *trees.Team, some []sparse, b trees.Binned, n int) (found []bundle, rest []sparse) {
	type open struct {
		bundle
		of   []sparse
		rows []uint64 // in which some column is in another bin than usual
	}
	var all []*open
	words := make([]uint64, (n+63)/64)
	for _, s := range some {
		if 2*s.rest > n {
			rest = append(rest, s)
			continue
		}
		t.Blocks(n, func(_, begin, end int) { others(words[begin/64:], b[s.column][begin:end], s.usual) })
		i := slices.IndexFunc(all, func(o *open) bool { return o.slots+len(s.bins)-1 <= codesMost && !meet(o.rows, words) })
		switch {
		case i >= 0:
			for w, v := range words {
				all[i].rows[w] |= v
			}
		case len(all) < openMost:
			i = len(all)
			all = append(all, &open{bundle: bundle{slots: 1, alone: true}, rows: slices.Clone(words)})
		default:
			rest = append(rest, s)
			continue
		}
		o := all[i]
		o.of = append(o.of, s)
		o.columns = append(o.columns, s.column)
		p := part{first: o.slots, usual: s.usual}
		for _, v := range s.bins {
			if v != s.usual {
				p.code[v] = uint8(o.slots)
				p.bins = append(p.bins, v)
				o.slots++
			}
		}
		o.parts = append(o.parts, p)
	}
	for _, o := range all {
		if len(o.columns) > 1 {
			found = append(found, o.bundle)
		} else {
			rest = append(rest, o.of...)
		}
	}
	return found, rest
}

// others is the loop for i { bit i of words = col[i] != usual }; words have a bit a row.
func others(words []uint64, col []uint8, usual uint8) {
	for i := 0; i < len(col); i += 64 {
		w := uint64(0)
		for k, v := range col[i:min(len(col), i+64)] {
			d := uint64(v ^ usual)
			w |= (d + 255) >> 8 << k
		}
		words[i/64] = w
	}
}

// products bundles columns whose bins have few enough combinations: the one of most bins first, and each into the first bundle that has
// room for it.
func products(some []sparse) (found []bundle) {
	slices.SortFunc(some, func(a, b sparse) int {
		return cmp.Or(cmp.Compare(len(b.bins), len(a.bins)), cmp.Compare(a.column, b.column))
	})
	var all [][]sparse
	var codes []int
	for _, s := range some {
		i := slices.IndexFunc(codes, func(n int) bool { return n*len(s.bins) <= codesMost })
		if i < 0 {
			i = len(all)
			all, codes = append(all, nil), append(codes, 1)
		}
		all[i], codes[i] = append(all[i], s), codes[i]*len(s.bins)
	}
	for i, of := range all {
		if len(of) == 1 {
			continue
		}
		slices.SortFunc(of, func(a, b sparse) int { return cmp.Compare(a.column, b.column) })
		u := bundle{slots: codes[i]}
		each := 1
		for _, s := range of {
			p := part{bins: make([]uint8, u.slots)}
			for k, v := range s.bins {
				p.code[v] = uint8(k * each)
			}
			for code := range p.bins {
				p.bins[code] = s.bins[code/each%len(s.bins)]
			}
			each *= len(s.bins)
			u.columns, u.parts = append(u.columns, s.column), append(u.parts, p)
		}
		found = append(found, u)
	}
	return found
}

// room is slots as words of a table, a multiple of 8.
func (u *bundle) room() int { return (u.slots + 7) &^ 7 }

// lay writes the codes of the rows from begin to end, each at a stride from the one before.
func (u *bundle) lay(data []uint8, stride int, b trees.Binned, begin, end int) {
	if u.parts == nil {
		at := 0
		for _, v := range b[u.columns[0]][begin:end] {
			data[at] = v
			at += stride
		}
		return
	}
	for i := range u.parts {
		code, at := &u.parts[i].code, 0
		for _, v := range b[u.columns[i]][begin:end] {
			if i == 0 {
				data[at] = 0
			}
			data[at] += code[v]
			at += stride
		}
	}
}

// unbundle adds the sums by code to those by bin of each column: column number i of the bundle has to(i).
func (u *bundle) unbundle(codes hist, to func(i int) hist) {
	if !u.alone {
		u.marginal(codes, to)
		return
	}
	var all sums
	for c := range codes.n {
		all.add(codes.at(c))
	}
	for i := range u.parts {
		p, h, usual := &u.parts[i], to(i), all
		for k, bin := range p.bins {
			s := codes.at(p.first + k)
			h.put(int(bin), s)
			usual = usual.minus(s)
		}
		h.put(int(p.usual), usual)
	}
}

func (u *bundle) marginal(codes hist, to func(i int) hist) {
	var in [codesMost]uint8
	n := 0
	for c, rows := range codes.n {
		if in[n] = uint8(c); rows > 0 {
			n++
		}
	}
	for i := range u.parts {
		h, bins := to(i), u.parts[i].bins
		for _, c := range in[:n] {
			h.put(int(bins[c]), codes.at(int(c)))
		}
	}
}

// put adds to the sums of a bin.
func (h *hist) put(b int, s sums) {
	h.g[b] += s.g
	h.n[b] += s.n
	if !h.even() {
		h.h[b] += s.h
	}
}
