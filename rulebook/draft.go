package rulebook

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/team"
)

// Draft is what admins work on. Nothing of it acts before it is published.
type Draft struct {
	Definition rules.Edition      `json:"definition"`
	BasedOn    int                `json:"based_on" doc:"The version that was published when it was begun"`
	Revision   int64              `json:"revision" doc:"Grows with each change: say which one you changed, and nobody's work is overwritten"`
	EditedBy   conversation.Actor `json:"edited_by,omitzero"`
	EditedAt   *time.Time         `json:"edited_at,omitempty" doc:"Absent if nothing was changed since the newest version"`
	Flaws      []rules.Flaw       `json:"flaws" nullable:"false" doc:"What keeps it from being published"`
}

// Draft returns what admins work on; if nobody began, that is what is published.
func (s *Store) Draft(ctx context.Context) (Draft, error) {
	d, err := readDraft(ctx, s.DB, "")
	if err != nil {
		return d, err
	}
	return d, s.complete(ctx, s.DB, &d)
}

func (s *Store) complete(ctx context.Context, db bun.IDB, d *Draft) error {
	refs, err := References(ctx, db)
	if err != nil {
		return err
	}
	d.Flaws = append([]rules.Flaw{}, rules.Check(d.Definition, refs)...)
	return nil
}

func readDraft(ctx context.Context, db bun.IDB, lock string) (Draft, error) {
	var (
		d    Draft
		body []byte
		at   time.Time
	)
	err := postgres.Raw(db).QueryRowContext(ctx, "SELECT definition, based_on, revision, actor_kind, actor_id, edited_at FROM rule_draft "+lock).
		Scan(&body, &d.BasedOn, &d.Revision, &d.EditedBy.Kind, &d.EditedBy.ID, &at)
	if postgres.IsNotFound(err) {
		v, definition, err := get(ctx, db, 0)
		return Draft{Definition: definition, BasedOn: v.Version}, err
	}
	if err != nil {
		return d, fmt.Errorf("read draft of the rules: %w", err)
	}
	d.EditedAt = &at
	if err := json.Unmarshal(body, &d.Definition); err != nil {
		return d, fmt.Errorf("draft of the rules: %w", err)
	}
	return d, nil
}

// maxDefinition bounds a definition, in bytes of JSON.
const maxDefinition = 4 << 20

// SaveDraft replaces the draft. Rules without an id get one. It is refused as stale if somebody changed it since the revision
// that the caller knows. A draft may have flaws: they are told, and keep it from being published only.
func (s *Store) SaveDraft(ctx context.Context, by conversation.Actor, definition rules.Edition, revision int64) (Draft, error) {
	for i := range definition.Rules {
		if definition.Rules[i].ID == "" {
			definition.Rules[i].ID = postgres.NewID()
		}
	}
	return s.changeDraft(ctx, by, revision, func(_ bun.Tx, before Draft) (Draft, error) {
		return Draft{Definition: definition, BasedOn: before.BasedOn}, nil
	})
}

// DropDraft goes back to what is published.
func (s *Store) DropDraft(ctx context.Context, by conversation.Actor, revision int64) (Draft, error) {
	return s.changeDraft(ctx, by, revision, func(tx bun.Tx, _ Draft) (Draft, error) {
		v, definition, err := get(ctx, tx, 0)
		return Draft{Definition: definition, BasedOn: v.Version}, err
	})
}

// changeDraft replaces the draft by what follows from it, as its next revision.
func (s *Store) changeDraft(ctx context.Context, by conversation.Actor, revision int64, change func(bun.Tx, Draft) (Draft, error)) (Draft, error) {
	var d Draft
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		before, err := s.lockDraft(ctx, tx, revision)
		if err != nil {
			return err
		}
		if d, err = change(tx, before); err != nil {
			return err
		}
		d.Revision = before.Revision + 1
		if err := s.writeDraft(ctx, tx, by, &d); err != nil {
			return err
		}
		return s.complete(ctx, tx, &d)
	})
	return d, err
}

// rulebookLock is the advisory lock of the draft and of the numbers of versions.
const rulebookLock = 0x67756963_72756c65 // "guicrule"

// lockDraft locks the rulebook and reads the draft, refused if it is not the revision that the caller knows.
func (s *Store) lockDraft(ctx context.Context, tx bun.Tx, revision int64) (Draft, error) {
	d, err := s.lockAnyDraft(ctx, tx)
	if err == nil && d.Revision != revision {
		stale := conversation.Errorf(conversation.CodeStale, "somebody changed the draft since you read it; look again and decide anew")
		stale.Details = map[string]any{"revision": d.Revision, "edited_by": d.EditedBy}
		return d, stale
	}
	return d, err
}

// lockAnyDraft locks the rulebook and reads the draft, whichever revision it is.
func (s *Store) lockAnyDraft(ctx context.Context, tx bun.Tx) (Draft, error) {
	if _, err := tx.Tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(rulebookLock)); err != nil {
		return Draft{}, fmt.Errorf("lock the rules: %w", err)
	}
	return readDraft(ctx, tx, "FOR UPDATE")
}

func (s *Store) writeDraft(ctx context.Context, tx bun.Tx, by conversation.Actor, d *Draft) error {
	if d.Definition.Rules == nil {
		d.Definition.Rules = []rules.Rule{}
	}
	body, err := json.Marshal(d.Definition)
	if err != nil {
		return fmt.Errorf("draft of the rules: %w", err)
	}
	if len(body) > maxDefinition {
		return conversation.Invalid("definition", "must have at most %d bytes", maxDefinition)
	}
	if strings.Contains(string(body), `\u0000`) || !utf8.Valid(body) {
		return conversation.Invalid("definition", "must be text without NUL characters")
	}
	now := s.Now().UTC()
	d.EditedBy, d.EditedAt = by, &now
	_, err = tx.Tx.ExecContext(ctx, `INSERT INTO rule_draft (definition, based_on, revision, actor_kind, actor_id, edited_at) VALUES ($1::jsonb, $2, $3, $4, $5, $6)
		ON CONFLICT (only_row) DO UPDATE SET definition = excluded.definition, based_on = excluded.based_on, revision = excluded.revision,
			actor_kind = excluded.actor_kind, actor_id = excluded.actor_id, edited_at = excluded.edited_at`,
		string(body), d.BasedOn, d.Revision, string(by.Kind), by.ID, now)
	if err != nil {
		return fmt.Errorf("write draft of the rules: %w", err)
	}
	return team.Audit(ctx, tx, team.Change{
		By: by, Action: "rules.draft", SubjectKind: "rules", SubjectID: "draft",
		After: map[string]any{"revision": d.Revision, "based_on": d.BasedOn, "rules": len(d.Definition.Rules)},
	})
}
