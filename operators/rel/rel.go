// Package rel states what is done to whole tables, for the engine to run, spill and spread.
package rel

import "github.com/headrace/headrace/operators/batch"

// Node is a relational node. Column names are those of the node's input.
type Node interface{ Inputs() []Node }

// In is input I of the step.
type In struct{ I int }

// Key is a sort key. Order: nulls last (first where NullsFirst), NaN behind every number, text by bytes. Ties keep the order of
// identities.
type Key struct {
	Column     string
	Descending bool
	NullsFirst bool
}

// Sort orders rows and numbers them anew.
type Sort struct {
	From Node
	By   []Key
}

// Distinct keeps, of the rows with equal By columns (null equals null), the one of least identity, or the greatest where Last.
// Identities stay.
type Distinct struct {
	From Node
	By   []string
	Last bool
}

// How says which rows a join gives.
type How uint8

// The joins.
const (
	Inner How = iota
	Left
	Right
	Full
)

// Join pairs rows of equal keys; null equals nothing. The output is in the order of the left identity, then the right one, and is
// numbered anew. Left and Full have the left rows without a match too, in their place, and Right and Full the right ones, behind all
// others by their identity: these have the values of ROn in the columns LOn, which must be of one type. Take are the right columns that
// come along, under the names given.
type Join struct {
	L, R     Node
	LOn, ROn []string
	How      How
	Take     map[string]string // right column -> output name
}

// Agg is one aggregate.
type Agg struct {
	Name string // of the output column
	Func Func
	Of   string // the input column; "" for Count of rows
	Type batch.Type
	Q    float64 // of Quantile and ApproxQuantile: 0 to 1
}

// Func is an aggregate function. All skip nulls; of no values, Count and CountDistinct are 0 and the others null.
type Func uint8

// The aggregate functions. Sum and Mean of floats are exact (kernels/exact); Sum of integers is int64, an overflow is an error.
// First and Last are by identity. Of floats that are equal, or NaN, Min and Max give +0 and the one NaN, as the keys of groups are.
// Mean of integers is their exact sum, rounded, divided.
//
// Quantile orders the values, NaN greatest, and interpolates between the ranks around Q*(n-1) (type 7 of Hyndman and Fan); of a date or a
// timestamp it is one, rounded down. ApproxQuantile is the value of rank floor(Q*(n-1)) but for a relative error of at most 1/256.
const (
	Count Func = iota
	Sum
	Mean
	Min
	Max
	Var // of the population
	Std
	CountDistinct
	First
	Last
	Quantile
	ApproxQuantile
)

// FuncNames are the words for the functions, in their order.
var FuncNames = [...]string{"count", "sum", "mean", "min", "max", "var", "std", "count_distinct", "first", "last", "quantile", "approx_quantile"}

func (f Func) String() string { return FuncNames[f] }

// Aggregate gives a row a group of equal By columns (null equals null), in the order of the groups' least identities, numbered
// anew. Without By there is one group, even of no rows.
type Aggregate struct {
	From Node
	By   []string
	Aggs []Agg
}

// Inputs gives none.
func (In) Inputs() []Node { return nil }

// Inputs gives From.
func (n Sort) Inputs() []Node { return []Node{n.From} }

// Inputs gives From.
func (n Distinct) Inputs() []Node { return []Node{n.From} }

// Inputs gives both sides.
func (n Join) Inputs() []Node { return []Node{n.L, n.R} }

// Inputs gives From.
func (n Aggregate) Inputs() []Node { return []Node{n.From} }

// Union is the rows of all inputs, one input after the other, numbered anew; the rows of input i get part Parts[i] and the ordinal as
// the key of their folds. Columns are those of the first input, found in the others by name.
//
// Where ValidShare is above 0, the train rows become Valid by the hash of their By columns: those that program.HashPart with Seed gives
// part 0 under the one cut ValidShare.
type Union struct {
	From       []Node
	Parts      []batch.Part
	ValidShare float64
	By         []string
	Seed       uint64
}

// Inputs gives From.
func (n Union) Inputs() []Node { return n.From }
