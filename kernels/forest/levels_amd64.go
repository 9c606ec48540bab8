//go:build !headrace_noasm

package forest

import (
	"unsafe"

	"github.com/headrace/headrace/kernels/cpu"
)

// Pays says whether Add is faster than walking from node to node: where no level has kernels it is not.
func Pays() bool { return cpu.Now() != cpu.Go }

// MayPay says whether Pays may say so on this machine: where not, no tree need be made ready.
func MayPay() bool { return cpu.Best() != cpu.Go }

// RowMayPay says whether RowPays may say so.
func RowMayPay() bool { return cpu.Best() == cpu.AVX512 }

// RowPays says whether Row is faster than walking.
func RowPays() bool { return cpu.Now() != cpu.Go }

func rowCodes(dst *[2 * RowCuts]uint16, xs []float64, cuts []*Cuts) {
	switch level := cpu.Now(); {
	case level == cpu.Go || len(xs) == 0:
		rowCodesGo(dst, xs, cuts)
	case level == cpu.AVX2:
		rowCodesAVX2(&dst[0], &xs[0], (**float64)(unsafe.Pointer(&cuts[0])), len(xs))
	default:
		rowCodesAVX512(&dst[0], &xs[0], (**float64)(unsafe.Pointer(&cuts[0])), len(xs))
	}
}

func pass(leaf *[rowTrees]uint32, g group, codes *[2 * RowCuts]uint16) {
	switch level := cpu.Now(); {
	case level == cpu.Go || len(g) == 0:
		passGo(leaf, g, codes)
	case level == cpu.AVX2:
		passAVX2(&leaf[0], &g[0].column[0], len(g), &codes[0])
	default:
		passAVX512(&leaf[0], &g[0].column[0], len(g), &codes[0])
	}
}

func reach(leaf *[Rows]uint8, nodes []node, codes []uint8, masks *[masksMax * Rows / 8]uint64) {
	level := cpu.Now()
	if level == cpu.Go {
		reachGo(leaf, nodes, codes, masks)
		return
	}
	root := int(nodes[0].mine)
	if level == cpu.AVX512 {
		for i := range Rows / 64 {
			masks[root/8+i] = ^uint64(0)
		}
		reachAVX512(&leaf[0], &nodes[0].column, len(nodes), &codes[0], &masks[0])
		return
	}
	for i := range Rows / 8 {
		masks[root+i] = ^uint64(0)
	}
	reachAVX2(&leaf[0], &nodes[0].column, len(nodes), &codes[0], &masks[0])
}

func beyond(dst, codes *[Rows]uint8, set *[4]uint64) {
	switch cpu.Now() {
	case cpu.AVX512:
		beyondAVX512(&dst[0], &codes[0], set)
	case cpu.AVX2:
		beyondAVX2(&dst[0], &codes[0], set)
	default:
		beyondGo(dst, codes, set)
	}
}

func add(score *[Rows]float64, leaf *[Rows]uint8, value []float64) {
	level := cpu.Now()
	switch {
	case level == cpu.Go:
		addGo(score, leaf, value)
	case level == cpu.AVX512 && len(value) == 16:
		add16AVX512(&score[0], &leaf[0], &value[0])
	case level == cpu.AVX512 && len(value) == 32:
		add32AVX512(&score[0], &leaf[0], &value[0])
	case level == cpu.AVX512 && len(value) == 64:
		add64AVX512(&score[0], &leaf[0], &value[0])
	default:
		addAVX2(&score[0], &leaf[0], &value[0])
	}
}

func codes(low, high []uint8, xs []float64, c *Cuts) {
	n, level := len(xs)&^7, cpu.Now()
	switch {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX2:
		odd := codesAVX2(&low[0], &xs[0], n, &c.sort[0], &c.tops[0])
		copy(high, low[:n])
		if odd != 0 {
			for i, x := range xs[:n] {
				if x != x {
					high[i] = Missing
				}
			}
		}
	case searchSteps(c.steps) == 4:
		codes4AVX512(&low[0], &high[0], &xs[0], n, &c.laid[0])
	case searchSteps(c.steps) == 6:
		codes6AVX512(&low[0], &high[0], &xs[0], n, &c.laid[0])
	case searchSteps(c.steps) == 7:
		codes7AVX512(&low[0], &high[0], &xs[0], n, &c.laid[0])
	default:
		codes8AVX512(&low[0], &high[0], &xs[0], n, &c.laid[0])
	}
	codesGo(low[n:], high[n:], xs[n:], c)
}
