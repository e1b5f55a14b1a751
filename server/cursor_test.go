package server

import (
	"testing"
	"time"

	"guichet.dev/guichet/inbox"
)

func TestCursorComesBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 123_456_000, time.UTC)
	for _, c := range []inbox.Cursor{
		{}, {At: at}, {At: at, Seq: 42}, {Seq: 7}, {ID: "019ab000-0000-7000-8000-000000000001"},
		{At: at, Seq: 1, ID: "019ab000-0000-7000-8000-000000000001"}, {At: time.Unix(0, 0).UTC(), Seq: 1},
	} {
		got, err := decodeCursor(encodeCursor(c))
		if err != nil || got != c {
			t.Errorf("%+v came back as %+v (%v)", c, got, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "MSwsMCw", "MSwxNzAwMDAwMDAwMDAwMDAwLDUs", "====", "MSwsLA", "Miw", "\x00\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := decodeCursor(text)
		if err != nil {
			return
		}
		again, err := decodeCursor(encodeCursor(c))
		if err != nil || again != c {
			t.Errorf("%q: %+v came back as %+v (%v)", text, c, again, err)
		}
	})
}
