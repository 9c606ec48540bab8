// Package dags declares: it reads DAG files, checks what can be said of them without data, and draws them.
package dags

import (
	"time"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// Pipeline is a DAG file, read and decoded. What is wrong with it is in the diagnostics that Load gives beside it; a pipeline with
// errors is whole enough to be checked further.
type Pipeline struct {
	File      string
	Folder    string // that relative paths written in the file start from
	Name      string
	Doc       string
	Digest    string // SHA-256 of the canonical form, parameters filled in
	Params    []Param
	Resources Resources
	Sources   []*Source
	Task      *Task // nil: none
	Steps     []*Step
	Gates     *Gates
	Publish   *Publish
	Sinks     []*Sink
	Tests     []*Test
	Schedule  *Schedule
	Root      *param.Node
}

// Param is a declared parameter with its value.
type Param struct {
	Name, Type string // Type: string, path, date, int, float, bool
	Value      string // as text; a path is relative to Pipeline.Folder or absolute
	Doc        string
	Bad        bool // it has no value, and the reason is reported
	Set        bool // given on the command line or in the environment
	Place      diag.Place
}

// Resources change speed, never results.
type Resources struct {
	MemoryBytes int64 // 0: not said
	Cores       int   // 0: all
	GPU         string
}

// Source is a declared source.
type Source struct {
	ID       string
	Doc      string
	Format   string // "parquet", a connector's name
	Options  *param.Node
	Decoded  connectors.Options // Options read, their path joined to the right folder; nil where they could not be
	Bad      bool               // the format or its options are mistaken: nothing is known of the source, and nothing reported for that
	Columns  []Column           // the contract; nil: none declared
	RowsMin  int64
	RowsMax  int64 // 0: no bound
	Place    diag.Place
	Line     string
	ExpectAt diag.Place
}

// Column is a line of a source's contract.
type Column struct {
	Name       string
	Type       *batch.Type // nil: as in the file
	Nullable   bool
	Min, Max   *float64
	Categories []string
	KnownAt    string
	Place      diag.Place // of the name
	Node       *param.Node
}

// Task is the task block: what operators see, and what only the plan needs.
type Task struct {
	operators.Task
	Moments   []string
	PredictAt string
	Bad       bool     // something in it is mistaken and reported: what follows from that is not
	Allow     []string // columns that may be features though the label was made from them
	Node      *param.Node
}

// Step is one operator where it stands. A do list of n items is n steps, with ids "name[0]" ...; references to "name" mean the last.
type Step struct {
	ID      string
	Name    string // the key in steps:
	Op      operators.Op
	Spec    operators.Spec
	Options *param.Node // what was written behind the operator's name; a bare main option is wrapped in a map
	From    []Ref       // in the order of Spec.Inputs
	After   []string
	Only    operators.Parts // 0: all parts
	OnlyAt  diag.Place
	Doc     string
	Cache   *bool
	Retry   *Retry
	Timeout time.Duration
	Broken  []string   // options that are mistaken and reported; Op has their defaults, and Locate drops what Check says of them
	Bad     bool       // operator or input unknown: what it makes is not known, and nothing below is reported for that
	Place   diag.Place // of the operator's name
	Line    string
	Index   int  // of an item in its do list; 0 of a step without one
	Last    bool // references to Name mean this
}

// Retry is how often a step is tried again.
type Retry struct {
	Limit   int
	Backoff time.Duration
}

// Ref is a reference to a source or a step, resolved: ID is a source's or a flattened step's id.
type Ref struct {
	ID     string
	Part   string // "train", "valid", "test" or ""
	Output string // a declared output or ""
	Input  string // the name of the input it feeds, where inputs are named
	Text   string
	Place  diag.Place
	Line   string
}

// Gates decide on publishing.
type Gates struct {
	From         Ref
	FirstRun     string // "pass" or "fail"
	Overlap      string // "allow" or ""
	Groups       string // "allow" or "", of groups in train and in test
	Require      []Line
	Place        diag.Place
	RequirePlace diag.Place
}

// Line is a gate's expression with its place.
type Line struct {
	Text string
	Node *param.Node
}

// Publish says which step's model goes to the registry.
type Publish struct {
	Model Ref
	As    string
	Alias string
	Input string // pins the serving place
	Place diag.Place
}

// Sink writes a step's rows.
type Sink struct {
	ID      string
	From    Ref
	Format  string
	Options *param.Node
	Decoded connectors.Options // as of a Source
	Bad     bool
	Place   diag.Place
	Line    string
}

// Test is a test of a step, in the file.
type Test struct {
	Name    string
	Step    string // flattened id of the step whose rows are looked at; "" where there is no such step
	First   string // flattened id of the step that In goes to: Step, or the first item of its do list
	In, Out *param.Node
	Place   diag.Place
}

// Schedule is when the DAG runs.
type Schedule struct {
	Cron, Timezone string // Timezone: an IANA name, "UTC" where none is given
	Catchup        time.Duration
	Overlap        string
	Place          diag.Place
}

// Line is the line of the file that the column is declared on, for the caret.
func (c Column) Line() string {
	if c.Node == nil {
		return ""
	}
	return c.Node.Line
}
