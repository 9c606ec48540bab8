package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func byIndex(a, b int) bool { return a < b }

func TestSort(t *testing.T) {
	for _, c := range []struct {
		deps   Deps
		order  string
		cycles string
	}{
		{nil, "[]", "[]"},
		{Deps{{1}, {}, {0, 1}}, "[1 0 2]", "[]"},
		{Deps{{}, {}, {}}, "[0 1 2]", "[]"},
		{Deps{{0}}, "[0]", "[[0]]"},
		{Deps{{1}, {0}, {1}}, "[0 1 2]", "[[0 1]]"},
		{Deps{{2}, {0}, {1}, {3}, {2, 9, -1}}, "", "[[0 1 2] [3]]"},
		// two cycles through one knot are told once, the shortest through its first
		{Deps{{1, 2}, {0}, {3}, {0}}, "", "[[0 1]]"},
	} {
		order, cycles, _ := Sort(c.deps, byIndex)
		if fmt.Sprint(cycles) != c.cycles {
			t.Errorf("%v: cycles %v, want %s", c.deps, cycles, c.cycles)
		}
		if c.order != "" && fmt.Sprint(order) != c.order {
			t.Errorf("%v: order %v, want %s", c.deps, order, c.order)
		}
		if len(order) != len(c.deps) {
			t.Errorf("%v: order %v", c.deps, order)
		}
	}
}

// TestSortLaws holds for graphs drawn at random that everything is ordered once, behind what it needs unless both are on a cycle,
// and that each cycle is one.
func TestSortLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + r.IntN(12)
		deps := make(Deps, n)
		for range r.IntN(2 * n) {
			i := r.IntN(n)
			deps[i] = append(deps[i], r.IntN(n))
		}
		order, cycles, knotted := Sort(deps, byIndex)
		at := make([]int, n)
		for i := range at {
			at[i] = -1
		}
		for k, i := range order {
			if at[i] >= 0 {
				t.Fatal(i, "twice")
			}
			at[i] = k
		}
		for i, need := range deps {
			for _, j := range need {
				if at[j] >= at[i] && !(slices.Contains(knotted, i) && slices.Contains(knotted, j)) {
					t.Fatalf("%v: %d before %d in %v", deps, i, j, order)
				}
			}
		}
		for _, c := range cycles {
			for k, i := range c {
				if next := c[(k+1)%len(c)]; !slices.Contains(deps[next], i) {
					t.Fatalf("%v: %v is no cycle", deps, c)
				}
			}
		}
		if (len(cycles) == 0) != (len(knotted) == 0) {
			t.Fatal(cycles, knotted)
		}
		again, _, _ := Sort(deps, byIndex)
		if !slices.Equal(order, again) {
			t.Fatal("another order the second time")
		}
	}
}

func TestDraw(t *testing.T) {
	d := Drawing{Name: `a "b"`, Nodes: []Node{{"s", "s\nparquet", "", Cylinder}, {"x[0]", `f "q" <#>`, "x", Box}, {"y", "y", "", Diamond}, {"x[1]", "g", "x", Oval}},
		Edges: []Edge{{"s", "x[0]", "train", false}, {"x[0]", "x[1]", "", true}}}
	dot, mermaid := d.DOT(), d.Mermaid()
	for _, want := range []string{`digraph "a \"b\""`, `"s" [label="s\nparquet", shape=cylinder];`, "subgraph cluster_1 {\n\t\tlabel=\"x\"",
		`"s" -> "x[0]" [label="train"];`, `"x[0]" -> "x[1]" [style=dashed];`} {
		if !strings.Contains(dot, want) {
			t.Errorf("no %s in\n%s", want, dot)
		}
	}
	for _, want := range []string{"flowchart LR", `n0[("s<br/>parquet")]`, `n1["f #quot;q#quot; #lt;#35;#gt;"]`, `n0 -->|"train"| n1`, "n1 -.-> n3", `n3(["g"])`} {
		if !strings.Contains(mermaid, want) {
			t.Errorf("no %s in\n%s", want, mermaid)
		}
	}
	if strings.Count(dot, "{") != strings.Count(dot, "}") {
		t.Error("braces")
	}
}
