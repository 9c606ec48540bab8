package dags

import (
	"github.com/headrace/headrace/dags/graph"
)

// Drawing is the pipeline as a graph to be drawn: sources, steps with their operators, gates, what is published, and sinks.
// Edges that take a part or an output, or feed a named input, say so. It is the same for any order of the file.
func (p *Pipeline) Drawing() graph.Drawing {
	d := graph.Drawing{Name: p.Name}
	box := func(id, label, group string, s graph.Shape) {
		d.Nodes = append(d.Nodes, graph.Node{ID: id, Label: label, Group: group, Shape: s})
	}
	edge := func(r Ref, to string) {
		if r.ID == "" {
			return
		}
		label := r.Part + r.Output
		if r.Input != "" && label != "" {
			label += " as "
		}
		d.Edges = append(d.Edges, graph.Edge{From: r.ID, To: to, Label: label + r.Input})
	}
	for _, s := range p.Sources {
		box(s.ID, s.ID+"\n"+s.Format, "", graph.Cylinder)
	}
	for _, s := range p.Steps {
		name, group, label := s.Spec.Name, "", s.Name
		if name == "" {
			name = "?"
		}
		if s.ID != s.Name { // an item of a do list: the list is the frame
			group, label = s.Name, ""
		}
		if label != "" {
			label += "\n"
		}
		label += name
		if s.Only != 0 {
			label += "\nonly " + partsText(s)
		}
		box(s.ID, label, group, graph.Box)
		for _, r := range s.From {
			edge(r, s.ID)
		}
		for _, id := range s.After {
			d.Edges = append(d.Edges, graph.Edge{From: id, To: s.ID, Dashed: true})
		}
	}
	if p.Gates != nil {
		label := "gates"
		for _, l := range p.Gates.Require {
			label += "\n" + l.Text
		}
		box("gates:", label, "", graph.Diamond)
		edge(p.Gates.From, "gates:")
	}
	if p.Publish != nil {
		box("publish:", "models://"+p.Publish.As+"@"+p.Publish.Alias, "", graph.Oval)
		edge(p.Publish.Model, "publish:")
		if p.Gates != nil {
			d.Edges = append(d.Edges, graph.Edge{From: "gates:", To: "publish:", Dashed: true})
		}
	}
	for _, s := range p.Sinks {
		box("sink:"+s.ID, s.ID+"\n"+s.Format, "", graph.Cylinder)
		edge(s.From, "sink:"+s.ID)
	}
	return d
}
