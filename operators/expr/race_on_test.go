//go:build race

package expr

// raceOn: under the race detector a sync.Pool forgets on purpose.
const raceOn = true
