package program

import (
	"fmt"
	"math"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/elem"
	"github.com/headrace/headrace/operators/batch"
)

// exprSink collects a node's chunks into a column.
type exprSink struct {
	col  *batch.Column
	bad  []uint64 // rows that failed; nil: none
	keep bool     // go on after a failure
	data []byte
	n    int
}

func (s *exprSink) begin(c *batch.Ctx, n int) {
	t := s.col.Type
	*s.col = c.New(t, n)
	s.n = n
}

// lend lets the register of the node that is collected be the place of its values, so that they need not be copied.
func (s *exprSink) lend(g *exprReg, lo, n int) {
	switch s.col.Type.Kind {
	case batch.Int64, batch.Timestamp, batch.Decimal:
		g.i = s.col.Int64s()[lo : lo+n]
	case batch.Float64:
		g.f = s.col.Float64s()[lo : lo+n]
	}
}

// put appends a chunk.
func (s *exprSink) put(c *batch.Ctx, v *exprVec, lo, n int) error {
	col := s.col
	if v.valid != nil && col.Valid == nil {
		col.Valid = c.Bitmap(s.n)
		bits.Fill(col.Valid, lo)
	}
	if col.Valid != nil {
		w := col.Valid[lo>>6 : batch.Words(lo+n)]
		if v.valid == nil {
			bits.Fill(w, n)
		} else {
			copy(w, v.valid)
		}
	}
	if v.bad != nil && bits.Any(v.bad) {
		if s.bad == nil {
			s.bad = c.Bitmap(s.n)
		}
		copy(s.bad[lo>>6:], v.bad)
	}
	switch col.Type.Kind {
	case batch.Bool:
		copy(col.Bits()[lo>>6:], v.b)
		if v.valid != nil { // what stands under a null is 0, so that equal batches are equal bytes
			bits.And(col.Bits()[lo>>6:batch.Words(lo+n)], col.Bits()[lo>>6:batch.Words(lo+n)], v.valid)
		}
	case batch.Int32, batch.Date:
		dst := col.Int32s()[lo : lo+n]
		for i, x := range v.i {
			dst[i] = int32(x)
		}
	case batch.Int64, batch.Timestamp, batch.Decimal:
		if dst := col.Int64s()[lo : lo+n]; &dst[0] != &v.i[0] {
			copy(dst, v.i)
		}
	case batch.Float32:
		dst := col.Float32s()[lo : lo+n]
		for i, x := range v.f {
			if x != x {
				x = math.NaN()
			}
			dst[i] = float32(x)
		}
	case batch.Float64:
		dst := col.Float64s()[lo : lo+n]
		if &dst[0] != &v.f[0] {
			copy(dst, v.f)
		}
		elem.OneNaN(dst)
	case batch.String, batch.Bytes:
		return s.putTexts(c, v, lo, n)
	}
	return nil
}

func (s *exprSink) putTexts(c *batch.Ctx, v *exprVec, lo, n int) error {
	off := s.col.Offsets[lo : lo+n+1]
	off[0] = int32(len(s.data))
	for i, t := range v.s[:n] {
		m := uint64(1) << (i & 63)
		if word(v.valid, i>>6, m)&m == 0 || word(v.bad, i>>6, 0)&m != 0 {
			t = ""
		}
		if len(s.data)+len(t) > cap(s.data) {
			size := max(len(s.data)+len(t), min(2*cap(s.data), math.MaxInt32), 16*s.n, 64)
			if len(s.data)+len(t) > math.MaxInt32 {
				return fmt.Errorf("expr: a batch of %d rows makes more than 2 GiB of text", s.n)
			}
			s.data = append(c.AllocDirty(size)[:0], s.data...)
		}
		s.data = append(s.data, t...)
		off[i+1] = int32(len(s.data))
	}
	s.col.Values = s.data
	return nil
}
