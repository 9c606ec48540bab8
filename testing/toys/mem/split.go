package mem

import (
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// split is an operator: the parts of rows are known beforehand.
type split struct {
	column string
	parts  batch.Parts
}

const tag = "@tag"

func (k *split) Check(s operators.Site) (operators.Output, diag.List) {
	f, l := s.In[0].Want(k.column, diag.At{})
	if f.Type != batch.T(batch.Int64) || f.Nullable {
		l.Add(diag.New(diag.ColumnType, diag.At{}, "the parts are %s, want int64 without nulls", f.Type))
	}
	only := slices.DeleteFunc(s.In[0].Names(), func(n string) bool { return n == k.column })
	return operators.Output{Class: operators.Rows, Splits: true, PartsOut: k.parts, Tag: tag, Needs: [][]string{{k.column}}, Only: only}, l
}

func (k *split) Narrow(operators.Site, []string) operators.Op { return k }

func (k *split) Program(operators.Site) program.Graph {
	i64 := batch.T(batch.Int64)
	return program.One(&program.Bucket{Cuts: []int64{1, 2}}, []program.Named{{Name: k.column, Type: i64}}, []program.Named{{Name: tag, Type: i64}})
}

// Tagged gives the table with its parts in an Int64 column of that name, as Split wants them.
func Tagged(t Table, column string) Table {
	v := make([]int64, t.N)
	for i := range v {
		v[i] = int64(t.PartAt(i))
	}
	t.Fields = append(slices.Clone(t.Fields), operators.Field{Name: column, Type: batch.T(batch.Int64)})
	t.Cols = append(slices.Clone(t.Cols), batch.OfInt64s(v))
	t.Part = nil
	return t
}
