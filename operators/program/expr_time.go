package program

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must be there in a container without them

	"github.com/headrace/headrace/operators/batch"
)

// The calendar is the proleptic Gregorian one, in integers; days count from 1970-01-01. The algorithms are those of Howard Hinnant,
// "chrono-compatible low-level date algorithms": a year begins in March, so that the leap day is its last.

const (
	eraDays   = 146097 // of 400 years
	epochDays = 719468 // from 0000-03-01 to 1970-01-01
)

// floorDiv is x/d rounded down, d > 0.
func floorDiv(x, d int64) int64 {
	q := x / d
	return q + (x-q*d)>>63
}

// nearDays moves the days of the years -32800 to 2.9 million, which all real data lies in, to numbers below 2^30.
const nearDays = epochDays + 82*eraDays

// fromDays gives year, month and day. Near days take the short way of Neri and Schneider, "Euclidean affine functions and their
// application to calendar algorithms" (2022): two of its three divisions are shifts.
func fromDays(days int64) (y, m, d int64) {
	n := uint64(days + nearDays)
	if n >= 1<<30 {
		return fromFarDays(days)
	}
	n1 := 4*uint32(n) + 3
	c := n1 / eraDays
	n2 := n1%eraDays | 3
	p := 2939745 * uint64(n2)
	doy := uint32(p) / 2939745 / 4
	n3 := 2141*doy + 197913
	y, m, d = int64(100*c+uint32(p>>32))-82*400, int64(n3>>16), int64(n3&0xffff/2141)+1
	if doy >= 306 {
		y, m = y+1, m-12
	}
	return y, m, d
}

func fromFarDays(days int64) (y, m, d int64) {
	z := days + epochDays
	era := floorDiv(z, eraDays)
	doe := uint64(z - era*eraDays)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int64(doy-(153*mp+2)/5) + 1
	m = int64(mp) + 3
	y = int64(yoe) + era*400
	if m > 12 {
		m, y = m-12, y+1
	}
	return y, m, d
}

// daysOf is the inverse of fromDays.
func daysOf(y, m, d int64) int64 {
	if m <= 2 {
		y, m = y-1, m+12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return era*eraDays + yoe*365 + yoe/4 - yoe/100 + doy - epochDays
}

func isLeap(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func daysIn(y, m int64) int64 {
	if m == 2 && isLeap(y) {
		return 29
	}
	return [...]int64{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
}

// toDays is the day of a date or of a timestamp as written.
func toDays(t batch.Type, v int64) int64 {
	if t.Kind == batch.Date {
		return v
	}
	return floorDiv(v, 86400*t.Unit.PerSecond())
}

func datePart(op exprOp, days int64) int64 {
	if op == opWeekday {
		w := (days + 3) % 7 // 1970-01-01 was a Thursday
		return w + w>>63&7 + 1
	}
	y, m, d := fromDays(days)
	switch op {
	case opYear:
		return y
	case opMonth:
		return m
	case opDay:
		return d
	}
	return days - daysOf(y, 1, 1) + 1
}

func timePart(op exprOp, secs int64) int64 {
	s := secs - floorDiv(secs, 86400)*86400
	switch op {
	case opHour:
		return s / 3600
	case opMinute:
		return s / 60 % 60
	}
	return s % 60
}

// changeUnit counts a time in another unit, rounded down; false on overflow.
func changeUnit(v int64, from, to batch.Unit) (int64, bool) {
	f, t := from.PerSecond(), to.PerSecond()
	if f >= t {
		return floorDiv(v, f/t), true
	}
	return mulInt(v, t/f)
}

func appendDate(b []byte, days int64) []byte {
	y, m, d := fromDays(days)
	if y < 0 {
		b, y = append(b, '-'), -y
	}
	b = append(appendPadded(b, y, 4), '-')
	b = append(appendPadded(b, m, 2), '-')
	return appendPadded(b, d, 2)
}

// appendStamp appends 2001-01-05T10:20:30, with as many decimals as are not zero.
func appendStamp(b []byte, v int64, u batch.Unit) []byte {
	per := u.PerSecond()
	secs := floorDiv(v, per)
	days := floorDiv(secs, 86400)
	s := secs - days*86400
	b = append(appendDate(b, days), 'T')
	b = append(appendPadded(b, s/3600, 2), ':')
	b = append(appendPadded(b, s/60%60, 2), ':')
	b = appendPadded(b, s%60, 2)
	if f := v - secs*per; f > 0 {
		b = appendPadded(append(b, '.'), f, [...]int{0, 3, 6, 9}[u])
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// civil is a date and time of day as written, with the offset to UTC if one was written.
type civil struct {
	y, m, d, hh, mm, ss, nano int64
	yday                      int64 // from %j; 0 for none
	pm                        int8  // from %p: 1 am, 2 pm
	timed, zoned              bool
	offset                    int64 // seconds east
}

func (p *civil) dateOnly() bool { return !p.timed && !p.zoned }

func (p *civil) days() int64 { return daysOf(p.y, p.m, p.d) }

// valid completes what a layout gave, and says whether there is such a time.
func (p *civil) valid() bool {
	if p.pm != 0 {
		if p.hh < 1 || p.hh > 12 {
			return false
		}
		p.hh = p.hh%12 + 12*int64(p.pm-1)
	}
	if p.yday != 0 {
		if p.yday > 365+b2i(isLeap(p.y)) {
			return false
		}
		_, p.m, p.d = fromDays(daysOf(p.y, 1, 1) + p.yday - 1)
	}
	return p.m >= 1 && p.m <= 12 && p.d >= 1 && p.d <= daysIn(p.y, p.m) && p.hh < 24 && p.mm < 60 && p.ss < 60
}

// stamp counts the time in a unit; false where it is finer than the unit, out of range, or carries an offset.
func (p *civil) stamp(u batch.Unit) (int64, bool) {
	if p.zoned {
		return 0, false
	}
	return p.count(u)
}

// count is stamp that applies the offset.
func (p *civil) count(u batch.Unit) (int64, bool) {
	per := u.PerSecond()
	step := 1e9 / per
	secs := p.days()*86400 + p.hh*3600 + p.mm*60 + p.ss - p.offset
	v, ok := mulInt(secs, per)
	s := v + p.nano/step
	return s, ok && p.nano%step == 0 && s >= v
}

// number reads width digits of s at i.
func number(s string, i, width int) (v int64, ok bool) {
	if i+width > len(s) {
		return 0, false
	}
	for _, c := range []byte(s[i : i+width]) {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + int64(c)
	}
	return v, true
}

// parseCivil reads a text by a layout; without one, as 2001-01-05, followed perhaps by T or a blank and 10:20, 10:20:30 or
// 10:20:30.123456789, followed perhaps by Z or +01:00.
func parseCivil(s string, lay []layoutItem) (p civil, ok bool) {
	if lay != nil {
		return parseByLayout(s, lay)
	}
	var oks [5]bool
	p.y, oks[0] = number(s, 0, 4)
	p.m, oks[1] = number(s, 5, 2)
	p.d, oks[2] = number(s, 8, 2)
	if !oks[0] || !oks[1] || !oks[2] || s[4] != '-' || s[7] != '-' {
		return p, false
	}
	i := 10
	if i < len(s) && (s[i] == 'T' || s[i] == ' ') {
		p.timed = true
		p.hh, oks[3] = number(s, 11, 2)
		p.mm, oks[4] = number(s, 14, 2)
		if !oks[3] || !oks[4] || s[13] != ':' {
			return p, false
		}
		i = 16
		if i < len(s) && s[i] == ':' {
			if p.ss, ok = number(s, 17, 2); !ok {
				return p, false
			}
			i = 19
			if i < len(s) && s[i] == '.' {
				if p.nano, i, ok = fraction(s, i+1); !ok {
					return p, false
				}
			}
		}
		if i < len(s) {
			if p.offset, ok = zoneOffset(s[i:]); !ok {
				return p, false
			}
			p.zoned, i = true, len(s)
		}
	}
	return p, i == len(s) && p.valid()
}

// fraction reads 1 to 9 decimals as nanoseconds.
func fraction(s string, i int) (nano int64, end int, ok bool) {
	n := 0
	for i < len(s) && s[i]-'0' <= 9 && n < 10 {
		nano = nano*10 + int64(s[i]-'0')
		i, n = i+1, n+1
	}
	if n == 0 || n > 9 {
		return 0, i, false
	}
	return nano * pow10[9-n], i, true
}

func zoneOffset(s string) (secs int64, ok bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	h, ok1 := number(s, 1, 2)
	m, ok2 := number(s, 4, 2)
	if !ok1 || !ok2 || len(s) != 6 || s[3] != ':' || h > 23 || m > 59 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	secs = h*3600 + m*60
	if s[0] == '-' {
		secs = -secs
	}
	return secs, true
}

// layoutItem is a field of a layout, or a byte that must stand there.
type layoutItem struct{ field, literal byte }

const layoutFields = "YymdjHIMSfpb"

// parseLayout reads a layout: %Y year, %y its last two digits (69 to 99 are 19xx), %m month, %b its English short name, %d day,
// %j day of the year, %H hour, %I hour of twelve, %p am or pm, %M minute, %S second, %f decimals of the second, %% a percent sign.
// There must be a year, and a month and day or a day of the year.
func parseLayout(s string) ([]layoutItem, error) {
	if len(s) > 100 {
		return nil, fmt.Errorf("a layout has at most 100 bytes")
	}
	var l []layoutItem
	seen := map[byte]bool{}
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			l = append(l, layoutItem{literal: s[i]})
			continue
		}
		if i++; i == len(s) {
			return nil, fmt.Errorf("the layout %q ends in %%", s)
		}
		switch c := s[i]; {
		case c == '%':
			l = append(l, layoutItem{literal: '%'})
		case !strings.ContainsRune(layoutFields, rune(c)):
			return nil, fmt.Errorf("the layout %q has %%%c: there are %%Y %%y %%m %%b %%d %%j %%H %%I %%p %%M %%S %%f %%%%", s, c)
		case seen[c]:
			return nil, fmt.Errorf("the layout %q has %%%c twice", s, c)
		default:
			seen[c] = true
			l = append(l, layoutItem{field: c})
		}
	}
	if seen['Y'] == seen['y'] || !seen['j'] && !(seen['d'] && seen['m'] != seen['b']) || seen['j'] && (seen['d'] || seen['m'] || seen['b']) {
		return nil, fmt.Errorf("the layout %q has no date: %%Y with %%m and %%d, or %%Y with %%j", s)
	}
	if seen['I'] != seen['p'] || seen['I'] && seen['H'] {
		return nil, fmt.Errorf("the layout %q has %%I without %%p, or beside %%H", s)
	}
	return l, nil
}

// CheckLayout says what is wrong with a layout of date() and timestamp().
func CheckLayout(s string) error {
	_, err := parseLayout(s)
	return err
}

func parseByLayout(s string, lay []layoutItem) (p civil, ok bool) {
	p.m, p.d = 1, 1
	i := 0
	take := func(max int) (v int64) { // 1 to max digits
		n := 0
		for n < max && i < len(s) && s[i]-'0' <= 9 {
			v, i, n = v*10+int64(s[i]-'0'), i+1, n+1
		}
		if n == 0 {
			v = -1
		}
		return v
	}
	for _, it := range lay {
		v := int64(0)
		switch it.field {
		case 0:
			if i >= len(s) || s[i] != it.literal {
				return p, false
			}
			i++
		case 'Y':
			v, ok = number(s, i, 4)
			if p.y, i = v, i+4; !ok {
				return p, false
			}
		case 'y':
			v, ok = number(s, i, 2)
			if p.y, i = v+1900, i+2; !ok {
				return p, false
			}
			if v < 69 {
				p.y += 100
			}
		case 'm':
			v = take(2)
			p.m = v
		case 'd':
			v = take(2)
			p.d = v
		case 'j':
			if v = take(3); v == 0 {
				return p, false
			}
			p.yday = v
		case 'H', 'I':
			v = take(2)
			p.hh, p.timed = v, true
		case 'M':
			v = take(2)
			p.mm, p.timed = v, true
		case 'S':
			v = take(2)
			p.ss, p.timed = v, true
		case 'f':
			if p.nano, i, ok = fraction(s, i); !ok {
				return p, false
			}
			p.timed = true
		case 'p':
			switch {
			case i+2 > len(s):
				return p, false
			case strings.EqualFold(s[i:i+2], "am"):
				p.pm = 1
			case strings.EqualFold(s[i:i+2], "pm"):
				p.pm = 2
			default:
				return p, false
			}
			i += 2
		case 'b':
			if i+3 > len(s) {
				return p, false
			}
			p.m = int64(slices.IndexFunc(shortMonths[:], func(m string) bool { return strings.EqualFold(m, s[i:i+3]) })) + 1
			i += 3
		}
		if v < 0 {
			return p, false
		}
	}
	return p, i == len(s) && p.valid()
}

var shortMonths = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// ParseTime reads a literal as a value of a date or timestamp type: 2001-01-05, 2001-01-05T10:20:30.5 and, for a timestamp with a
// zone, with Z or an offset behind it; without one it is a wall time of that zone.
func ParseTime(s string, t batch.Type) (int64, error) {
	p, ok := parseCivil(s, nil)
	switch {
	case !ok:
		return 0, fmt.Errorf("%q is no %s", s, t.Kind)
	case t.Kind == batch.Date && !p.dateOnly():
		return 0, fmt.Errorf("%q is no date but a time", s)
	case t.Kind == batch.Date:
		return p.days(), nil
	case p.zoned && t.Zone == "":
		return 0, fmt.Errorf("%q has an offset, %s has no zone", s, t)
	case !p.zoned && t.Zone != "":
		z, err := loadZone(t.Zone)
		if err != nil {
			return 0, err
		}
		w := time.Date(int(p.y), time.Month(p.m), int(p.d), int(p.hh), int(p.mm), int(p.ss), 0, z.loc)
		_, off := w.Zone()
		p.offset = int64(off)
	}
	v, ok := p.count(t.Unit)
	if !ok {
		return 0, fmt.Errorf("%q is finer than %s, or out of its range", s, t)
	}
	return v, nil
}

// zoneTable is a time zone as a list of offsets: from[i] is the first second since the epoch at which offset[i] holds. Beyond the
// years it covers the zone's rule is asked.
type zoneTable struct {
	loc    *time.Location
	from   []int64
	offset []int64
	last   int64 // the first second not covered
}

var zones sync.Map // by name: *zoneTable

// loadZone finds a zone by its IANA name. "Local" is none: it differs from machine to machine.
func loadZone(name string) (*zoneTable, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*zoneTable), nil
	}
	if name == "" || name == "Local" || len(name) > 64 {
		return nil, fmt.Errorf("no time zone %q", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone %q", name)
	}
	z := &zoneTable{loc: loc}
	t, end := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)
	for t.Before(end) {
		_, off := t.In(loc).Zone()
		if n := len(z.offset); n == 0 || z.offset[n-1] != int64(off) {
			z.from = append(z.from, t.Unix())
			z.offset = append(z.offset, int64(off))
		}
		_, next := t.In(loc).ZoneBounds()
		switch {
		case next.IsZero():
			next = end
		case !next.After(t): // seen at the end of leap years: the library gives bounds that do not hold the time asked for
			next = t.Add(24 * time.Hour)
		}
		t = next
	}
	z.last = end.Unix()
	zones.Store(name, z)
	return z, nil
}

// CheckZone says whether there is a time zone of that name.
func CheckZone(name string) error {
	_, err := loadZone(name)
	return err
}

// at gives the offset at a second since the epoch, and the seconds between which it holds.
func (z *zoneTable) at(secs int64) (offset, from, to int64) {
	if secs < z.from[0] || secs >= z.last {
		_, off := time.Unix(secs, 0).In(z.loc).Zone()
		return int64(off), secs, secs + 1
	}
	i, found := slices.BinarySearch(z.from, secs)
	if !found {
		i--
	}
	if to = z.last; i+1 < len(z.from) {
		to = z.from[i+1]
	}
	return z.offset[i], z.from[i], to
}

// wall is the time that a clock of the zone shows; false on overflow.
func (z *zoneTable) wall(v int64, u batch.Unit) (int64, bool) {
	per := u.PerSecond()
	off, _, _ := z.at(floorDiv(v, per))
	return intOp(opAdd, v, off*per)
}

// walls is wall over a slice: most rows share the offset of the row before. It marks failures in bad, if any, and says so.
func (z *zoneTable) walls(dst, src []int64, u batch.Unit, bad []uint64) (any bool) {
	per := u.PerSecond()
	var shift int64
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for i, v := range src {
		if v < lo || v >= hi {
			var off, from, to int64
			off, from, to = z.at(floorDiv(v, per))
			shift = off * per
			l, ok1 := mulInt(from, per)
			h, ok2 := mulInt(to, per)
			if lo, hi = l, h; !ok1 || !ok2 {
				lo, hi = math.MaxInt64, math.MinInt64
			}
		}
		s := v + shift
		dst[i] = s
		if (v^s)&(shift^s) < 0 {
			bad[i>>6] |= 1 << (i & 63)
			any = true
		}
	}
	return any
}
