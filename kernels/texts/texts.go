// Package texts compares columns of byte strings with a constant.
//
// A column is offsets and data, as Arrow has them: string i is data[offsets[i]:offsets[i+1]]. dst has the words of a bitmap of
// the strings; its bits past them become zero.
package texts

//go:generate go run -C ../_gen ./asm -group texts -out ../texts/zz_match_amd64.s -stubs ../texts/zz_match_amd64.go -pkg texts

import (
	"bytes"
	"math"
	mathbits "math/bits"

	"github.com/headrace/headrace/kernels/bits"
)

// Equal is the loop for i { dst[i] = string i == s }
func Equal(dst []uint64, offsets []int32, data []byte, s string) {
	match(dst, offsets, data, s, pattern{slack: 0})
}

// HasPrefix is the loop for i { dst[i] = string i begins with s }
func HasPrefix(dst []uint64, offsets []int32, data []byte, s string) {
	match(dst, offsets, data, s, pattern{slack: math.MaxInt32})
}

// HasSuffix is the loop for i { dst[i] = string i ends with s }
func HasSuffix(dst []uint64, offsets []int32, data []byte, s string) {
	match(dst, offsets, data, s, pattern{slack: math.MaxInt32, end: true})
}

// In is the loop for i { dst[i] = list has string i }: a pass for each of the list, which is to be short.
func In(dst []uint64, offsets []int32, data []byte, list []string) {
	const strip = 1024 // rows whose offsets and strings stay in L1 for all of the list
	n := len(offsets) - 1
	dst = dst[:bits.Words(n)]
	clear(dst)
	var one [strip / 64]uint64
	for lo := 0; lo < n; lo += strip {
		hi := min(n, lo+strip)
		to := dst[lo/64 : bits.Words(hi)]
		for _, s := range list {
			Equal(one[:len(to)], offsets[lo:hi+1], data, s)
			bits.Or(to, to, one[:len(to)])
		}
	}
}

// Contains is the loop for i { dst[i] = string i contains s }. The data is searched as one; what is found lies in one string
// unless it goes past its end.
func Contains(dst []uint64, offsets []int32, data []byte, s string) {
	n := len(offsets) - 1
	dst = dst[:bits.Words(n)]
	if len(s) == 0 {
		bits.Fill(dst, n)
		return
	}
	clear(dst)
	key := []byte(s)
	at, row := int(offsets[0]), 0
	for end := int(offsets[n]); ; {
		i := bytes.Index(data[at:end], key)
		if i < 0 {
			return
		}
		at += i
		row = rowOf(offsets, row, int32(at))
		if at+len(s) > int(offsets[row+1]) {
			at++
			continue
		}
		bits.Set(dst, row, true)
		row++
		at = int(offsets[row])
	}
}

// rowOf is the row from first on in which the byte at lies: near, or by halving.
func rowOf(offsets []int32, first int, at int32) int {
	step := 1
	for first+step < len(offsets) && offsets[first+step] <= at {
		first += step
		step *= 2
	}
	for ; step > 0; step /= 2 {
		for first+step < len(offsets) && offsets[first+step] <= at {
			first += step
		}
	}
	return first
}

// A pattern is a string of slack bytes more than the one that is sought, at whose beginning or end that one stands.
type pattern struct {
	slack int32
	end   bool
}

// matchGo is the reference.
func matchGo(dst []uint64, offsets []int32, data []byte, s string, p pattern) {
	for j := range dst {
		at := offsets[64*j : min(len(offsets), 64*j+65)]
		var w uint64
		for i, end := range at[1:] {
			if more := int(end-at[i]) - len(s); more < 0 || more > int(p.slack) {
				continue
			}
			begin := int(at[i])
			if p.end {
				begin = int(end) - len(s)
			}
			if string(data[begin:begin+len(s)]) == s {
				w |= 1 << (uint(i) & 63)
			}
		}
		dst[j] = w
	}
}

// verify takes the bits away whose strings have the ends of s, but not the rest.
func verify(dst []uint64, offsets []int32, data []byte, s string, p pattern) {
	for j, w := range dst {
		for ; w != 0; w &= w - 1 {
			i := 64*j + mathbits.TrailingZeros64(w)
			begin := int(offsets[i])
			if p.end {
				begin = int(offsets[i+1]) - len(s)
			}
			if string(data[begin:begin+len(s)]) != s {
				dst[j] &^= w & -w
			}
		}
	}
}
