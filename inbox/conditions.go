package inbox

import (
	"cmp"
	"fmt"
	"time"

	"guichet.dev/guichet/conversation"
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

// windowAfter is the condition for a window that is still open at a time, as conversation.Window.Open has it. The margin is
// looked up for each row, so that the index can be read by the bound without one.
func (s *selection) windowAfter(at time.Time) string {
	from := s.arg(at.Add(-conversation.WindowLength)) + "::timestamptz"
	return "(c.window_from > " + from + " AND c.window_from - " + margin + " > " + from +
		" AND (c.window_refused_at < c.window_from OR c.window_refused_at IS NULL))"
}

// margin is what the conversation's account keeps back from the end of the window.
var margin = fmt.Sprintf("(SELECT make_interval(secs => coalesce((a.settings->>'window_margin_seconds')::integer, %d)) FROM accounts a WHERE a.id = c.account_id)",
	int(conversation.DefaultWindowMargin/time.Second))

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
