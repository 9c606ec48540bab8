// Package flights holds the DAG file that the reference begins with.
package flights

import _ "embed"

// DAG is flight_delay.yaml.
//
//go:embed flight_delay.yaml
var DAG string
