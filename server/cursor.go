package server

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/postgres"
)

// cursorVersion begins a cursor's text; it changes with its form, so that an old one is refused instead of misread.
const cursorVersion = "3"

// maxCursor is the longest cursor that is looked at.
const maxCursor = 200

// encodeCursor returns the cursor as callers see it: opaque text, empty for zero. Times are exact to the microsecond.
func encodeCursor(c inbox.Cursor) string {
	if c.Zero() {
		return ""
	}
	text := strings.Join([]string{
		cursorVersion, encodeTime(c.At), strconv.FormatInt(c.Seq, 10), c.ID, string(c.Sort), strconv.Itoa(c.Phase), encodeTime(c.AsOf), c.Of,
	}, ",")
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// decodeCursor reads what encodeCursor wrote.
func decodeCursor(text string) (inbox.Cursor, error) {
	if text == "" {
		return inbox.Cursor{}, nil
	}
	c, ok := parseCursor(text)
	if !ok {
		return inbox.Cursor{}, conversation.Invalid("cursor", "is not a cursor: take next_cursor of the page before, as it is")
	}
	return c, nil
}

func parseCursor(text string) (c inbox.Cursor, ok bool) {
	if len(text) > maxCursor {
		return c, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(raw), ",")
	if err != nil || len(parts) != 8 || parts[0] != cursorVersion {
		return c, false
	}
	if c.At, ok = decodeTime(parts[1]); !ok {
		return c, false
	}
	if c.Seq, err = strconv.ParseInt(parts[2], 10, 64); err != nil {
		return c, false
	}
	if c.ID = parts[3]; c.ID != "" && !postgres.IsID(c.ID) {
		return c, false
	}
	c.Sort = inbox.Sort(parts[4])
	if c.Phase, err = strconv.Atoi(parts[5]); err != nil {
		return c, false
	}
	c.AsOf, ok = decodeTime(parts[6])
	c.Of = parts[7]
	return c, ok
}

func encodeTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// decodeTime reads what encodeTime wrote.
func decodeTime(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	micros, err := strconv.ParseInt(text, 10, 64)
	t := time.UnixMicro(micros).UTC()
	return t, err == nil && t.Year() >= 1 && t.Year() <= 9999
}

// Paging is the part of a request that asks for a page.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before; leave out for the first page"`
}

// page is a part of a longer list.
type page[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"For the next page; absent on the last one"`
}

func replyPage[T any](items []T, next inbox.Cursor, err error) (*answer[page[T]], error) {
	if items == nil {
		items = []T{}
	}
	return reply(page[T]{Items: items, NextCursor: encodeCursor(next)}, err)
}
