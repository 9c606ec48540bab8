package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// none stands where there is no number.
const none = "–"

// textMax is how many characters of a value are shown.
const textMax = 120

// Visible is text from outside as one line that cannot pose as another: control, bidirectional and invisible characters and bytes
// that are no UTF-8 are spelled out, long text is cut, and the empty text is "".
func Visible(s string) string {
	if s == "" {
		return `""`
	}
	return spelled(s, textMax, false)
}

// visibleText is Visible for prose: it may be empty and long, and its line breaks are blanks.
func visibleText(s string) string { return spelled(strings.TrimSpace(s), 4000, true) }

func spelled(s string, charactersMax int, prose bool) string {
	var b strings.Builder
	for n := 0; s != ""; n++ {
		if n == charactersMax {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case prose && (r == '\n' || r == '\t'):
			b.WriteByte(' ')
		case r == '\u200c' || r == '\u200d': // the joiners: Persian and emoji are written with them
			b.WriteRune(r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029':
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

// Number is a number as people read it: four digits behind the point, fewer where it is large, more where it is small.
func Number(v float64) string {
	a := math.Abs(v)
	switch {
	case v == 0:
		return "0"
	case a >= 1e12 && !math.IsInf(v, 0) || a < 1e-3:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case a >= 2 && v == math.Trunc(v):
		return digits(v, 0)
	}
	return digits(v, digitsOf(a))
}

// digitsOf is how many digits behind the point a number of a size is written with.
func digitsOf(a float64) int {
	switch {
	case a >= 1000:
		return 1
	case a >= 100:
		return 2
	}
	return 4
}

// digits is a number with so many digits behind the point, its thousands apart.
func digits(v float64, behind int) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "-∞"
	}
	whole, rest, point := strings.Cut(strconv.FormatFloat(math.Abs(v), 'f', behind, 64), ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		whole = Count(n)
	}
	if point {
		whole += "." + rest
	}
	if v < 0 {
		return "-" + whole
	}
	return whole
}

// Difference is by how much a metric differs from another, with its sign and the digits that the two show; 0 where they are equal.
func Difference(v, old float64) string {
	d, a := v-old, math.Max(math.Abs(v), math.Abs(old))
	s := ""
	switch {
	case d == 0:
		return "0"
	case v == math.Trunc(v) && old == math.Trunc(old) && a >= 2 && a < 1e12:
		s = digits(d, 0)
	case a >= 1e12 || a < 1e-3:
		s = Number(d)
	default:
		s = digits(d, digitsOf(a))
	}
	if d > 0 {
		s = "+" + s
	}
	return s
}

// number is Number as the page shows it.
func number(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	return minus(Number(v))
}

func sign(v float64) string {
	if v < 0 {
		return "−"
	}
	return ""
}

// minus writes the sign that is as wide as a digit.
func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }

// Count is an integer with its thousands apart.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural counts things.
func Plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Count(n) + " " + what + "s"
}

func percent(share float64) string {
	switch {
	case math.IsNaN(share) || math.IsInf(share, 0):
		return none
	case share > 0 && share < 0.0005:
		return "<0.1%"
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + "%"
}

// coordinate is a number for a picture: two digits are enough, and the same on every machine.
func coordinate(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}
