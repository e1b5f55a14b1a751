package inbox

import (
	"context"

	"guichet.dev/guichet/conversation"
)

// CountedTo is up to where counts are exact.
const CountedTo = 999

// Count is how many conversations there are.
type Count struct {
	Count int  `json:"count" maximum:"999"`
	More  bool `json:"more,omitempty" doc:"There are more than these"`
}

// Count counts the conversations that the caller asks for and may see, exactly up to CountedTo.
func (in *Inbox) Count(ctx context.Context, by conversation.Caller, c Criteria) (Count, error) {
	if err := c.Check(); err != nil {
		return Count{}, err
	}
	s, err := in.selectFor(ctx, by, c)
	if err != nil {
		return Count{}, err
	}
	var n int
	condition := "true"
	if c.View == ViewWaiting || c.Waiting {
		condition = "c.waiting_since IS NOT NULL" // which is all that its index has
	}
	query := s.from("c.id", condition, "", CountedTo+1)
	if err := in.DB.DB.QueryRowContext(ctx, "SELECT count(*) FROM ("+query+") AS counted", s.args...).Scan(&n); err != nil {
		return Count{}, wrap("count conversations", err)
	}
	return Count{Count: min(n, CountedTo), More: n > CountedTo}, nil
}
