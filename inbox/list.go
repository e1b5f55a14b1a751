package inbox

import (
	"context"
	"database/sql"
	"time"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// List returns a page of the conversations that the caller asks for and may see, and where the next page begins.
func (in *Inbox) List(ctx context.Context, by conversation.Caller, f Filter) ([]Conversation, Cursor, error) {
	if f.Limit < 1 || f.Limit > 100 {
		return nil, Cursor{}, conversation.Invalid("limit", "must be 1 to 100")
	}
	ids, next, err := in.page(ctx, by, f)
	if err != nil {
		return nil, Cursor{}, err
	}
	views, err := in.shown(ctx, by, ids)
	return views, next, err
}

// shown shows conversations in the order of their ids as given.
func (in *Inbox) shown(ctx context.Context, by conversation.Caller, ids []string) ([]Conversation, error) {
	found, err := ledger.ReadAll(ctx, in.DB, ids)
	if err != nil {
		return nil, err
	}
	rows := make([]*ledger.Row, 0, len(ids))
	for _, id := range ids {
		if row := found[id]; row != nil {
			rows = append(rows, row)
		}
	}
	return in.views(ctx, by, rows)
}

// views shows rows with their contacts, consents and labels.
func (in *Inbox) views(ctx context.Context, by conversation.Caller, rows []*ledger.Row) ([]Conversation, error) {
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
	read, err := in.readBy(ctx, by.Actor, rows)
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
	asked, err := in.asked(ctx, ids)
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
		view.Unread = read.unread(r) && !r.Blocked()
		view.ConsentAsked = asked[r.ID]
		view.Labels = append([]labels.Tag{}, tags[r.ID]...)
		views = append(views, view)
	}
	return views, nil
}

// asked returns the conversations in which a question about consent is open.
func (in *Inbox) asked(ctx context.Context, ids []string) (map[string]bool, error) {
	found := make(map[string]bool)
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		found[id] = true
		return err
	}, "SELECT conversation_id FROM consent_questions WHERE conversation_id = ANY($1::uuid[]) AND answered_at IS NULL", ids)
	return found, wrap("read questions about consent", err)
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
		DoneAt: postgres.NullTime(r.DoneAt), LastSeq: r.LastSeq,
	}
}

// Get returns one conversation with the contact's identities, the armed deadlines and what the caller may do now.
func (in *Inbox) Get(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	row, err := in.read(ctx, by, id)
	if err != nil {
		return Conversation{}, err
	}
	views, err := in.views(ctx, by, []*ledger.Row{row})
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
	if c.Offer, c.Queue, err = assignment.Standing(ctx, in.DB, row); err != nil {
		return Conversation{}, err
	}
	c.Actions, err = in.actions(ctx, row, by.Actor)
	return c, err
}

func badCursor() error {
	return conversation.Invalid("cursor", "must be the one that came with the page before")
}
