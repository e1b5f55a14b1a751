package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/app"
)

// inboxCrowd is who is in a filled database.
type inboxCrowd struct {
	accounts, agents, teams, labels []string

	random  *rand.Rand
	now     time.Time
	written int // ids
}

// fillCrowd writes conversations as a busy office has them, with COPY, and gives the planner its statistics.
func fillCrowd(ctx context.Context, a *app.App, conversations, messages int) (c *inboxCrowd, err error) {
	db, err := pgx.Connect(ctx, a.Config.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }() // what it wrote is committed
	c = &inboxCrowd{random: rand.New(rand.NewPCG(1, 2)), now: time.Now().UTC().Truncate(time.Microsecond)}
	if _, err := db.Exec(ctx, "SET synchronous_commit = off"); err != nil {
		return nil, err
	}
	for i := range 20 {
		made, err := a.Accounts.Create(ctx, conversation.Actor{Kind: conversation.ActorSystem}, accounts.New{
			Channel: conversation.WhatsApp, Name: fmt.Sprint("Number ", i), ProviderID: fmt.Sprint(i), BusinessID: "102290129340398",
			APIBaseURL: "https://graph.facebook.com", APIVersion: "v26.0",
			Secrets: channel.Secrets{AccessToken: "token", AppSecret: secret, VerifyToken: "verify"},
		})
		if err != nil {
			return nil, err
		}
		c.accounts = append(c.accounts, made.ID)
	}
	if err := c.people(ctx, db); err != nil {
		return nil, err
	}
	for done := 0; done < conversations; done += 10_000 {
		if err := c.batch(ctx, db, min(10_000, conversations-done), messages); err != nil {
			return nil, err
		}
	}
	_, err = db.Exec(ctx, "VACUUM ANALYZE")
	return c, err
}

// people makes agents, teams and labels.
func (c *inboxCrowd) people(ctx context.Context, db *pgx.Conn) error {
	for _, kind := range []struct {
		to     *[]string
		n      int
		insert string
	}{
		{&c.agents, 200, "INSERT INTO agents (id, name, email, role, created_at) VALUES ($1, $2, $2 || '@example.org', 'agent', $3)"},
		{&c.teams, 20, "INSERT INTO teams (id, name, created_at) VALUES ($1, $2, $3)"},
		{&c.labels, 30, "INSERT INTO labels (id, name, colour, created_at) VALUES ($1, $2, '#336699', $3)"},
	} {
		for i := range kind.n {
			id := uuid.NewString()
			if _, err := db.Exec(ctx, kind.insert, id, fmt.Sprint("n", i), c.now.AddDate(-3, 0, 0)); err != nil {
				return err
			}
			*kind.to = append(*kind.to, id)
		}
	}
	return nil
}

// id returns ids that grow, as the product's do.
func (c *inboxCrowd) id() [16]byte {
	c.written++
	id := [16]byte{0x01, 0x9a, 0xb0}
	for i, n := 15, c.written; n > 0; i, n = i-1, n>>8 {
		id[i] = byte(n)
	}
	id[6], id[8] = 0x70, 0x80
	return id
}

// some picks one of a list, the first ones more often.
func (c *inboxCrowd) some(list []string) string {
	at := c.random.Float64()
	return list[int(at*at*float64(len(list)))]
}

func (c *inboxCrowd) chance(p float64) bool { return c.random.Float64() < p }

// ago is a time up to so long ago, more often a short one.
func (c *inboxCrowd) ago(most time.Duration) time.Time {
	at := c.random.Float64()
	return c.now.Add(-time.Duration(at * at * float64(most))).Truncate(time.Microsecond)
}

// state is how one conversation stands.
type state struct {
	status          string
	assignee, team  any
	priority        int
	active, inbound time.Time
	waiting, done   any
}

func (c *inboxCrowd) state() state {
	const day = 24 * time.Hour
	s := state{status: "done", active: c.ago(730 * day)}
	switch at := c.random.Float64(); {
	case at < 0.10:
		s.status, s.active = "open", c.ago(14*day)
	case at < 0.15:
		s.status, s.active = "snoozed", c.ago(30*day)
	default:
		s.done = s.active
	}
	s.inbound = s.active.Add(-time.Duration(c.random.Int64N(int64(6 * time.Hour)))).Truncate(time.Microsecond)
	if s.status == "open" && c.chance(0.4) {
		s.waiting, s.inbound = s.inbound, s.active
	}
	if s.status == "done" && c.chance(0.95) || s.status != "done" && c.chance(0.7) {
		s.assignee = c.agents[c.random.IntN(len(c.agents))]
	}
	if c.chance(0.8) {
		s.team = c.some(c.teams)
	}
	switch at := c.random.Float64(); {
	case at < 0.01:
		s.priority = 2
	case at < 0.05:
		s.priority = 1
	case at < 0.08:
		s.priority = -1
	}
	return s
}

// batch writes conversations with their contacts, messages, labels and read marks.
func (c *inboxCrowd) batch(ctx context.Context, db *pgx.Conn, n, messages int) error {
	var contacts, conversations, texts, tags, marks [][]any
	for range n {
		contact, id, s := c.id(), c.id(), c.state()
		account := c.some(c.accounts)
		attributes := "{}"
		if c.chance(0.1) {
			attributes = fmt.Sprintf(`{"plan": "p%d"}`, c.random.IntN(20))
		}
		contacts = append(contacts, []any{contact, fmt.Sprint("Customer ", c.written), fmt.Sprintf("+3361%07d", c.written%10_000_000), attributes, s.active, s.active})
		last := int64(messages + 1)
		conversations = append(conversations, []any{
			id, account, "whatsapp", contact, fmt.Sprint(c.written), s.status, s.assignee, s.team, s.priority, last, last, last - int64(c.random.IntN(2)), last,
			s.inbound, s.active, s.active, "Hello, is my order on its way?", s.inbound, s.waiting, s.active, s.done, s.active,
		})
		if c.chance(0.25) {
			tags = append(tags, []any{id, c.some(c.labels), s.active})
		}
		if s.assignee != nil && c.chance(0.8) {
			marks = append(marks, []any{s.assignee, id, last})
		}
		for m := range messages {
			direction, author := "in", "contact"
			if m%2 == 1 {
				direction, author = "out", "agent"
			}
			at := s.active.Add(time.Duration(m-messages) * 7 * time.Minute)
			texts = append(texts, []any{
				c.id(), id, account, int64(m + 2), direction, "text", "received", `{"kind": "text", "text": "Hello, is my order on its way?"}`, "Hello, is my order on its way?",
				author, fmt.Sprint("wamid.", c.written), at, at,
			})
		}
	}
	for _, t := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"contacts", []string{"id", "name", "phone", "attributes", "created_at", "updated_at"}, contacts},
		{"conversations", []string{
			"id", "account_id", "channel", "contact_id", "thread_key", "status", "assignee_id", "team_id", "priority", "last_seq", "inbound_seq", "read_seq", "applied_seq",
			"window_from", "last_activity_at", "last_message_at", "summary", "last_inbound_at", "waiting_since", "opened_at", "done_at", "created_at",
		}, conversations},
		{"messages", []string{"id", "conversation_id", "account_id", "seq", "direction", "kind", "state", "content", "summary", "author_kind", "provider_id", "at", "received_at"}, texts},
		{"conversation_labels", []string{"conversation_id", "label_id", "added_at"}, tags},
		{"agent_reads", []string{"agent_id", "conversation_id", "read_seq"}, marks},
	} {
		if _, err := db.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return fmt.Errorf("%s: %w", t.table, err)
		}
	}
	return nil
}
