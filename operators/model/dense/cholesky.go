package dense

import "math"

// Factor is a Cholesky factor of a positive semi-definite matrix, with the columns that depend on others left out.
type Factor struct {
	n    int
	l    []float64 // lower triangle by rows, of the columns kept
	keep []int     // which columns those are, in the order of their pivots
	Left []int     // the columns left out
}

// dependent is how much of a column's own square must be left after the others are taken out. Below, what is left is the rounding of
// the sums, and not the column.
const dependent = 1e-11

// Cholesky factors the matrix of n columns whose lower triangle by rows is a. Column 0 is the constant: it goes first, so that none
// other is left out for it; then the column with the most left of its square, the first of equals. Columns that are nothing but
// combinations of those before are left out; their solution is 0.
func Cholesky(n int, a []float64) *Factor {
	f := &Factor{n: n}
	rest := make([]float64, n) // what is left of each diagonal element
	for j := range n {
		rest[j] = a[at(j, j)]
	}
	used := make([]bool, n)
	rows := make([][]float64, n) // of L, by column of a
	for len(f.keep) < n {
		best, share := -1, dependent
		for j := range n {
			d := a[at(j, j)]
			if used[j] || !(d > 0) {
				continue
			}
			if s := rest[j] / d; s > share {
				best, share = j, s
			}
			if j == 0 {
				break
			}
		}
		if best < 0 {
			break
		}
		used[best] = true
		root := math.Sqrt(rest[best])
		own := rows[best]
		for j := range n {
			if used[j] {
				continue
			}
			s := a[at(j, best)]
			for k, v := range rows[j] {
				s -= float64(v * own[k])
			}
			v := s / root
			rows[j] = append(rows[j], v)
			rest[j] -= float64(v * v)
		}
		rows[best] = append(own, root)
		f.keep = append(f.keep, best)
	}
	for j := range n {
		if !used[j] {
			f.Left = append(f.Left, j)
		}
	}
	for _, j := range f.keep {
		f.l = append(f.l, rows[j]...)
	}
	return f
}

// at is the place of element (j, k) of a lower triangle by rows, either way round.
func at(j, k int) int {
	if j < k {
		j, k = k, j
	}
	return j*(j+1)/2 + k
}

// Solve gives x with A x = b over the columns kept; 0 for the others.
func (f *Factor) Solve(b []float64) []float64 {
	m := len(f.keep)
	y := make([]float64, m)
	for i := range m {
		s := b[f.keep[i]]
		row := f.l[i*(i+1)/2:]
		for k := range i {
			s -= float64(row[k] * y[k])
		}
		y[i] = s / row[i]
	}
	for i := m - 1; i >= 0; i-- {
		s := y[i]
		for k := i + 1; k < m; k++ {
			s -= float64(f.l[k*(k+1)/2+i] * y[k])
		}
		y[i] = s / f.l[i*(i+1)/2+i]
	}
	x := make([]float64, f.n)
	for i, j := range f.keep {
		x[j] = y[i]
	}
	return x
}
