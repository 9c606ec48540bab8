package parquet

import (
	"encoding/binary"
	"math"

	"github.com/headrace/headrace/operators/batch"
)

// bounds reads the statistics of values of a column, a chunk's or a page's. What is missing, malformed, deprecated with an unknown order, NaN, or wrong (least above
// greatest) says nothing. NaN values of a column are outside of its bounds: no comparison holds for them.
func bounds(l *leaf, s *stats, values int64) (batch.Bounds, bool) {
	b := batch.Bounds{Nulls: s.nulls, Rows: values}
	switch {
	case s.nulls == allNull:
		b.Nulls = values
	case b.Nulls < 0 || b.Nulls > values:
		b.Nulls = -1
	}
	if !l.optional {
		b.Nulls = 0
	}
	lo, hi := s.min, s.max
	// A writer that states no order (-1) compares signed numbers and floats as every writer does, and strings as bytes.
	known := l.order == 1 || l.order == 2 && l.typ.Float() || l.order == -1 && !l.unsigned && l.how != asBig && l.how != asBigVar
	if !known || lo == nil || hi == nil {
		lo, hi = nil, nil
		if s.oldMin != nil && s.oldMax != nil && !l.unsigned && l.phys != physBytes && l.phys != physFixed {
			lo, hi = s.oldMin, s.oldMax
		}
	}
	if lo != nil && hi != nil {
		b.Min, b.Max = pair(l, lo, hi)
	}
	return b, b.Min != nil || b.Nulls >= 0
}

func pair(l *leaf, lo, hi []byte) (any, any) {
	switch {
	case l.how == asText && l.typ.Kind == batch.String:
		if a, b := string(lo), string(hi); a <= b {
			return a, b
		}
	case l.typ.Float() && l.how == asIs:
		a, ok1 := float(lo, l.width)
		b, ok2 := float(hi, l.width)
		if !ok1 || !ok2 || !(a <= b) { // NaN too
			break
		}
		// Writers do not agree on which zero is the lesser.
		if a == 0 {
			a = math.Copysign(0, -1)
		}
		if b == 0 {
			b = 0
		}
		return a, b
	case l.typ.Kind == batch.Bool || l.typ.Float() || l.how == asInt96 || l.how == asText || l.how == asFixed:
	default:
		a, ok1 := integer(l, lo)
		b, ok2 := integer(l, hi)
		if ok1 && ok2 && a <= b {
			return a, b
		}
	}
	return nil, nil
}

func float(b []byte, width int) (float64, bool) {
	switch {
	case len(b) == 4 && width == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), true
	case len(b) == 8 && width == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), true
	}
	return 0, false
}

func integer(l *leaf, b []byte) (int64, bool) {
	if l.how == asBig || l.how == asBigVar {
		v, err := big(b)
		return v, err == nil
	}
	if len(b) != l.width {
		return 0, false
	}
	switch {
	case l.width == 8:
		v := int64(binary.LittleEndian.Uint64(b))
		return v, v >= 0 || !l.unsigned
	case l.unsigned:
		return int64(binary.LittleEndian.Uint32(b)), true
	}
	return int64(int32(binary.LittleEndian.Uint32(b))), true
}
