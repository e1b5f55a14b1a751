//go:build !failpoints

// Package failpoint lets a test kill the process at a chosen place. Without the build tag "failpoints" it does nothing.
package failpoint

// Hit marks a place at which the process may be killed.
func Hit(string) {}
