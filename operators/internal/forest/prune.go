package forest

// prune takes away the splits whose subtree does not gain what its leaves cost (Breiman et al. 1984, minimal cost-complexity): a split
// stays if what it and those below take off the impurity, of all rows together, is more than Prune for each leaf more.
func (l *local) prune() {
	old := l.t
	n := len(old.Feature)
	if n == 0 {
		return
	}
	mass := 0.0
	for _, w := range old.w {
		mass += float64(w)
	}
	gain, leaves, keep := make([]float64, n), make([]int, n), make([]bool, n)
	for i := n - 1; i >= 0; i-- { // children have higher numbers
		gain[i] = old.Gain[i] / mass
		for _, c := range [2]int32{old.Left[i], old.Right[i]} {
			if c >= 0 && keep[c] {
				gain[i] += gain[c]
				leaves[i] += leaves[c]
			} else {
				leaves[i]++
			}
		}
		keep[i] = gain[i] > float64(l.g.o.Prune*float64(leaves[i]-1))
	}
	t := &grown{all: old.all}
	l.t = t
	var copyTo func(c int32) int32
	copyTo = func(c int32) int32 {
		if c < 0 || !keep[c] {
			at := ^int32(len(t.s))
			class := make([]int64, l.g.k)
			var sum node
			old.under(c, func(leaf int) {
				sum.s += old.s[leaf]
				sum.w += old.w[leaf]
				sum.rows += old.rows[leaf]
				if l.g.k > 2 {
					which, mass := old.counts.of(leaf)
					for i, k := range which {
						class[k] += mass[i]
					}
				}
			})
			t.s, t.w, t.rows = append(t.s, sum.s), append(t.w, sum.w), append(t.rows, sum.rows)
			if l.g.k > 2 {
				t.counts.add(class)
			}
			return at
		}
		at := len(t.Feature)
		t.Feature, t.Threshold, t.Gain = append(t.Feature, old.Feature[c]), append(t.Threshold, old.Threshold[c]), append(t.Gain, old.Gain[c])
		t.MissingLeft, t.cut = append(t.MissingLeft, old.MissingLeft[c]), append(t.cut, old.cut[c])
		t.Left, t.Right, t.Cat = append(t.Left, 0), append(t.Right, 0), append(t.Cat, -1)
		if from := old.Cat[c]; from >= 0 {
			words := (l.g.cols[old.Feature[c]].Levels + 63) / 64
			t.Cat[at] = int32(len(t.Bits))
			t.cut[at] = ^int32(len(t.sets))
			t.sets = append(t.sets, old.sets[^old.cut[c]])
			t.Bits = append(t.Bits, old.Bits[from:int(from)+words]...)
		}
		t.Left[at] = copyTo(old.Left[c])
		t.Right[at] = copyTo(old.Right[c])
		return int32(at)
	}
	copyTo(0)
}

// under calls f for each leaf below a child.
func (t *grown) under(c int32, f func(leaf int)) {
	if c < 0 {
		f(int(^c))
		return
	}
	t.under(t.Left[c], f)
	t.under(t.Right[c], f)
}
