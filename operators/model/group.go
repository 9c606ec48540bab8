package model

import (
	"fmt"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/counts"
)

// CheckGroup checks the column that task.group names, of a ranking: rows of one value are ordered among themselves.
func CheckGroup(s operators.Site) diag.List {
	name := s.Task.Group
	if name == "" {
		return diag.List{diag.New(diag.TaskMissing, diag.At{}, "a ranking orders the rows of a group, and task.group names no column").
			WithHelp("write task: {kind: ranking, label: COLUMN, group: COLUMN}, the column that is the same in rows of one group, as the number of a query")}
	}
	f, l := s.In[0].Want(name, diag.At{})
	switch {
	case l != nil:
		l[0].Message = fmt.Sprintf("the group %q does not reach this step", name)
	case f.Type.Kind == batch.Unknown:
	case !counts.Takes(f.Type) || f.Type.Float():
		l.Add(diag.New(diag.ColumnType, diag.At{}, "the group %q is %s, which makes no groups", name, f.Type).WithHelp("text or a whole number does: clean.cast it"))
	case f.Nullable:
		l.Add(diag.New(diag.Nullable, diag.At{}, "the group %q may be null", name).WithHelp("keep the rows that have one: clean.filter: %q", column(name)+" != nil"))
	}
	return l
}

// Groups numbers the groups of rows, in the order in which their first rows come, after those that keys has. A row without one is an error.
func Groups(keys *counts.Keys, name string, col *batch.Column) ([]int32, error) {
	codes := keys.Codes(nil, col)
	none := 0
	for _, c := range codes {
		if c < 0 {
			none++
		}
	}
	if none > 0 {
		return nil, DataError("the group %q is null in %d of %d rows", name, none, col.N)
	}
	return codes, nil
}
