package diag

// Code is stable: a script may match on it. E is an error, W a warning.
type Code string

// Severity follows from the first letter.
func (c Code) Severity() Severity {
	if len(c) > 0 && c[0] == 'W' {
		return Warning
	}
	return Error
}

// The codes. Ranges: E01 the file as text, E02 names and options, E03 columns and types, E04 parts, leakage, moments,
// E05 models, gates, publishing, E06 sources and sinks.
const (
	YAMLSyntax       Code = "E0101"
	YAMLSubset       Code = "E0102"
	DuplicateKey     Code = "E0103"
	UnknownKey       Code = "E0104"
	WrongShape       Code = "E0105"
	MissingKey       Code = "E0106"
	BadScalar        Code = "E0107"
	BadName          Code = "E0108"
	BadArgument      Code = "E0109"
	UnknownOperator  Code = "E0201"
	UnknownReference Code = "E0202"
	UnknownParam     Code = "E0203"
	UnknownOption    Code = "E0204"
	OptionType       Code = "E0205"
	OptionBound      Code = "E0206"
	OptionMissing    Code = "E0207"
	OptionChoice     Code = "E0208"
	Cycle            Code = "E0209"
	InputCount       Code = "E0210"
	UnknownOutput    Code = "E0211"
	NoColumn         Code = "E0212"
	OptionConflict   Code = "E0213"
	ColumnType       Code = "E0301"
	ColumnTwice      Code = "E0302"
	ExprSyntax       Code = "E0303"
	ExprType         Code = "E0304"
	ExprFunction     Code = "E0305"
	ExprCost         Code = "E0306"
	Nullable         Code = "E0307"
	WideMember       Code = "E0308"
	RowSets          Code = "E0309"
	NoColumns        Code = "E0310"
	Leak             Code = "E0401"
	LeakMoment       Code = "E0402"
	LeakLabel        Code = "E0403"
	UnknownPart      Code = "E0404"
	NoPart           Code = "E0405"
	OnlyPart         Code = "E0406"
	TaskMissing      Code = "E0501"
	LabelBad         Code = "E0502"
	FeatureType      Code = "E0503"
	UnknownMetric    Code = "E0504"
	GateBad          Code = "E0505"
	NotAModel        Code = "E0506"
	ServePlace       Code = "E0507"
	ServeKnown       Code = "E0508"
	ContinueBad      Code = "E0509"
	SourceBad        Code = "E0601"
	SinkBad          Code = "E0602"
	Contract         Code = "E0603"
	UnusedStep       Code = "W0201"
	UnusedParam      Code = "W0202"
	Idle             Code = "W0203"
	UnknownMoment    Code = "W0401"
	FittedAgain      Code = "W0501"
)

// Summaries says each code in a few words; the reference is made from it, and a test holds that every code is here.
var Summaries = map[Code]string{
	YAMLSyntax:       "the file cannot be read, or is not YAML",
	YAMLSubset:       "YAML that a DAG file may not use: tags, anchors, aliases, merge keys, a second document, too deep, too long",
	DuplicateKey:     "one key twice in a map",
	UnknownKey:       "a key that is not known here",
	WrongShape:       "a map where a list is asked for, and the like",
	MissingKey:       "a key that must be there",
	BadScalar:        "a scalar that its field's type cannot read",
	BadName:          "an id that is not [a-z][a-z0-9_]*, or is used twice",
	UnknownOperator:  "no operator of that name",
	UnknownReference: "no source or step of that name",
	UnknownParam:     "no parameter of that name",
	UnknownOption:    "the operator has no such option",
	OptionType:       "an option of the wrong type",
	OptionBound:      "an option out of its bounds",
	OptionMissing:    "an option that must be given",
	OptionChoice:     "an option that is none of its choices",
	OptionConflict:   "options that do not go together",
	Cycle:            "steps that need each other",
	InputCount:       "too few or too many inputs",
	UnknownOutput:    "the step has no such output",
	NoColumn:         "no such column here",
	ColumnType:       "a column of a type that cannot be used here",
	ColumnTwice:      "a column made twice",
	ExprSyntax:       "an expression that does not parse",
	ExprType:         "an expression whose types do not fit",
	ExprFunction:     "no such function, or with other arguments",
	ExprCost:         "an expression too long, too deep or too costly",
	Nullable:         "a value that may be missing where it must not be",
	WideMember:       "a member of a wide column named before it is known",
	RowSets:          "branches that do not hold the same rows",
	NoColumns:        "a selection that selects nothing",
	Leak:             "a fit that would learn from rows it must not see",
	LeakMoment:       "a column that is known only after the moment of prediction",
	LeakLabel:        "a feature that the label was made from",
	UnknownPart:      "no part of that name",
	NoPart:           "a part that no split makes",
	OnlyPart:         "only: where the schema changes",
	TaskMissing:      "an operator that needs the task block",
	LabelBad:         "a label that cannot be learnt",
	FeatureType:      "a feature of a type that the model cannot take",
	UnknownMetric:    "a gate on a metric that the evaluation does not give",
	GateBad:          "a gate line that is no comparison",
	NotAModel:        "publish or evaluate of a step that is no model",
	ServePlace:       "serving would need rows of two places",
	ServeKnown:       "serving would need a column that is known too late",
	ContinueBad:      "training that cannot go on from a published model",
	SourceBad:        "a source that cannot be read",
	SinkBad:          "a sink that cannot be written",
	Contract:         "a source that breaks its contract",
	UnusedStep:       "a step that nothing uses",
	UnusedParam:      "a parameter that nothing uses",
	Idle:             "a key that is checked, and not acted on by this version",
	UnknownMoment:    "a feature that is not said when it is known",
	FittedAgain:      "a feature that is fitted again, under trees of a published model",
	BadArgument:      "an argument of the command that cannot be used",
}
