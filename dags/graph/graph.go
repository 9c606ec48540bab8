// Package graph orders what depends on each other, names cycles, and draws.
package graph

import (
	"errors"
	"slices"

	lib "github.com/dominikbraun/graph"
)

// Deps says what each thing needs, by index: Deps[i] are the things that must come before i. An index out of range is ignored.
type Deps [][]int

// Sort gives an order in which everything stands behind what it needs; among equals, less decides. Things on a cycle cannot be
// ordered: each knot of cycles (a strongly connected component) is given once, as one of its shortest cycles, first to last, and
// inside a knot the order is less's alone. knotted are all things in such knots. The result depends on deps and less only.
func Sort(deps Deps, less func(a, b int) bool) (order []int, cycles [][]int, knotted []int) {
	// Vertices count from 1: the library (v0.23) loses a component whose head is the zero value.
	full := lib.New(lib.IntHash, lib.Directed())
	for i := range deps {
		must(full.AddVertex(i + 1))
	}
	for i, need := range deps {
		for _, j := range need {
			if j < 0 || j >= len(deps) {
				continue
			}
			if err := full.AddEdge(j+1, i+1); err != nil && !errors.Is(err, lib.ErrEdgeAlreadyExists) {
				must(err)
			}
		}
	}
	knots, err := lib.StronglyConnectedComponents(full)
	must(err)
	knot := make([]int, len(deps)) // the knot that a thing is in
	for k, members := range knots {
		for m := range members {
			members[m]--
		}
		slices.SortFunc(members, compare(less))
		for _, i := range members {
			knot[i] = k
		}
	}
	slices.SortFunc(knots, func(a, b []int) int { return compare(less)(a[0], b[0]) })
	for _, members := range knots {
		if c := shortest(deps, members, knot); c != nil {
			cycles, knotted = append(cycles, c), append(knotted, members...)
		}
	}

	// Without the edges inside knots there is no cycle left.
	free := lib.New(lib.IntHash, lib.Directed())
	for i := range deps {
		must(free.AddVertex(i))
	}
	for i, need := range deps {
		for _, j := range need {
			if j < 0 || j >= len(deps) || j == i || knot[j] == knot[i] {
				continue
			}
			if err := free.AddEdge(j, i); err != nil && !errors.Is(err, lib.ErrEdgeAlreadyExists) {
				must(err)
			}
		}
	}
	order, err = lib.StableTopologicalSort(free, less)
	must(err)
	return order, cycles, knotted
}

// must panics: the errors of the library are of graphs that Sort does not build.
func must(err error) {
	if err != nil {
		panic("graph: " + err.Error())
	}
}

func compare(less func(a, b int) bool) func(a, b int) int {
	return func(a, b int) int {
		switch {
		case less(a, b):
			return -1
		case less(b, a):
			return 1
		}
		return 0
	}
}

// shortest is a shortest cycle through the first of members, nil where there is none: each thing is followed by one that needs it.
func shortest(deps Deps, members, knot []int) []int {
	start := members[0]
	if slices.Contains(deps[start], start) {
		return []int{start}
	}
	if len(members) == 1 {
		return nil
	}
	// A walk against the arrows, breadth first: the first way back to start is a shortest one.
	next := map[int]int{} // what a thing is needed by, on the way to start
	for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, j := range deps[at] {
			if j < 0 || j >= len(deps) || knot[j] != knot[start] {
				continue
			}
			if j == start {
				cycle := []int{start}
				for i := at; i != start; i = next[i] {
					cycle = append(cycle, i)
				}
				return cycle
			}
			if _, been := next[j]; !been {
				next[j] = at
				queue = append(queue, j)
			}
		}
	}
	panic("graph: a knot without a cycle")
}
