package devstack

import "syscall"

// capDACOverride is CAP_DAC_OVERRIDE of linux/capability.h.
const capDACOverride = 1

// platformAttributes makes the child end with this process, and lets a child that runs as another user enter a checkout
// which only root may enter (as in /root).
func platformAttributes(attr *syscall.SysProcAttr, c command) {
	if !c.detach {
		attr.Pdeathsig = c.death
	}
	if c.as != nil && c.as.shutOut {
		attr.AmbientCaps = []uintptr{capDACOverride}
	}
}
