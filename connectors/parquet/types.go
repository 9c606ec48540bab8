package parquet

import (
	"fmt"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/batch"
)

// The logical types, by their field number in the union.
const (
	logString    = 1
	logEnum      = 4
	logDecimal   = 5
	logDate      = 6
	logTime      = 7
	logTimestamp = 8
	logInteger   = 10
	logJSON      = 12
	logBSON      = 13
	logUUID      = 14
	logFloat16   = 15
	logVariant   = 16
)

// The converted types, which came before.
const (
	convUTF8            = 0
	convEnum            = 4
	convDecimal         = 5
	convDate            = 6
	convTimeMillis      = 7
	convTimeMicros      = 8
	convTimestampMillis = 9
	convTimestampMicros = 10
	convUint8           = 11
	convUint32          = 13
	convUint64          = 14
	convInt8            = 15
	convInt64           = 18
	convJSON            = 19
	convBSON            = 20
	convInterval        = 21
)

// how is the way from a physical value to a column's.
type how uint8

const (
	asIs     how = iota // same width: copied
	asBool              // bits
	asUint32            // int32 read as unsigned, to int64
	asUint64            // int64 that must not be negative
	asWide              // int32 to int64
	asHalf              // float16 to float32
	asInt96             // to nanoseconds, checked
	asBig               // big-endian bytes of one width, to int64
	asBigVar            // big-endian bytes of any width, to int64
	asText              // byte_array
	asFixed             // fixed_len_byte_array
)

// leaf is a column of a file that we can read.
type leaf struct {
	name     string
	col      int // which of the leaves
	phys     int32
	width    int // of a physical value, bytes; 0: any
	how      how
	typ      batch.Type
	optional bool
	order    int  // of its statistics
	unsigned bool // compares as unsigned
}

// leaves gives the readable columns of a schema, why others are not, and how many leaves there are in all.
func leaves(f *footer) (can []leaf, cannot map[string]string, n int, err error) {
	cannot = map[string]string{}
	root := f.schema[0]
	if root.phys >= 0 || root.children < 0 {
		return nil, nil, 0, errThrift
	}
	i, names := 1, map[string]bool{}
	for range root.children {
		if i >= len(f.schema) {
			return nil, nil, 0, errThrift
		}
		e := &f.schema[i]
		from := n
		if i, n, err = subtree(f.schema, i, n, 0); err != nil {
			return nil, nil, 0, err
		}
		l := leaf{name: e.name, col: from, phys: e.phys, optional: e.repetition == 1}
		if from < len(f.orders) {
			l.order = f.orders[from]
		} else if f.orders == nil {
			l.order = -1
		}
		why := decide(e, &l)
		switch {
		case names[e.name]:
			why = "two columns have this name"
		case !utf8.ValidString(e.name):
			why = "its name is not UTF-8"
		}
		names[e.name] = true
		if why == "" {
			can = append(can, l)
			continue
		}
		cannot[e.name] = why
		for j := range can {
			if can[j].name == e.name {
				can = append(can[:j], can[j+1:]...)
				break
			}
		}
	}
	if i != len(f.schema) {
		return nil, nil, 0, errThrift
	}
	return can, cannot, n, nil
}

// subtree steps over element i and what is below it, counting leaves.
func subtree(s []element, i, n, depth int) (int, int, error) {
	if i >= len(s) || depth > depthMax {
		return 0, 0, errThrift
	}
	e := &s[i]
	if e.repetition < 0 || e.repetition > 2 || e.children < 0 || e.phys >= 0 && e.children > 0 {
		return 0, 0, errThrift
	}
	if e.phys >= 0 {
		return i + 1, n + 1, nil
	}
	if !e.hasChildren {
		return 0, 0, errThrift
	}
	i++
	var err error
	for range e.children {
		if i, n, err = subtree(s, i, n, depth+1); err != nil {
			return 0, 0, err
		}
	}
	return i, n, nil
}

// decide fills in how a column is read, or says why it is not.
func decide(e *element, l *leaf) (why string) {
	if e.phys < 0 {
		switch {
		case e.logical == 3 || e.converted == 3:
			return "list"
		case e.logical == 2 || e.converted == 1 || e.converted == 2:
			return "map"
		case e.logical == logVariant:
			return "variant"
		}
		return "struct"
	}
	if e.repetition == 2 {
		return "repeated " + physNames[e.phys]
	}
	l.width = [...]int{0, 4, 8, 12, 4, 8, 0, int(e.length)}[e.phys]
	if e.phys == physFixed && (e.length <= 0 || e.length > 1<<20) {
		return fmt.Sprintf("fixed-length values of %d bytes", e.length)
	}
	if e.logical == logDecimal || e.logical == 0 && e.converted == convDecimal {
		return decideDecimal(e, l)
	}
	if e.converted == convInterval {
		return "interval"
	}
	if e.logical == logTime || e.logical == 0 && (e.converted == convTimeMillis || e.converted == convTimeMicros) {
		return "time of day"
	}
	switch e.phys {
	case physBool:
		l.typ, l.how = batch.T(batch.Bool), asBool
	case physInt32:
		decideInt32(e, l)
	case physInt64:
		return decideInt64(e, l)
	case physInt96:
		l.typ, l.how = batch.Type{Kind: batch.Timestamp, Unit: batch.Nano}, asInt96
	case physFloat:
		l.typ = batch.T(batch.Float32)
	case physDouble:
		l.typ = batch.T(batch.Float64)
	case physBytes:
		l.typ, l.how = batch.T(batch.Bytes), asText
		switch {
		case e.logical == logString, e.logical == logEnum, e.logical == logJSON,
			e.logical == 0 && (e.converted == convUTF8 || e.converted == convEnum || e.converted == convJSON):
			l.typ = batch.T(batch.String)
		}
	case physFixed:
		l.typ, l.how = batch.T(batch.Bytes), asFixed
		if e.logical == logFloat16 {
			if e.length != 2 {
				return fmt.Sprintf("float16 of %d bytes", e.length)
			}
			l.typ, l.how = batch.T(batch.Float32), asHalf
		}
	}
	return ""
}

func decideInt32(e *element, l *leaf) {
	l.typ = batch.T(batch.Int32)
	switch {
	case e.logical == logDate || e.logical == 0 && e.converted == convDate:
		l.typ = batch.T(batch.Date)
	case e.logical == logInteger && !e.signed || e.logical == 0 && e.converted >= convUint8 && e.converted <= convUint32:
		l.typ, l.how, l.unsigned = batch.T(batch.Int64), asUint32, true
	}
}

func decideInt64(e *element, l *leaf) string {
	l.typ = batch.T(batch.Int64)
	switch {
	case e.logical == logTimestamp:
		if e.unit < 1 || e.unit > 3 {
			return "timestamp of an unknown unit"
		}
		l.typ = batch.Type{Kind: batch.Timestamp, Unit: batch.Unit(e.unit)} // Milli is 1
		if e.utc {
			l.typ.Zone = "UTC"
		}
	case e.logical == 0 && (e.converted == convTimestampMillis || e.converted == convTimestampMicros):
		// The old annotation always meant an instant.
		l.typ = batch.Type{Kind: batch.Timestamp, Unit: batch.Milli + batch.Unit(e.converted-convTimestampMillis), Zone: "UTC"}
	case e.logical == logInteger && !e.signed || e.logical == 0 && e.converted == convUint64:
		l.how, l.unsigned = asUint64, true
	}
	return ""
}

func decideDecimal(e *element, l *leaf) string {
	p, s := e.logPrec, e.logScale
	if e.logical == 0 {
		p, s = e.precision, e.scale
	}
	if p < 1 || s < 0 || s > p {
		return fmt.Sprintf("decimal(%d, %d)", p, s)
	}
	if p > 18 {
		return fmt.Sprintf("decimal(%d, %d): more than 18 digits", p, s)
	}
	l.typ = batch.Type{Kind: batch.Decimal, Precision: uint8(p), Scale: int8(s)}
	switch e.phys {
	case physInt32:
		l.how = asWide
	case physInt64:
		l.how = asIs
	case physFixed:
		l.how = asBig
	case physBytes:
		l.how = asBigVar
	default:
		return "decimal in " + physNames[e.phys]
	}
	return ""
}
