// Package operators is the contract between operators and the engine: what an operator says before a row is read, and the role
// by which it runs.
//
// An operator is its options: a struct whose fields declare them (package param reads the tags). It is immutable once decoded,
// starts no goroutines, reads no file, and never sees a row that it may not learn from: the engine selects rows before Add.
package operators

import (
	"context"
	"encoding"
	"errors"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/operators/rel"
)

// Class says what an operator does to rows.
type Class uint8

// The classes.
const (
	PerRow Class = iota // an output row is a function of its input row and of fitted state; row sets stay
	Rows                // drops, tags, repeats or orders rows; may also make columns
	Break               // output rows are others than input rows: an aggregate, a big join
)

func (c Class) String() string { return [...]string{"row", "rows", "break"}[c] }

// Site is where an operator stands in a DAG. In are the schemas of its inputs as the check saw them, whole: the engine may
// materialise fewer columns. Seed is the step's own, the same for every copy that a fold scope makes of it.
type Site struct {
	In    []Schema
	Task  Task
	Seed  uint64
	Model *Model // of input 0, where that is a model step
	// Published finds a model of the registry by its reference, for steps that go on from one: the same for Check and for Fit,
	// whatever is published meanwhile. No model and no error say that there is none yet, and that this DAG is what will publish it.
	// It is nil where there is no registry, as in the tests of a DAG file.
	Published func(ref string) (*Published, error)
}

// TaskKind is what is learnt.
type TaskKind string

// The kinds of task.
const (
	NoTask     TaskKind = "none"
	Binary     TaskKind = "binary"
	Multiclass TaskKind = "multiclass"
	Regression TaskKind = "regression"
	Ranking    TaskKind = "ranking"
	Anomaly    TaskKind = "anomaly"
)

// TaskKinds are all of them.
var TaskKinds = []TaskKind{Binary, Multiclass, Regression, Ranking, Anomaly, NoTask}

// Task is the DAG's task block, as operators see it.
type Task struct {
	Kind     TaskKind
	Label    string
	Positive string // binary: the label's value that counts as 1, as text; "" for true or 1
	Weight   string
	Group    string
	IDs      []string // columns that identify a row and are no features
}

// Op is an operator with its options.
type Op interface {
	// Check says all that the plan knows of the operator before a row is read. It reports every mistake at once and gives the
	// best Output that it can all the same, so that one mistake is one error.
	Check(s Site) (Output, diag.List)
	// Narrow gives the operator that makes these of its columns only (and fits for them only). A selection such as numeric()
	// becomes the names it stood for. Law: the bits of what is still made are the same. An operator that cannot make less gives
	// itself.
	Narrow(s Site, made []string) Op
}

// Output is what Check says: data, from which the plan derives schemas, lineage, leakage, moments, serving and narrowing.
type Output struct {
	Class   Class
	Made    []Made            // columns it makes; every other column of input 0 passes, carried by the engine
	Renamed map[string]string // old -> new, of columns that pass
	Only    []string          // of the columns of input 0, by their old names, what passes; nil: all (Break: none)
	NotNull []string          // columns below that have no nulls any more, though they pass
	Reads   Reads             // of a fit or reduce
	Needs   [][]string        // what an effect or a Rel reads, a list an input
	// Effects: outputs of the program that are no columns but say what happens to rows.
	Keep  string // Bool: rows where it is true stay (null and false go)
	Tag   string // Int64: the row's part from here on
	Key   string // Int64: what folds are drawn by from here on
	Times string // Int64: how often the row is there; copies are numbered
	// CrossFit asks for k folds: train rows get what the other folds' fit gives, all others and serving the full fit.
	CrossFit int
	Union    bool   // a Rel whose rows are those of all inputs; a column is found in each by its name
	Zip      bool   // all inputs are the same rows, side by side
	Splits   bool   // below it, rows have parts
	PartsOut Parts  // Splits: which parts there are below
	Model    *Model // it is a model step
	Eval     *Eval  // it is an evaluation of a model step
}

// Parts is batch.Parts, for declarations.
type Parts = batch.Parts

// Made is a column that the operator makes.
type Made struct {
	Field
	Apply []string // lineage: what one row of it needs of input 0
}

// Reads is what a fit or a reduce reads.
type Reads struct {
	Input int
	Parts Parts
	Cols  []string // batches and tables come with these columns, in this order; none: the fit needs no rows
	// Exempt marks the one exemption from leakage: a split that learns its cuts from all rows.
	Exempt bool
}

// Model is what a model step says of itself.
type Model struct {
	Kind     TaskKind
	Features []string
	Scores   []string   // its made columns, the one that metrics use first: "p", "pred"
	Before   *Published // that its fit goes on from; nil: it begins anew
	Start    string     // that in words, or why it begins anew; "" where nothing else was asked for
	Aim      Aim
}

// Aim is what a regression's pred stands for where that is not the mean by squared errors.
type Aim struct {
	Quantile float64 // it is that quantile; 0: none
	Power    float64 // the mean by Tweedie's deviance of that power: 1 is Poisson's, 2 the gamma distribution's; 0: none
}

// Eval is what an evaluation asks of the engine: batches come with Reads.Cols, then Raw (the columns of the serving place), then,
// for each model that is scored, Scores.
type Eval struct {
	Scores   []string // of the model's columns, what is compared
	Raw      []string // slices
	RawAt    []diag.At
	Champion string   // "models://name@alias"; "" for none
	Metrics  []string // the names that Finish gives
}

// Row is a role: a program known at plan time (derive, cast, filter, split by hash).
type Row interface {
	Op
	Program(s Site) program.Graph
}

// Pruner is a Row whose effect drops rows and that can tell, from what a file says of a unit's columns, that it would keep none of
// them: the unit is then not read. Never gives the
// function that says so, which many goroutines may call: bounds says what is known of a column. It may answer true only if no row of such a unit
// can stay, nor fail.
type Pruner interface {
	Row
	Never(s Site) func(bounds func(col string) (batch.Bounds, bool)) bool
}

// Learn is a role: one or more passes of an accumulator over rows, then a program.
type Learn interface {
	Op
	Begin(s Site) Fit
}

// Fit is one fit under way. It owns what passes between passes and marshals with it.
type Fit interface {
	Acc() Acc // empty, for the pass at hand
	// End takes the merged accumulator of a pass and says whether there is another.
	End(env Env, a Acc) (again bool, err error)
	Fitted() Fitted
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// Acc accumulates rows. It is a commutative monoid to the bit: any cut, order or grouping of the rows gives the same marshalled
// state. One goroutine uses it at a time.
type Acc interface {
	Add(c *batch.Ctx, b batch.Batch) error // b lives until Add returns
	Merge(o Acc) error                     // o, of the same Fit and pass, is left as it was
	Bytes() int64                          // memory held
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler // into an empty one; bad input is an error
}

// Fitted is the outcome of a fit.
type Fitted struct {
	Program program.Graph
	Notes   Notes
}

// Notes is what a fit tells people.
type Notes struct {
	Start      string       // as Model's, with what came of it
	Importance []Importance // most important first
	Curves     []Curve
	Facts      []Fact
}

// Importance is a feature's share of what a model does; shares sum to 1.
type Importance struct {
	Feature string
	Gain    float64
}

// Curve is a named line of points.
type Curve struct {
	Name string
	X, Y []float64
}

// Fact is a short name with a short text.
type Fact struct{ Name, Text string }

// Table is rows in canonical order, each column in one piece, in the order of Reads.Cols. It lives until Fit returns.
type Table struct {
	N    int
	Cols []batch.Column
}

// Gather is a role for learners that need all rows at once, in canonical order.
type Gather interface {
	Op
	Fit(s Site, env Env, train, valid Table) (Fitted, error)
}

// Reduce is a role: rows to a result (evaluate). models are the names of what is scored, "" for the new model.
type Reduce interface {
	Op
	Start(s Site, models []string) Acc
	Finish(s Site, models []string, env Env, a Acc) (Result, error)
}

// Probe is a role: a result that comes of running the model itself (permutation importance). model is the fitted program of the model
// step that it stands behind, from its features to its scores; rows are those of Reads.Parts with Reads.Cols, in canonical order.
type Probe interface {
	Op
	Measure(s Site, env Env, model program.Graph, rows Table) (Result, error)
}

// Result is what a Reduce or a Probe gives.
type Result struct {
	Models []ModelResult // one for each of models, in that order
}

// ModelResult is one model's share of a Result.
type ModelResult struct {
	Name      string // "" or "champion"
	Rows      int64
	Metrics   []Metric
	Slices    []Slice
	Curves    []Curve // "roc", "precision_recall", "calibration", "residuals"
	Confusion [][]int64
	Classes   []ClassResult // multiclass: of Confusion's rows and columns, the same for all models of a result
	Influence []Influence   // of a Probe: the greatest drop first
}

// Influence is how much a model owes to a feature.
type Influence struct {
	Feature      string
	Drop, Spread float64 // by how much the metric gets worse without it, and the standard deviation of that
	Shap         float64 // the mean size of what it adds to the raw score; NaN where the model cannot say
}

// ClassResult is how a model does on one class of many.
type ClassResult struct {
	Name                       string
	Rows                       int64 // whose label it is
	Unknown                    bool  // the model does not know it
	Precision, Recall, F1, AUC float64
}

// Metric is a number with a name.
type Metric struct {
	Name  string
	Value float64
}

// Slice is the metrics of the rows where a column has a value.
type Slice struct {
	Column, Value string
	Rows          int64
	Metrics       []Metric
}

// Rel is a role: a relational node that the engine runs and spills. One that names its Keep is a rel.Distinct of its one input: the
// engine finds the rows that stay, and gives the program of Keep.
type Rel interface {
	Op
	Lower(s Site, in []rel.Node) rel.Node
}

// Macro is a role: an operator that is a sub-plan of others (a stack, a calibration, a search). Its own Check finds mistakes in
// its options; the expansion is what is typed.
type Macro interface {
	Op
	Expand(s Site, b Build, in ...Node) Node
}

// Node is a place in a plan.
type Node interface{ Schema() Schema }

// Build is what a Macro makes its sub-plan with.
type Build interface {
	Step(id string, op Op, in ...Node) Node
	// Folds calls body k+1 times: for each fold without its train rows, then with all; train rows take the column values that the
	// fit without them gives.
	Folds(id string, k int, in Node, body func(Node) Node) Node
}

// Env is what the engine lends to a fit. A nil func is replaced by the engine, never by an operator: tests use TestEnv.
type Env struct {
	Context  context.Context
	Seed     uint64
	Parallel func(n int, f func(i int)) // runs f(0..n-1), in any order, on any number of workers
	Grant    func(bytes int64) error    // asks for memory of a stated size; an error fails the step
	Log      func(metric string, step int, value float64)
	Progress func(done, total int)
}

// TestEnv is an Env that runs on the caller's goroutine.
func TestEnv() Env {
	return Env{Context: context.Background(), Parallel: func(n int, f func(int)) {
		for i := range n {
			f(i)
		}
	}, Grant: func(int64) error { return nil }, Log: func(string, int, float64) {}, Progress: func(int, int) {}}
}

// ErrData is wrapped by errors that come of the data and not of the program: no rows, a label with one class, an overflow. They
// exit with code 4.
type ErrData struct{ Err error }

// ErrNoRows is in the ErrData of a learner that no row reached.
var ErrNoRows = errors.New("there are no rows to learn from")

func (e *ErrData) Error() string { return e.Err.Error() }
func (e *ErrData) Unwrap() error { return e.Err }
