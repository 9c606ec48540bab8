// Package batch is the columnar vocabulary: columns in Arrow's layout, batches of rows with their identity and part, and the
// arena that a morsel's columns live in.
package batch

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the logical kind of a column.
type Kind uint8

// The kinds. Their numbers are stored in bundles: append only.
const (
	Unknown   Kind = iota // of a column that an erroneous step would have made; silences what follows from it
	Bool                  // a bitmap
	Int32                 // int32
	Int64                 // int64
	Float32               // float32
	Float64               // float64
	String                // UTF-8, plain or dictionary-coded
	Bytes                 // as String, any bytes
	Date                  // int32, days since 1970-01-01
	Timestamp             // int64, Unit since 1970-01-01T00:00:00, in UTC where Zone is set, else as written
	Decimal               // int64, unscaled: value * 10^Scale, at most 18 digits
	List                  // of Elem; passes through, no operator computes with it yet
	Vector                // a wide column: Width float64 a row
)

var kindNames = [...]string{"unknown", "bool", "int32", "int64", "float32", "float64", "string", "bytes", "date", "timestamp", "decimal", "list", "vector"}

func (k Kind) String() string { return kindNames[k] }

// Unit is a timestamp's.
type Unit uint8

// The units, coarse to fine.
const (
	Second Unit = iota
	Milli
	Micro
	Nano
)

var unitNames = [...]string{"s", "ms", "us", "ns"}

func (u Unit) String() string { return unitNames[u] }

// PerSecond is how many of the unit make a second.
func (u Unit) PerSecond() int64 { return [...]int64{1, 1e3, 1e6, 1e9}[u] }

// Type is a column's logical type; it compares with ==.
type Type struct {
	Kind      Kind
	Unit      Unit   // Timestamp
	Zone      string // Timestamp: an IANA name, "" for none
	Precision uint8  // Decimal
	Scale     int8   // Decimal
	Elem      Kind   // List
}

// T makes a type without parameters.
func T(k Kind) Type { return Type{Kind: k} }

// Width is the bytes of a value in Values: 0 for bitmaps, strings, lists; 8 for a vector's elements.
func (t Type) Width() int {
	switch t.Kind {
	case Int32, Float32, Date:
		return 4
	case Int64, Float64, Timestamp, Decimal, Vector:
		return 8
	}
	return 0
}

// Numeric says whether arithmetic is defined on it.
func (t Type) Numeric() bool {
	switch t.Kind {
	case Int32, Int64, Float32, Float64, Decimal:
		return true
	}
	return false
}

// Integer says whether it is int32 or int64.
func (t Type) Integer() bool { return t.Kind == Int32 || t.Kind == Int64 }

// Float says whether it is float32 or float64.
func (t Type) Float() bool { return t.Kind == Float32 || t.Kind == Float64 }

// Temporal says whether it is a date or a timestamp.
func (t Type) Temporal() bool { return t.Kind == Date || t.Kind == Timestamp }

// Text says whether it is laid out as offsets and data.
func (t Type) Text() bool { return t.Kind == String || t.Kind == Bytes }

// String is the spelling that a DAG file uses; ParseType reads it.
func (t Type) String() string {
	switch t.Kind {
	case Timestamp:
		if t.Zone != "" {
			return fmt.Sprintf("timestamp[%s, %s]", t.Unit, t.Zone)
		}
		return fmt.Sprintf("timestamp[%s]", t.Unit)
	case Decimal:
		return fmt.Sprintf("decimal(%d, %d)", t.Precision, t.Scale)
	case List:
		if t.Elem == Unknown {
			return "list"
		}
		return fmt.Sprintf("list[%s]", t.Elem)
	}
	return t.Kind.String()
}

// ParseType reads the spelling of a type; "timestamp" alone is of microseconds without a zone.
func ParseType(s string) (Type, error) {
	name, args := strings.TrimSpace(s), ""
	if i := strings.IndexAny(name, "[("); i >= 0 {
		end := map[byte]string{'[': "]", '(': ")"}[name[i]]
		inside, ok := strings.CutSuffix(name[i+1:], end)
		if !ok || strings.TrimSpace(inside) == "" {
			return Type{}, fmt.Errorf("type %q: what follows %q goes between brackets", s, name[:i])
		}
		name, args = strings.TrimSpace(name[:i]), inside
	}
	var arg []string
	if args != "" {
		for _, a := range strings.Split(args, ",") {
			arg = append(arg, strings.TrimSpace(a))
		}
	}
	for k, n := range kindNames {
		if n != name || Kind(k) == Unknown || Kind(k) == Vector {
			continue
		}
		t := Type{Kind: Kind(k)}
		switch t.Kind {
		case Timestamp:
			t.Unit = Micro
			if len(arg) > 0 {
				u := -1
				for i, n := range unitNames {
					if n == arg[0] {
						u = i
					}
				}
				if u < 0 || len(arg) > 2 {
					return t, fmt.Errorf("type %q: the unit of a timestamp is s, ms, us or ns", s)
				}
				t.Unit = Unit(u)
			}
			if len(arg) == 2 {
				t.Zone = arg[1]
			}
			return t, nil
		case Decimal:
			t.Precision, t.Scale = 18, 0
			if len(arg) > 0 {
				p, err := strconv.ParseUint(arg[0], 10, 8)
				if err != nil || p < 1 || p > 18 || len(arg) > 2 {
					return t, fmt.Errorf("type %q: a decimal has 1 to 18 digits", s)
				}
				t.Precision = uint8(p)
			}
			if len(arg) == 2 {
				c, err := strconv.ParseInt(arg[1], 10, 8)
				if err != nil || c < 0 || c > int64(t.Precision) {
					return t, fmt.Errorf("type %q: the scale is 0 to the precision", s)
				}
				t.Scale = int8(c)
			}
			return t, nil
		case List:
			if args != "" {
				e, err := ParseType(args)
				if err != nil {
					return t, err
				}
				t.Elem = e.Kind
			}
			return t, nil
		}
		if len(arg) > 0 {
			return t, fmt.Errorf("type %q: %s takes no arguments", s, name)
		}
		return t, nil
	}
	return Type{}, fmt.Errorf("no type %q: there are bool, int32, int64, float32, float64, string, bytes, date, timestamp[unit, zone], decimal(precision, scale), list[type]", s)
}
