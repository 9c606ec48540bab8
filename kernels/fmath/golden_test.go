package fmath

// golden is the digest of TestGolden.
const golden = 0x60fa2332424ff17f
