package parquet

import (
	"encoding/binary"

	"github.com/headrace/headrace/kernels/bits"
)

// appendLevels appends the definition levels of n rows, which are the bitmap, as runs of one value and groups of eight.
func appendLevels(dst []byte, w []uint64, n int) []byte {
	words := bits.Words(n)
	// whole says that a word's rows are all there or all not, and which
	whole := func(i int) (uint64, bool) {
		all := ^uint64(0)
		if i == words-1 {
			all >>= uint(-n) & 63
		}
		return w[i] & 1, w[i] == 0 || w[i] == all
	}
	for i := 0; i < words; {
		v, run := whole(i)
		j := i + 1
		if run {
			for j < words {
				if next, ok := whole(j); !ok || next != v {
					break
				}
				j++
			}
			dst = append(binary.AppendUvarint(dst, uint64(min(n, j*64)-i*64)<<1), byte(v))
		} else {
			for j < words {
				if _, ok := whole(j); ok {
					break
				}
				j++
			}
			rows := min(n, j*64) - i*64
			dst = binary.AppendUvarint(dst, uint64((rows+7)/8)<<1|1)
			dst = appendWords(dst, w[i:j], rows)
		}
		i = j
	}
	return dst
}

// appendCodes appends codes of width bits as runs of one value and groups of eight.
func appendCodes(dst []byte, v []int32, width uint) []byte {
	// A run costs its header, its value, and the header of the groups behind it.
	worth := 8 * (4 + int(width+7)/8) / int(width)
	worth = max(8, (worth+7)&^7)
	from := 0 // of the groups not yet written
	for i := 0; i+worth <= len(v); {
		x := v[i]
		if x != v[i+worth-1] || x != v[i+1] {
			i += 8
			continue
		}
		end := i + 1
		for end < len(v) && v[end] == x {
			end++
		}
		if end-i < worth {
			i += max(8, (end-i)&^7)
			continue
		}
		dst = appendGroups(dst, v[from:i], width)
		dst = binary.AppendUvarint(dst, uint64(end-i)<<1)
		for b := uint(0); b < width; b += 8 {
			dst = append(dst, byte(x>>b))
		}
		i, from = end, end
	}
	return appendGroups(dst, v[from:], width)
}

// appendGroups appends values of width bits, eight in width bytes; the last eight are filled up with zeros.
func appendGroups(dst []byte, v []int32, width uint) []byte {
	if len(v) == 0 {
		return dst
	}
	groups := (len(v) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	at, size := len(dst), groups*int(width)
	dst = append(dst, make([]byte, size+24)...) // whole words are stored
	out := dst[at:]
	full := len(v) / 8
	switch {
	case width <= 8:
		pack8(out, v[:full*8], width)
	case width <= 16:
		pack16(out, v[:full*8], width)
	default:
		packWide(out, v[:full*8], width)
	}
	if full < groups {
		var last [8]int32
		copy(last[:], v[full*8:])
		packWide(out[full*int(width):], last[:], width)
	}
	return dst[:at+size]
}

// pack8 packs eight codes of at most 8 bits into a word.
func pack8(dst []byte, v []int32, w uint) {
	w &= 15
	for ; len(v) >= 8; v = v[8:] {
		a := uint64(uint32(v[0])) | uint64(uint32(v[1]))<<w | uint64(uint32(v[2]))<<(2*w) | uint64(uint32(v[3]))<<(3*w)
		b := uint64(uint32(v[4])) | uint64(uint32(v[5]))<<w | uint64(uint32(v[6]))<<(2*w) | uint64(uint32(v[7]))<<(3*w)
		binary.LittleEndian.PutUint64(dst, a|b<<(4*w))
		dst = dst[w:]
	}
}

// pack16 packs eight codes of 9 to 16 bits into two words.
func pack16(dst []byte, v []int32, w uint) {
	w &= 31
	for ; len(v) >= 8; v = v[8:] {
		a := uint64(uint32(v[0])) | uint64(uint32(v[1]))<<w | uint64(uint32(v[2]))<<(2*w) | uint64(uint32(v[3]))<<(3*w)
		b := uint64(uint32(v[4])) | uint64(uint32(v[5]))<<w | uint64(uint32(v[6]))<<(2*w) | uint64(uint32(v[7]))<<(3*w)
		binary.LittleEndian.PutUint64(dst, a|b<<(4*w))
		binary.LittleEndian.PutUint64(dst[8:], b>>(64-4*w))
		dst = dst[w:]
	}
}

// packWide packs codes of any width up to 32.
func packWide(dst []byte, v []int32, w uint) {
	var acc uint64
	have := uint(0)
	for _, x := range v {
		acc |= uint64(uint32(x)) << have
		for have += w; have >= 8; have -= 8 {
			dst[0] = byte(acc)
			dst, acc = dst[1:], acc>>8
		}
	}
}
