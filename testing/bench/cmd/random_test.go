package main

import (
	"strings"
	"testing"

	"github.com/headrace/headrace/testing/bench/random"
)

func TestFoldedKeepsTheWords(t *testing.T) {
	for n := range 200 {
		sql := random.Draw(7, n, true).SQL()
		got := folded(sql, 80)
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(sql), " ") {
			t.Fatalf("%s\nbecame\n%s", sql, got)
		}
		for line := range strings.Lines(got) {
			if len(line) > 81 {
				t.Fatalf("%d columns: %s", len(line)-1, line)
			}
		}
	}
}
