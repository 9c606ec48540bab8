package program

import "github.com/headrace/headrace/operators/batch"

// exprVec is a value of each row of a chunk, in the slice of its class. What stands under a null or a failure is unspecified.
// valid nil: no nulls; bad nil: no failures. Bits past the rows are 0 in every bitmap.
type exprVec struct {
	i     []int64
	f     []float64
	b     []uint64
	s     []string
	valid []uint64
	bad   []uint64
}

// exprReg is the memory that a node's vec may use.
type exprReg struct {
	i            []int64
	f            []float64
	s            []string
	b, valid, bd []uint64
	tmp          []uint64
}

func (r *exprReg) ints(n int) []int64 {
	if cap(r.i) < n {
		r.i = make([]int64, n)
	}
	return r.i[:n]
}

func (r *exprReg) floats(n int) []float64 {
	if cap(r.f) < n {
		r.f = make([]float64, n)
	}
	return r.f[:n]
}

func (r *exprReg) texts(n int) []string {
	if cap(r.s) < n {
		r.s = make([]string, n)
	}
	r.s = r.s[:max(n, len(r.s))] // what was used is remembered, to be cleared
	return r.s[:n]
}

func words(p *[]uint64, n int) []uint64 {
	if cap(*p) < batch.Words(n) {
		*p = make([]uint64, batch.Words(n))
	}
	return (*p)[:batch.Words(n)]
}

// word is a word of a bitmap that may not be there.
func word(w []uint64, j int, none uint64) uint64 {
	if w == nil {
		return none
	}
	return w[j]
}
