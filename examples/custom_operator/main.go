// Command custom_operator is headrace with one more operator: this folder shows what it takes to add one's own.
package main

import (
	"github.com/headrace/headrace/cmd/command"

	_ "github.com/headrace/headrace/connectors/all"
	_ "github.com/headrace/headrace/operators/all"
)

func main() { command.Main() }
