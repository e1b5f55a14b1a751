package search

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// How the newest entries are looked through, and how slices of time grow behind them.
const (
	newestTexts = 10_000 // a word that does not fill a page from so many is not common there
	longest     = 8      // weeks of one slice: the cost of a word that was common there only
	maxSlices   = 30     // about four years; behind them comes all the rest
)

// place is an entry of search_texts that was found.
type place struct {
	id, conversation string
	at               time.Time
	note             bool
}

// lookup is one search for texts.
type lookup struct {
	*Store
	query   string // PostgreSQL's notation, with the facts
	labelID *string
	since   *time.Time
	limit   int

	// before is where to go on from.
	before   *time.Time
	beforeID string
	found    []place
}

// Texts returns a page of the messages and notes that the caller may see and that have what is looked for, newest first,
// and where the next page begins.
func (s *Store) Texts(ctx context.Context, by conversation.Caller, w Wish) ([]Text, Cursor, error) {
	q, err := parseQuery(w.Query)
	if err != nil {
		return nil, Cursor{}, err
	}
	facts, err := s.narrow(ctx, by, w)
	if err != nil || facts == nil {
		return []Text{}, Cursor{}, err
	}
	limit := min(max(w.Limit, 1), MaxHits)
	l := &lookup{
		Store: s, query: strings.Join(append([]string{q.tsquery()}, facts...), " & "), labelID: postgres.NullText(w.LabelID),
		since: postgres.NullTime(w.Since), limit: limit + 1, before: postgres.NullTime(w.After.At), beforeID: w.After.ID,
	}
	if !w.Until.IsZero() && (l.before == nil || w.Until.Before(*l.before)) {
		l.before, l.beforeID = &w.Until, ""
	}
	if err := l.run(ctx, w.ConversationID != ""); err != nil {
		return nil, Cursor{}, fmt.Errorf("search texts: %w", err)
	}
	var next Cursor
	if len(l.found) > limit {
		l.found = l.found[:limit]
		next = Cursor{At: l.found[limit-1].at, ID: l.found[limit-1].id}
	}
	list, err := s.texts(ctx, by, q, l.found)
	return list, next, err
}

// narrow returns the facts that a text must have; nil if none can have them.
func (s *Store) narrow(ctx context.Context, by conversation.Caller, w Wish) ([]string, error) {
	facts := []string{}
	w.AccountID, w.AgentID = strings.ToLower(w.AccountID), strings.ToLower(w.AgentID)
	seen, all := by.Accounts()
	switch {
	case w.AccountID != "" && !by.Sees(w.AccountID), !all && len(seen) == 0:
		return nil, nil
	case w.AccountID != "":
		facts = append(facts, quoted(accountFact(w.AccountID)))
	case !all:
		accounts := make([]string, len(seen))
		for i, id := range seen {
			accounts[i] = accountFact(id)
		}
		facts = append(facts, anyOf(accounts))
	}
	if w.ConversationID != "" {
		ids, err := s.thread(ctx, w.ConversationID)
		if err != nil {
			return nil, err
		}
		facts = append(facts, anyOf(ids))
	}
	switch w.Kind {
	case KindMessage:
		facts = append(facts, "!"+quoted(noteFact))
	case KindNote:
		facts = append(facts, quoted(noteFact))
	}
	switch w.Direction {
	case conversation.Inbound:
		facts = append(facts, quoted(inFact))
	case conversation.Outbound:
		facts = append(facts, quoted(outFact))
	}
	if w.HasFile {
		facts = append(facts, quoted(fileFact))
	}
	return authored(facts, by, w)
}

// authored adds who must have written the text.
func authored(facts []string, by conversation.Caller, w Wish) ([]string, error) {
	switch w.From {
	case FromContact:
		facts = append(facts, quoted(authorFact(conversation.ActorContact)))
	case FromAgent:
		facts = append(facts, quoted(authorFact(conversation.ActorAgent)))
	case FromMe:
		if by.Kind != conversation.ActorAgent {
			return nil, conversation.Invalid("from", "me is for agents; a program has written nothing itself")
		}
		facts = append(facts, quoted(agentFact(by.ID)))
	}
	if w.AgentID != "" {
		facts = append(facts, quoted(agentFact(w.AgentID)))
	}
	return facts, nil
}

// thread returns the facts of a conversation and of those merged into it.
func (s *Store) thread(ctx context.Context, id string) (facts []string, err error) {
	if !postgres.IsID(id) {
		return nil, conversation.Invalid("conversation_id", "must be an id")
	}
	facts = []string{conversationFact(id)}
	err = postgres.Rows(ctx, s.db, func(row *sql.Rows) error {
		var merged string
		err := row.Scan(&merged)
		facts = append(facts, conversationFact(merged))
		return err
	}, "SELECT id FROM conversations WHERE merged_into = $1::uuid", id)
	return facts, err
}

// run fills the page: from the newest entries first, and then from the index. A search within one conversation finds few
// and goes to the index at once.
func (l *lookup) run(ctx context.Context, few bool) error {
	if few {
		return l.slice(ctx, "", nil)
	}
	if err := l.newest(ctx); err != nil || len(l.found) >= l.limit {
		return err
	}
	edge, ok, err := l.edge(ctx)
	if err != nil || !ok {
		return err
	}
	l.before, l.beforeID = &edge.at, edge.id
	return l.slices(ctx)
}

// within are the bounds of a search in time: $2 and $3 the place before which to look, $4 the oldest time.
const within = `($2::timestamptz IS NULL OR (at, id) < ($2::timestamptz, coalesce($3::text, '00000000-0000-0000-0000-000000000000')::uuid))
	AND ($4::timestamptz IS NULL OR at >= $4::timestamptz)`

// labelled narrows to conversations with the label $5.
const labelled = `($5::uuid IS NULL OR EXISTS (SELECT 1 FROM conversations c JOIN conversation_labels b ON b.conversation_id = coalesce(c.merged_into, c.id)
	WHERE c.id = t.conversation_id AND b.label_id = $5::uuid))`

// newest looks through the newest entries and stops when the page is full.
func (l *lookup) newest(ctx context.Context) error {
	return l.collect(ctx, `SELECT id, conversation_id, at, note FROM (
			SELECT * FROM search_texts WHERE `+within+` ORDER BY at DESC, id DESC LIMIT $7
		) AS t WHERE words @@ $1::text::tsquery AND `+labelled+` LIMIT $6`,
		l.query, l.before, postgres.NullText(l.beforeID), l.since, l.labelID, l.limit, newestTexts)
}

// edge returns the last of the newest entries; false if there are none behind them.
func (l *lookup) edge(ctx context.Context) (place, bool, error) {
	var p place
	err := postgres.Raw(l.db).QueryRowContext(ctx, `SELECT id, at FROM search_texts WHERE `+strings.NewReplacer("$2", "$1", "$3", "$2", "$4", "$3").Replace(within)+
		` ORDER BY at DESC, id DESC OFFSET $4 LIMIT 1`, l.before, postgres.NullText(l.beforeID), l.since, newestTexts-1).Scan(&p.id, &p.at)
	if postgres.IsNotFound(err) {
		return p, false, nil
	}
	return p, err == nil, err
}

// slices asks the index for slices of time, which at first grow from one to the next.
func (l *lookup) slices(ctx context.Context) error {
	oldest, err := l.oldest(ctx)
	if err != nil {
		return err
	}
	to := week(*l.before)
	for n, length := 0, int64(1); to >= oldest; n, length = n+1, min(2*length, longest) {
		from := max(to-length+1, oldest)
		var weeks []string
		if n >= maxSlices {
			from = oldest
		}
		for w := from; w <= to && n < maxSlices; w++ {
			weeks = append(weeks, weekFact(w))
		}
		start := weekStart(from)
		if err := l.slice(ctx, anyWeek(weeks), &start); err != nil || len(l.found) >= l.limit {
			return err
		}
		to, l.before, l.beforeID = from-1, &start, ""
	}
	return nil
}

func anyWeek(weeks []string) string {
	if len(weeks) == 0 {
		return ""
	}
	return " & " + anyOf(weeks)
}

// oldest is the week in which the oldest entry that may be found lies.
func (l *lookup) oldest(ctx context.Context) (int64, error) {
	var at time.Time
	err := postgres.Raw(l.db).QueryRowContext(ctx, "SELECT coalesce(min(at), now()) FROM search_texts").Scan(&at)
	if l.since != nil && l.since.After(at) {
		at = *l.since
	}
	return week(at), err
}

// slice takes what the index has. Materialised, so that it is the index which is asked and no other plan.
func (l *lookup) slice(ctx context.Context, weeks string, from *time.Time) error {
	since := l.since
	if since == nil || from != nil && from.After(*since) {
		since = from
	}
	return l.collect(ctx, `WITH t AS MATERIALIZED (SELECT id, conversation_id, at, note FROM search_texts WHERE words @@ $1::text::tsquery)
		SELECT id, conversation_id, at, note FROM t WHERE `+within+` AND `+labelled+` ORDER BY at DESC, id DESC LIMIT $6`,
		l.query+weeks, l.before, postgres.NullText(l.beforeID), since, l.labelID, l.limit-len(l.found))
}

func (l *lookup) collect(ctx context.Context, statement string, args ...any) error {
	return postgres.Rows(ctx, l.db, func(row *sql.Rows) error {
		var p place
		err := row.Scan(&p.id, &p.conversation, &p.at, &p.note)
		l.found = append(l.found, p)
		return err
	}, statement, args...)
}

// ids returns those of the places that are notes, or are not.
func ids(places []place, notes bool) []string {
	list := []string{}
	for _, p := range places {
		if p.note == notes {
			list = append(list, p.id)
		}
	}
	return slices.Clip(list)
}
