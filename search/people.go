package search

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// newestPeople is how many of the most recently active people are looked through before the index is asked: a word that
// does not fill a page from them is not common.
const newestPeople = 5000

// Person is a contact that was found.
type Person struct {
	ID           string                  `json:"id"`
	Name         string                  `json:"name"`
	Phone        string                  `json:"phone,omitempty"`
	Email        string                  `json:"email,omitempty"`
	Identities   []conversation.Identity `json:"identities" nullable:"false"`
	Conversation Newest                  `json:"conversation"`
	Matches      []Match                 `json:"matches" nullable:"false"`
}

// Newest is the newest conversation of a person that the caller may see.
type Newest struct {
	ID             string              `json:"id"`
	AccountID      string              `json:"account_id"`
	Status         conversation.Status `json:"status"`
	LastActivityAt time.Time           `json:"last_activity_at"`
}

// Match is a field of a person in which there is what was looked for.
type Match struct {
	Field string    `json:"field" enum:"name,phone,email,username"`
	Text  []Segment `json:"text" nullable:"false"`
}

// candidate is an entry of search_people that was found; a lower rank comes first.
type candidate struct {
	id   string
	rank int
}

// Ranks of what was found.
const (
	rankWhole = iota
	rankBegins
	rankPart
)

// People returns the contacts with a conversation that the caller may see, by name, phone, e-mail or username, and whether
// there are more. Those whose field is just what was looked for come first, then those in whom all words begin so, then the
// others; among equals those who were active last.
func (s *Store) People(ctx context.Context, by conversation.Caller, text string, limit int) ([]Person, bool, error) {
	if utf8.RuneCountInString(strings.TrimSpace(text)) < 2 {
		return nil, false, conversation.Invalid("q", "must have at least 2 characters")
	}
	list, err := needles(text, func() ([]string, error) { return s.callingCodes(ctx, by) })
	if err != nil {
		return nil, false, err
	}
	visible, all := by.Accounts()
	if !all && len(visible) == 0 {
		return []Person{}, false, nil
	}
	limit = min(max(limit, 1), MaxHits)
	h := &hunt{Store: s, text: text, needles: list, accounts: visible, all: all, limit: limit + 1}
	if err := h.run(ctx); err != nil {
		return nil, false, fmt.Errorf("search people: %w", err)
	}
	more := len(h.found) > limit
	people, err := s.people(ctx, by, list, h.found[:min(limit, len(h.found))])
	return people, more, err
}

// hunt is one search for people.
type hunt struct {
	*Store
	text     string
	needles  []needle
	accounts []string
	all      bool
	limit    int
	found    []candidate
}

// run looks for people of just this name first, because there may be many others whose name has it. Then it looks through
// those who were active last, and if they do not fill the page it asks the index.
func (h *hunt) run(ctx context.Context) error {
	if err := h.named(ctx); err != nil || len(h.found) >= h.limit {
		return err
	}
	begins, err := h.newest(ctx, true)
	if err != nil {
		return err
	}
	if len(h.found)+len(begins) >= 2*h.limit { // those of just this name may be among them
		h.add(begins)
		return nil
	}
	parts, err := h.newest(ctx, false)
	if err != nil {
		return err
	}
	common := len(parts) >= 2*h.limit
	indexed, err := h.indexed(ctx, common)
	if err != nil {
		return err
	}
	h.add(indexed)
	if common {
		h.add(parts)
	}
	return nil
}

// add takes candidates that are not there yet.
func (h *hunt) add(list []candidate) {
	seen := make(map[string]bool, len(h.found))
	for _, c := range h.found {
		seen[c.id] = true
	}
	for _, c := range list {
		if !seen[c.id] && len(h.found) < h.limit {
			seen[c.id] = true
			h.found = append(h.found, c)
		}
	}
}

// visible is the condition that the caller may see one of the accounts.
func (h *hunt) visible(c *condition) string {
	if h.all {
		return "true"
	}
	return "accounts && " + c.arg(h.accounts) + "::uuid[]"
}

func (h *hunt) named(ctx context.Context) error {
	name := foldedName(h.text)
	if name == "" {
		return nil
	}
	var c condition
	n := c.arg(name)
	statement := "SELECT contact_id, 0 FROM search_people WHERE md5(name) = md5(" + n + "::text) AND name = " + n + "::text AND " + h.visible(&c) +
		" ORDER BY active_on DESC, contact_id DESC LIMIT " + c.arg(h.limit)
	found, err := h.collect(ctx, statement, c)
	h.add(found)
	return err
}

// newest looks through those who were active last. Twice the page is enough to fill it.
func (h *hunt) newest(ctx context.Context, begins bool) ([]candidate, error) {
	var c condition
	rank := rankPart
	if begins {
		rank = rankBegins
	}
	statement := "SELECT contact_id, " + c.arg(rank) + "::int FROM (SELECT * FROM search_people ORDER BY active_on DESC, contact_id DESC LIMIT " + c.arg(newestPeople) +
		") AS p WHERE " + c.all(h.needles, begins) + " AND " + h.visible(&c) + " LIMIT " + c.arg(2*h.limit)
	return h.collect(ctx, statement, c)
}

// indexed asks the index, for those in whom the words begin so only, or also for those who have them anywhere. Materialised,
// so that no other plan is taken.
func (h *hunt) indexed(ctx context.Context, begins bool) ([]candidate, error) {
	var c condition
	statement := "WITH p AS MATERIALIZED (SELECT contact_id, haystack, active_on FROM search_people WHERE " + c.all(h.needles, begins) + " AND " + h.visible(&c) +
		") SELECT contact_id, CASE WHEN " + c.whole(h.text, h.needles) + " THEN 0 WHEN " + c.all(h.needles, true) + " THEN 1 ELSE 2 END AS rank" +
		" FROM p ORDER BY rank, active_on DESC, contact_id DESC LIMIT " + c.arg(2*h.limit)
	return h.collect(ctx, statement, c)
}

func (h *hunt) collect(ctx context.Context, statement string, c condition) ([]candidate, error) {
	var list []candidate
	err := postgres.Rows(ctx, h.db, func(row *sql.Rows) error {
		var found candidate
		err := row.Scan(&found.id, &found.rank)
		list = append(list, found)
		return err
	}, statement, c.args...)
	return list, err
}

// people reads those who were found, with their newest conversation that the caller may see, as they are now.
func (s *Store) people(ctx context.Context, by conversation.Caller, list []needle, found []candidate) ([]Person, error) {
	ids, ranks := make([]string, len(found)), map[string]int{}
	for i, c := range found {
		ids[i], ranks[c.id] = c.id, c.rank
	}
	people, err := s.readPeople(ctx, by, list, ids)
	if err != nil {
		return nil, fmt.Errorf("read who was found: %w", err)
	}
	slices.SortStableFunc(people, func(x, y Person) int {
		if d := ranks[x.ID] - ranks[y.ID]; d != 0 {
			return d
		}
		return y.Conversation.LastActivityAt.Compare(x.Conversation.LastActivityAt)
	})
	return people, nil
}
