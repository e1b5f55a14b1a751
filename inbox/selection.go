package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// narrowest is up to how many conversations a criterion that is looked up elsewhere (labels, attributes, followers) selects
// by itself; one that finds more is checked on each conversation on the way, of which enough pass soon.
const narrowest = 2_000

// selection is the condition for the conversations that a caller asks for and may see. Its parameters are numbered as they
// are added.
type selection struct {
	conditions []string // of the table conversations, as c
	args       []any
	statuses   []string
	accounts   []string // nil: all
	everywhere bool     // accounts does not count
	direct     bool     // few rows: they are all found, then sorted
}

// waiting is written as no index has it: the planner would read the index of those who wait as a whole and sort it, instead
// of stopping early in the order that is asked for. What is to be read from that index says so itself.
const waiting = "(c.waiting_since IS NOT NULL) IS TRUE"

// clone returns a selection of the same that goes on by itself: each part of an order adds parameters of its own.
func (s *selection) clone() *selection {
	c := *s
	c.conditions, c.args = slices.Clone(s.conditions), slices.Clone(s.args)
	return &c
}

// arg adds a parameter and returns its place.
func (s *selection) arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

func (s *selection) add(condition string) { s.conditions = append(s.conditions, condition) }

// selectFor turns checked criteria into a selection.
func (in *Inbox) selectFor(ctx context.Context, by conversation.Caller, c Criteria) (*selection, error) {
	agent, noAgent := agentID(by.Actor)
	if field := c.needsAgent(); field != "" && noAgent != nil {
		return nil, conversation.Invalid(field, "this needs an agent; the token belongs to a program")
	}
	s := &selection{statuses: []string{string(conversation.StatusOpen)}}
	s.sight(by.Sight, c.Accounts)
	s.add("c.merged_into IS NULL")
	switch c.View {
	case ViewSnoozed:
		s.statuses = []string{string(conversation.StatusSnoozed)}
	case ViewDone:
		s.statuses = []string{string(conversation.StatusDone)}
	case ViewAll:
		s.statuses = []string{string(conversation.StatusOpen), string(conversation.StatusSnoozed), string(conversation.StatusDone)}
	case ViewUnassigned:
		if c.Sort == SortNewest {
			s.add("c.status = 'open' AND c.assignee_id IS NULL") // as the index says
		} else {
			s.add("(c.assignee_id IS NULL) IS TRUE") // as none says: the order's own index is to be read
		}
	case ViewMine:
		s.assignee(agent)
	case ViewWaiting:
		s.add(waiting)
	case ViewOpen:
	}
	s.handling(c, agent)
	s.window(c.Window, in.Now())
	if c.Unread {
		s.unread(by.Actor)
	}
	if c.Consent != "" {
		s.consent(c.Consent)
	}
	return s, in.narrow(ctx, s, c, agent)
}

// sight keeps the selection to what the caller may see of the accounts asked for.
func (s *selection) sight(sight conversation.Sight, asked []string) {
	visible, all := sight.Accounts()
	switch {
	case all && len(asked) == 0:
		s.everywhere = true
	case all:
		s.accounts = asked
	case len(asked) == 0:
		s.accounts = visible
	default:
		for _, id := range asked {
			if sight.Sees(id) {
				s.accounts = append(s.accounts, id)
			}
		}
	}
}

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

// windowAfter is the condition for a window that is still open at a time; the margin of an account's settings is left out.
func (s *selection) windowAfter(at time.Time) string {
	return "(c.window_from > " + s.arg(at.Add(-conversation.WindowLength)) + "::timestamptz AND (c.window_refused_at < c.window_from OR c.window_refused_at IS NULL))"
}

func (s *selection) window(state WindowState, now time.Time) {
	switch state {
	case WindowOpen:
		s.add(s.windowAfter(now))
	case WindowClosing:
		s.add(s.windowAfter(now) + " AND c.window_from <= " + s.arg(now.Add(closingWithin-conversation.WindowLength)) + "::timestamptz")
	case WindowClosed:
		s.add(s.windowAfter(now) + " IS NOT TRUE")
	}
}

func (s *selection) consent(state conversation.ConsentState) {
	standing := "EXISTS (SELECT 1 FROM consents k WHERE k.contact_id = c.contact_id AND k.channel = c.channel AND k.scope = 'all' AND k.state "
	if state == conversation.ConsentUnknown {
		s.add("NOT " + standing + "<> 'unknown')")
		return
	}
	s.add(standing + "= " + s.arg(string(state)) + ")")
}

// narrow adds what is looked up elsewhere: as the ids that it selects if they are few, else as a condition.
func (in *Inbox) narrow(ctx context.Context, s *selection, c Criteria, agent string) error {
	if len(c.Labels) > 0 && c.AllLabels {
		for _, id := range c.Labels {
			if err := in.narrowBy(ctx, s, "c.id", "SELECT conversation_id FROM conversation_labels WHERE label_id = $1::uuid", id); err != nil {
				return err
			}
		}
	} else if len(c.Labels) > 0 {
		if err := in.narrowBy(ctx, s, "c.id", "SELECT conversation_id FROM conversation_labels WHERE label_id = ANY($1::uuid[])", c.Labels); err != nil {
			return err
		}
	}
	if c.Followed {
		if err := in.narrowBy(ctx, s, "c.id", "SELECT conversation_id FROM followers WHERE agent_id = $1::uuid", agent); err != nil {
			return err
		}
	}
	for key, value := range c.Attribute {
		forms, err := attributeForms(key, value)
		if err != nil {
			return err
		}
		if err := in.narrowBy(ctx, s, "c.contact_id", "SELECT id FROM contacts WHERE attributes @> ANY($1::jsonb[])", forms); err != nil {
			return err
		}
	}
	return nil
}

// attributeForms returns an attribute as JSON, in each form that its text can have: as text, and as a number or a boolean if it
// looks like one.
func attributeForms(key, value string) ([]string, error) {
	text, err := json.Marshal(map[string]string{key: value})
	forms := []string{string(text)}
	var other any
	if json.Unmarshal([]byte(value), &other) == nil {
		switch other.(type) {
		case float64, bool:
			plain, err := json.Marshal(map[string]json.RawMessage{key: json.RawMessage(value)})
			return append(forms, string(plain)), wrap("attribute", err)
		}
	}
	return forms, wrap("attribute", err)
}

func (in *Inbox) narrowBy(ctx context.Context, s *selection, column, query string, arg any) error {
	ids := []string{}
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, query+" LIMIT "+strconv.Itoa(narrowest+1), arg)
	if err != nil {
		return wrap("find conversations", err)
	}
	if len(ids) <= narrowest {
		s.direct = true
		s.add(column + " = ANY(" + s.arg(ids) + "::uuid[])")
		return nil
	}
	s.add(column + " IN (" + strings.Replace(query, "$1", s.arg(arg), 1) + ")")
	return nil
}

// from returns the FROM and WHERE of a query for the selected rows, each account and status by itself unless there are few:
// inner is what one of them selects, with its order and limit.
func (s *selection) from(columns, condition, order string, limit int) string {
	where := strings.Join(append(append([]string{}, s.conditions...), condition), " AND ")
	end := " LIMIT " + strconv.Itoa(limit)
	if order != "" {
		end = " ORDER BY " + order + end
	}
	if s.direct {
		if !s.everywhere {
			where += " AND c.account_id = ANY(" + s.arg(s.accounts) + "::uuid[])"
		}
		return "SELECT " + columns + " FROM conversations c WHERE c.status = ANY(" + s.arg(s.statuses) + "::text[]) AND " + where + end
	}
	accounts := "accounts AS a"
	if !s.everywhere {
		accounts = "unnest(" + s.arg(s.accounts) + "::uuid[]) AS a(id)"
	}
	return "SELECT c.* FROM " + accounts + ", unnest(" + s.arg(s.statuses) + "::text[]) AS s(status), LATERAL (SELECT " + columns +
		" FROM conversations c WHERE c.account_id = a.id AND c.status = s.status AND " + where + end + ") AS c" + end
}
