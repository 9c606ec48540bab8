// Package race lets tests do less where the race detector watches, which makes each ten times as long.
//
// What a test holds is held by the run without it. With it a test is there to show who touches what at the same time, which a part of
// its draws shows; a loop of one goroutine shows it nothing.
package race

// Few is how many of n draws a test makes: all, or one of six under the race detector.
func Few(n int) int {
	if On {
		return (n + 5) / 6
	}
	return n
}
