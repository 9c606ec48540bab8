package random

import (
	"fmt"
	"strconv"
	"strings"
)

// Expr is a constant, a column, a part of the date, or an operation on two others.
type Expr struct {
	Op     string // + - * of Args, or hour, month, weekday of the date
	Args   []Expr
	Column string
	Const  float64
}

// Predicate says which rows stay: Of is one of In, or is known, or is less or greater Than.
type Predicate struct {
	Of    Expr
	In    []string
	Known bool
	Less  bool
	Than  float64
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// quoted gives the texts in the quotes, by comma.
func quoted(values []string, quote string) string {
	return quote + strings.Join(values, quote+", "+quote) + quote
}

func join[T any](values []T, by string, of func(T) string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = of(v)
	}
	return strings.Join(parts, by)
}

func (e Expr) dag() string {
	switch {
	case len(e.Args) > 0:
		return "(" + e.Args[0].dag() + " " + e.Op + " " + e.Args[1].dag() + ")"
	case e.Op != "":
		return e.Op + "(date)"
	case e.Column != "":
		return e.Column
	}
	return decimal(e.Const)
}

func (p Predicate) dag() string {
	switch {
	case p.In != nil:
		return p.Of.dag() + " in [" + quoted(p.In, "'") + "]"
	case p.Known:
		return p.Of.dag() + " != nil"
	case p.Less:
		return p.Of.dag() + " < " + decimal(p.Than)
	}
	return p.Of.dag() + " > " + decimal(p.Than)
}

func (a Aggregate) dag() string { return a.Name + ": " + a.Func + "(" + a.Of + ")" }

func (k Key) dag() string {
	if k.Desc {
		return k.Name + " desc"
	}
	return k.Name
}

// DAG writes the query as a DAG file with the parameters path and out.
func (q Query) DAG() string {
	var b strings.Builder
	b.WriteString("version: 1\nname: random\n\nparams:\n  path: {type: path, default: flights.parquet}\n  out:  {type: path, default: random.csv}\n\n" +
		"sources:\n  flights: {parquet: {path: \"${{ params.path }}\"}}\n\nsteps:\n")
	from := "flights"
	step := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %s:\n    from: %s\n    "+format+"\n", append([]any{name, from}, args...)...)
		from = name
	}
	if len(q.Derive) > 0 {
		step("derived", "feature.derive: {%s}", join(q.Derive, ", ", func(c Column) string { return c.Name + ": \"" + c.Expr.dag() + "\"" }))
	}
	if len(q.Filter) > 0 {
		step("kept", "clean.filter: \"%s\"", join(q.Filter, " and ", Predicate.dag))
	}
	if q.Join != nil {
		on, left := strings.Join(q.Join.On, ", "), from
		step("known", "table.aggregate: {by: [%s], aggregates: {key_rows: count(), key_mean: mean(%s)}}", on, q.Join.Mean)
		from = "{left: " + left + ", right: known}"
		step("joined", "table.join: {on: [%s], how: inner}", on)
	}
	by := ""
	if len(q.By) > 0 {
		by = "by: [" + strings.Join(q.By, ", ") + "], "
	}
	step("grouped", "table.aggregate: {%saggregates: {%s}}", by, join(q.Aggs, ", ", Aggregate.dag))
	if len(q.Sort) > 0 {
		step("sorted", "table.sort: {by: [%s]}", join(q.Sort, ", ", Key.dag))
	}
	fmt.Fprintf(&b, "\nsinks:\n  result: {from: %s, csv: {path: \"${{ params.out }}\"}}\n", from)
	return b.String()
}

func (e Expr) sql() string {
	switch {
	case len(e.Args) > 0:
		return "(" + e.Args[0].sql() + " " + e.Op + " " + e.Args[1].sql() + ")"
	case e.Op == "weekday":
		return "isodow(date)"
	case e.Op != "":
		return e.Op + "(date)"
	case e.Column != "":
		return e.Column
	}
	return decimal(e.Const) + "::DOUBLE" // or it would be a decimal, and computed as one
}

func (p Predicate) sql() string {
	switch {
	case p.In != nil:
		return p.Of.sql() + " IN (" + quoted(p.In, "'") + ")"
	case p.Known:
		return p.Of.sql() + " IS NOT NULL"
	case p.Less:
		return p.Of.sql() + " < " + Expr{Const: p.Than}.sql()
	}
	return p.Of.sql() + " > " + Expr{Const: p.Than}.sql()
}

func (a Aggregate) sql() string {
	of, name := a.Of, a.Func
	if of == "" {
		of = "*"
	}
	if name == "mean" {
		name = "avg"
	}
	return name + "(" + of + ") AS " + a.Name
}

func (k Key) sql() string {
	if k.Desc {
		return k.Name + " DESC"
	}
	return k.Name
}

// SQL writes the query for DuckDB, with $path and $out to be replaced.
func (q Query) SQL() string {
	var b strings.Builder
	b.WriteString("COPY (\n  WITH rows AS (\n    SELECT *")
	for _, c := range q.Derive {
		b.WriteString(", " + c.Expr.sql() + " AS " + c.Name)
	}
	b.WriteString("\n    FROM read_parquet('$path')\n  )")
	from := "rows"
	if len(q.Filter) > 0 {
		b.WriteString(", kept AS (\n    SELECT * FROM rows WHERE " + join(q.Filter, " AND ", Predicate.sql) + "\n  )")
		from = "kept"
	}
	if q.Join != nil {
		on := strings.Join(q.Join.On, ", ")
		fmt.Fprintf(&b, ", known AS (\n    SELECT %s, count(*) AS key_rows, avg(%s) AS key_mean FROM %s GROUP BY %s\n  )", on, q.Join.Mean, from, on)
		from += " JOIN known USING (" + on + ")"
	}
	by := strings.Join(q.By, ", ")
	b.WriteString("\n  SELECT ")
	if by != "" {
		b.WriteString(by + ", ")
	}
	b.WriteString(join(q.Aggs, ", ", Aggregate.sql) + "\n  FROM " + from)
	if by != "" {
		b.WriteString("\n  GROUP BY " + by)
	}
	if len(q.Sort) > 0 {
		b.WriteString("\n  ORDER BY " + join(q.Sort, ", ", Key.sql))
	}
	b.WriteString("\n) TO '$out' (FORMAT csv, HEADER);\n")
	return b.String()
}

func (e Expr) polars() string {
	switch {
	case len(e.Args) > 0:
		return e.Args[0].polars() + map[string]string{"+": ".add(", "-": ".sub(", "*": ".mul("}[e.Op] + e.Args[1].polars() + ")"
	case e.Op != "":
		return `pl.col("date").dt.` + e.Op + "().cast(pl.Int64)"
	case e.Column != "":
		return `pl.col("` + e.Column + `")`
	}
	return "pl.lit(" + decimal(e.Const) + ")"
}

func (p Predicate) polars() string {
	switch {
	case p.In != nil:
		return p.Of.polars() + ".isIn([" + quoted(p.In, `"`) + "])"
	case p.Known:
		return p.Of.polars() + ".isNotNull()"
	case p.Less:
		return p.Of.polars() + ".lt(" + decimal(p.Than) + ")"
	}
	return p.Of.polars() + ".gt(" + decimal(p.Than) + ")"
}

func (a Aggregate) polars() string {
	if a.Of == "" {
		return `pl.len().alias("` + a.Name + `")`
	}
	return `pl.col("` + a.Of + `").` + a.Func + `().alias("` + a.Name + `")`
}

// Polars writes the query as a module of a lazy frame.
func (q Query) Polars() string {
	var b strings.Builder
	b.WriteString("module.exports = ({ pl, flights }) => {\n  const rows = flights")
	if len(q.Derive) > 0 {
		b.WriteString("\n    .withColumns(" + join(q.Derive, ", ", func(c Column) string { return c.Expr.polars() + `.alias("` + c.Name + `")` }) + ")")
	}
	for _, p := range q.Filter {
		b.WriteString("\n    .filter(" + p.polars() + ")")
	}
	b.WriteString(";\n")
	from := "rows"
	if q.Join != nil {
		on := "[" + quoted(q.Join.On, `"`) + "]"
		fmt.Fprintf(&b, "  const known = rows.groupBy(%s).agg(pl.len().cast(pl.Int64).alias(\"key_rows\"), pl.col(%q).mean().alias(\"key_mean\"));\n", on, q.Join.Mean)
		from = "rows.join(known, { on: " + on + " })"
	}
	b.WriteString("  return " + from)
	aggs := join(q.Aggs, ", ", Aggregate.polars)
	if len(q.By) > 0 {
		fmt.Fprintf(&b, "\n    .groupBy([%s])\n    .agg(%s)", quoted(q.By, `"`), aggs)
	} else {
		b.WriteString("\n    .select(" + aggs + ")")
	}
	if len(q.Sort) > 0 {
		names := join(q.Sort, ", ", func(k Key) string { return strconv.Quote(k.Name) })
		fmt.Fprintf(&b, "\n    .sort([%s], [%s])", names, join(q.Sort, ", ", func(k Key) string { return strconv.FormatBool(k.Desc) }))
	}
	b.WriteString(";\n};\n")
	return b.String()
}
