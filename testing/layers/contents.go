package layers

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Contents returns what is wrong with the list of contents of a Markdown text: a line for each head of the second and third level,
// in the order of the heads, linked to it.
func Contents(text string) []string {
	var heads, lines []string
	code := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		marks, title, ok := strings.Cut(line, " ")
		indent := map[string]string{"##": "", "###": "  "}
		switch in, head := indent[marks]; {
		case code:
		case ok && head:
			heads = append(heads, fmt.Sprintf("%s- [%s](#%s)", in, title, anchor(title)))
		case strings.HasPrefix(strings.TrimLeft(line, " "), "- [") && strings.Contains(line, "](#"):
			lines = append(lines, line)
		}
	}
	var faults []string
	for _, h := range heads {
		if !slices.Contains(lines, h) {
			faults = append(faults, "no line of the contents is: "+h)
		}
	}
	for _, l := range lines {
		if !slices.Contains(heads, l) {
			faults = append(faults, "no head has this line of the contents: "+l)
		}
	}
	if len(faults) == 0 && !slices.Equal(heads, lines) {
		faults = append(faults, "the contents are not in the order of the heads")
	}
	return faults
}

// anchor is the name that GitHub gives a head.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}
