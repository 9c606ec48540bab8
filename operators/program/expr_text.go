package program

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/batch"
)

// appendCase appends s in lower or upper case, character by character; bytes that are no UTF-8 stay.
func appendCase(b []byte, s string, upper bool) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case upper && 'a' <= c && c <= 'z', !upper && 'A' <= c && c <= 'Z':
				c ^= 'a' ^ 'A'
			}
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, c)
		case upper:
			b = utf8.AppendRune(b, unicode.ToUpper(r))
		default:
			b = utf8.AppendRune(b, unicode.ToLower(r))
		}
		i += n
	}
	return b
}

// appendReplaced appends s with every old, found from the left, replaced by new; an empty old is nowhere. False where that is too
// long.
func appendReplaced(b []byte, s, old, new string) ([]byte, bool) {
	if old == "" {
		return append(b, s...), true
	}
	from := len(b)
	for {
		i := strings.Index(s, old)
		if i < 0 {
			b = append(b, s...)
			return b, len(b)-from <= ExprTextMax
		}
		b = append(append(b, s[:i]...), new...)
		if s = s[i+len(old):]; len(b)-from > ExprTextMax {
			return b, false
		}
	}
}

// appendText appends a number, truth value, date or time as the text that casts read back.
func appendText(b []byte, t batch.Type, x *exprVal) []byte {
	switch t.Kind {
	case batch.Bool:
		return strconv.AppendBool(b, x.i != 0)
	case batch.Float32:
		return appendFloat(b, x.f, 32)
	case batch.Float64:
		return appendFloat(b, x.f, 64)
	case batch.Date:
		return appendDate(b, x.i)
	case batch.Timestamp:
		return appendStamp(b, x.i, t.Unit)
	case batch.Decimal:
		return appendDecimal(b, x.i, int(t.Scale))
	}
	return strconv.AppendInt(b, x.i, 10)
}

// appendFloat appends the shortest text that reads back as x, with an exponent only beyond what people write out.
func appendFloat(b []byte, x float64, size int) []byte {
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, x, format, -1, size)
}

func appendDecimal(b []byte, v int64, scale int) []byte {
	u := uint64(v)
	if v < 0 {
		b = append(b, '-')
		u = -u
	}
	if scale == 0 {
		return strconv.AppendUint(b, u, 10)
	}
	p := uint64(pow10[scale])
	b = append(strconv.AppendUint(b, u/p, 10), '.')
	return appendPadded(b, int64(u%p), scale)
}

// appendPadded appends a number that is not negative, with zeros before it up to width digits.
func appendPadded(b []byte, v int64, width int) []byte {
	for w := width - 1; w > 0 && w < len(pow10) && v < pow10[w]; w-- {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, v, 10)
}

// parseInt reads an optional sign and decimal digits, nothing else.
func parseInt(s string) (int64, bool) {
	d, neg := s, false
	if d != "" && (d[0] == '-' || d[0] == '+') {
		d, neg = d[1:], d[0] == '-'
	}
	if d == "" {
		return 0, false
	}
	var v uint64
	for i := range len(d) {
		c := d[i] - '0'
		if c > 9 || v > math.MaxUint64/10-1 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	switch {
	case neg && v <= 1<<63:
		return -int64(v), true
	case v < 1<<63:
		return int64(v), true
	}
	return 0, false
}

// parseFloat reads a decimal number, with or without an exponent, or NaN, Inf, -Inf in any case; a number too large for a float is
// none. What strconv would take beyond that (hexadecimal, underscores) is refused here.
func parseFloat(s string) (float64, bool) {
	d := s
	if d != "" && (d[0] == '-' || d[0] == '+') {
		d = d[1:]
	}
	switch {
	case len(d) == 3 && strings.EqualFold(d, "inf"):
		return math.Inf(1 - 2*int(b2i(s[0] == '-'))), true
	case len(s) == 3 && strings.EqualFold(s, "nan"):
		return math.NaN(), true
	}
	i, digits := 0, 0
	run := func() {
		for i < len(d) && d[i]-'0' <= 9 {
			i, digits = i+1, digits+1
		}
	}
	run()
	if i < len(d) && d[i] == '.' {
		i++
		run()
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(d) && d[i]|0x20 == 'e' {
		i++
		if i < len(d) && (d[i] == '-' || d[i] == '+') {
			i++
		}
		digits = 0
		run()
		if digits == 0 {
			return 0, false
		}
	}
	if i != len(d) {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}
