// Package trees holds what learners of trees share.
package trees

// Feature is one column; exactly one of Values, Read and Codes is set. A fit
// reads and never writes it.
type Feature struct {
	Name string
	// Values is a numeric column; NaN is missing, infinities are ordinary.
	Values []float64
	// Read is a numeric column that is kept in another form: it writes the
	// values of the rows from a given one on to dst. Workers call it at the same
	// time.
	Read func(dst []float64, from int)
	// Codes is a categorical column: 0 <= code < Levels; below 0 is missing, as
	// is Levels or above in validation data (a level that was not known).
	Codes  []int32
	Levels int
}

// Numeric says that the column holds numbers.
func (f *Feature) Numeric() bool { return f.Values != nil || f.Read != nil }

// numbers are the values of rows begin to end, in buffer where they are not in
// memory as they are.
func (f *Feature) numbers(buffer []float64, begin, end int) []float64 {
	if f.Read == nil {
		return f.Values[begin:end]
	}
	f.Read(buffer[:end-begin], begin)
	return buffer[:end-begin]
}

// Data is a table of N rows. Weight nil means 1 for every row; a row of weight
// 0 takes no part at all.
type Data struct {
	Features []Feature
	Label    []float64
	Weight   []float64
	Group    []int32 // of a ranking, the number of each row's group, from 0 and below N
	N        int
}

// WeightOf is the weight of row i.
func (d *Data) WeightOf(i int) float64 {
	if d.Weight == nil {
		return 1
	}
	return d.Weight[i]
}
