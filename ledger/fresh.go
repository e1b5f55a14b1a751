package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// maxNews is how many events a refusal as stale tells, the newest.
const maxNews = 50

var noNews = func() (kinds []string) {
	for _, k := range conversation.NoNews() {
		kinds = append(kinds, string(k))
	}
	return kinds
}()

// Fresh refuses a caller who says up to where they know the conversation, if somebody else did something after that. The
// caller's own acts are no news to them.
func Fresh(ctx context.Context, tx bun.Tx, by conversation.Caller, row *Row) error {
	if by.Seen == 0 || by.Seen >= row.LastSeq {
		return nil
	}
	var news []conversation.Event
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		var (
			e     conversation.Event
			cause []byte
			data  []byte
		)
		if err := found.Scan(&e.Seq, &e.Kind, &e.Actor.Kind, &e.Actor.ID, &cause, &data, &e.At); err != nil {
			return err
		}
		if cause != nil {
			if err := json.Unmarshal(cause, &e.Cause); err != nil {
				return err
			}
		}
		news = append(news, e)
		return json.Unmarshal(data, &news[len(news)-1].Data)
	}, `SELECT seq, kind, actor_kind, actor_id, cause, data, at FROM events WHERE conversation_id = $1::uuid AND seq > $2
		AND kind <> ALL ($3::text[]) AND (actor_kind, actor_id) <> ($4, $5) ORDER BY seq DESC LIMIT $6`,
		row.ID, by.Seen, noNews, string(by.Kind), by.ID, maxNews)
	if err != nil {
		return fmt.Errorf("look for news: %w", err)
	}
	if len(news) == 0 {
		return nil
	}
	slices.Reverse(news)
	stale := conversation.Errorf(conversation.CodeStale, "something happened since you looked; look again and decide anew")
	stale.Details = map[string]any{"last_seq": row.LastSeq, "events": news}
	return stale
}
