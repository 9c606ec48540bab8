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

// number is a number as people read it: four digits behind the point, fewer where it is large, more where it is small.
func number(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return none
	case math.IsInf(v, 0):
		return sign(v) + "∞"
	case v == 0:
		return "0"
	case a >= 1e12 || a < 1e-3:
		return minus(strconv.FormatFloat(v, 'g', 4, 64))
	case a >= 2 && v == math.Trunc(v):
		return sign(v) + Count(int64(a))
	case a >= 1000:
		whole, rest, _ := strings.Cut(strconv.FormatFloat(a, 'f', 1, 64), ".")
		n, _ := strconv.ParseInt(whole, 10, 64)
		return sign(v) + Count(n) + "." + rest
	case a >= 100:
		return minus(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return minus(strconv.FormatFloat(v, 'f', 4, 64))
}

// signed is a difference: with its sign, 0 where there is none.
func signed(d float64) string {
	if d > 0 {
		return "+" + number(d)
	}
	return number(d)
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
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "−" + s
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
