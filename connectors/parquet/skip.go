package parquet

import (
	"github.com/headrace/headrace/operators/batch"
)

// pass goes n rows on without giving them: pages that end before are not expanded, values of the others are stepped over.
func (c *column) pass(n int64) error {
	c.row += n
	for n > 0 {
		skipped, err := c.next(n)
		if err != nil {
			return err
		}
		if n -= skipped; n == 0 {
			return nil
		}
		m := int(min(n, int64(c.left)))
		if err := c.drop(m); err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// drop steps over m rows of the page.
func (c *column) drop(m int) error {
	c.left -= m
	k := m
	if c.optional {
		if cap(c.bitmap) < batch.Words(m) {
			c.bitmap = make([]uint64, batch.Words(m))
		}
		b := c.bitmap[:batch.Words(m)]
		clear(b)
		var err error
		if k, err = c.levels.bitsInto(b, 0, m); err != nil {
			return err
		}
	}
	switch c.mode {
	case plain:
		return c.dropPlain(k)
	case coded:
		return c.runs.drop(k)
	case runs:
		b := make([]uint64, batch.Words(k))
		_, err := c.runs.bitsInto(b, 0, k)
		return err
	case split:
		if k > len(c.data)/c.width-c.split {
			return errCut
		}
		c.split += k
	case texts:
		if k > len(c.offs)-1-c.at {
			return errCut
		}
		c.at += k
	case deltas:
		var v [128]int64
		for k > 0 {
			w := v[:min(k, len(v))]
			if err := c.delta.next(w); err != nil {
				return err
			}
			k -= len(w)
		}
	}
	return nil
}

func (c *column) dropPlain(k int) error {
	switch {
	case c.how == asBool:
		if c.bits+k > len(c.data)*8 {
			return errCut
		}
		c.bits += k
	case c.width > 0:
		if k > len(c.data)/c.width {
			return errCut
		}
		c.data = c.data[k*c.width:]
	default:
		for range k {
			var err error
			if _, c.data, err = cutText(c.data); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop steps over k codes.
func (h *hybrid) drop(k int) error {
	for k > 0 {
		if h.at == h.n && h.left == 0 {
			if err := h.run(); err != nil {
				return err
			}
		}
		switch {
		case h.at < h.n:
			n := min(k, h.n-h.at)
			h.at, k = h.at+n, k-n
		case !h.packed:
			n := min(k, h.left)
			h.left, k = h.left-n, k-n
		case k >= 8 && h.left >= 8:
			n := min(k, h.left) &^ 7
			h.bits = h.bits[min(len(h.bits), n/8*int(h.width)):]
			h.left, k = h.left-n, k-n
		default:
			h.refill()
		}
	}
	return nil
}

// sparse: where there are more rows between two that are wanted they are stepped over, else read along. Stepping over a few takes longer than
// unpacking them, which is less than half a nanosecond a value.
const sparse int32 = 4096

// covered is how many rows are read for those that are wanted.
func covered(idx []int32) int {
	n := 1
	for i, x := range idx[1:] {
		if d := x - idx[i]; d <= sparse {
			n += int(d)
		} else {
			n++
		}
	}
	return n
}

// pick reads those of the rows from row on that idx names, into ctx's arena; spare is for what is read along. Of what is wrong in rows
// that lie between, only gaps of at most so many rows are told.
func (c *column) pick(ctx, spare *batch.Ctx, row int64, idx []int32, gap int32) (batch.Column, error) {
	var parts []batch.Column
	whole := idx
	for len(idx) > 0 {
		k := 1
		for k < len(idx) && idx[k]-idx[k-1] <= gap {
			k++
		}
		from, n := idx[0], int(idx[k-1]-idx[0])+1
		if err := c.pass(row + int64(from) - c.row); err != nil {
			return batch.Column{}, err
		}
		to := spare
		if n == len(whole) { // all, in one piece
			to = ctx
		}
		col, err := c.take(to, n)
		if err != nil {
			return col, relocate(err, int(from))
		}
		if k < n {
			if to = spare; k == len(whole) {
				to = ctx
			}
			own := to.Int32s(k)
			for i, j := range idx[:k] {
				own[i] = j - from
			}
			col = col.Take(to, own)
		}
		parts = append(parts, col)
		idx = idx[k:]
	}
	return batch.Concat(ctx, parts)
}

// relocate makes an error of a row one of a row so many further on.
func relocate(err error, by int) error {
	if r, ok := err.(*rowError); ok {
		return &rowError{r.i + by, r.err}
	}
	return err
}
