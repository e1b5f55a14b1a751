package inbox

import (
	"cmp"
	"context"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// waiting is written as no index has it: the planner would read the index of those who wait as a whole and sort it, instead
// of stopping early in the order that is asked for. What is to be read from that index says so itself.
const waiting = "(c.waiting_since IS NOT NULL) IS TRUE"

func (s *selection) assignee(agent string) {
	s.add("c.assignee_id = " + s.arg(agent) + "::uuid")
	s.direct = true
}

// handling adds who has it and how it stands.
func (s *selection) handling(c Criteria, agent string) {
	switch c.Assignee {
	case "":
	case Me:
		s.assignee(agent)
	case Nobody:
		s.add("c.assignee_id IS NULL")
	default:
		s.assignee(c.Assignee)
	}
	switch c.Team {
	case "":
	case Mine:
		s.add("c.team_id IN (SELECT team_id FROM team_members WHERE agent_id = " + s.arg(agent) + "::uuid)")
	case Nobody:
		s.add("c.team_id IS NULL")
	default:
		s.add("c.team_id = " + s.arg(c.Team) + "::uuid")
	}
	if c.Waiting {
		s.add(waiting)
	}
	if len(c.Priority) > 0 {
		s.priorities(c.Priority)
	}
}

func (s *selection) priorities(list []conversation.Priority) {
	levels := make([]int64, len(list))
	for i, p := range list {
		levels[i], _ = p.Level() // checked
	}
	s.add("c.priority = ANY(" + s.arg(levels) + "::integer[])")
}

// windowAfter is the condition for a window that is still open at a time, as conversation.Window.Open has it: by the least
// margin, which an index can be read by, and where margins differ by that of the conversation's account.
func (s *selection) windowAfter(at time.Time) string {
	from := at.Add(-conversation.WindowLength)
	condition := "(c.window_from > " + s.arg(from.Add(s.leastMargin)) + "::timestamptz AND (c.window_refused_at < c.window_from OR c.window_refused_at IS NULL)"
	if s.unevenMargins {
		condition += " AND c.window_from > " + s.arg(from) + "::timestamptz + make_interval(secs => (SELECT " + accounts.WindowMarginSQL + " FROM accounts a WHERE a.id = c.account_id))"
	}
	return condition + ")"
}

// margins reads what the accounts keep back from the end of their windows.
func (in *Inbox) margins(ctx context.Context, s *selection) error {
	var least, most int
	err := postgres.Raw(in.DB).QueryRowContext(ctx, "SELECT coalesce(min(margin), 0), coalesce(max(margin), 0) FROM (SELECT "+accounts.WindowMarginSQL+" AS margin FROM accounts a) AS m").Scan(&least, &most)
	s.leastMargin, s.unevenMargins = time.Duration(least)*time.Second, least != most
	return wrap("read the margins of windows", err)
}

func (s *selection) window(c Criteria, now time.Time) {
	switch c.Window {
	case WindowOpen:
		s.add(s.windowAfter(now))
	case WindowClosing:
		within := time.Duration(cmp.Or(c.Closing, closingWithin)) * time.Minute
		s.add(s.windowAfter(now) + " AND NOT " + s.windowAfter(now.Add(within)))
	case WindowClosed:
		s.add(s.windowAfter(now) + " IS NOT TRUE")
	}
}

func (s *selection) consent(scope conversation.ConsentScope, state conversation.ConsentState) {
	if state == "" {
		return
	}
	standing := "EXISTS (SELECT 1 FROM consents k WHERE k.contact_id = c.contact_id AND k.channel = c.channel AND k.scope = " + s.arg(string(scope)) + " AND k.state "
	if state == conversation.ConsentUnknown {
		s.add("NOT " + standing + "<> 'unknown')")
		return
	}
	s.add(standing + "= " + s.arg(string(state)) + ")")
}
