package rel

import "github.com/headrace/headrace/operators/batch"

// Window adds columns that are computed from rows near a row: of those with equal By columns (null equals null), in the order of the
// keys Order, ties by identity. Rows, their order and identities stay. A column takes the place of one of its name.
type Window struct {
	From    Node
	By      []string
	Order   []Key
	Columns []Near
}

// Near is a column of a window.
type Near struct {
	Name string
	Func NearFunc
	Of   string // "" for Rank and RowNumber
	K    int    // rows: how far off (Lag, Lead), or how many, the row's own and those before it (the others)
	Type batch.Type
}

// NearFunc is a function of the rows near a row.
type NearFunc uint8

// The functions. Lag and Lead are the value of the row K before or behind, null where there is none. The others skip nulls, and are null
// where there are no values; sums and means are exact (kernels/exact), a sum of integers is int64, and an overflow is an error.
// Rank is 1 and how many rows come before those that are equal to this one in the keys; RowNumber counts from 1.
const (
	Lag NearFunc = iota
	Lead
	NearMean
	NearSum
	NearMin
	NearMax
	Rank
	RowNumber
)

// NearNames are the words for the functions, in their order.
var NearNames = [...]string{"lag", "lead", "mean", "sum", "min", "max", "rank", "row_number"}

func (f NearFunc) String() string { return NearNames[f] }

// Inputs gives From.
func (n Window) Inputs() []Node { return []Node{n.From} }
