// Package clean holds the operators that take out what is wrong with rows and columns.
package clean
