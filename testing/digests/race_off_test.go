//go:build !race

package digests

const raceOn = false
