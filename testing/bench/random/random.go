// Package random draws queries from a grammar and writes each in the words of three engines.
package random

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Query is a drawn query. Its steps are done in the order of the fields; what is empty is left out.
//
//	query   = [derive] [filter] [join] group [sort]
//	derive  = 1 to 2 columns: arithmetic of columns and constants, or a part of the date
//	filter  = 1 to 2 comparisons: a number with a constant, a text with one or several, what is known
//	join    = every row with the count and a mean of the rows that share 1 to 2 keys with it
//	group   = by 0 to 2 keys, 2 to 4 aggregates
//	sort    = by the keys of the groups, in any direction, or by an aggregate and then the keys
//
// What the engines see differently by design stays out: sums of nothing (null, or 0), whole constants (JavaScript has no 2.0),
// division of whole numbers, the least and greatest with nulls.
type Query struct {
	Derive []Column
	Filter []Predicate
	Join   *Join
	By     []string
	Aggs   []Aggregate
	Sort   []Key
}

// Column is a derived column.
type Column struct {
	Name string
	Expr Expr
}

// Join joins every row with what is known of its keys.
type Join struct {
	On   []string
	Mean string // of which column
}

// Aggregate is a column of the result: Func of Of, or count().
type Aggregate struct{ Name, Func, Of string }

// Key is a column to sort by.
type Key struct {
	Name string
	Desc bool
}

// column is what the grammar knows of a column.
type column struct {
	name     string
	nullable bool
	low      float64 // constants that it is compared with lie between
	high     float64
}

var numbers = []column{
	{"delay", true, -10, 60}, {"distance", false, 200, 1500}, {"air_time", true, 40, 200}, {"taxi_out", false, 6, 20}, {"price", false, 80, 300},
}

var texts = []struct {
	name   string
	values []string
}{
	{"carrier", []string{"AA", "DL", "HA", "MQ", "NW", "UA", "US", "WN"}},
	{"origin", []string{"ATL", "BOS", "DEN", "JFK", "LAX", "ORD", "SFO"}},
	{"destination", []string{"ATL", "DFW", "LAS", "MIA", "PHX", "SEA"}},
}

var keys = []string{"origin", "destination", "carrier", "tail_number"}

// Draw gives query number n of a seed. Sorting is left out where sorts is false.
func Draw(seed uint64, n int, sorts bool) Query {
	d := &drawer{rand.New(rand.NewPCG(seed, uint64(n))), slices.Clone(numbers), slices.Clone(keys)}
	var q Query
	if d.IntN(3) > 0 {
		q.Derive = d.derive()
	}
	if d.IntN(4) > 0 {
		q.Filter = d.filter()
	}
	if d.IntN(2) > 0 {
		q.Join = d.join()
	}
	q.By = d.some(d.keys, 0, 2)
	q.Aggs = d.aggregates(q.By)
	if toSort := d.IntN(2) > 0; toSort && sorts && len(q.By) > 0 {
		q.Sort = d.sort(&q)
	}
	return q
}

// drawer is a source of chance with the columns that there are by now.
type drawer struct {
	*rand.Rand
	numbers []column
	keys    []string
}

// some draws least to most of the values, in any order.
func (d *drawer) some(values []string, least, most int) []string {
	v := slices.Clone(values)
	d.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
	return v[:least+d.IntN(most-least+1)]
}

func (d *drawer) number() column { return d.numbers[d.IntN(len(d.numbers))] }

// constant is between low and high, and never whole.
func (d *drawer) constant(low, high float64) Expr {
	return Expr{Const: float64(int(low)+d.IntN(max(1, int(high-low)))) + []float64{0.125, 0.25, 0.5, 0.75}[d.IntN(4)]}
}

func (d *drawer) derive() []Column {
	var cols []Column
	var found []column
	parts := []string{"hour", "month", "weekday"}
	for i := range 1 + d.IntN(2) {
		if part := parts[d.IntN(len(parts))]; d.IntN(3) == 0 && !slices.Contains(d.keys, part) {
			cols = append(cols, Column{part, Expr{Op: part}})
			d.keys = append(d.keys, part)
			continue
		}
		e, nullable := d.arithmetic(2)
		name := fmt.Sprintf("x%d", i+1)
		cols = append(cols, Column{name, e})
		found = append(found, column{name, nullable, 50, 500})
	}
	d.numbers = append(d.numbers, found...) // only now: derived columns do not see each other
	return cols
}

// arithmetic draws an expression of floats, at most depth deep.
func (d *drawer) arithmetic(depth int) (Expr, bool) {
	c := d.number()
	if depth == 0 {
		return Expr{Column: c.name}, c.nullable
	}
	left, nullable := d.arithmetic(depth - 1)
	if d.IntN(2) == 0 {
		return Expr{Op: "*", Args: []Expr{left, d.constant(0, 3)}}, nullable
	}
	scaled := Expr{Op: "*", Args: []Expr{{Column: c.name}, d.constant(0, 2)}}
	return Expr{Op: []string{"+", "-"}[d.IntN(2)], Args: []Expr{left, scaled}}, nullable || c.nullable
}

func (d *drawer) filter() []Predicate {
	var all []Predicate
	for range 1 + d.IntN(2) {
		t := texts[d.IntN(len(texts))]
		switch d.IntN(4) {
		case 0:
			all = append(all, Predicate{Of: Expr{Column: t.name}, In: d.some(t.values, 2, 4)})
		case 1:
			all = append(all, Predicate{Of: Expr{Column: []string{"delay", "air_time"}[d.IntN(2)]}, Known: true})
		default:
			c := d.number()
			all = append(all, Predicate{Of: Expr{Column: c.name}, Less: d.IntN(2) == 0, Than: d.constant(c.low, c.high).Const})
		}
	}
	return all
}

func (d *drawer) join() *Join {
	j := &Join{On: d.some(d.keys, 1, 2), Mean: d.number().name}
	// The mean of a key's rows is null where all are: it counts as nullable whatever it is of.
	d.numbers = append(d.numbers, column{"key_rows", false, 10, 1000}, column{"key_mean", true, 10, 200})
	return j
}

func (d *drawer) aggregates(by []string) []Aggregate {
	all := []Aggregate{{Name: "rows", Func: "count"}}
	for i := range 1 + d.IntN(3) {
		c := d.number()
		funcs := []string{"mean", "min", "max", "count", "sum"}
		if c.nullable || len(by) == 0 {
			funcs = funcs[:4] // the sum of nothing is null or 0, as the engine sees it
		}
		all = append(all, Aggregate{fmt.Sprintf("a%d", i+1), funcs[d.IntN(len(funcs))], c.name})
	}
	return all
}

// sort puts the keys last, so that the order is total and can be compared. Only counts stand before them: floats that differ in
// their last bit would change places.
func (d *drawer) sort(q *Query) []Key {
	var all []Key
	if d.IntN(2) == 0 {
		all = append(all, Key{"rows", d.IntN(2) == 0})
	}
	for _, k := range q.By {
		all = append(all, Key{k, d.IntN(2) == 0})
	}
	return all
}

// Doc says which kinds of step the query has.
func (q Query) Doc() string {
	var kinds []string
	for _, k := range []struct {
		has  bool
		name string
	}{
		{len(q.Derive) > 0, "derive"}, {len(q.Filter) > 0, "filter"}, {q.Join != nil, "join"},
		{len(q.By) > 0, "group by " + strings.Join(q.By, ", ")}, {len(q.By) == 0, "aggregate"}, {len(q.Sort) > 0, "sort"},
	} {
		if k.has {
			kinds = append(kinds, k.name)
		}
	}
	return strings.Join(kinds, ", ")
}

// Write writes the query for every engine to FILE.yaml, FILE.sql and FILE.polars.js.
func (q Query) Write(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	for end, text := range map[string]string{".yaml": q.DAG(), ".sql": q.SQL(), ".polars.js": q.Polars()} {
		if err := os.WriteFile(file+end, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}
