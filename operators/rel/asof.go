package rel

// AsOf adds to each left row columns of one right row: of those with equal By columns, the one whose time is nearest in the direction
// given. Null equals nothing, and a null or NaN is no time. Of right rows with equal keys and times the last by identity counts. Rows of
// the left, their order and identities stay; where Inner is set those without a match go. The columns that are paired are of one kind,
// be it in two widths. Take are the right columns that come along, under the names given; of no row they are null.
type AsOf struct {
	L, R         Node
	LBy, RBy     []string
	LTime, RTime string
	Direction    Direction
	Strict       bool // an equal time is no match
	Inner        bool
	// Bounded says that times may be apart by no more than Ticks, the units that integers, dates and timestamps count, or Span of floats.
	Bounded bool
	Ticks   uint64
	Span    float64
	Take    map[string]string // right column -> output name
}

// Direction says on which side of a time another is looked for.
type Direction uint8

// The directions. Nearest takes the time before where one behind is as near.
const (
	Backward Direction = iota
	Forward
	Nearest
)

// Directions are the words for them, in their order.
var Directions = [...]string{"backward", "forward", "nearest"}

func (d Direction) String() string { return Directions[d] }

// Inputs gives both sides.
func (n AsOf) Inputs() []Node { return []Node{n.L, n.R} }
