package program

import (
	"errors"

	"github.com/headrace/headrace/operators/batch"
)

// Batch runs the graph over n rows. in has a column for each port of g.In, in that order; the result has one for each port of
// g.Out, in c's arena or shared with in. A column may be dictionary-coded where its type is String or Bytes.
func (g *Graph) Batch(c *batch.Ctx, n int, in []batch.Column) ([]batch.Column, error) {
	slot := make([]batch.Column, len(g.Types))
	for i, p := range g.In {
		slot[p.Slot] = in[i]
	}
	var ibuf, obuf [8]batch.Column
	for k := range g.Nodes {
		nd := &g.Nodes[k]
		ins, outs := ibuf[:0], obuf[:0]
		for _, s := range nd.In {
			ins = append(ins, slot[s])
		}
		for _, s := range nd.Out {
			outs = append(outs, batch.Column{Type: g.Types[s], N: n})
		}
		if err := nd.Kind.Batch(c, n, ins, outs); err != nil {
			return nil, nd.fail(err)
		}
		for i, s := range nd.Out {
			slot[s] = outs[i]
		}
	}
	out := make([]batch.Column, len(g.Out))
	for i, p := range g.Out {
		out[i] = slot[p.Slot]
	}
	return out, nil
}

// fail says which step an error about a row comes from.
func (n *Node) fail(err error) error {
	var r *RowError
	if errors.As(err, &r) && r.Step == "" {
		return &RowError{Row: r.Row, Step: n.Step, Err: r.Err}
	}
	return err
}

// Frame holds one row: a value a slot, in the array of its type. It is made once and used for every row, by one goroutine.
type Frame struct {
	Null []bool
	I    []int64   // Bool (0 or 1), Int32, Int64, Date, Timestamp, Decimal
	F    []float64 // Float32, Float64
	S    []string  // String, Bytes
	V    [][]float64
	// Scratch is for kinds that need memory a row: indexed by node output slot, grown once and kept.
	Scratch [][]float64
	Text    [][]byte   // as Scratch, for kinds that make strings
	Keys    [][]uint64 // as Scratch, for kinds that compare integers
}

// Frame makes the memory that Row works in.
func (g *Graph) Frame() *Frame {
	n := len(g.Types)
	return &Frame{Null: make([]bool, n), I: make([]int64, n), F: make([]float64, n), S: make([]string, n), V: make([][]float64, n),
		Scratch: make([][]float64, n), Text: make([][]byte, n), Keys: make([][]uint64, n)}
}

// Row computes one row: the caller fills the slots of g.In (Null included) and reads those of g.Out. It does not allocate once
// the frame is warm. A string in a slot of g.Out may share the frame's memory until the next call.
func (g *Graph) Row(f *Frame) error {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if err := n.Kind.Row(f, n.In, n.Out); err != nil {
			return n.fail(err)
		}
	}
	return nil
}

// SetRow puts row i of column c into slot s of the frame.
func (f *Frame) SetRow(s int, c *batch.Column, i int) {
	f.Null[s] = c.Null(i)
	if f.Null[s] {
		return
	}
	switch c.Type.Kind {
	case batch.Bool:
		f.I[s] = 0
		if c.Bit(i) {
			f.I[s] = 1
		}
	case batch.Int32, batch.Date:
		f.I[s] = int64(c.Int32s()[i])
	case batch.Int64, batch.Timestamp, batch.Decimal:
		f.I[s] = c.Int64s()[i]
	case batch.Float32:
		f.F[s] = float64(c.Float32s()[i])
	case batch.Float64:
		f.F[s] = c.Float64s()[i]
	case batch.String, batch.Bytes:
		f.S[s] = c.Str(i)
	case batch.Vector:
		if cap(f.V[s]) < c.Wide {
			f.V[s] = make([]float64, c.Wide)
		}
		f.V[s] = f.V[s][:c.Wide]
		for j := range f.V[s] {
			f.V[s][j] = c.Member(j)[i]
		}
	}
}
