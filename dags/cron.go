package dags

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var cronWords = []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}

var cronFields = []struct {
	name     string
	min, max int
	names    []string // of min, min+1, …
}{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// checkCron says what is wrong with a cron line: five fields, each a list of *, a, a-b, */n or a-b/n, or one of the @ words.
func checkCron(s string) error {
	if strings.HasPrefix(s, "@") {
		if !slices.Contains(cronWords, s) {
			return fmt.Errorf("no %q: there are %s", s, strings.Join(cronWords, ", "))
		}
		return nil
	}
	parts := strings.Fields(s)
	if len(parts) != len(cronFields) {
		return fmt.Errorf("%d fields, not 5", len(parts))
	}
	for i, f := range cronFields {
		for _, entry := range strings.Split(parts[i], ",") {
			number := func(t string) (int, error) {
				if j := slices.Index(f.names, strings.ToLower(t)); j >= 0 {
					return f.min + j, nil
				}
				v, err := strconv.Atoi(t)
				if err != nil || v < f.min || v > f.max || strings.ContainsAny(t, "+-") {
					return 0, fmt.Errorf("%s %q is not from %d to %d", f.name, t, f.min, f.max)
				}
				return v, nil
			}
			span, step, stepped := strings.Cut(entry, "/")
			if stepped {
				if n, err := strconv.Atoi(step); err != nil || n < 1 || n > f.max || strings.ContainsAny(step, "+-") {
					return fmt.Errorf("%s: step %q is not from 1 to %d", f.name, step, f.max)
				}
			}
			if span == "*" {
				continue
			}
			from, to, ranged := strings.Cut(span, "-")
			a, err := number(from)
			if err != nil {
				return err
			}
			if !ranged {
				continue
			}
			b, err := number(to)
			if err != nil {
				return err
			}
			if b < a {
				return fmt.Errorf("%s: the range %s runs backwards", f.name, span)
			}
		}
	}
	return nil
}
