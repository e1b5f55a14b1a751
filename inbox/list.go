package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// List returns a page of the conversations that the caller may see, newest activity first, and where the next page begins.
func (in *Inbox) List(ctx context.Context, by conversation.Caller, f Filter) ([]Conversation, Cursor, error) {
	ids, next, err := in.page(ctx, by, f)
	if err != nil {
		return nil, Cursor{}, err
	}
	rows, err := ledger.ReadAll(ctx, in.DB, ids)
	if err != nil {
		return nil, Cursor{}, err
	}
	list := make([]*ledger.Row, 0, len(ids))
	for _, id := range ids {
		if row := rows[id]; row != nil {
			list = append(list, row)
		}
	}
	views, err := in.views(ctx, list)
	return views, next, err
}

// conditions of the views; the indexes are made for them.
var conditions = map[View]string{
	ViewUnassigned: "status = 'open' AND assignee_id IS NULL",
	ViewMine:       "status = 'open' AND assignee_id = $1::uuid",
	ViewOpen:       "status = 'open'",
	ViewSnoozed:    "status = 'snoozed'",
	ViewDone:       "status = 'done'",
	ViewAll:        "true",
}

func (in *Inbox) page(ctx context.Context, by conversation.Caller, f Filter) ([]string, Cursor, error) {
	condition, ok := conditions[f.View]
	if !ok {
		return nil, Cursor{}, conversation.Invalid("view", "must be one of %v", Views())
	}
	if f.Limit < 1 || f.Limit > 100 {
		return nil, Cursor{}, conversation.Invalid("limit", "must be 1 to 100")
	}
	agent, noAgent := agentID(by.Actor)
	if f.View == ViewMine && noAgent != nil {
		return nil, Cursor{}, conversation.Invalid("view", "mine needs a token of an agent; this one belongs to a program")
	}
	where := []string{"merged_into IS NULL", condition}
	args := []any{postgres.NullText(agent)}
	if f.View != ViewMine {
		args = nil
	}
	add := func(text string, values ...any) {
		places := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			places[i] = len(args)
		}
		where = append(where, fmt.Sprintf(text, places...))
	}
	if visible, all := by.Accounts(); !all {
		add("account_id = ANY($%d::uuid[])", visible)
	}
	if f.Account != "" {
		if !ledger.IsID(f.Account) {
			return nil, Cursor{}, conversation.Invalid("account_id", "must be the id of an account")
		}
		add("account_id = $%d::uuid", f.Account)
	}
	if !f.After.Zero() {
		if !ledger.IsID(f.After.ID) {
			return nil, Cursor{}, badCursor()
		}
		add("(last_activity_at, id) < ($%d::timestamptz, $%d::uuid)", f.After.At, f.After.ID)
	}
	var (
		ids []string
		at  []time.Time
	)
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var (
			id string
			t  time.Time
		)
		err := row.Scan(&id, &t)
		ids, at = append(ids, id), append(at, t)
		return err
	}, fmt.Sprintf("SELECT id, last_activity_at FROM conversations WHERE %s ORDER BY last_activity_at DESC, id DESC LIMIT %d", strings.Join(where, " AND "), f.Limit+1), args...)
	if err != nil {
		return nil, Cursor{}, wrap("list conversations", err)
	}
	if len(ids) <= f.Limit {
		return ids, Cursor{}, nil
	}
	return ids[:f.Limit], Cursor{At: at[f.Limit-1], ID: ids[f.Limit-1]}, nil
}

// views shows rows with their contacts, consents and labels.
func (in *Inbox) views(ctx context.Context, rows []*ledger.Row) ([]Conversation, error) {
	contactIDs := make([]string, 0, len(rows))
	for _, r := range rows {
		contactIDs = append(contactIDs, r.ContactID)
	}
	people, err := in.people(ctx, contactIDs)
	if err != nil {
		return nil, err
	}
	consents, err := contacts.Standings(ctx, in.DB, contactIDs, conversation.WhatsApp)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	tags, err := labels.Of(ctx, in.DB, ids)
	if err != nil {
		return nil, err
	}
	views := make([]Conversation, 0, len(rows))
	for _, r := range rows {
		account, err := in.Accounts.Cached(ctx, r.AccountID)
		if err != nil {
			return nil, err
		}
		view := show(r, people[r.ContactID], consents[r.ContactID], r.Window(account.Settings.WindowMargin()), in.Now())
		view.Labels = append([]labels.Tag{}, tags[r.ID]...)
		views = append(views, view)
	}
	return views, nil
}

func (in *Inbox) people(ctx context.Context, ids []string) (map[string]Contact, error) {
	found := make(map[string]Contact, len(ids))
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var c Contact
		err := row.Scan(&c.ID, &c.Name, &c.Phone)
		found[c.ID] = c
		return err
	}, "SELECT id, name, phone FROM contacts WHERE id = ANY($1::uuid[])", ids)
	return found, wrap("read contacts", err)
}

func show(r *ledger.Row, contact Contact, consent conversation.Consent, window conversation.Window, now time.Time) Conversation {
	return Conversation{
		ID: r.ID, AccountID: r.AccountID, Channel: r.Channel, Contact: contact, Status: r.Status, SnoozedUntil: postgres.NullTime(r.SnoozedUntil),
		AssigneeID: r.AssigneeID, TeamID: r.TeamID, MergedInto: r.MergedInto,
		Priority: conversation.PriorityOf(r.Priority), BlockedAt: postgres.NullTime(r.BlockedAt),
		Window:  WindowView{Open: window.Open(now), ClosesAt: postgres.NullTime(window.ExpiresAt())},
		Consent: consent, Summary: r.Summary, LastActivityAt: r.LastActivityAt, LastInboundAt: postgres.NullTime(r.LastInboundAt),
		WaitingSince: postgres.NullTime(r.WaitingSince), FirstReplyAt: postgres.NullTime(r.FirstReplyAt), OpenedAt: r.OpenedAt,
		DoneAt: postgres.NullTime(r.DoneAt), LastSeq: r.LastSeq, Unread: r.InboundSeq > r.ReadSeq && !r.Blocked(),
	}
}

// Get returns one conversation with the contact's identities, the armed deadlines and what the caller may do now.
func (in *Inbox) Get(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	row, err := in.read(ctx, by, id)
	if err != nil {
		return Conversation{}, err
	}
	views, err := in.views(ctx, []*ledger.Row{row})
	if err != nil {
		return Conversation{}, err
	}
	c := views[0]
	if c.Contact.Identities, err = contacts.Identities(ctx, in.DB, row.ContactID, row.Channel); err != nil {
		return Conversation{}, err
	}
	for _, d := range row.Deadlines {
		c.Next = append(c.Next, DeadlineView{Kind: d.Kind, At: d.At})
	}
	if err := in.addOwn(ctx, &c, by.Actor); err != nil {
		return Conversation{}, err
	}
	c.Actions, err = in.actions(ctx, row, by.Actor)
	return c, err
}

func badCursor() error {
	return conversation.Invalid("cursor", "must be the one that came with the page before")
}
