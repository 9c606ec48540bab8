// Package all imports every connector, for who wants the whole catalogue.
package all

import (
	// Each registers its format.
	_ "github.com/headrace/headrace/connectors/arrowipc"
	_ "github.com/headrace/headrace/connectors/csv"
	_ "github.com/headrace/headrace/connectors/parquet"
)
