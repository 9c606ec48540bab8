package csv

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/headrace/headrace/operators/batch"
)

var errForm = errors.New("malformed")

// parseInt reads -?digits.
func parseInt(b []byte) (int64, bool) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	if i == len(b) || len(b)-i > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range b[i:] {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	if neg {
		return int64(-v), v <= 1<<63
	}
	return int64(v), v <= math.MaxInt64
}

// powers of ten that a float64 holds exactly
var ten = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseFloat reads a decimal number, nan or inf; the result is the nearest float64. Hexadecimal and underscores, which strconv
// takes, are not numbers in a table.
func parseFloat(b []byte, bits int) (float64, bool) {
	var v uint64
	digits, scale, i, neg := 0, 0, 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	point := -1
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' && point < 0 {
			point = i
			continue
		}
		if c-'0' > 9 {
			break
		}
		v = v*10 + uint64(c-'0')
		if digits++; point >= 0 {
			scale++
		}
	}
	if digits == 0 {
		return special(b)
	}
	// Up to 15 digits over an exact power of ten round once, which is right (Clinger, 1990).
	if i == len(b) && digits <= 15 && scale <= 22 && bits == 64 {
		f := float64(v) / ten[scale]
		if neg {
			f = -f
		}
		return f, true
	}
	if i < len(b) { // an exponent
		if b[i] != 'e' && b[i] != 'E' {
			return 0, false
		}
		j := i + 1
		if j < len(b) && (b[j] == '-' || b[j] == '+') {
			j++
		}
		if j == len(b) {
			return 0, false
		}
		for _, c := range b[j:] {
			if c-'0' > 9 {
				return 0, false
			}
		}
	}
	f, err := strconv.ParseFloat(str(b), bits)
	return f, err == nil || errors.Is(err, strconv.ErrRange) && math.Abs(f) < 1 // too small is zero; too large is no number
}

func special(b []byte) (float64, bool) {
	switch string(b) {
	case "nan", "NaN", "NAN", "-nan", "-NaN":
		return math.NaN(), true
	case "inf", "Inf", "INF", "+inf", "+Inf", "Infinity", "+Infinity", "infinity":
		return math.Inf(1), true
	case "-inf", "-Inf", "-INF", "-Infinity", "-infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func parseBool(b []byte) (v, ok bool) {
	switch string(b) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

func digits(b []byte) (int, bool) {
	v := 0
	for _, c := range b {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + int(c)
	}
	return v, true
}

// parseDate reads YYYY-MM-DD as days since 1970.
func parseDate(b []byte) (int64, bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	y, ok1 := digits(b[:4])
	m, ok2 := digits(b[5:7])
	d, ok3 := digits(b[8:])
	if !ok1 || !ok2 || !ok3 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return days(y, m, d), true
}

func daysIn(y, m int) int {
	if m == 2 {
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (m+m>>3)&1
}

// days counts from 1970-01-01 in the Gregorian calendar, for years from 0 on.
func days(y, m, d int) int64 {
	if m <= 2 { // the year begins in March, so that the leap day is its last
		y, m = y-1, m+12
	}
	era := (y + 400) / 400
	y += 400 - era*400
	return int64(era-1)*146097 + int64(365*y+y/4-y/100+(153*(m-3)+2)/5+d-1) - 719468
}

// moment is a time as written.
type moment struct {
	day    int64 // since 1970
	nanos  int64 // of the day
	places int   // decimals of the second, without zeros at the end
	zoned  bool
	offset int64 // seconds east of UTC
	timed  bool  // more than a date
}

// parseMoment reads YYYY-MM-DD, then optionally T or a space, HH:MM, :SS, decimals, and Z or an offset.
func parseMoment(b []byte) (m moment, ok bool) {
	if len(b) < 10 {
		return m, false
	}
	if m.day, ok = parseDate(b[:10]); !ok || len(b) == 10 {
		return m, ok
	}
	if b[10] != 'T' && b[10] != ' ' || len(b) < 16 || b[13] != ':' {
		return m, false
	}
	m.timed = true
	h, ok1 := digits(b[11:13])
	mi, ok2 := digits(b[14:16])
	s := 0
	if b = b[16:]; len(b) >= 3 && b[0] == ':' {
		var ok3 bool
		if s, ok3 = digits(b[1:3]); !ok3 {
			return m, false
		}
		if b = b[3:]; len(b) >= 2 && (b[0] == '.' || b[0] == ',') {
			i, scale := 1, int64(100_000_000)
			for ; i < len(b) && b[i]-'0' <= 9; i++ {
				if i > 9 {
					if b[i] != '0' {
						return m, false
					}
					continue
				}
				m.nanos += int64(b[i]-'0') * scale
				if scale /= 10; b[i] != '0' {
					m.places = i
				}
			}
			if i == 1 {
				return m, false
			}
			b = b[i:]
		}
	}
	if !ok1 || !ok2 || h > 23 || mi > 59 || s > 59 {
		return m, false
	}
	m.nanos += (int64(h)*3600 + int64(mi)*60 + int64(s)) * 1e9
	if len(b) == 0 {
		return m, true
	}
	m.zoned = true
	if len(b) == 1 && b[0] == 'Z' {
		return m, true
	}
	sign := int64(1)
	switch b[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return m, false
	}
	b = b[1:]
	if len(b) == 5 && b[2] == ':' {
		b = []byte{b[0], b[1], b[3], b[4]}
	}
	if len(b) != 4 && len(b) != 2 {
		return m, false
	}
	oh, ok1 := digits(b[:2])
	om, ok2 := digits(b[2:])
	if !ok1 || !ok2 || oh > 23 || om > 59 {
		return m, false
	}
	m.offset = sign * int64(oh*3600+om*60)
	return m, true
}

// in gives the moment in units of a timestamp type; zone is the type's, loaded.
func (m *moment) in(t batch.Type, zone *time.Location) (int64, error) {
	if most := 3 * int(t.Unit); m.places > most {
		return 0, fmt.Errorf("it has %d decimals of the second, %s has %d", m.places, t, most)
	}
	sec := m.day*86400 + m.nanos/1e9
	switch {
	case t.Zone == "" && m.zoned:
		return 0, errors.New("it has an offset; declare timestamp[us, UTC]")
	case m.zoned:
		sec -= m.offset
	case zone != nil && zone != time.UTC:
		// As written there, read in the zone; a time that the clock skips is moved by the gap, one that repeats is the first.
		y := time.Unix(sec, 0).UTC()
		sec = time.Date(y.Year(), y.Month(), y.Day(), y.Hour(), y.Minute(), y.Second(), 0, zone).Unix()
	}
	per := t.Unit.PerSecond()
	if sec >= math.MaxInt64/per || sec <= math.MinInt64/per {
		return 0, fmt.Errorf("it is out of the range of %s", t)
	}
	return sec*per + m.nanos%1e9/(1e9/per), nil
}

// parseDecimal reads digits with a point as an unscaled number; digits that the scale has no place for must be zeros.
func parseDecimal(b []byte, t batch.Type) (int64, error) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	v, scale, seen, point := int64(0), 0, false, false
	limit := int64(1)
	for range t.Precision {
		limit *= 10
	}
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '.' && !point:
			point = true
			continue
		case c-'0' > 9:
			return 0, errForm
		}
		seen = true
		if point {
			if scale == int(t.Scale) {
				if c != '0' {
					return 0, fmt.Errorf("it has more than %d decimals", t.Scale)
				}
				continue
			}
			scale++
		}
		if v = v*10 + int64(c-'0'); v >= limit {
			return 0, fmt.Errorf("it has more than %d digits", t.Precision)
		}
	}
	if !seen {
		return 0, errForm
	}
	for ; scale < int(t.Scale); scale++ {
		if v *= 10; v >= limit {
			return 0, fmt.Errorf("it has more than %d digits", t.Precision)
		}
	}
	if neg {
		v = -v
	}
	return v, nil
}

// guess narrows down what type the values of a column could have.
type guess struct {
	values         int
	notInt         bool
	notFloat       bool
	notBool        bool
	notDate        bool
	notMoment      bool
	zoned, unzoned bool
	places         int
}

func (g *guess) see(b []byte) {
	g.values++
	// 007 is a code, not seven: as a number it would lose its zeros for good.
	lead := b
	if len(lead) > 0 && (lead[0] == '-' || lead[0] == '+') {
		lead = lead[1:]
	}
	padded := len(lead) > 1 && lead[0] == '0' && lead[1]-'0' <= 9
	if !g.notInt {
		_, ok := parseInt(b)
		g.notInt = !ok || padded
	}
	if !g.notFloat {
		_, ok := parseFloat(b, 64)
		if _, isInt := digits(lead); isInt {
			if _, fits := parseInt(b); !fits {
				ok = false // an integer of twenty digits is a key: a float would merge neighbours
			}
		}
		g.notFloat = !ok || padded
	}
	if !g.notBool {
		_, ok := parseBool(b)
		g.notBool = !ok
	}
	if !g.notMoment {
		m, ok := parseMoment(b)
		g.notMoment = !ok
		g.notDate = g.notDate || m.timed
		g.zoned, g.unzoned = g.zoned || m.zoned, g.unzoned || !m.zoned
		g.places = max(g.places, m.places)
	}
}

func (g *guess) kind() batch.Type {
	switch {
	case g.values == 0:
		return batch.T(batch.String)
	case !g.notInt:
		return batch.T(batch.Int64)
	case !g.notFloat:
		return batch.T(batch.Float64)
	case !g.notBool:
		return batch.T(batch.Bool)
	case !g.notMoment && !g.notDate:
		return batch.T(batch.Date)
	case !g.notMoment && !(g.zoned && g.unzoned):
		t := batch.Type{Kind: batch.Timestamp, Unit: batch.Micro}
		if g.places > 6 {
			t.Unit = batch.Nano
		}
		if g.zoned {
			t.Zone = "UTC"
		}
		return t
	}
	return batch.T(batch.String)
}
