//go:build !amd64 || headrace_noasm

package cpu

func best() Level { return Go }
