package program

import (
	"bytes"
	"fmt"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// formatVersion is of the encoding of a graph; a reader refuses a later one.
const formatVersion = 1

// WriteType and ReadType are the encoding of a type.
func WriteType(w *canon.Writer, t batch.Type) {
	w.Uint(uint64(t.Kind))
	switch t.Kind {
	case batch.Timestamp:
		w.Uint(uint64(t.Unit))
		w.String(t.Zone)
	case batch.Decimal:
		w.Uint(uint64(t.Precision))
		w.Int(int64(t.Scale))
	case batch.List:
		w.Uint(uint64(t.Elem))
	}
}

// ReadType reads what WriteType wrote.
func ReadType(r *canon.Reader) (t batch.Type) {
	k := r.Uint()
	if k == 0 || k > uint64(batch.Vector) {
		r.Fail("no type %d", k)
		return t
	}
	t.Kind = batch.Kind(k)
	switch t.Kind {
	case batch.Timestamp:
		u := r.Uint()
		if u > uint64(batch.Nano) {
			r.Fail("no unit %d", u)
			return t
		}
		t.Unit, t.Zone = batch.Unit(u), r.String()
	case batch.Decimal:
		precision, scale := r.Uint(), r.Int()
		if precision < 1 || precision > 18 || scale < 0 || scale > int64(precision) {
			r.Fail("no type decimal(%d, %d)", precision, scale)
			return t
		}
		t.Precision, t.Scale = uint8(precision), int8(scale)
	case batch.List:
		e := r.Uint()
		if e > uint64(batch.Vector) {
			r.Fail("no type %d", e)
			return t
		}
		t.Elem = batch.Kind(e)
	}
	return t
}

// Encode writes the graph; equal graphs are equal bytes.
func (g Graph) Encode(w *canon.Writer) { g.encode(w, func() {}) }

// encode calls part behind all that comes before the nodes and behind each node.
func (g Graph) encode(w *canon.Writer, part func()) {
	w.Uint(formatVersion)
	w.Uint(uint64(len(g.Types)))
	for _, t := range g.Types {
		WriteType(w, t)
	}
	ports := func(ps []Port) {
		w.Uint(uint64(len(ps)))
		for _, p := range ps {
			w.String(p.Name)
			w.Uint(uint64(p.Slot))
		}
	}
	ports(g.In)
	ports(g.Out)
	w.Uint(uint64(len(g.Nodes)))
	part()
	for _, n := range g.Nodes {
		w.String(n.Kind.ID())
		w.String(n.Step)
		canon.Ints(w, n.In)
		canon.Ints(w, n.Out)
		var k canon.Writer
		n.Kind.Encode(&k)
		w.Bytes(k.Buf)
		part()
	}
}

// writes says whether data is what Encode writes. It holds a node at a time.
func (g Graph) writes(data []byte) bool {
	var w canon.Writer
	same := true
	g.encode(&w, func() {
		if same = same && bytes.HasPrefix(data, w.Buf); same {
			data = data[len(w.Buf):]
		}
		w.Buf = w.Buf[:0]
	})
	return same && len(data) == 0
}

// Marshal is Encode to bytes.
func (g Graph) Marshal() []byte {
	var w canon.Writer
	g.Encode(&w)
	return w.Buf
}

// Unmarshal reads a graph and makes it ready to run. Bad input of any kind is an error, and so are bytes that Marshal would not have
// written: a padded integer, an odd NaN. A graph has one stored form, which digests rely on.
func Unmarshal(data []byte) (Graph, error) {
	r := canon.NewReader(data)
	g := Decode(r)
	if r.Err() == nil && r.Rest() == 0 && !g.writes(data) {
		r.Fail("not the canonical form")
	}
	if err := r.End(); err != nil {
		return Graph{}, fmt.Errorf("program: %w", err)
	}
	return g, nil
}

// Decode reads a graph; errors are r's.
func Decode(r *canon.Reader) (g Graph) {
	if v := r.Uint(); v != formatVersion {
		r.Fail("program format %d, this version reads %d", v, formatVersion)
		return g
	}
	for range r.Len(1) {
		g.Types = append(g.Types, ReadType(r))
	}
	written := make([]bool, len(g.Types))
	slot := func(s int, write bool) int {
		switch {
		case s < 0 || s >= len(g.Types):
			r.Fail("no slot %d", s)
			return 0
		case write && written[s]:
			r.Fail("slot %d written twice", s)
		case !write && !written[s]:
			r.Fail("slot %d read before it is written", s)
		}
		written[s] = true
		return s
	}
	for range r.Len(2) {
		p := Port{Name: r.String()}
		p.Slot = slot(int(min(r.Uint(), 1<<30)), true)
		g.In = append(g.In, p)
	}
	var outs []Port
	for range r.Len(2) {
		outs = append(outs, Port{Name: r.String(), Slot: int(min(r.Uint(), 1<<30))})
	}
	for i := range r.Len(4) {
		id := r.String()
		n := Node{Step: r.String()}
		n.In, n.Out = canon.ReadInts[int](r), canon.ReadInts[int](r)
		data := r.View()
		if r.Err() != nil {
			return Graph{}
		}
		k, ok := NewKind(id)
		if !ok {
			r.Fail("no node kind %q: a newer version, or a program with operators of its own, wrote this", id)
			return Graph{}
		}
		for _, s := range n.In {
			slot(s, false)
		}
		for _, s := range n.Out {
			slot(s, true)
		}
		if r.Err() != nil {
			return Graph{}
		}
		kr := canon.NewReader(data)
		k.Decode(kr)
		err := kr.End()
		n.Kind = k
		if err == nil {
			err = g.init(n)
		}
		if err != nil {
			r.Fail("node %d (%s of step %q): %s", i, id, n.Step, canon.Cause(err))
			return Graph{}
		}
		g.Nodes = append(g.Nodes, n)
	}
	for _, p := range outs {
		p.Slot = slot(p.Slot, false)
		g.Out = append(g.Out, p)
	}
	if r.Err() != nil {
		return Graph{}
	}
	return g
}
