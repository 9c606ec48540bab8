// Package sample holds the operators that choose rows, or say which part they belong to.
package sample
