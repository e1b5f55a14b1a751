package calendars

import (
	"context"
	"errors"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
)

// Status is a calendar at one moment.
type Status struct {
	At          time.Time  `json:"at"`
	Open        bool       `json:"open"`
	NextOpening *time.Time `json:"next_opening,omitempty" doc:"Absent if it never opens"`
	NextClosing *time.Time `json:"next_closing,omitempty" doc:"Absent if it never closes"`
	Holiday     string     `json:"holiday,omitempty"`
	// Between is the business time up to Question.Until, After is when Question.Plus of it has passed.
	BusinessSeconds *int64     `json:"business_seconds,omitempty" doc:"Business time between at and until"`
	After           *time.Time `json:"after,omitempty" doc:"When plus_seconds of business time have passed since at; absent if they never do"`
}

// Question is what to find out of a calendar.
type Question struct {
	At    time.Time
	Until time.Time     // zero: do not count
	Plus  time.Duration // 0: do not add
}

// Ask returns what a calendar says at one moment.
func (s *Store) Ask(ctx context.Context, id string, q Question) (Status, error) {
	c, err := s.Get(ctx, id)
	if err != nil {
		return Status{}, err
	}
	h, err := hours.Compile(c.Hours)
	if err != nil {
		return Status{}, inHours(err)
	}
	st := Status{At: q.At, Open: h.OpenAt(q.At)}
	st.Holiday, _ = h.Holiday(q.At)
	for _, border := range []struct {
		find func(time.Time) (time.Time, bool)
		to   **time.Time
	}{{h.NextOpening, &st.NextOpening}, {h.NextClosing, &st.NextClosing}} {
		if at, ok := border.find(q.At); ok {
			*border.to = &at
		}
	}
	if !q.Until.IsZero() {
		if q.Until.Before(q.At) || q.Until.After(q.At.AddDate(5, 0, 0)) {
			return st, conversation.Invalid("until", "must lie within five years after at")
		}
		seconds := int64(h.Between(q.At, q.Until).Seconds())
		st.BusinessSeconds = &seconds
	}
	if q.Plus > 0 {
		if at, ok := h.Add(q.At, q.Plus); ok {
			st.After = &at
		}
	}
	return st, nil
}

// inHours says of a wrong field that it is one of the hours.
func inHours(err error) error {
	var e *conversation.Error
	if !errors.As(err, &e) {
		return err
	}
	return conversation.Invalid("hours."+e.Field, "%s", e.Message)
}
