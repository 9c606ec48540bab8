package operators

import (
	"fmt"

	"github.com/headrace/headrace/operators/program"
)

// Published is a model of the registry, as a step that goes on from it sees it.
type Published struct {
	Name    string
	Version int
	Hash    string        // of the model: models of one hash predict alike to the bit
	Task    Task          // its kind, label and positive value
	Graph   program.Graph // from the columns of a request to the scores
	// Splits give the part that a row had, from such columns: in the fit of this model, and of those that it went on from itself.
	Splits []*program.Graph
}

// String names it, with as much of its hash as people read.
func (p *Published) String() string {
	return fmt.Sprintf("%s version %d (%.12s)", p.Name, p.Version, p.Hash)
}
