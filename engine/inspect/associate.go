package inspect

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/headrace/headrace/operators/batch"
)

// Association says how much a column tells of the label, on the sample. Value is from -1 to 1 where it has a direction, else from 0
// to 1; of the measures that fit the two columns it is the one that finds most.
type Association struct {
	Measure string  `json:"measure"`
	Value   float64 `json:"value"`
}

// Strength is Value without its direction.
func (a *Association) Strength() float64 {
	if a == nil {
		return 0
	}
	return math.Abs(a.Value)
}

// LeakStrength is above what a column is taken for the label in other words.
const LeakStrength = 0.98

// classesMax is up to how many whole numbers are taken for classes.
const classesMax = 20

// binsMax is how many slices a column of numbers is cut into to see what has no direction.
const binsMax = 32

// classes says whether a label is one of few things rather than a quantity.
func (c *Column) classes() bool {
	t := c.field.Type
	return t.Text() || t.Kind == batch.Bool || c.Distinct <= 2 || t.Integer() && c.Distinct <= classesMax
}

// associate compares each column with the label, over the rows of the sample that have one.
func (in *File) associate(label int) {
	y := &in.Columns[label]
	in.LabelKind = Numbers
	if y.classes() {
		in.LabelKind = Classes
	}
	rows := in.sample.cols[label].present()
	if len(rows) < 3 {
		return
	}
	target := in.sample.cols[label].at(rows)
	yc, k := target.groups()
	for j := range in.Columns {
		c := &in.Columns[j]
		if j == label || c.Distinct < 2 && c.Nulls == 0 {
			continue
		}
		x := in.sample.cols[j].at(rows)
		var a []Association
		if in.LabelKind == Numbers {
			a = withNumbers(x, target.nums)
		} else {
			a = withClasses(x, yc, k)
		}
		for _, m := range a {
			if !math.IsNaN(m.Value) && (c.Association == nil || math.Abs(m.Value) > c.Association.Strength()) {
				c.Association = &m
			}
		}
		c.Leak = c.Association.Strength() > LeakStrength
	}
}

// present are the rows that have a value.
func (s *sampleColumn) present() (rows []int) {
	for i := range max(len(s.nums), len(s.codes)) {
		if s.text && s.codes[i] >= 0 || !s.text && s.nums[i] == s.nums[i] {
			rows = append(rows, i)
		}
	}
	return rows
}

func (s *sampleColumn) at(rows []int) sampleColumn {
	if s.text {
		return sampleColumn{text: true, codes: pick(s.codes, rows), names: s.names}
	}
	return sampleColumn{nums: pick(s.nums, rows)}
}

// withNumbers are the measures of a column with a label that is a number.
func withNumbers(x sampleColumn, y []float64) []Association {
	if x.text {
		g, k := x.groups()
		return []Association{{"correlation ratio", correlationRatio(y, g, k)}}
	}
	g, k := x.bins()
	out := []Association{{"correlation ratio", correlationRatio(y, g, k)}}
	a, b := both(x.nums, y)
	if len(a) > 2 {
		out = append([]Association{{"Pearson", stat.Correlation(a, b, nil)}, {"Spearman", stat.Correlation(ranks(a), ranks(b), nil)}}, out...)
	}
	return out
}

// withClasses are the measures of a column with a label of k classes. Of more than two classes there is none for the size of x: that x
// differs between classes does not say that it tells them apart.
func withClasses(x sampleColumn, y []int32, k int) []Association {
	if x.text {
		g, n := x.groups()
		return []Association{{"Cramér's V", cramersV(g, n, y, k)}}
	}
	g, n := x.bins()
	v := Association{"Cramér's V", cramersV(g, n, y, k)}
	if k != 2 {
		return []Association{v}
	}
	var a []float64
	var c []int32
	for i, v := range x.nums {
		if v == v {
			a, c = append(a, v), append(c, y[i])
		}
	}
	return []Association{{"rank biserial", rankBiserial(a, c)}, v}
}

// both are the pairs that have both.
func both(x, y []float64) (a, b []float64) {
	for i := range x {
		if x[i] == x[i] && y[i] == y[i] {
			a, b = append(a, x[i]), append(b, y[i])
		}
	}
	return a, b
}

// ranks are from 1, equal values sharing their mean rank.
func ranks(x []float64) []float64 {
	idx := make([]int, len(x))
	for i := range idx {
		idx[i] = i
	}
	slices.SortFunc(idx, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return a - b
	})
	out := make([]float64, len(x))
	for i := 0; i < len(idx); {
		j := i
		for j < len(idx) && x[idx[j]] == x[idx[i]] {
			j++
		}
		for _, k := range idx[i:j] {
			out[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}

// rankBiserial is 2*AUC-1 of x as a score for class 1: 1 where a threshold on x tells the classes apart.
func rankBiserial(x []float64, y []int32) float64 {
	sum, n1 := 0.0, 0.0
	for i, r := range ranks(x) {
		if y[i] == 1 {
			sum, n1 = sum+r, n1+1
		}
	}
	n0 := float64(len(x)) - n1
	if n0 == 0 || n1 == 0 {
		return math.NaN()
	}
	return 2*(sum-float64(n1*(n1+1))/2)/(n0*n1) - 1
}

// groups are the distinct values of a column as codes from 0, null being one of its own.
func (s *sampleColumn) groups() ([]int32, int) {
	if s.text {
		return compact(s.codes)
	}
	sorted := slices.Clone(s.nums)
	slices.Sort(sorted) // NaN first
	sorted = slices.Compact(sorted)
	for len(sorted) > 0 && sorted[0] != sorted[0] {
		sorted = sorted[1:]
	}
	codes := make([]int32, len(s.nums))
	for i, v := range s.nums {
		codes[i] = -1
		if v == v {
			k, _ := slices.BinarySearch(sorted, v)
			codes[i] = int32(k)
		}
	}
	return compact(codes)
}

// bins are slices of about equal rows, equal values together; no value is a bin of its own. Few values are a bin each.
func (s *sampleColumn) bins() ([]int32, int) {
	sorted := make([]float64, 0, len(s.nums))
	for _, v := range s.nums {
		if v == v {
			sorted = append(sorted, v)
		}
	}
	slices.Sort(sorted)
	cuts := slices.Compact(slices.Clone(sorted))
	if len(cuts) > binsMax {
		cuts = cuts[:0]
		for b := range binsMax {
			if v := sorted[len(sorted)*b/binsMax]; len(cuts) == 0 || v > cuts[len(cuts)-1] {
				cuts = append(cuts, v)
			}
		}
	}
	codes := make([]int32, len(s.nums))
	for i, v := range s.nums {
		codes[i] = -1
		if v == v {
			k, found := slices.BinarySearch(cuts, v)
			if !found {
				k--
			}
			codes[i] = int32(k)
		}
	}
	return compact(codes)
}

// compact numbers codes anew without gaps, in their order; -1 comes last.
func compact(codes []int32) ([]int32, int) {
	high := int32(-1)
	for _, c := range codes {
		high = max(high, c)
	}
	at := make([]int32, high+2)
	for _, c := range codes {
		if c < 0 {
			c = high + 1
		}
		at[c] = 1
	}
	n := int32(0)
	for i := range at {
		if at[i] == 1 {
			at[i], n = n, n+1
		}
	}
	out := make([]int32, len(codes))
	for i, c := range codes {
		if c < 0 {
			c = high + 1
		}
		out[i] = at[c]
	}
	return out, int(n)
}

// correlationRatio is the share of y's spread that lies between k groups, as a root, less what as many groups of chance would show
// (Kelley's epsilon). Without that a column of nothing but distinct values would explain everything.
func correlationRatio(y []float64, g []int32, k int) float64 {
	n := len(y)
	if n <= k || k < 2 {
		return 0
	}
	mean, variance := stat.PopMeanVariance(y, nil)
	if variance == 0 || math.IsNaN(variance) || math.IsInf(variance, 0) {
		return math.NaN()
	}
	sum, count := make([]float64, k), make([]float64, k)
	for i, c := range g {
		sum[c] += y[i] - mean
		count[c]++
	}
	between := 0.0
	for c := range sum {
		if count[c] > 0 {
			between += float64(sum[c]*sum[c]) / count[c]
		}
	}
	within := 1 - between/(variance*float64(n))
	return math.Sqrt(max(0, 1-within*float64(n-1)/float64(n-k)))
}

// cramersV is Cramér's V with Bergsma's correction for the number of categories ("A bias-correction for Cramér's V", 2013).
func cramersV(a []int32, r int, b []int32, k int) float64 {
	n := float64(len(a))
	if n < 2 || r < 2 || k < 2 {
		return 0
	}
	obs, exp := make([]float64, r*k), make([]float64, r*k)
	row, col := make([]float64, r), make([]float64, k)
	for i := range a {
		obs[int(a[i])*k+int(b[i])]++
		row[a[i]]++
		col[b[i]]++
	}
	for i := range row {
		for j := range col {
			exp[i*k+j] = row[i] * col[j] / n
		}
	}
	phi := stat.ChiSquare(obs, exp)/n - float64(r-1)*float64(k-1)/(n-1)
	rr := float64(r) - float64(r-1)*float64(r-1)/(n-1)
	kk := float64(k) - float64(k-1)*float64(k-1)/(n-1)
	if phi <= 0 || min(rr, kk) <= 1 {
		return 0
	}
	return math.Min(1, math.Sqrt(phi/(math.Min(rr, kk)-1)))
}
