package parquet

import (
	"fmt"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// sinkColumn is how a field is written.
type sinkColumn struct {
	name     string
	typ      batch.Type
	phys     int32
	width    int // bytes of a physical value; 0: text, 1: bits
	optional bool
}

// columnOf gives a field's column, or says that there is none.
func columnOf(f operators.Field) (sinkColumn, error) {
	c := sinkColumn{name: f.Name, typ: f.Type, optional: f.Nullable}
	switch t := f.Type; t.Kind {
	case batch.Bool:
		c.phys, c.width = physBool, 1
	case batch.Int32, batch.Date:
		c.phys, c.width = physInt32, 4
	case batch.Int64, batch.Timestamp:
		c.phys, c.width = physInt64, 8
	case batch.Float32:
		c.phys, c.width = physFloat, 4
	case batch.Float64:
		c.phys, c.width = physDouble, 8
	case batch.String, batch.Bytes:
		c.phys = physBytes
	case batch.Decimal:
		if c.phys, c.width = physInt64, 8; t.Precision < 10 {
			c.phys, c.width = physInt32, 4
		}
	default:
		return c, fmt.Errorf("column %q: a parquet sink does not write %s", f.Name, t)
	}
	return c, nil
}

// element writes the column's entry of the schema. Beside each logical type stands the old converted type, where it means the same.
func (c *sinkColumn) element(t *compactWriter) {
	t.begin()
	t.int32(1, c.phys)
	repetition := int32(0)
	if c.optional {
		repetition = 1
	}
	t.int32(3, repetition)
	t.text(4, c.name)
	switch c.typ.Kind {
	case batch.String:
		t.int32(6, convUTF8)
		t.union(10, logString, nil)
	case batch.Date:
		t.int32(6, convDate)
		t.union(10, logDate, nil)
	case batch.Decimal:
		t.int32(6, convDecimal)
		t.int32(7, int32(c.typ.Scale))
		t.int32(8, int32(c.typ.Precision))
		t.union(10, logDecimal, func() {
			t.int32(1, int32(c.typ.Scale))
			t.int32(2, int32(c.typ.Precision))
		})
	case batch.Timestamp:
		c.timestamp(t)
	}
	t.end()
}

// timestamp writes what a timestamp is. There are no seconds: they are written as milliseconds. A zone's name is lost, as in every
// Parquet file: it reads as UTC. The old types meant an instant, and had no nanoseconds.
func (c *sinkColumn) timestamp(t *compactWriter) {
	unit, utc := max(c.typ.Unit, batch.Milli), c.typ.Zone != ""
	if utc && unit <= batch.Micro {
		t.int32(6, convTimestampMillis+int32(unit-batch.Milli))
	}
	t.union(10, logTimestamp, func() {
		t.bool(1, utc)
		t.union(2, int(unit), nil) // Milli is 1, as in the format
	})
}
