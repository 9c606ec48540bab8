package program

import "slices"

// splitter is a kind of trees: what it gives hangs on the features that a tree splits on, and on no other input.
type splitter interface{ splits() []int }

// splits are the features that a tree splits on, rising.
func (e *ensemble) splits() []int { return e.used }

// Reads are the inputs, by name, that the outputs hang on. Trees have more inputs than features that they split on.
func (g Graph) Reads() map[string]bool {
	live := make([]bool, len(g.Types))
	for _, p := range g.Out {
		live[p.Slot] = true
	}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Out, func(s int) bool { return live[s] }) {
			continue
		}
		if k, ok := n.Kind.(splitter); ok {
			for _, f := range k.splits() {
				live[n.In[f]] = true
			}
			continue
		}
		for _, s := range n.In {
			live[s] = true
		}
	}
	reads := map[string]bool{}
	for _, p := range g.In {
		if live[p.Slot] {
			reads[p.Name] = true
		}
	}
	return reads
}

// Origin is the input that a slot is made of by nodes of one input: a column itself, its code, a member of it. It is "" where there are several.
func (g Graph) Origin(slot int) string {
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.Contains(n.Out, slot) {
			continue
		}
		if len(n.In) != 1 {
			return ""
		}
		slot = n.In[0]
	}
	for _, p := range g.In {
		if p.Slot == slot {
			return p.Name
		}
	}
	return ""
}
