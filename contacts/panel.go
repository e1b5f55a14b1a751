package contacts

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Panel is all that is known of a contact, as agents see it beside a conversation.
type Panel struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`         // the one to show: what an agent wrote down, else the profile's
	ProfileName string         `json:"profile_name"` // the person's own, from the provider
	NameGiven   bool           `json:"name_given"`   // whether an agent wrote the name down
	Phone       string         `json:"phone,omitempty"`
	Phones      []string       `json:"phones" nullable:"false"` // further ones, in E.164
	Email       string         `json:"email,omitempty"`
	Language    string         `json:"language,omitempty"` // BCP 47
	Attributes  map[string]any `json:"attributes" nullable:"false"`
	Tags        []string       `json:"tags" nullable:"false"`
	Note        string         `json:"note,omitempty"`
	Identities  []Address      `json:"identities" nullable:"false"`
	Consents    []OnChannel    `json:"consents" nullable:"false"`
	CreatedAt   time.Time      `json:"created_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
}

// Address is an identity of a contact that is in use, with its channel.
type Address struct {
	Channel conversation.Channel `json:"channel"`
	conversation.Identity
}

// OnChannel is what a contact wants on a channel kind.
type OnChannel struct {
	Channel conversation.Channel `json:"channel"`
	conversation.Consent
}

// Store is what agents read and write down of contacts.
type Store struct {
	db   *bun.DB
	desk ledger.Desk
}

// NewStore returns the contacts that are kept in the desk's database.
func NewStore(desk ledger.Desk) *Store { return &Store{db: desk.DB, desk: desk} }

// NotFound is the error for a contact that does not exist, or of whom the caller sees no conversation.
func NotFound() error {
	return conversation.Errorf(conversation.CodeNotFound, "there is no such contact")
}

// Visible returns the id under which a contact goes on: its own, or that of the one it was merged into. A contact is there
// for callers who see one of its conversations.
func Visible(ctx context.Context, db bun.IDB, by conversation.Caller, id string) (string, error) {
	if !postgres.IsID(id) {
		return "", NotFound()
	}
	visible, all := by.Accounts()
	var current string
	err := postgres.Raw(db).QueryRowContext(ctx, `SELECT p.id FROM (SELECT coalesce(merged_into, id) AS id FROM contacts WHERE id = $1::uuid) AS p
		WHERE EXISTS (SELECT 1 FROM conversations c WHERE c.contact_id = p.id AND ($2 OR c.account_id = ANY($3::uuid[])))`, id, all, visible).Scan(&current)
	if postgres.IsNotFound(err) {
		return "", NotFound()
	}
	if err != nil {
		return "", fmt.Errorf("find contact: %w", err)
	}
	return current, nil
}

// Get returns a contact of whom the caller sees a conversation. Of one that was merged it returns the other.
func (s *Store) Get(ctx context.Context, by conversation.Caller, id string) (Panel, error) {
	id, err := Visible(ctx, s.db, by, id)
	if err != nil {
		return Panel{}, err
	}
	p, err := readPanel(ctx, s.db, id)
	if err != nil {
		return p, err
	}
	definitions, err := readDefinitions(ctx, s.db, false)
	if err != nil {
		return p, err
	}
	shown := make(map[string]any, len(p.Attributes))
	for _, d := range definitions {
		if v, has := p.Attributes[d.Key]; has {
			shown[d.Key] = v
		}
	}
	p.Attributes = shown
	return p, s.addChannels(ctx, &p)
}

// readPanel reads what the contact's row holds; attributes of deleted definitions included.
func readPanel(ctx context.Context, db bun.IDB, id string) (Panel, error) {
	var (
		p          Panel
		attributes []byte
	)
	types := pgtype.NewMap()
	err := postgres.Raw(db).QueryRowContext(ctx, `SELECT id, name, profile_name, name_given, phone, phones, email, language, attributes, tags, note, created_at, updated_at
		FROM contacts WHERE id = $1::uuid AND merged_into IS NULL`, id).Scan(&p.ID, &p.Name, &p.ProfileName, &p.NameGiven, &p.Phone, types.SQLScanner(&p.Phones),
		&p.Email, &p.Language, &attributes, types.SQLScanner(&p.Tags), &p.Note, &p.CreatedAt, &p.UpdatedAt)
	if postgres.IsNotFound(err) {
		return p, NotFound()
	}
	if err != nil {
		return p, fmt.Errorf("read contact: %w", err)
	}
	if err := json.Unmarshal(attributes, &p.Attributes); err != nil {
		return p, fmt.Errorf("attributes of contact: %w", err)
	}
	return p, nil
}

// addChannels adds identities and consents, by channel.
func (s *Store) addChannels(ctx context.Context, p *Panel) error {
	p.Identities, p.Consents = []Address{}, []OnChannel{}
	channels, err := channelsOf(ctx, s.db, p.ID)
	if err != nil {
		return err
	}
	for _, on := range channels {
		identities, err := Identities(ctx, s.db, p.ID, on)
		if err != nil {
			return err
		}
		for _, id := range identities {
			p.Identities = append(p.Identities, Address{on, id})
		}
		consent, err := Standing(ctx, s.db, p.ID, on)
		if err != nil {
			return err
		}
		p.Consents = append(p.Consents, OnChannel{on, consent})
	}
	return nil
}

// channelsOf returns the channels on which a contact was seen.
func channelsOf(ctx context.Context, db bun.IDB, id string) ([]conversation.Channel, error) {
	var found []conversation.Channel
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var on conversation.Channel
		err := row.Scan(&on)
		found = append(found, on)
		return err
	}, "SELECT DISTINCT channel FROM identities WHERE contact_id = $1::uuid ORDER BY channel", id)
	if err != nil {
		return nil, fmt.Errorf("read channels of contact: %w", err)
	}
	return found, nil
}
