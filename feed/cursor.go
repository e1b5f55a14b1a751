package feed

import (
	"cmp"
	"strconv"
	"strings"

	"guichet.dev/guichet/conversation"
)

// Cursor is a place in the feed: behind everything up to and including the row that it names. The zero XID and ID are the
// beginning. The epoch changes when the database is restored from a backup, which ends the meaning of all cursors.
type Cursor struct {
	Epoch int64
	XID   uint64
	ID    int64
}

// base is that of the numbers in a cursor's text.
const base = 36

// String returns the cursor as clients keep it. They must not look into it.
func (c Cursor) String() string {
	return strconv.FormatInt(c.Epoch, base) + "-" + strconv.FormatUint(c.XID, base) + "-" + strconv.FormatInt(c.ID, base)
}

// ParseCursor reads what String wrote.
func ParseCursor(text string) (Cursor, error) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return Cursor{}, badCursor()
	}
	epoch, err1 := strconv.ParseInt(parts[0], base, 64)
	xid, err2 := strconv.ParseUint(parts[1], base, 64)
	id, err3 := strconv.ParseInt(parts[2], base, 64)
	c := Cursor{epoch, xid, id}
	if err1 != nil || err2 != nil || err3 != nil || c.String() != text {
		return Cursor{}, badCursor()
	}
	return c, nil
}

func badCursor() error {
	return conversation.Invalid("cursor", "must be a cursor that this server gave out")
}

// Compare orders cursors of one epoch.
func (c Cursor) Compare(other Cursor) int {
	return cmp.Or(cmp.Compare(c.XID, other.XID), cmp.Compare(c.ID, other.ID))
}
