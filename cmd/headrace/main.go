// Command headrace checks, runs, gates, publishes and scores training pipelines.
package main

import (
	"github.com/headrace/headrace/cmd/command"

	_ "github.com/headrace/headrace/connectors/all"
	_ "github.com/headrace/headrace/operators/all"
)

func main() { command.Main() }
