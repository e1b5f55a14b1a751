package inbox

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
)

// selection is the condition for the conversations that a caller asks for and may see. Its parameters are numbered as they
// are added.
type selection struct {
	conditions []string // of the table conversations, as c
	args       []any
	statuses   []string
	accounts   []string // in which to look, unless everywhere
	everywhere bool
	direct     bool // few rows: they are all found, then sorted

	leastMargin   time.Duration // of what accounts keep back from the end of windows
	unevenMargins bool          // they differ
}

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
		s.statuses = texts(conversation.Statuses())
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
	if len(c.Statuses) > 0 {
		s.statuses = slices.DeleteFunc(s.statuses, func(one string) bool { return !slices.Contains(c.Statuses, conversation.Status(one)) })
	}
	s.handling(c, agent)
	if c.Window != "" || c.Sort == SortWindow {
		if err := in.margins(ctx, s); err != nil {
			return nil, err
		}
		s.window(c, in.Now())
	}
	if c.Unread {
		s.unread(by.Actor)
	}
	s.consent(conversation.ScopeAll, c.Consent)
	s.consent(conversation.ScopeMarketing, c.Marketing)
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

// from returns a query for the selected rows. Unless there are few, those of each status, and of each account if not all are
// looked in, are read by themselves in the order of an index, up to the limit, and merged.
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
	parts := "unnest(" + s.arg(s.statuses) + "::text[]) AS p(status)"
	if !s.everywhere {
		parts += ", unnest(" + s.arg(s.accounts) + "::uuid[]) AS q(account_id)"
		where = "c.account_id = q.account_id AND " + where
	}
	return "SELECT c.* FROM " + parts + ", LATERAL (SELECT " + columns + " FROM conversations c WHERE c.status = p.status AND " + where + end + ") AS c" + end
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = string(one)
	}
	return out
}
