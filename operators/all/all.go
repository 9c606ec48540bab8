// Package all registers every operator there is.
package all

import (
	// An operator registers itself when its package is linked, which is all that these imports are for.
	_ "github.com/headrace/headrace/operators/clean"
	_ "github.com/headrace/headrace/operators/evaluate"
	_ "github.com/headrace/headrace/operators/feature"
	_ "github.com/headrace/headrace/operators/sample"
	_ "github.com/headrace/headrace/operators/table"
	_ "github.com/headrace/headrace/operators/train/forest"
	_ "github.com/headrace/headrace/operators/train/gbdt"
	_ "github.com/headrace/headrace/operators/train/isolation"
	_ "github.com/headrace/headrace/operators/train/linear"
	_ "github.com/headrace/headrace/operators/train/logistic"
)
