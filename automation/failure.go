package automation

import (
	"context"
	"errors"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// errPanic stands for a panic in whatever the decision is made by.
var errPanic = errors.New("panic")

// noteTimeout is how long counting a failed attempt may take: what the attempt waited for may still be locked.
const noteTimeout = 2 * time.Second

// noteFailure counts failed attempts in a row, so that a conversation which cannot proceed is listed as stuck. It does
// nothing if the database itself is away, or if the worker was told to stop.
func (a *Automation) noteFailure(ctx context.Context, id string, failure error) {
	code := postgres.Code(failure)
	switch {
	case postgres.IsTimeout(failure):
		code = string(conversation.CodeUnavailable)
	case postgres.IsUnavailable(failure) || errors.Is(failure, context.Canceled) || conversation.CodeOf(failure) == conversation.CodeNotFound:
		return
	case code == "":
		code = string(conversation.CodeOf(failure))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	_, err := a.DB.DB.ExecContext(ctx, `UPDATE conversations SET tries = tries + 1, stuck_code = $2, failing_since = coalesce(failing_since, $3) WHERE id = $1::uuid`,
		id, code, a.Now())
	if err != nil {
		a.Logger.WarnContext(ctx, "failed attempt not counted", "conversation_id", id, "error", postgres.Code(err))
	}
}
