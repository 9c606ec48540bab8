//go:build !headrace_noasm

package exact

import (
	"math"
	"unsafe"

	"github.com/headrace/headrace/kernels/cpu"
)

// Every level gives the same integers: slices are whole numbers of units, and the order of their addition does not matter.

const vectors = 16 // values of a kernel's step

func deposit(xs []float64, m *[kept]float64, out *[kept + 1]uint64) {
	n := len(xs) &^ (vectors - 1)
	level := cpu.Now()
	if n == 0 || level == cpu.Go {
		depositGo(xs, m, out)
		return
	}
	var head [kept + 1]uint64
	if level == cpu.AVX512 {
		depositAVX512(&xs[0], n, m, &head)
	} else {
		depositAVX2(&xs[0], n, m, &head)
	}
	depositGo(xs[n:], m, out)
	for k := range kept {
		out[k] += head[k] - uint64(n)*math.Float64bits(m[k])
	}
	out[kept] = max(out[kept], head[kept])
}

func deposit2(xs []float64, m, p *[kept]float64, out *[2*kept + 2]uint64) {
	n := len(xs) &^ (vectors - 1)
	level := cpu.Now()
	if n == 0 || level == cpu.Go {
		deposit2Go(xs, m, p, out)
		return
	}
	var head [2*kept + 2]uint64
	if level == cpu.AVX512 {
		deposit2AVX512(&xs[0], n, m, p, &head)
	} else {
		deposit2AVX2(&xs[0], n, m, p, &head)
	}
	deposit2Go(xs[n:], m, p, out)
	for k := range kept {
		times := uint64(n)
		out[k] += head[k] - times*math.Float64bits(m[k])
		if k > 0 { // the errors of the squares have been there too
			times *= 2
		}
		out[kept+k] += head[kept+k] - times*math.Float64bits(p[k])
	}
	for k := 2 * kept; k < len(out); k++ {
		out[k] = max(out[k], head[k])
	}
}

// allValid is what sumsAVX512 reads, without moving, where there is no bitmap.
var allValid uint8 = math.MaxUint8

func (s *Sums) add(groups []int32, xs []float64, valid []uint64) {
	if cpu.Now() != cpu.AVX512 || len(s.cells) == 0 {
		s.addGo(groups, xs, valid)
		return
	}
	n := len(xs) &^ 7
	for o := 0; o < n; {
		bits, step := &allValid, 0
		if valid != nil {
			bits, step = (*uint8)(unsafe.Add(unsafe.Pointer(&valid[0]), o/8)), 1
		}
		o += sumsAVX512((*[4]int64)(&s.cells[0]), len(s.cells), &groups[o], &xs[o], n-o, bits, step)
		if o < n {
			s.addByte(groups[o:o+8], xs[o:o+8], valid, o)
			o += 8
		}
	}
	s.addByte(groups[n:], xs[n:], valid, n)
}

// addByte is addGo for at most eight rows, of which the first has bit o of valid, a multiple of eight.
func (s *Sums) addByte(groups []int32, xs []float64, valid []uint64, o int) {
	if valid == nil || len(xs) == 0 {
		s.addGo(groups, xs, nil)
		return
	}
	word := [1]uint64{valid[o>>6] >> (uint(o) & 63)}
	s.addGo(groups, xs, word[:])
}
