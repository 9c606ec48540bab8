package optest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// lower runs a relational operator row by row on what values look like: slow, and nothing like the engine.
func lower(t testing.TB, op operators.Rel, site operators.Site, o operators.Output, in []Table) Table {
	t.Helper()
	var nodes []rel.Node
	for i := range in {
		nodes = append(nodes, rel.In{I: i})
	}
	below := o.Below(site.In[0])
	switch n := op.Lower(site, nodes).(type) {
	case rel.Union:
		return union(t, n, below, in)
	case rel.Aggregate:
		return group(t, n, below, in[n.From.(rel.In).I])
	case rel.Sort:
		from := in[n.From.(rel.In).I]
		rows := from.Take(nil, ordered(from, n.By))
		rows.ID = batch.IDs{}
		return Table{Schema: below, Batch: rows}
	case rel.Distinct:
		from := in[n.From.(rel.In).I]
		return Table{Schema: below, Batch: from.Take(nil, unlike(from, n))}
	case rel.Join:
		return pairs(n, below, in[n.L.(rel.In).I], in[n.R.(rel.In).I])
	case rel.AsOf:
		return asOf(n, below, in[n.L.(rel.In).I], in[n.R.(rel.In).I])
	case rel.Window:
		return nearby(t, n, below, in[n.From.(rel.In).I])
	default:
		t.Fatalf("no way to run a %T", n)
		return Table{}
	}
}

// pairs compares every left row with every right one.
func pairs(n rel.Join, below operators.Schema, l, r Table) Table {
	equal := func(i, j int) bool {
		for k := range n.LOn {
			a, b := &l.Cols[l.Index(n.LOn[k])], &r.Cols[r.Index(n.ROn[k])]
			if a.Null(i) || b.Null(j) || operators.FormatValue(a, i) != operators.FormatValue(b, j) {
				return false
			}
		}
		return true
	}
	var left, right []int32 // -1: none
	met := make([]bool, r.N)
	for i := range l.N {
		before := len(left)
		for j := range r.N {
			if equal(i, j) {
				left, right, met[j] = append(left, int32(i)), append(right, int32(j)), true
			}
		}
		if len(left) == before && (n.How == rel.Left || n.How == rel.Full) {
			left, right = append(left, int32(i)), append(right, -1)
		}
	}
	for j := range r.N {
		if !met[j] && (n.How == rel.Right || n.How == rel.Full) {
			left, right = append(left, -1), append(right, int32(j))
		}
	}
	out := Table{Schema: below}
	out.N = len(left)
	for _, f := range below.Fields {
		out.Cols = append(out.Cols, paired(n, f.Name, l, r, left, right))
	}
	return out
}

// paired is a column of pairs: a key stands in the left column, whichever side has it.
func paired(n rel.Join, name string, l, r Table, left, right []int32) batch.Column {
	for from, to := range n.Take {
		if to == name {
			return r.Cols[r.Index(from)].Take(nil, right)
		}
	}
	c := l.Cols[l.Index(name)]
	k := slices.Index(n.LOn, name)
	if k < 0 || !slices.Contains(left, -1) {
		return c.Take(nil, left)
	}
	both, err := batch.Concat(nil, []batch.Column{c, r.Cols[r.Index(n.ROn[k])]})
	if err != nil {
		panic(err)
	}
	idx := slices.Clone(left)
	for i, x := range left {
		if x < 0 {
			idx[i] = int32(l.N) + right[i]
		}
	}
	return both.Take(nil, idx)
}

// asOf compares every left row with every right one; the times of examples are exact as floats.
func asOf(n rel.AsOf, below operators.Schema, l, r Table) Table {
	x, y := (*batch.Ctx)(nil).Floats(l.Cols[l.Index(n.LTime)]), (*batch.Ctx)(nil).Floats(r.Cols[r.Index(n.RTime)])
	most := math.Inf(1)
	if n.Bounded {
		most = max(float64(n.Ticks), n.Span)
	}
	matches := func(i, j int) bool {
		d := y[j] - x[i]
		if l.Cols[l.Index(n.LTime)].Null(i) || r.Cols[r.Index(n.RTime)].Null(j) || !(math.Abs(d) <= most) || n.Strict && d == 0 ||
			n.Direction == rel.Backward && d > 0 || n.Direction == rel.Forward && d < 0 {
			return false
		}
		for k := range n.LBy {
			a, b := &l.Cols[l.Index(n.LBy[k])], &r.Cols[r.Index(n.RBy[k])]
			if a.Null(i) || b.Null(j) || operators.FormatValue(a, i) != operators.FormatValue(b, j) {
				return false
			}
		}
		return true
	}
	var left, right []int32
	for i := range l.N {
		best := int32(-1)
		for j := range r.N {
			if !matches(i, j) {
				continue
			}
			if best >= 0 {
				d, least := y[j]-x[i], y[best]-x[i]
				if math.Abs(d) > math.Abs(least) || math.Abs(d) == math.Abs(least) && d > least {
					continue
				}
			}
			best = int32(j)
		}
		if best >= 0 || !n.Inner {
			left, right = append(left, int32(i)), append(right, best)
		}
	}
	out := Table{Schema: below, Batch: l.Take(nil, left)}
	out.Cols = nil
	from := map[string]string{}
	for c, to := range n.Take {
		from[to] = c
	}
	for _, f := range below.Fields {
		if c, ok := from[f.Name]; ok {
			out.Cols = append(out.Cols, r.Cols[r.Index(c)].Take(nil, right))
		} else {
			out.Cols = append(out.Cols, l.Cols[l.Index(f.Name)].Take(nil, left))
		}
	}
	return out
}

// unlike are the rows of a table that stand for those equal to them.
func unlike(in Table, n rel.Distinct) (rows []int32) {
	at := map[string]int{}
	for i := range in.N {
		key := ""
		for _, name := range n.By {
			c := &in.Cols[in.Index(name)]
			v := operators.FormatValue(c, i)
			if c.Type.Float() && v == "-0" {
				v = "0"
			}
			key += fmt.Sprintf("%t %q,", c.Null(i), v)
		}
		k, seen := at[key]
		switch {
		case !seen:
			at[key] = len(rows)
			rows = append(rows, int32(i))
		case n.Last:
			rows[k] = int32(i)
		}
	}
	slices.Sort(rows)
	return rows
}

func union(t testing.TB, n rel.Union, below operators.Schema, in []Table) Table {
	t.Helper()
	out := Table{Schema: below}
	out.Part = []uint8{}
	for i, from := range n.From {
		x := in[from.(rel.In).I]
		out.N += x.N
		for range x.N {
			out.Part = append(out.Part, uint8(n.Parts[i]))
		}
	}
	for _, f := range below.Fields {
		var cols []batch.Column
		for _, from := range n.From {
			x := in[from.(rel.In).I]
			cols = append(cols, x.Cols[x.Index(f.Name)])
		}
		c, err := batch.Concat(nil, cols)
		if err != nil {
			t.Fatal(err)
		}
		out.Cols = append(out.Cols, c)
	}
	return out
}

func group(t testing.TB, n rel.Aggregate, below operators.Schema, in Table) Table {
	t.Helper()
	var keys []string
	rows := map[string][]int{}
	if len(n.By) == 0 {
		keys = []string{""}
	}
	for i := range in.N {
		key := ""
		for _, name := range n.By {
			key += operators.FormatValue(&in.Cols[in.Index(name)], i) + "\n"
		}
		if rows[key] == nil && len(n.By) > 0 {
			keys = append(keys, key)
		}
		rows[key] = append(rows[key], i)
	}
	var text strings.Builder
	var head []string
	for _, f := range below.Fields {
		null := ""
		if f.Nullable {
			null = "?"
		}
		head = append(head, fmt.Sprintf("%q %s%s", f.Name, f.Type, null))
	}
	text.WriteString(strings.Join(head, " | "))
	for _, key := range keys {
		cells := strings.Split(key, "\n")[:len(n.By)]
		for _, a := range n.Aggs {
			cells = append(cells, fold(a, in, rows[key]))
		}
		text.WriteString("\n" + strings.Join(cells, " | "))
	}
	return Parse(t, text.String())[0]
}

// fold is one aggregate of some rows, as text.
func fold(a rel.Agg, in Table, rows []int) string {
	if a.Of == "" {
		return fmt.Sprint(len(rows))
	}
	col := &in.Cols[in.Index(a.Of)]
	rows = slices.DeleteFunc(slices.Clone(rows), col.Null)
	var text []string
	var num []float64
	for _, i := range rows {
		text = append(text, operators.FormatValue(col, i))
		if !col.Type.Text() {
			num = append(num, (*batch.Ctx)(nil).Floats(*col)[i])
		}
	}
	switch a.Func {
	case rel.Count:
		return fmt.Sprint(len(rows))
	case rel.CountDistinct:
		slices.Sort(text)
		return fmt.Sprint(len(slices.Compact(text)))
	}
	if len(rows) == 0 {
		return "nil"
	}
	sum, squares := 0.0, 0.0
	least, most := 0, 0
	for i, x := range num {
		sum += x
		squares += float64(x * x)
		if x < num[least] {
			least = i
		}
		if x > num[most] {
			most = i
		}
	}
	mean := sum / float64(len(num))
	value := 0.0
	switch a.Func {
	case rel.First:
		return text[0]
	case rel.Last:
		return text[len(text)-1]
	case rel.Min:
		return text[least]
	case rel.Max:
		return text[most]
	case rel.Sum:
		value = sum
	case rel.Mean:
		value = mean
	case rel.Var:
		value = squares/float64(len(num)) - float64(mean*mean)
	case rel.Std:
		value = math.Sqrt(squares/float64(len(num)) - float64(mean*mean))
	case rel.Quantile, rel.ApproxQuantile: // examples have values of which the approximate one is exact
		slices.Sort(num)
		h := float64(a.Q * float64(len(num)-1))
		lo := int(h)
		value = num[lo]
		if hi := min(lo+1, len(num)-1); a.Func == rel.Quantile {
			value += float64((num[hi] - num[lo]) * (h - float64(lo)))
		}
		if col.Type.Temporal() {
			return ofTime(col.Type, math.Floor(value))
		}
	}
	return fmt.Sprint(value)
}

// ordered are the rows of a table by keys, ties as they were.
func ordered(in Table, by []rel.Key) []int32 {
	idx := make([]int32, in.N)
	for i := range idx {
		idx[i] = int32(i)
	}
	slices.SortStableFunc(idx, func(i, j int32) int {
		for _, k := range by {
			c := &in.Cols[in.Index(k.Column)]
			d := 0
			switch in, jn := c.Null(int(i)), c.Null(int(j)); {
			case in && jn:
				continue
			case in != jn && in == k.NullsFirst:
				return -1
			case in != jn:
				return 1
			case c.Type.Text():
				d = strings.Compare(c.Str(int(i)), c.Str(int(j)))
			default:
				x := (*batch.Ctx)(nil).Floats(*c)
				a, b := x[i], x[j]
				switch {
				case a != a && b != b:
				case a != a || b > a && b == b:
					if d = -1; a != a {
						d = 1
					}
				case b != b || a > b:
					if d = 1; b != b {
						d = -1
					}
				}
			}
			if k.Descending {
				d = -d
			}
			if d != 0 {
				return d
			}
		}
		return 0
	})
	return idx
}

func ofTime(t batch.Type, v float64) string {
	c := batch.OfInt64s([]int64{int64(v)})
	if t.Width() == 4 {
		c = batch.OfInt32s([]int32{int32(v)})
	}
	c.Type = t
	return operators.FormatValue(&c, 0)
}

// nearby adds the columns of a window, each value from the rows of its group.
func nearby(t testing.TB, n rel.Window, below operators.Schema, in Table) Table {
	t.Helper()
	cells := make([][]string, in.N)
	keys := keyColumns(n.Order)
	seen := map[string][]int{}
	for _, i := range ordered(in, n.Order) {
		g := formatted(in, n.By, int(i))
		seen[g] = append(seen[g], int(i))
	}
	for _, rows := range seen {
		for p, i := range rows {
			for _, c := range n.Columns {
				cells[i] = append(cells[i], nearCell(in, c, rows, p, keys))
			}
		}
	}
	var text strings.Builder
	for k, c := range n.Columns {
		if k > 0 {
			text.WriteString(" | ")
		}
		fmt.Fprintf(&text, "%q %s?", c.Name, c.Type)
	}
	for _, row := range cells {
		text.WriteString("\n" + strings.Join(row, " | "))
	}
	made := Parse(t, text.String())[0]
	out := Table{Schema: below, Batch: in.Batch}
	out.Cols = nil
	for _, f := range below.Fields {
		from := in
		if made.Has(f.Name) {
			from = made
		}
		out.Cols = append(out.Cols, from.Cols[from.Index(f.Name)])
	}
	return out
}

func keyColumns(by []rel.Key) (names []string) {
	for _, k := range by {
		names = append(names, k.Column)
	}
	return names
}

// formatted is a row's values of some columns.
func formatted(in Table, names []string, i int) string {
	var s []string
	for _, c := range names {
		s = append(s, operators.FormatValue(&in.Cols[in.Index(c)], i))
	}
	return strings.Join(s, "\n")
}

func nearCell(in Table, c rel.Near, rows []int, p int, keys []string) string {
	at := p
	switch c.Func {
	case rel.RowNumber:
		return fmt.Sprint(p + 1)
	case rel.Rank:
		for at > 0 && formatted(in, keys, rows[at-1]) == formatted(in, keys, rows[p]) {
			at--
		}
		return fmt.Sprint(at + 1)
	case rel.Lag, rel.Lead:
		if at = p - c.K; c.Func == rel.Lead {
			at = p + c.K
		}
		if at < 0 || at >= len(rows) {
			return "nil"
		}
		return operators.FormatValue(&in.Cols[in.Index(c.Of)], rows[at])
	}
	f := []rel.Func{rel.NearMean: rel.Mean, rel.NearSum: rel.Sum, rel.NearMin: rel.Min, rel.NearMax: rel.Max}[c.Func]
	return fold(rel.Agg{Func: f, Of: c.Of, Type: c.Type}, in, rows[max(0, p-c.K+1):p+1])
}
