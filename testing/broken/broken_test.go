package broken

import (
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/testing/laws"
)

// TestCaught holds that each fault is caught by the law that it breaks, and by no other.
func TestCaught(t *testing.T) {
	for fault, law := range Faults {
		t.Run(string(fault), func(t *testing.T) {
			found := laws.Check(Spec(fault))
			if len(found) == 0 {
				t.Fatalf("nothing is found; %s should be", law)
			}
			for _, v := range found {
				if string(v.Law) != law {
					t.Errorf("want %s alone: %s", law, v)
				}
			}
		})
	}
}

// TestSound holds that without a fault the same operators are within the laws.
func TestSound(t *testing.T) {
	row, fit, gather := Spec(Sound), Spec(PlainSum), Spec(SumsByTask)
	fit.New = func() operators.Op { return &fitOp{} }
	gather.New = func() operators.Op { return &quiet{gatherOp{}} }
	for _, spec := range []operators.Spec{row, fit, gather} {
		laws.Run(t, spec)
	}
}

// quiet is a gather that adds up in the order of rows.
type quiet struct{ gatherOp }

func (o *quiet) Narrow(_ operators.Site, made []string) operators.Op {
	return &quiet{gatherOp{o.narrow(made)}}
}

func (o *quiet) Fit(_ operators.Site, _ operators.Env, train, _ operators.Table) (operators.Fitted, error) {
	sum := 0.0
	for _, v := range train.Cols[0].Float64s() {
		sum = sum/3 + v
	}
	return operators.Fitted{Program: o.graph(sum)}, nil
}
