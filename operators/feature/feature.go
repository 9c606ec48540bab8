// Package feature holds the operators that make features.
package feature
