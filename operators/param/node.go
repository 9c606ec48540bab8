// Package param turns what a user wrote into an operator's options, and options into schema and reference.
package param

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/diag"
)

// NodeKind is the shape of a Node.
type NodeKind uint8

// The shapes.
const (
	Null NodeKind = iota
	Scalar
	List
	Map
)

func (k NodeKind) String() string { return [...]string{"nothing", "a value", "a list", "a map"}[k] }

// Node is a piece of a DAG file, free of its syntax. A scalar is its source text: the field it goes to decides what it means.
type Node struct {
	Kind  NodeKind
	Text  string  // Scalar: what was written, quotes resolved
	Plain bool    // Scalar: written without quotes
	Keys  []*Node // Map: scalars
	Items []*Node // List, Map: values
	Place diag.Place
	Line  string // the line of the file that Place is on, for the caret
	// Runs say where the characters of Text stand in the file, in order; nil where they stand one by one from Place on, behind the
	// quote if there is one.
	Runs []Run
	// Computed says that Text is the value of an expression: its characters stand nowhere.
	Computed bool
	// Unknown says that no value could be had and that the reason is reported: decoders leave the default and say nothing.
	Unknown bool
	// Partial says that a map had keys that are mistaken and reported: what is not in it need not be missing.
	Partial bool
}

// Run is a piece of a scalar's text that stands in the file as it is: characters from Offset on, up to the next run.
type Run struct {
	Offset       int // in Text, in characters
	Line, Column int
	Source       string // the whole line
}

// Value makes a scalar that stands nowhere.
func Value(text string) *Node { return &Node{Kind: Scalar, Text: text, Plain: true} }

// Get is the value of a key, nil where there is none.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i, k := range n.Keys {
		if k.Text == key {
			return n.Items[i]
		}
	}
	return nil
}

// Key is the node of a key, nil where there is none.
func (n *Node) Key(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for _, k := range n.Keys {
		if k.Text == key {
			return k
		}
	}
	return nil
}

// Incomplete says whether n or something in it is Unknown.
func (n *Node) Incomplete() bool {
	if n == nil {
		return false
	}
	if n.Unknown {
		return true
	}
	for _, it := range n.Items {
		if it.Incomplete() {
			return true
		}
	}
	return false
}

// secret says whether a reference to a secret is in n.
func (n *Node) secret() bool {
	for _, it := range n.Items {
		if it.secret() {
			return true
		}
	}
	return n.Kind == Scalar && strings.HasPrefix(n.Text, "secret://")
}

// Resolve turns a place in the options into a place in the file: it walks down from n as far as At's path leads, and gives that
// node's place; an offset moves inside the scalar found there.
func (n *Node) Resolve(at diag.At) (diag.Place, string) {
	cur := n
	for i, p := range at.Path {
		last := i == len(at.Path)-1
		switch cur.Kind {
		case Map:
			found := false
			for j, k := range cur.Keys {
				if k.Text != p {
					continue
				}
				if last && at.Key {
					return k.Place, k.Line
				}
				cur, found = cur.Items[j], true
				break
			}
			if !found {
				return cur.Place, cur.Line
			}
		case List:
			j, err := strconv.Atoi(p)
			if err != nil || j < 0 || j >= len(cur.Items) {
				return cur.Place, cur.Line
			}
			cur = cur.Items[j]
		default:
			// a bare main option, or one value where a list may stand: the path says more than was written
		}
	}
	if cur.Kind == Scalar && (at.Width > 0 || at.Offset > 0) {
		return cur.Inside(at.Offset, at.Width)
	}
	return cur.Place, cur.Line
}

// Inside is the place of width characters of a scalar's text from offset on, and the line that it is on. What goes on over the end
// of a line is cut there.
func (n *Node) Inside(offset, width int) (diag.Place, string) {
	p := n.Place
	if n.Computed || n.Kind != Scalar || offset > utf8.RuneCountInString(n.Text) {
		return p, n.Line
	}
	p.Width = max(1, width)
	if n.Runs == nil {
		if !n.Plain {
			p.Column++ // the quote
		}
		p.Column += offset
		return p, n.Line
	}
	r := n.Runs[0]
	for _, next := range n.Runs {
		if next.Offset > offset {
			break
		}
		r = next
	}
	p.Line, p.Column = r.Line, r.Column+max(0, offset-r.Offset)
	// The end of a text may lie behind the last character of its last line.
	length := utf8.RuneCountInString(r.Source)
	p.Column = min(p.Column, length+1)
	p.Width = max(1, min(p.Width, length+1-p.Column))
	return p, r.Source
}

// Canonical is a text that two nodes have in common exactly when they say the same in the same order. Maps keep their order: of
// derived columns it is the order in which they are made.
func (n *Node) Canonical() string {
	var b strings.Builder
	n.canonical(&b)
	return b.String()
}

func (n *Node) canonical(b *strings.Builder) {
	if n == nil {
		b.WriteString("~")
		return
	}
	switch n.Kind {
	case Null:
		b.WriteString("~")
	case Scalar:
		b.WriteString(strconv.Quote(n.Text))
	case List:
		b.WriteByte('[')
		for i, it := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			it.canonical(b)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i, it := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Quote(n.Keys[i].Text))
			b.WriteByte(':')
			it.canonical(b)
		}
		b.WriteByte('}')
	}
}
