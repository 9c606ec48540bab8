// Package hash turns keys into 64 bits that never change.
//
// The functions are fixed for ever: folds, splits, draws and vocabularies of published models stand on them, and a golden
// test holds them. They are not cryptographic: who chooses the keys can make them collide.
//
// The mix is the high half of a 64x64-bit product folded onto the low half, as in wyhash and xxh3; the structure and the
// constants (the fractional parts of the square roots of 3, 7, 11, 13 and 17, made odd) are our own.
package hash

import (
	"encoding/binary"
	"math/bits"
)

const (
	k0 = 0xbb67ae8584caa73b
	k1 = 0xa54ff53a5f1d36f1
	k2 = 0x510e527fade682d1
	k3 = 0x9b05688c2b3e6c1f
	k4 = 0x1f83d9abfb41bd6b
)

// fold multiplies and lays the halves over each other. A zero factor would lose the other one, so that callers mask both
// with constants, and no input bytes reach both factors of one fold unmixed.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// U64 hashes one word: a bijection's strength, two multiplications.
func U64(x uint64) uint64 {
	x ^= x >> 32
	x *= k1
	x ^= x >> 29
	x *= k2
	return x ^ x>>32
}

// Combine hashes the pair (a, b); the order matters. Hashes of tuples are built by it from the left.
func Combine(a, b uint64) uint64 {
	return U64((fold(a^k0, k3) + bits.RotateLeft64(b, 23)) ^ b*k4)
}

// Bytes hashes b. Equal bytes give equal hashes on every machine.
func Bytes(b []byte) uint64 { return BytesSeed(b, 0) }

// String hashes s as Bytes does its bytes.
func String(s string) uint64 {
	// The conversion copies nothing, as the callee neither keeps nor writes the bytes; a test counts the allocations.
	return BytesSeed([]byte(s), 0)
}

// BytesSeed hashes b under a seed.
func BytesSeed(b []byte, seed uint64) uint64 {
	n := len(b)
	// The length enters spread over the word: xored onto a low byte it would meet what the key itself has there.
	h := (seed ^ fold(seed^k0, k4)) + uint64(n)*k3
	if n > 32 {
		g := h ^ k4
		for ; len(b) > 32; b = b[32:] {
			h = fold(binary.LittleEndian.Uint64(b)^k1, binary.LittleEndian.Uint64(b[8:])^h)
			g = fold(binary.LittleEndian.Uint64(b[16:])^k2, binary.LittleEndian.Uint64(b[24:])^g)
		}
		h ^= g
	}
	if len(b) > 16 {
		h = fold(binary.LittleEndian.Uint64(b)^k1, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	x, y := tail(b)
	return U64(fold(x^k2, y^h) ^ h)
}

// tail reads up to 16 bytes as two words. Lengths are hashed apart, so that an overlap or a zero never makes two keys one.
func tail(b []byte) (x, y uint64) {
	n := len(b)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		return uint64(b[0]) | uint64(b[n>>1])<<8 | uint64(b[n-1])<<16, 0
	}
	return 0, 0
}

// Seed turns a name (a step, a column, a purpose) into a seed for Draw.
func Seed(name string) uint64 { return BytesSeed([]byte(name), k4) }

// Draw is the random word of a row: it depends on the seed and the row's identity alone, so that rows may be drawn in any
// order and on any machine. Different seeds give independent draws.
func Draw(seed, ordinal uint64, copy uint32) uint64 {
	x := U64(ordinal + k3*(uint64(copy)+1))
	return U64((fold(x^k1, seed^k2) ^ bits.RotateLeft64(x, 32)) + U64(seed^k0))
}

// Unit maps a random word to [0, 1): its upper 53 bits, evenly spaced.
func Unit(u uint64) float64 { return float64(float64(u>>11) * 0x1p-53) }

// Below maps a random word to [0, n) without a division, n > 0; a value's share is off by at most n/2^64.
func Below(u, n uint64) uint64 {
	hi, _ := bits.Mul64(u, n)
	return hi
}

// U64s is the loop for i { dst[i] = U64(src[i]) }; one length.
func U64s(dst, src []uint64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = U64(x)
	}
}
