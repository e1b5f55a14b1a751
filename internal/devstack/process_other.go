//go:build unix && !linux

package devstack

import "syscall"

// platformAttributes has nothing to add: only Linux has a parent-death signal. A child that is left behind is found
// at the next start.
func platformAttributes(*syscall.SysProcAttr, command) {}
