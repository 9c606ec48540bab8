package broken

import (
	"errors"
	"sync"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

var errCorrupt = errors.New("broken: as many outputs as factors are wanted")

type gatherOp struct{ Op }

// Check adds what the fit reads.
func (o *gatherOp) Check(s operators.Site) (operators.Output, diag.List) {
	out, l := o.Op.Check(s)
	if !l.Failed() {
		out.Reads = operators.Reads{Parts: batch.TrainRows, Cols: []string{"w"}}
	}
	return out, l
}

func (o *gatherOp) Narrow(_ operators.Site, made []string) operators.Op {
	return &gatherOp{o.narrow(made)}
}

// Fit adds up w, a task a row, in whatever order the tasks end.
func (o *gatherOp) Fit(_ operators.Site, env operators.Env, train, _ operators.Table) (operators.Fitted, error) {
	var mu sync.Mutex
	sum := 0.0
	w := train.Cols[0].Float64s()
	env.Parallel(train.N, func(i int) {
		mu.Lock()
		defer mu.Unlock()
		sum = sum/3 + w[i]
	})
	return operators.Fitted{Program: o.graph(sum)}, nil
}
