// Package table holds the operators that put tables together or fold them up.
package table
