package transcripts

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
	_ "time/tzdata" // zones are known wherever the program runs

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Format is a form in which a transcript is written.
type Format string

// The formats.
const (
	Text Format = "txt"
	JSON Format = "json"
	HTML Format = "html"
)

// Formats lists the formats.
func Formats() []Format { return []Format{Text, JSON, HTML} }

// MediaType returns the media type of a transcript in this format.
func (f Format) MediaType() string {
	return map[Format]string{Text: "text/plain; charset=utf-8", JSON: "application/json", HTML: "text/html; charset=utf-8"}[f]
}

// Wish is what is to be written down.
type Wish struct {
	Format Format
	Zone   string // an IANA time zone for the times, "Europe/Paris"
	Notes  bool   // what colleagues noted as well
	Events bool   // what happened as well
}

// Transcript is a conversation that may be written down; see Write.
type Transcript struct {
	Name string // of a file
	Wish

	db   *bun.DB
	zone *time.Location
	head head
}

// head is what a transcript begins with.
type head struct {
	ConversationID string               `json:"conversation_id"`
	AccountID      string               `json:"account_id"`
	Account        string               `json:"account"`
	Channel        conversation.Channel `json:"channel"`
	Contact        string               `json:"contact"`
	ExportedAt     time.Time            `json:"exported_at"`
	TimeZone       string               `json:"time_zone"`
}

// Store makes transcripts.
type Store struct{ desk ledger.Desk }

// NewStore returns the transcripts of the desk's conversations.
func NewStore(desk ledger.Desk) *Store { return &Store{desk: desk} }

// Open returns the transcript of a conversation that the caller may see, and writes into the audit that they exported it.
func (s *Store) Open(ctx context.Context, by conversation.Caller, conversationID string, w Wish) (*Transcript, error) {
	if !slices.Contains(Formats(), w.Format) {
		return nil, conversation.Invalid("format", "must be one of %v", Formats())
	}
	zone, err := time.LoadLocation(w.Zone)
	if err != nil || w.Zone == "Local" || w.Zone == "" {
		return nil, conversation.Invalid("time_zone", "must be an IANA time zone such as Europe/Paris")
	}
	row, err := s.desk.Read(ctx, by, conversationID)
	if err != nil {
		return nil, err
	}
	t := &Transcript{
		Name: fmt.Sprintf("conversation-%s.%s", row.ID, w.Format), Wish: w, db: s.desk.DB, zone: zone,
		head: head{ConversationID: row.ID, AccountID: row.AccountID, Channel: row.Channel, ExportedAt: s.desk.Now().In(zone), TimeZone: w.Zone},
	}
	err = t.db.DB.QueryRowContext(ctx, "SELECT p.name, a.name FROM contacts p, accounts a WHERE p.id = $1::uuid AND a.id = $2::uuid", row.ContactID, row.AccountID).
		Scan(&t.head.Contact, &t.head.Account)
	if err != nil {
		return nil, fmt.Errorf("read contact and account: %w", err)
	}
	err = postgres.InTx(ctx, t.db, func(ctx context.Context, tx bun.Tx) error {
		return team.Audit(ctx, tx, team.Change{
			By: by.Actor, Action: "conversations.export", SubjectKind: "conversation", SubjectID: row.ID, AccountID: row.AccountID,
			After: map[string]any{"format": w.Format, "notes": w.Notes, "events": w.Events},
		})
	})
	return t, err
}

// Write writes the transcript. After an error what was written is not whole.
func (t *Transcript) Write(ctx context.Context, to io.Writer) error {
	p, err := newPrinter(t.Format, to)
	if err != nil {
		return err
	}
	if err := p.begin(t.head); err != nil {
		return fmt.Errorf("write transcript: %w", err)
	}
	names := names{db: t.db, contact: t.head.Contact, known: map[string]string{}}
	for after := (place{}); ; {
		items, err := t.page(ctx, after)
		if err != nil {
			return err
		}
		if err := names.give(ctx, items); err != nil {
			return err
		}
		for i := range items {
			items[i].At = items[i].At.In(t.zone)
			if err := p.item(items[i]); err != nil {
				return fmt.Errorf("write transcript: %w", err)
			}
			after = items[i].place
		}
		if len(items) < pageSize {
			break
		}
	}
	if err := p.end(); err != nil {
		return fmt.Errorf("write transcript: %w", err)
	}
	return nil
}
