package graph

import (
	"fmt"
	"strings"
)

// Drawing is a graph to be drawn, in the order given.
type Drawing struct {
	Name  string
	Nodes []Node
	Edges []Edge
}

// Node is a box. ID names it in edges; Group puts boxes with one into a frame of that name.
type Node struct {
	ID, Label, Group string
	Shape            Shape
}

// Shape says what a box stands for.
type Shape uint8

// The shapes.
const (
	Box      Shape = iota // a step
	Cylinder              // rows at rest: a source, a sink
	Diamond               // a decision
	Oval                  // what is published
)

// Edge is an arrow. Dashed ones order without data.
type Edge struct {
	From, To, Label string
	Dashed          bool
}

// DOT is the drawing in Graphviz' language.
func (d Drawing) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n\trankdir=LR;\n\tnode [fontname=\"sans-serif\", fontsize=11];\n\tedge [fontname=\"sans-serif\", fontsize=9];\n", dotText(d.Name))
	shapes := [...]string{"box", "cylinder", "diamond", "oval"}
	d.groups(func(i int, group string, nodes []Node) {
		indent := "\t"
		if group != "" {
			fmt.Fprintf(&b, "\tsubgraph cluster_%d {\n\t\tlabel=%s;\n\t\tstyle=rounded;\n", i, dotText(group))
			indent = "\t\t"
		}
		for _, n := range nodes {
			fmt.Fprintf(&b, "%s%s [label=%s, shape=%s];\n", indent, dotText(n.ID), dotText(n.Label), shapes[n.Shape])
		}
		if group != "" {
			b.WriteString("\t}\n")
		}
	})
	for _, e := range d.Edges {
		var attr []string
		if e.Label != "" {
			attr = append(attr, "label="+dotText(e.Label))
		}
		if e.Dashed {
			attr = append(attr, "style=dashed")
		}
		fmt.Fprintf(&b, "\t%s -> %s", dotText(e.From), dotText(e.To))
		if attr != nil {
			fmt.Fprintf(&b, " [%s]", strings.Join(attr, ", "))
		}
		b.WriteString(";\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// Mermaid is the drawing in Mermaid's language, which Markdown pages show.
func (d Drawing) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	number := map[string]int{}
	for i, n := range d.Nodes {
		number[n.ID] = i
	}
	shapes := [...][2]string{{"[", "]"}, {"[(", ")]"}, {"{", "}"}, {"([", "])"}}
	d.groups(func(i int, group string, nodes []Node) {
		indent := "  "
		if group != "" {
			fmt.Fprintf(&b, "  subgraph g%d [%s]\n", i, mermaidText(group))
			indent = "    "
		}
		for _, n := range nodes {
			s := shapes[n.Shape]
			fmt.Fprintf(&b, "%sn%d%s%s%s\n", indent, number[n.ID], s[0], mermaidText(n.Label), s[1])
		}
		if group != "" {
			b.WriteString("  end\n")
		}
	})
	for _, e := range d.Edges {
		from, ok1 := number[e.From]
		to, ok2 := number[e.To]
		if !ok1 || !ok2 {
			continue
		}
		arrow := "-->"
		if e.Dashed {
			arrow = "-.->"
		}
		if e.Label != "" {
			arrow += "|" + mermaidText(e.Label) + "|"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", from, arrow, to)
	}
	return b.String()
}

// groups calls f for each group in the order of its first node; a node without one is a group of its own, without a name.
func (d Drawing) groups(f func(i int, group string, nodes []Node)) {
	done := map[string]bool{}
	count := 0
	for i, n := range d.Nodes {
		if n.Group == "" {
			f(count, "", d.Nodes[i:i+1])
			continue
		}
		if done[n.Group] {
			continue
		}
		done[n.Group] = true
		var members []Node
		for _, m := range d.Nodes[i:] {
			if m.Group == n.Group {
				members = append(members, m)
			}
		}
		count++
		f(count, n.Group, members)
	}
}

func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "").Replace(s) + `"`
}

func mermaidText(s string) string {
	return `"` + strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "#", "#35;", "\n", "<br/>", "\r", "").Replace(s) + `"`
}
