//go:build !linux

package trees

func large([]byte) {}
