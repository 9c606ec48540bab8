package param

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/headrace/headrace/operators/diag"
)

// Bytes is a size. It is written with a unit that is a power of 1024 (8GiB, 512MiB, 64KiB) or as a plain number of bytes.
type Bytes int64

// Pair is one entry of a map whose keys the user chooses.
type Pair[T any] struct {
	Key      string
	KeyPlace diag.Place
	Value    T
}

// Pairs is a map whose keys the user chooses, in the order written.
type Pairs[T any] []Pair[T]

// Get is the value of a key; false where there is none.
func (p Pairs[T]) Get(key string) (T, bool) {
	for _, e := range p {
		if e.Key == key {
			return e.Value, true
		}
	}
	var none T
	return none, false
}

func (Pairs[T]) pairs() {}

// Decoder is a type that reads itself. Places in what it gives are relative to the node.
type Decoder interface {
	DecodeParam(n *Node) diag.List
}

// Typed is what a Decoder says of itself for the reference and the schema.
type Typed interface {
	ParamType() string
	ParamDoc() string // what may be written, in whole sentences
	ParamSchema() map[string]any
}

var (
	intText   = regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)$`)
	floatText = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	spanText  = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(ms|[a-z]+)`)
	sizeText  = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)
)

// ParseInt reads a whole number in plain decimal: no leading zeros, underscores, exponents or other bases.
func ParseInt(s string) (int64, error) {
	if !intText.MatchString(s) {
		switch f, err := ParseFloat(s, false, false); {
		case err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53:
			return 0, fmt.Errorf("a whole number in plain decimal is asked for: write %d", int64(f))
		case err == nil:
			return 0, fmt.Errorf("a whole number is asked for")
		}
		return 0, fmt.Errorf("a whole number is asked for")
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the number does not fit 64 bits")
	}
	return v, nil
}

// ParseFloat reads a decimal number, with or without an exponent; nan, inf and -inf only where they are allowed.
func ParseFloat(s string, nan, inf bool) (float64, error) {
	switch t := strings.ToLower(strings.TrimPrefix(s, ".")); {
	case t == "nan" && nan:
		return math.NaN(), nil
	case (t == "inf" || t == "+inf") && inf:
		return math.Inf(1), nil
	case (t == "-inf" || t == "-.inf") && inf:
		return math.Inf(-1), nil
	}
	if !floatText.MatchString(s) {
		return 0, fmt.Errorf("a number is asked for")
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("the number does not fit a float64")
	}
	return v, nil
}

// ParseBool reads true or false.
func ParseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("true or false is asked for")
}

var spans = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// ParseDuration reads 30s, 5m, 2h, 2d, 250ms and sums of them (1h30m). A number without a unit is an error, but for 0.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("a duration is asked for: 30s, 5m, 2h, 2d")
	if s == "0" {
		return 0, nil
	}
	if s == "" {
		return 0, bad
	}
	var sum float64
	for rest := s; rest != ""; {
		m := spanText.FindStringSubmatch(rest)
		if m == nil {
			return 0, bad
		}
		unit, ok := spans[m[2]]
		if !ok {
			return 0, bad
		}
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, bad
		}
		sum += float64(v * float64(unit))
		rest = rest[len(m[0]):]
	}
	if sum >= math.MaxInt64 {
		return 0, fmt.Errorf("the duration is longer than 106751 days")
	}
	return time.Duration(sum), nil
}

// FormatDuration is the shortest spelling that ParseDuration reads back.
func FormatDuration(d time.Duration) string {
	for _, u := range []string{"d", "h", "m", "s", "ms"} {
		if d != 0 && d%spans[u] == 0 {
			return strconv.FormatInt(int64(d/spans[u]), 10) + u
		}
	}
	if d == 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64) + "ms"
}

var sizes = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// ParseBytes reads a size: 8GiB, 512MiB, 64KiB, or a plain number of bytes.
func ParseBytes(s string) (Bytes, error) {
	bad := fmt.Errorf("a size is asked for: 512MiB, 8GiB, or a number of bytes")
	m := sizeText.FindStringSubmatch(s)
	if m == nil {
		return 0, bad
	}
	unit, ok := sizes[m[2]]
	if !ok {
		for u := range sizes {
			if len(u) == 3 && strings.EqualFold(strings.TrimSuffix(m[2], "B")+"iB", u) || strings.EqualFold(m[2], u) {
				return 0, fmt.Errorf("a size is counted in powers of 1024: write %s%s", m[1], u)
			}
		}
		return 0, bad
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil || v*float64(unit) >= math.MaxInt64 {
		return 0, fmt.Errorf("the size does not fit 64 bits")
	}
	if w, err := strconv.ParseInt(m[1], 10, 64); err == nil {
		return Bytes(w * unit), nil
	}
	if unit == 1 {
		return 0, bad
	}
	return Bytes(v * float64(unit)), nil
}

// String is the shortest spelling that ParseBytes reads back.
func (b Bytes) String() string {
	for _, u := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if b != 0 && int64(b)%sizes[u] == 0 {
			return strconv.FormatInt(int64(b)/sizes[u], 10) + u
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
