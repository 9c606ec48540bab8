package program

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// pairsOf is `upper(a) + "-" + b` of two texts, or `a + "-" + string(x)` of a text and a number.
func pairsOf(t *testing.T, number bool) *Expr {
	s, i := batch.T(batch.String), batch.T(batch.Int64)
	nodes := []ExprNode{{Op: "col", Type: s}, {Op: "upper", Type: s, Args: []int{0}}, {Op: "text", Type: s, S: "-"}, {Op: "concat", Type: s, Args: []int{1, 2}},
		{Op: "col", Type: s, I: 1}, {Op: "concat", Type: s, Args: []int{3, 4}}}
	in := []batch.Type{s, s}
	if number {
		nodes = []ExprNode{{Op: "col", Type: s}, {Op: "text", Type: s, S: "-"}, {Op: "concat", Type: s, Args: []int{0, 1}},
			{Op: "col", Type: i, I: 1}, {Op: "to_text", Type: s, Args: []int{3}}, {Op: "concat", Type: s, Args: []int{2, 4}}}
		in = []batch.Type{s, i}
	}
	e := &Expr{Nodes: nodes}
	if err := e.Init(in, []batch.Type{s}); err != nil {
		t.Fatal(err)
	}
	if e.pairs == nil {
		t.Fatal("no pairs are seen in the expression")
	}
	return e
}

// TestPairs holds that texts put together from dictionaries and small numbers are those that are put together row by row: of few and
// many pairs, of too many, of dictionaries that change, with nulls and numbers that are not small, on any number of goroutines.
func TestPairs(t *testing.T) {
	const rows = 700
	for _, c := range []struct {
		name          string
		first, second int // texts, or numbers
		number        bool
		odd           int64 // what a number may be beside
		off           bool
		batches       int
	}{
		{"all made at once", 40, 30, false, 0, false, 40},
		{"as they come", 300, 400, false, 0, false, 5},
		{"more than are held", 650, 650, false, 0, true, 40},
		{"small numbers", 50, 24, true, 0, false, 40},
		{"a number too large now and then", 50, 24, true, pairNumbers, false, 40},
		{"a negative number now and then", 50, 24, true, -1, false, 40},
	} {
		e := pairsOf(t, c.number)
		run := func(r *rand.Rand, batches int) error {
			for range batches {
				dict := func(texts int) *batch.Column { // the texts in some order, some of them
					var s []string
					for _, k := range r.Perm(texts)[:texts-r.IntN(texts/3)] {
						s = append(s, strings.Repeat("t", k%3)+fmt.Sprint(k))
					}
					d := batch.OfStrings(s)
					return &d
				}
				column := func(d *batch.Column) batch.Column {
					codes, null := make([]int32, rows), make([]bool, rows)
					for i := range codes {
						if codes[i], null[i] = r.Int32N(int32(d.N)), r.IntN(9) == 0; null[i] {
							codes[i] = 1 << 30
						}
					}
					if col := batch.OfCodes(codes, d); r.IntN(3) > 0 {
						return col.WithNulls(null)
					}
					for i := range codes {
						codes[i] %= int32(d.N)
					}
					return batch.OfCodes(codes, d)
				}
				in := []batch.Column{column(dict(c.first)), {}}
				if c.number {
					x, null := make([]int64, rows), make([]bool, rows)
					for i := range x {
						if x[i], null[i] = r.Int64N(int64(c.second)), r.IntN(9) == 0; null[i] {
							x[i] = 1 << 40
						}
					}
					if in[1] = batch.OfInt64s(x).WithNulls(null); r.IntN(3) == 0 {
						x[77], null[77] = c.odd, false
						in[1] = batch.OfInt64s(x).WithNulls(null)
					}
				} else {
					in[1] = column(dict(c.second))
				}
				plain := slices.Clone(in)
				for j := range plain {
					plain[j] = plain[j].Plain(nil)
				}
				got, want := []batch.Column{{Type: batch.T(batch.String), N: rows}}, []batch.Column{{Type: batch.T(batch.String), N: rows}}
				if err := e.Batch(nil, rows, in, got); err != nil {
					return err
				}
				if err := e.Batch(nil, rows, plain, want); err != nil {
					return err
				}
				for i := range rows {
					if got[0].Null(i) != want[0].Null(i) || !want[0].Null(i) && got[0].Str(i) != want[0].Str(i) {
						return fmt.Errorf("row %d is %q (null: %v), row by row %q (%v)", i, got[0].Str(i), got[0].Null(i), want[0].Str(i), want[0].Null(i))
					}
				}
				if small := c.odd == 0 && !c.off; small && got[0].Dict == nil {
					return fmt.Errorf("no dictionary is made")
				}
			}
			return nil
		}
		var group sync.WaitGroup
		errs := make([]error, 4)
		for w := range errs {
			group.Go(func() { errs[w] = run(rand.New(rand.NewPCG(7, uint64(w))), c.batches) })
		}
		group.Wait()
		for _, err := range errs {
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		if off := e.pairs.codes.Load().off; off != c.off {
			t.Errorf("%s: given up: %v", c.name, off)
		}
	}
}

// TestPairsOfLongTexts: what no row may make is an error of the row, and of no row where none holds it.
func TestPairsOfLongTexts(t *testing.T) {
	long := batch.OfStrings([]string{"a", strings.Repeat("b", ExprTextMax-1)})
	for _, c := range []struct {
		codes []int32
		fails bool
	}{{[]int32{0, 0, 0, 0}, false}, {[]int32{0, 0, 1, 0}, true}} {
		e := pairsOf(t, false)
		in := []batch.Column{batch.OfCodes(c.codes, &long), batch.OfCodes([]int32{0, 0, 0, 0}, &long)}
		out := []batch.Column{{Type: batch.T(batch.String), N: 4}}
		if err := e.Batch(nil, 4, in, out); (err != nil) != c.fails {
			t.Errorf("%v: %v", c.codes, err)
		} else if !c.fails && out[0].Str(3) != "A-a" {
			t.Errorf("%v: %q", c.codes, out[0].Str(3))
		}
	}
}

// TestPairsNeedNulls: a text that is there although its column is null, as in `a + ("none" ?? b)`, is none of an entry.
func TestPairsNeedNulls(t *testing.T) {
	s := batch.T(batch.String)
	for op, want := range map[string]bool{"coalesce": false, "concat": true} {
		e := &Expr{Nodes: []ExprNode{{Op: "col", Type: s}, {Op: "text", Type: s, S: "none"}, {Op: "col", Type: s, I: 1},
			{Op: op, Type: s, Args: []int{1, 2}}, {Op: "concat", Type: s, Args: []int{0, 3}}}}
		if err := e.Init([]batch.Type{s, s}, []batch.Type{s}); err != nil {
			t.Fatal(err)
		}
		if (e.pairs != nil) != want {
			t.Errorf("%s: pairs are seen: %v", op, e.pairs != nil)
		}
	}
}
