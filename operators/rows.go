package operators

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/batch"
)

// PartColumn is the hidden first column in the notation of rows: the part of each row.
const PartColumn = "_part"

// ParseRows reads a small table as people write it: a line of columns, then a line a row, cells between bars.
//
//	_part | name string | delay int64? | at timestamp[s]
//	train | SFO         | 16           | 2001-01-01T10:05:00
//	valid | "a | b"     | nil          | 2001-01-02T00:00:00
//
// A column is a name and a type as in a DAG file, with a ? where it may be null; a name that is not one word stands in quotes.
// nil is null; text stands bare or in Go's quotes; a timestamp with a zone ends in Z or an offset, one without does not; @n is a
// date or timestamp as its number; a wide column is vector[m, n] with values [1, 2]. A first column _part gives the parts. Blank
// lines and space around cells mean nothing. Identities count from 0.
func ParseRows(text string) (Schema, batch.Batch, error) {
	var s Schema
	var b batch.Batch
	var cols []rowsColumn
	parts := false
	for n, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		cells, err := cut(line)
		if err != nil {
			return s, b, fmt.Errorf("rows: line %d: %w", n+1, err)
		}
		if cols == nil {
			if parts = cells[0] == PartColumn; parts {
				cells = cells[1:]
			}
			cols = []rowsColumn{}
			for _, c := range cells {
				col, err := parseColumn(c)
				if err != nil {
					return s, b, fmt.Errorf("rows: line %d: %w", n+1, err)
				}
				if s.Has(col.Name) {
					return s, b, fmt.Errorf("rows: line %d: column %q twice", n+1, col.Name)
				}
				cols = append(cols, col)
				s.Fields = append(s.Fields, col.Field)
			}
			continue
		}
		if parts {
			p, ok := parsePart(cells[0])
			if !ok {
				return s, b, fmt.Errorf("rows: line %d: no part %q: there are train, valid, test", n+1, cells[0])
			}
			b.Part = append(b.Part, uint8(p))
			cells = cells[1:]
		}
		if len(cells) != len(cols) {
			return s, b, fmt.Errorf("rows: line %d: %d cells for %d columns", n+1, len(cells), len(cols))
		}
		for j, c := range cells {
			if err := cols[j].add(c); err != nil {
				return s, b, fmt.Errorf("rows: line %d: column %q: %w", n+1, cols[j].Name, err)
			}
		}
		b.N++
	}
	if parts && b.Part == nil {
		b.Part = []uint8{}
	}
	for _, c := range cols {
		b.Cols = append(b.Cols, c.column(b.N))
	}
	return s, b, nil
}

// FormatRows writes rows as ParseRows reads them, in aligned columns. Equal rows give equal text, and reading it gives the rows
// back, but for the bits of a NaN. Columns of lists have no notation, and panic.
func FormatRows(s Schema, b batch.Batch) string { return FormatCells(Cells(s, b)) }

// Cells are the names of the columns, then the values of each row, as FormatRows writes them.
func Cells(s Schema, b batch.Batch) [][]string {
	lines := make([][]string, b.N+1)
	if b.Part != nil {
		lines[0] = append(lines[0], PartColumn)
		for i := range b.N {
			lines[i+1] = append(lines[i+1], b.PartAt(i).String())
		}
	}
	for j, f := range s.Fields {
		c := &b.Cols[j]
		lines[0] = append(lines[0], formatColumn(f, c))
		for i := range b.N {
			lines[i+1] = append(lines[i+1], FormatValue(c, i))
		}
	}
	return lines
}

// CellGap stands between two columns.
const CellGap = " | "

// FormatCells writes lines of cells in aligned columns.
func FormatCells(lines [][]string) string {
	var wide []int
	for _, cells := range lines {
		for j, c := range cells {
			if j == len(wide) {
				wide = append(wide, 0)
			}
			wide[j] = max(wide[j], utf8.RuneCountInString(c))
		}
	}
	var out strings.Builder
	for _, cells := range lines {
		for j, c := range cells {
			if j > 0 {
				out.WriteString(CellGap)
			}
			out.WriteString(c)
			if j < len(cells)-1 {
				out.WriteString(strings.Repeat(" ", wide[j]-utf8.RuneCountInString(c)))
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// cut gives the cells of a line without the space around them; quotes are left on.
func cut(line string) ([]string, error) {
	var cells []string
	for {
		line = strings.TrimLeft(line, " \t")
		end := 0
		if strings.HasPrefix(line, `"`) {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("quotes that do not end: %s", line)
			}
			end = len(q)
		}
		bar := strings.IndexByte(line[end:], '|')
		if bar < 0 {
			return append(cells, strings.TrimSpace(line)), nil
		}
		cells = append(cells, strings.TrimSpace(line[:end+bar]))
		line = line[end+bar+1:]
	}
}

func parsePart(s string) (batch.Part, bool) {
	for i, n := range batch.PartNames {
		if n == s {
			return batch.Part(i), true
		}
	}
	return 0, false
}

// rowsColumn is a column under construction.
type rowsColumn struct {
	Field
	members []string
	null    []bool
	any     bool // a null
	ints    []int64
	floats  []float64 // vectors: row by row
	texts   []string
}

func parseColumn(cell string) (rowsColumn, error) {
	var c rowsColumn
	name, rest, _ := strings.Cut(cell, " ")
	if strings.HasPrefix(cell, `"`) {
		q, err := strconv.QuotedPrefix(cell)
		if err != nil {
			return c, fmt.Errorf("column %s: quotes that do not end", cell)
		}
		name, _ = strconv.Unquote(q)
		rest = cell[len(q):]
	}
	rest, c.Nullable = strings.CutSuffix(strings.TrimSpace(rest), "?")
	c.Name = name
	if rest == "" {
		return c, fmt.Errorf("column %q has no type", cell)
	}
	if m, ok := strings.CutPrefix(rest, "vector["); ok && strings.HasSuffix(m, "]") {
		c.Type = batch.T(batch.Vector)
		c.members = []string{}
		for _, n := range strings.Split(strings.TrimSuffix(m, "]"), ",") {
			if n = strings.TrimSpace(n); n != "" {
				c.members = append(c.members, n)
			}
		}
		return c, nil
	}
	t, err := batch.ParseType(rest)
	if err != nil {
		return c, fmt.Errorf("column %q: %w", name, err)
	}
	if t.Kind == batch.List {
		return c, fmt.Errorf("column %q: lists have no notation", name)
	}
	c.Type = t
	return c, nil
}

// add parses one cell.
func (c *rowsColumn) add(cell string) error {
	if cell == "nil" {
		if !c.Nullable {
			return fmt.Errorf("nil in a column that is not nullable")
		}
		c.any = true
		c.null = append(c.null, true)
		c.ints, c.texts = append(c.ints, 0), append(c.texts, "")
		c.floats = append(c.floats, make([]float64, max(1, len(c.members)))...)
		return nil
	}
	c.null = append(c.null, false)
	if c.Type.Text() && strings.HasPrefix(cell, `"`) {
		s, err := strconv.Unquote(cell)
		if err != nil {
			return fmt.Errorf("bad quotes: %s", cell)
		}
		c.texts = append(c.texts, s)
		return nil
	}
	if c.Type.Kind == batch.Vector {
		body, ok := strings.CutPrefix(cell, "[")
		body, ok2 := strings.CutSuffix(body, "]")
		vals := strings.Split(body, ",")
		if strings.TrimSpace(body) == "" {
			vals = nil
		}
		if !ok || !ok2 || len(vals) != len(c.members) {
			return fmt.Errorf("%s is not %d numbers in brackets", cell, len(c.members))
		}
		for _, v := range vals {
			x, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				return fmt.Errorf("%q is no number", v)
			}
			c.floats = append(c.floats, x)
		}
		return nil
	}
	i, f, err := ParseValue(c.Type, cell)
	if err != nil {
		return err
	}
	c.ints, c.floats, c.texts = append(c.ints, i), append(c.floats, f), append(c.texts, cell)
	return nil
}

func (c *rowsColumn) column(n int) batch.Column {
	var col batch.Column
	switch c.Type.Kind {
	case batch.Bool:
		v := make([]bool, n)
		for i := range v {
			v[i] = c.ints[i] != 0
		}
		col = batch.OfBools(v)
	case batch.Int32, batch.Date:
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(c.ints[i])
		}
		col = batch.OfInt32s(v)
	case batch.Int64, batch.Timestamp, batch.Decimal:
		col = batch.OfInt64s(append(make([]int64, 0, n), c.ints...))
	case batch.Float32:
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(c.floats[i])
		}
		col = batch.OfFloat32s(v)
	case batch.Float64:
		col = batch.OfFloat64s(append(make([]float64, 0, n), c.floats...))
	case batch.String, batch.Bytes:
		col = batch.OfStrings(c.texts)
	case batch.Vector:
		col = (*batch.Ctx)(nil).NewVector(n, c.members)
		for j := range c.members {
			m := col.Member(j)
			for i := range m {
				m[i] = c.floats[i*len(c.members)+j]
			}
		}
	}
	col.Type = c.Type
	if c.any {
		col = col.WithNulls(c.null)
	}
	return col
}

func formatColumn(f Field, c *batch.Column) string {
	name, typ := f.Name, f.Type.String()
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '|' || r == '"' }) {
		name = strconv.Quote(name)
	}
	if f.Type.Kind == batch.Vector {
		typ = "vector[" + strings.Join(c.Members, ", ") + "]"
	}
	if f.Nullable {
		typ += "?"
	}
	return name + " " + typ
}

// FormatValue is row i of a column as FormatRows writes it.
func FormatValue(c *batch.Column, i int) string {
	if c.Null(i) {
		return "nil"
	}
	switch c.Type.Kind {
	case batch.Bool:
		return strconv.FormatBool(c.Bit(i))
	case batch.Int32:
		return strconv.Itoa(int(c.Int32s()[i]))
	case batch.Int64:
		return strconv.FormatInt(c.Int64s()[i], 10)
	case batch.Float32:
		return formatFloat(float64(c.Float32s()[i]), 32)
	case batch.Float64:
		return formatFloat(c.Float64s()[i], 64)
	case batch.String, batch.Bytes:
		return formatText(c.Str(i))
	case batch.Date:
		d := int64(c.Int32s()[i])
		if t := time.Unix(d*86400, 0).UTC(); t.Year() >= 0 && t.Year() <= 9999 {
			return t.Format(time.DateOnly)
		}
		return "@" + strconv.FormatInt(d, 10)
	case batch.Timestamp:
		return formatTime(c.Type, c.Int64s()[i])
	case batch.Decimal:
		return formatDecimal(c.Int64s()[i], int(c.Type.Scale))
	case batch.Vector:
		v := make([]string, c.Wide)
		for j := range v {
			v[j] = formatFloat(c.Member(j)[i], 64)
		}
		return "[" + strings.Join(v, ", ") + "]"
	}
	panic("operators: no notation for values of " + c.Type.String())
}

// formatFloat is the shortest text that reads back as v, without an exponent where that is short.
func formatFloat(v float64, size int) string {
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e15) {
		return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, size), "+")
	}
	return strconv.FormatFloat(v, 'f', -1, size)
}

func formatText(s string) string {
	bare := s != "" && s != "nil" && s == strings.TrimSpace(s) && utf8.ValidString(s) && !strings.ContainsAny(s, `|"\`) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	if bare {
		return s
	}
	return strconv.Quote(s)
}

func formatTime(t batch.Type, v int64) string {
	per := t.Unit.PerSecond()
	sec := v / per
	rest := v % per
	if rest < 0 {
		sec, rest = sec-1, rest+per
	}
	u := time.Unix(sec, rest*(1e9/per)).UTC()
	if u.Year() < 0 || u.Year() > 9999 {
		return "@" + strconv.FormatInt(v, 10)
	}
	s := u.Format("2006-01-02T15:04:05.999999999")
	if t.Zone != "" {
		s += "Z"
	}
	return s
}

func formatDecimal(v int64, scale int) string {
	sign, u := "", uint64(v)
	if v < 0 {
		sign, u = "-", -u
	}
	s := strconv.FormatUint(u, 10)
	if scale == 0 {
		return sign + s
	}
	if len(s) <= scale {
		s = strings.Repeat("0", scale-len(s)+1) + s
	}
	return sign + s[:len(s)-scale] + "." + s[len(s)-scale:]
}

// ParseValue reads a value of type t as a DAG file spells it: floats into f, all other fixed-width types into i as a column of the
// type holds them (a bool as 0 or 1). Text stands for itself. A value that the type cannot hold is an error.
func ParseValue(t batch.Type, s string) (i int64, f float64, err error) {
	bad := func() (int64, float64, error) { return 0, 0, fmt.Errorf("%q is no %s", s, t) }
	switch t.Kind {
	case batch.String, batch.Bytes:
		return 0, 0, nil
	case batch.Bool:
		switch s {
		case "true":
			return 1, 0, nil
		case "false":
			return 0, 0, nil
		}
		return bad()
	case batch.Int32, batch.Int64:
		if i, err = strconv.ParseInt(s, 10, 8*t.Width()); err != nil {
			return bad()
		}
		return i, 0, nil
	case batch.Float32, batch.Float64:
		f, err = strconv.ParseFloat(s, 8*t.Width())
		if err != nil {
			return bad()
		}
		return 0, f, nil
	case batch.Date, batch.Timestamp:
		if n, ok := strings.CutPrefix(s, "@"); ok {
			if i, err = strconv.ParseInt(n, 10, 8*t.Width()); err != nil {
				return bad()
			}
			return i, 0, nil
		}
		if t.Kind == batch.Date {
			d, err := time.Parse(time.DateOnly, s)
			if err != nil {
				return bad()
			}
			return d.Unix() / 86400, 0, nil
		}
		return parseTime(t, s)
	case batch.Decimal:
		return parseDecimal(t, s)
	}
	return bad()
}

func parseTime(t batch.Type, s string) (int64, float64, error) {
	layouts := []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", time.DateOnly}
	if t.Zone != "" {
		layouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00"}
	}
	for _, layout := range layouts {
		u, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		per := t.Unit.PerSecond()
		step := int64(1e9) / per
		if int64(u.Nanosecond())%step != 0 {
			return 0, 0, fmt.Errorf("%q is finer than %s", s, t)
		}
		hi, lo := bits.Mul64(uint64(max(u.Unix(), -u.Unix())), uint64(per))
		if hi != 0 || lo >= 1<<63-1e9 {
			return 0, 0, fmt.Errorf("%q is out of the range of %s", s, t)
		}
		return u.Unix()*per + int64(u.Nanosecond())/step, 0, nil
	}
	if t.Zone != "" {
		return 0, 0, fmt.Errorf("%q is no %s: it needs a Z or an offset", s, t)
	}
	return 0, 0, fmt.Errorf("%q is no %s", s, t)
}

func parseDecimal(t batch.Type, s string) (int64, float64, error) {
	bad := fmt.Errorf("%q is no %s", s, t)
	digits, neg := strings.CutPrefix(s, "-")
	whole, part, _ := strings.Cut(digits, ".")
	if len(part) > int(t.Scale) || whole == "" {
		return 0, 0, bad
	}
	all := strings.TrimLeft(whole+part+strings.Repeat("0", int(t.Scale)-len(part)), "0")
	if len(all) > int(t.Precision) {
		return 0, 0, bad
	}
	if all == "" {
		all = "0"
		if strings.Trim(whole+part, "0") != "" {
			return 0, 0, bad
		}
	}
	u, err := strconv.ParseUint(all, 10, 63)
	if err != nil {
		return 0, 0, bad
	}
	if neg {
		return -int64(u), 0, nil
	}
	return int64(u), 0, nil
}
