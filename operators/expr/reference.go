package expr

// Operators lists the operators and the other forms of the language for its reference, those that bind tightest first. Each
// Signature is an expression that checks over columns x, y (int64), b (bool), s, t (string) and "a name" (int64).
func Operators() []Function {
	return []Function{
		{"col", `col("a name")`, "A column whose name is no plain word."},
		{"**", "x ** y", "x to the power y, a float; `x ^ y` is the same."},
		{"-x", "-x", "The number with its sign changed; of an integer an integer."},
		{"*", "x * y", "The product: of integers an integer, else a float."},
		{"/", "x / y", "The quotient, a float even of integers; by zero it is infinite or NaN. `div(x, y)` is the integer one."},
		{"%", "x % y", "The remainder of two integers, with the sign of x; by zero it is an error of the row."},
		{"+", "x + y", "The sum: of integers an integer, else a float; of two texts, one after the other."},
		{"-", "x - y", "The difference: of integers an integer, else a float. Times are subtracted by `days_between` and `seconds_between`."},
		{"in", `s in ["SFO", "LAX"]`, "Whether the value is one of those listed, which are literals."},
		{"..", "x in 1..5", "Whether an integer is from 1 to 5, both included; it stands behind `in` only."},
		{"contains", `s contains "air"`, "Whether a text holds another."},
		{"startsWith", `s startsWith "A"`, "Whether a text begins with another."},
		{"endsWith", `s endsWith t`, "Whether a text ends with another."},
		{"matches", `s matches "^A[0-9]+$"`, "Whether a text matches a regular expression (RE2), which is a literal; without ^ and $ anywhere in the text."},
		{"<", "x < y", "Also `<=`, `>`, `>=`: of numbers, texts (by bytes), dates and timestamps. `0 < x < 5` is `0 < x and x < 5`."},
		{"==", "x == y", "Also `!=`: of values of one type, or of two numbers."},
		{"nil", "x == nil", "Whether a value is missing; `x != nil` is whether it is not. Neither is ever null."},
		{"not", "not b", "True of false, false of true, null of null; `!b` is the same."},
		{"and", "b and x > 3", "False if a side is false, else null if one is null, else true; `&&` is the same."},
		{"or", "b or x > 3", "True if a side is true, else null if one is null, else false; `||` is the same."},
		{"??", "x ?? 0", "The left value, and where it is null the right one."},
		{"?:", "b ? x : y", "x where b is true, y where it is false, null where b is null; a branch may be nil."},
		{"let", "let d = x - y; d * d", "A name for a value that is used more than once."},
	}
}

// Rules say how expressions compute, a rule each.
func Rules() []string {
	return []string{
		"Integers compute in 64 bits, and a result that does not fit is an error of the row. Other numbers compute as float64; a decimal is exact only where it is " +
			"compared with a literal or a decimal of the same scale.",
		"A null makes the result null, but for `== nil`, `!= nil`, `??`, the branch of `?:` that is not taken, and the other side of `and` and `or` where it decides alone. " +
			"clean.filter drops rows whose condition is null.",
		"NaN is a value, not a null: no comparison with it is true but `!=`. is_nan(x) asks for it.",
		"The right of `and`, `or` and `??`, and the branches of `?:`, raise no error where they are not asked: `x != 0 and div(y, x) > 3`.",
		"An error of a row ends the run. try_int, try_float, try_date and try_timestamp give null where int, float, date and timestamp raise one.",
		"A literal text compared with a date or timestamp is read as one when the file is checked: `date >= \"2001-01-05\"`.",
		"Literals: 15, 1.5, 1e6, true, false, nil, \"text\" or 'text'. In YAML, put an expression into quotes.",
	}
}
