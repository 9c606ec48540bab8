package dags

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/diag"
)

// excerptMax is how many columns of a source line are shown, excerptMin how many on the narrowest terminal.
const (
	excerptMax = 100
	excerptMin = 20
)

// renderIndent is how wide what stands before an excerpt is.
const renderIndent = 8

// Render is findings as people read them: each with its line of the file, a caret under the characters that it is about and what
// would be right, then how many there are. color adds ANSI colours. Lines are broken at a terminal's width, excerpts cut; 0 is no
// terminal: a message is then one line. Control characters are escaped, so that a hostile file cannot write to the terminal.
func Render(l diag.List, color bool, width int) string {
	if len(l) == 0 {
		return ""
	}
	paint := func(code, s string) string {
		if !color || s == "" {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	lines := func(s string) []string { return []string{s} }
	most := excerptMax
	if width > 0 {
		lines = func(s string) []string { return Wrap(strings.Fields(s), max(excerptMin, width-renderIndent)) }
		most = min(excerptMax, max(excerptMin, width-renderIndent))
	}
	var b strings.Builder
	for _, d := range l {
		tone := "1;31"
		if d.Severity == diag.Warning {
			tone = "1;33"
		}
		mark := fmt.Sprintf("%s[%s]", d.Severity, d.Code)
		for i, head := range lines(escape(d.Error())) {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", renderIndent) + head + "\n")
				continue
			}
			before, after, found := strings.Cut(head, mark)
			if !found { // a path as wide as the terminal stands before it
				before, after, mark = "", head, ""
			}
			b.WriteString(paint("1", before) + paint(tone, mark) + after + "\n")
		}
		if d.Place.Line > 0 && strings.TrimSpace(d.Source) != "" {
			text, indent, width := excerpt(d.Source, d.Place.Column, d.Place.Width, most)
			fmt.Fprintf(&b, "%s %s\n", paint("34", fmt.Sprintf("%5d |", d.Place.Line)), text)
			fmt.Fprintf(&b, "%s %s%s\n", paint("34", "      |"), strings.Repeat(" ", indent), paint(tone, strings.Repeat("^", width)))
		}
		if d.Help != "" {
			lead := "      ="
			for _, help := range lines(escape(d.Help)) {
				fmt.Fprintf(&b, "%s %s\n", paint("34", lead), paint("32", help))
				lead = "       "
			}
		}
	}
	errors, warnings := l.Errors(), len(l)-l.Errors()
	var sum []string
	if errors > 0 {
		sum = append(sum, number(errors, "error"))
	}
	if warnings > 0 {
		sum = append(sum, number(warnings, "warning"))
	}
	b.WriteString(strings.Join(sum, ", ") + "\n")
	return b.String()
}

// Wrap puts words into lines of a width, in cells of a terminal; a word that is wider has a line of its own. There is one line at
// least.
func Wrap(words []string, width int) []string {
	lines, at := []string{""}, 0
	for _, w := range words {
		cells := 0
		for _, c := range w {
			cells += cellsOf(c)
		}
		switch last := &lines[len(lines)-1]; {
		case *last == "":
			*last, at = w, cells
		case at+1+cells <= width:
			*last, at = *last+" "+w, at+1+cells
		default:
			lines, at = append(lines, w), cells
		}
	}
	return lines
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// excerpt is the part of a line around width characters from column on, at most so many, and where the caret stands below it, in
// cells of a terminal. What is cut off is shown as ….
func excerpt(line string, column, width, most int) (text string, indent, caret int) {
	r := []rune(strings.TrimRightFunc(line, unicode.IsSpace))
	from := min(max(0, column-1), len(r))
	to := min(max(from+max(1, width), from), max(len(r), from+1))
	first, last := 0, len(r)
	if len(r) > most {
		// The beginning says what the line is about: it goes only where the caret would be cut off.
		last = most - 1
		if to > last-8 {
			first = max(0, min(from-most/3, len(r)-most+1))
			last = min(len(r), first+most-2)
		}
	}
	var b strings.Builder
	cells := 0
	put := func(s string) {
		b.WriteString(s)
		for _, c := range s {
			cells += cellsOf(c)
		}
	}
	if first > 0 {
		put("…")
	}
	end := -1
	for i := first; i < last; i++ {
		if i == from {
			indent = cells
		}
		if i == to {
			end = cells
		}
		put(escapeRune(r[i]))
	}
	if from >= last {
		indent = cells
	}
	if end < 0 {
		end = cells
	}
	if last < len(r) {
		put("…")
	}
	return b.String(), indent, max(1, end-indent)
}

// cellsOf is how many cells of a terminal a character takes: two where East Asian scripts and emoji are wide, none where it combines.
func cellsOf(c rune) int {
	switch {
	case unicode.In(c, unicode.Mn, unicode.Me):
		return 0
	case c >= 0x1100 && c <= 0x115f, c >= 0x2e80 && c <= 0x303e, c >= 0x3041 && c <= 0xa4cf, c >= 0xac00 && c <= 0xd7a3,
		c >= 0xf900 && c <= 0xfaff, c >= 0xfe30 && c <= 0xfe6f, c >= 0xff00 && c <= 0xff60, c >= 0xffe0 && c <= 0xffe6,
		c >= 0x1f300 && c <= 0x1faff, c >= 0x20000 && c <= 0x3fffd:
		return 2
	}
	return 1
}

func escape(s string) string {
	var b strings.Builder
	for i, c := range s {
		if c == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			fmt.Fprintf(&b, `\x%02x`, s[i])
			continue
		}
		b.WriteString(escapeRune(c))
	}
	return b.String()
}

// escapeRune shows what would move the cursor or turn the writing around; a tab is one space, so that carets stay in line.
func escapeRune(c rune) string {
	switch {
	case c == '\t':
		return " "
	case c == '\n':
		return `\n`
	case c < ' ' || c >= 0x7f && c < 0xa0 || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp):
		return fmt.Sprintf(`\u%04x`, c)
	}
	return string(c)
}
