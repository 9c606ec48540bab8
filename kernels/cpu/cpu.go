// Package cpu says which instruction set the kernels may use.
//
// A kernel's wrapper asks Now and switches on the answer. Every level gives the same bits, so the level changes speed and
// nothing else; a test lowers it with Lower to run each of them in one binary. The environment variable HEADRACE_CPU
// (go, avx2 or avx512) lowers it at start-up; it never raises it above what the machine has, and any other value is
// ignored (Asked tells a command what was set, so that it can say so). The build tag headrace_noasm leaves the assembly out.
package cpu

import (
	"os"
	"sync/atomic"
)

// Level is an instruction set; a higher one includes the lower.
type Level uint8

// The levels, from the least.
const (
	Go     Level = iota // the reference loops, compiled by Go
	AVX2                // x86-64 with AVX2, FMA, BMI1, BMI2 and POPCNT
	AVX512              // AVX2 and AVX-512 F, BW, DQ, VL
)

// String is the name that HEADRACE_CPU takes.
func (l Level) String() string {
	switch l {
	case Go:
		return "go"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	}
	return "unknown"
}

var now atomic.Uint32

func init() { now.Store(uint32(start(os.Getenv("HEADRACE_CPU"), best()))) }

func start(asked string, best Level) Level {
	if l, ok := Parse(asked); ok {
		return min(l, best)
	}
	return best
}

// Parse reads a level's name.
func Parse(name string) (Level, bool) {
	for l := Go; l <= AVX512; l++ {
		if name == l.String() {
			return l, true
		}
	}
	return Go, false
}

// Asked is the value of HEADRACE_CPU and whether it names a level; an empty value counts as good.
func Asked() (value string, ok bool) {
	value = os.Getenv("HEADRACE_CPU")
	_, ok = Parse(value)
	return value, ok || value == ""
}

// Best is the highest level that this build and this machine have.
func Best() Level { return best() }

// Now is the level in use. It may be called from any goroutine.
func Now() Level { return Level(now.Load()) }

// Lower sets the level in use to l, or to Best where l is above it, and returns what undoes that. It is for tests; kernels
// that run meanwhile finish at the level that they started with. Nested calls are undone in reverse order.
func Lower(l Level) (restore func()) {
	old := now.Swap(uint32(min(l, best())))
	return func() { now.Store(old) }
}

// Levels lists the levels from Go to Best, for tests.
func Levels() []Level {
	var ls []Level
	for l := Go; l <= best(); l++ {
		ls = append(ls, l)
	}
	return ls
}
