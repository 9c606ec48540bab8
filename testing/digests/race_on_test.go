//go:build race

package digests

// raceOn: the race detector makes a run ten times as long.
const raceOn = true
