package contacts

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Edit is what to change of a contact: nil leaves as it is. Lists are replaced as a whole; attributes one by one, and one
// that is nil is taken away. An empty name goes back to the profile's.
type Edit struct {
	Name       *string
	Phones     *[]string
	Email      *string
	Language   *string
	Tags       *[]string
	Note       *string
	Attributes map[string]any
}

// ChangeEntry is who changed what of a contact.
type ChangeEntry struct {
	ID      string                 `json:"id"`
	At      time.Time              `json:"at"`
	Actor   conversation.Actor     `json:"actor"`
	Changes map[string]BeforeAfter `json:"changes"` // by field
}

// BeforeAfter is a field before and after a change.
type BeforeAfter struct {
	Before any `json:"before"`
	After  any `json:"after"`
}

// maxTold bounds the conversations in which a change of their contact is written down.
const maxTold = 20

// Edit writes down something of a contact of whom the caller sees a conversation. The contact's conversations that are not
// done get an event that names the fields.
func (s *Store) Edit(ctx context.Context, by conversation.Caller, id string, e Edit) (Panel, error) {
	id, err := Visible(ctx, s.db, by, id)
	if err != nil {
		return Panel{}, err
	}
	definitions, err := readDefinitions(ctx, s.db, true)
	if err != nil {
		return Panel{}, err
	}
	err = postgres.InPipeline(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		if err := LockOne(ctx, tx, id); err != nil {
			return err
		}
		p, err := readPanel(ctx, tx, id)
		if err != nil {
			return err
		}
		after := p
		after.Attributes = maps.Clone(p.Attributes)
		if err := e.apply(&after, definitions); err != nil {
			return err
		}
		changes := differences(p, after)
		if len(changes) == 0 {
			return nil
		}
		return s.write(ctx, tx, by.Actor, after, changes)
	})
	if err != nil {
		return Panel{}, err
	}
	return s.Get(ctx, by, id)
}

// apply changes the contact, or says which field is wrong.
func (e Edit) apply(p *Panel, definitions []Definition) error {
	if e.Name != nil {
		name := strings.TrimSpace(*e.Name)
		if !fits(name, 0, maxName) {
			return conversation.Invalid("name", "must have at most %d characters", maxName)
		}
		if p.Name, p.NameGiven = name, name != ""; name == "" {
			p.Name = p.ProfileName
		}
	}
	if e.Note != nil {
		if p.Note = strings.TrimSpace(*e.Note); !fits(p.Note, 0, maxNote) {
			return conversation.Invalid("note", "must have at most %d characters", maxNote)
		}
	}
	for _, clean := range []func() error{
		func() error { return set(&p.Phones, e.Phones, cleanPhones) },
		func() error { return set(&p.Email, e.Email, cleanEmail) },
		func() error { return set(&p.Language, e.Language, cleanLanguage) },
		func() error { return set(&p.Tags, e.Tags, cleanTags) },
	} {
		if err := clean(); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Attributes)) {
		if err := setAttribute(p, definitions, key, e.Attributes[key]); err != nil {
			return err
		}
	}
	return nil
}

func set[T any](to *T, from *T, clean func(T) (T, error)) error {
	if from == nil {
		return nil
	}
	value, err := clean(*from)
	*to = value
	return err
}

func setAttribute(p *Panel, definitions []Definition, key string, value any) error {
	field := "attributes." + key
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Key == key && d.DeletedAt == nil })
	if i < 0 {
		return conversation.Invalid(field, "there is no such attribute")
	}
	if value == nil {
		delete(p.Attributes, key)
		return nil
	}
	stored, err := definitions[i].check(field, value)
	if err == nil {
		p.Attributes[key] = stored
	}
	return err
}

// differences returns what differs by field, attributes as "attributes.key".
func differences(before, after Panel) map[string]BeforeAfter {
	changes := map[string]BeforeAfter{}
	note := func(field string, x, y any) {
		if !reflect.DeepEqual(x, y) {
			changes[field] = BeforeAfter{x, y}
		}
	}
	note("name", before.Name, after.Name)
	note("name_given", before.NameGiven, after.NameGiven)
	note("phones", before.Phones, after.Phones)
	note("email", before.Email, after.Email)
	note("language", before.Language, after.Language)
	note("tags", before.Tags, after.Tags)
	note("note", before.Note, after.Note)
	for _, values := range []map[string]any{before.Attributes, after.Attributes} {
		for key := range values {
			note("attributes."+key, before.Attributes[key], after.Attributes[key])
		}
	}
	return changes
}

func (s *Store) write(ctx context.Context, tx bun.Tx, by conversation.Actor, p Panel, changes map[string]BeforeAfter) error {
	now := s.desk.Now()
	if err := store(ctx, tx, by, p, changes, now); err != nil {
		return err
	}
	return s.tell(ctx, tx, by, p.ID, slices.Sorted(maps.Keys(changes)), now)
}

func store(ctx context.Context, tx bun.Tx, by conversation.Actor, p Panel, changes map[string]BeforeAfter, now time.Time) error {
	attributes, err := json.Marshal(p.Attributes)
	if err != nil {
		return fmt.Errorf("attributes of contact: %w", err)
	}
	entry, err := json.Marshal(changes)
	if err != nil {
		return fmt.Errorf("changes of contact: %w", err)
	}
	if err := postgres.Later(ctx, tx, "change contact", `UPDATE contacts SET name = $2, name_given = $3, phones = $4::text[], email = $5, language = $6,
			attributes = $7::jsonb, tags = $8::text[], note = $9, updated_at = $10 WHERE id = $1::uuid`,
		p.ID, p.Name, p.NameGiven, p.Phones, p.Email, p.Language, string(attributes), p.Tags, p.Note, now); err != nil {
		return err
	}
	return postgres.Later(ctx, tx, "note the change of a contact", `INSERT INTO contact_changes (id, contact_id, at, actor_kind, actor_id, changes)
		VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6::jsonb)`, postgres.NewID(), p.ID, now, string(by.Kind), by.ID, string(entry))
}

// SetAttribute writes down one attribute of the contact of a conversation that a rule is at work on. Both are locked, the
// contact for a change; the caller saves the conversation. A value of nil takes the attribute away.
func SetAttribute(ctx context.Context, tx bun.Tx, row *ledger.Row, by conversation.Actor, key string, value any, now time.Time) (bool, error) {
	definitions, err := definitionOf(ctx, tx, key)
	if err != nil {
		return false, err
	}
	before, err := readPanel(ctx, tx, row.ContactID)
	if err != nil {
		return false, err
	}
	after := before
	after.Attributes = maps.Clone(before.Attributes)
	if err := setAttribute(&after, definitions, key, value); err != nil {
		return false, err
	}
	changes := differences(before, after)
	if len(changes) == 0 {
		return false, nil
	}
	if err := store(ctx, tx, by, after, changes, now); err != nil {
		return false, err
	}
	row.Append(conversation.Event{
		Kind: conversation.EventContactChanged, Actor: by, At: now, Data: conversation.EventData{Fields: slices.Sorted(maps.Keys(changes))},
	})
	return true, nil
}

// Language returns the contact's language, empty if it is not known.
func Language(ctx context.Context, db bun.IDB, id string) (string, error) {
	var language string
	if err := postgres.Raw(db).QueryRowContext(ctx, "SELECT language FROM contacts WHERE id = $1::uuid", id).Scan(&language); err != nil {
		return "", fmt.Errorf("read language of contact: %w", err)
	}
	return language, nil
}

// tell writes the event into the contact's conversations that are not done. The contact is locked, so they stay its own.
func (s *Store) tell(ctx context.Context, tx bun.Tx, by conversation.Actor, contactID string, fields []string, now time.Time) error {
	var ids []string
	err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM conversations WHERE contact_id = $1::uuid AND merged_into IS NULL AND status <> 'done'
		ORDER BY last_activity_at DESC, id LIMIT $2`, contactID, maxTold)
	if err != nil {
		return fmt.Errorf("find conversations of contact: %w", err)
	}
	locked, err := ledger.LockAll(ctx, tx, ids)
	if err != nil {
		return err
	}
	rows := slices.Collect(maps.Values(locked))
	for _, row := range rows {
		row.Append(conversation.Event{Kind: conversation.EventContactChanged, Actor: by, At: now, Data: conversation.EventData{Fields: fields}})
	}
	if err := ledger.Save(ctx, tx, now, rows...); err != nil {
		return err
	}
	return s.tellAccounts(ctx, tx, contactID)
}

// tellAccounts lets lists know in which the contact occurs, for those who see the accounts.
func (s *Store) tellAccounts(ctx context.Context, tx bun.Tx, contactID string) error {
	var accounts []string
	err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		accounts = append(accounts, id)
		return err
	}, "SELECT DISTINCT account_id FROM conversations WHERE contact_id = $1::uuid ORDER BY 1", contactID)
	if err != nil {
		return fmt.Errorf("find accounts of contact: %w", err)
	}
	for _, id := range accounts {
		if err := feed.Note(ctx, tx, feed.Change{Kind: feed.ChangeContact, SubjectID: contactID, AccountID: id}); err != nil {
			return err
		}
	}
	return nil
}

// Changes returns a page of who changed what of a contact, newest first, beginning before an entry.
func (s *Store) Changes(ctx context.Context, by conversation.Caller, id, before string, limit int) ([]ChangeEntry, error) {
	id, err := Visible(ctx, s.db, by, id)
	if err != nil {
		return nil, err
	}
	var found []ChangeEntry
	err = postgres.Rows(ctx, s.db, func(row *sql.Rows) error {
		var (
			e    ChangeEntry
			body []byte
		)
		if err := row.Scan(&e.ID, &e.At, &e.Actor.Kind, &e.Actor.ID, &body); err != nil {
			return err
		}
		found = append(found, e)
		return json.Unmarshal(body, &found[len(found)-1].Changes)
	}, `SELECT id, at, actor_kind, actor_id, changes FROM contact_changes WHERE contact_id = $1::uuid AND ($2::uuid IS NULL OR id < $2::uuid)
		ORDER BY id DESC LIMIT $3`, id, postgres.NullText(before), limit)
	if err != nil {
		return nil, fmt.Errorf("read changes of contact: %w", err)
	}
	return found, nil
}

// mergePanels gives a contact what was written down of one that proved to be the same person, where it has nothing itself.
const mergePanels = `UPDATE contacts s SET
		name = CASE WHEN l.name_given AND NOT s.name_given THEN l.name ELSE s.name END, name_given = s.name_given OR l.name_given,
		email = coalesce(nullif(s.email, ''), l.email), language = coalesce(nullif(s.language, ''), l.language),
		attributes = l.attributes || s.attributes,
		phones = ARRAY(SELECT DISTINCT p FROM unnest(s.phones || l.phones || l.phone) AS p WHERE p NOT IN ('', s.phone)),
		tags = ARRAY(SELECT DISTINCT ON (lower(t)) t FROM unnest(s.tags || l.tags) AS t ORDER BY lower(t), t),
		note = concat_ws(E'\n\n', nullif(s.note, ''), nullif(l.note, ''))
	FROM contacts l WHERE s.id = $1::uuid AND l.id = $2::uuid`
