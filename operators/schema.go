package operators

import (
	"slices"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// Field is a column as the check sees it.
type Field struct {
	Name       string
	Type       batch.Type
	Nullable   bool
	Categories []string // of a string column, where they are declared; sorted as declared
}

// Schema is the columns that reach a place, in order. Open says that an erroneous step upstream may have made others: a name that
// is not found is then of unknown type, and no error.
type Schema struct {
	Fields []Field
	Open   bool
}

// Of makes a closed schema.
func Of(f ...Field) Schema { return Schema{Fields: f} }

// Index is the place of a column, -1 where there is none.
func (s Schema) Index(name string) int {
	return slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
}

// Has says whether there is a column of that name.
func (s Schema) Has(name string) bool { return s.Index(name) >= 0 }

// Field finds a column. In an open schema every name is found.
func (s Schema) Field(name string) (Field, bool) {
	if i := s.Index(name); i >= 0 {
		return s.Fields[i], true
	}
	return Field{Name: name, Nullable: true}, s.Open
}

// Names are the columns' names, in order.
func (s Schema) Names() []string {
	n := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		n[i] = f.Name
	}
	return n
}

// Want finds a column or says that it is not there.
func (s Schema) Want(name string, at diag.At) (Field, diag.List) {
	f, ok := s.Field(name)
	if ok {
		return f, nil
	}
	return Field{Name: name, Nullable: true}, diag.List{diag.New(diag.NoColumn, at, "no column %q", name).
		WithHelp("%s", diag.DidYouMean(name, "columns", s.Names()))}
}

// Below gives the schema below an output: what passes of in, then what is made. A made column takes the place of a passing one of
// its name.
func (o Output) Below(in Schema) Schema {
	s := Schema{Open: in.Open}
	for _, f := range in.Fields {
		if !o.keeps(f.Name) {
			continue
		}
		if n, ok := o.Renamed[f.Name]; ok {
			f.Name = n
		}
		s.Fields = append(s.Fields, f)
	}
	for _, m := range o.Made {
		if i := s.Index(m.Name); i >= 0 {
			s.Fields[i] = m.Field
		} else {
			s.Fields = append(s.Fields, m.Field)
		}
	}
	for _, n := range o.NotNull {
		if i := s.Index(n); i >= 0 {
			s.Fields[i].Nullable = false
		}
	}
	return s
}

// keeps says whether a column of input 0, by its old name, is there below, perhaps under another name or made anew.
func (o Output) keeps(old string) bool {
	if o.Only == nil {
		return o.Class != Break
	}
	return slices.Contains(o.Only, old)
}

// Passes says which column of input 0 a column of the output is that is not made; false where it is made or not there.
func (o Output) Passes(name string) (string, bool) {
	if slices.ContainsFunc(o.Made, func(m Made) bool { return m.Name == name }) {
		return "", false
	}
	found := ""
	for from, to := range o.Renamed { // in any order: the least name of what passes
		if to == name && o.keeps(from) && (found == "" || from < found) {
			found = from
		}
	}
	if found != "" {
		return found, true
	}
	if _, gone := o.Renamed[name]; gone || !o.keeps(name) {
		return "", false
	}
	return name, true
}
