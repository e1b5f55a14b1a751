// Package clock gives the product's time. It is the machine's time, except in demo mode, where it follows the shifted
// clock of the simulator so that a window can close without waiting a day.
package clock

import (
	"sync/atomic"
	"time"
)

// Clock is the machine's clock with an offset. The zero value has none. It is safe for concurrent use.
type Clock struct {
	offset atomic.Int64
}

// Now returns the time in UTC, without a monotonic reading, to the microsecond that Postgres keeps.
func (c *Clock) Now() time.Time {
	return time.Now().Add(c.Offset()).UTC().Truncate(time.Microsecond)
}

// Offset returns by how much the clock is ahead of the machine's.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// Shift sets the offset and reports whether it changed.
func (c *Clock) Shift(offset time.Duration) bool {
	return c.offset.Swap(int64(offset)) != int64(offset)
}
