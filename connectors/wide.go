package connectors

import (
	"fmt"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// Flat gives the schema that a sink has columns for: a wide column becomes one float64 column a member, by the member's name. The
// members come with the first batch; before it, wide columns have none. Two columns of one name are an error.
func Flat(s operators.Schema, first *batch.Batch) (operators.Schema, error) {
	var flat operators.Schema
	add := func(f operators.Field) error {
		if flat.Has(f.Name) {
			return fmt.Errorf("two columns are called %q", f.Name)
		}
		flat.Fields = append(flat.Fields, f)
		return nil
	}
	for i, f := range s.Fields {
		if f.Type.Kind != batch.Vector {
			if err := add(f); err != nil {
				return flat, err
			}
			continue
		}
		if first == nil || i >= len(first.Cols) {
			continue
		}
		for _, m := range first.Cols[i].Members {
			if err := add(operators.Field{Name: m, Type: batch.T(batch.Float64), Nullable: f.Nullable}); err != nil {
				return flat, err
			}
		}
	}
	return flat, nil
}

// FlatColumns gives the columns of a batch that go with Flat's schema, sharing its memory. It is an error where the batch is not of
// schema s: a column too many, of another type, or null where it may not be.
func FlatColumns(s operators.Schema, b *batch.Batch) ([]batch.Column, error) {
	if len(b.Cols) != len(s.Fields) {
		return nil, fmt.Errorf("a batch of %d columns, not %d", len(b.Cols), len(s.Fields))
	}
	var cols []batch.Column
	for i := range b.Cols {
		c, f := &b.Cols[i], s.Fields[i]
		switch {
		case c.N != b.N:
			return nil, fmt.Errorf("column %q has %d rows of %d", f.Name, c.N, b.N)
		case c.Type != f.Type:
			return nil, fmt.Errorf("column %q is %s, not %s", f.Name, c.Type, f.Type)
		case !f.Nullable && c.Nulls() > 0:
			return nil, fmt.Errorf("column %q has nulls, which its type says it has not", f.Name)
		}
		if c.Type.Kind != batch.Vector {
			cols = append(cols, *c)
			continue
		}
		for j := range c.Wide {
			m := batch.OfFloat64s(c.Member(j))
			m.Valid = c.Valid
			cols = append(cols, m)
		}
	}
	return cols, nil
}
