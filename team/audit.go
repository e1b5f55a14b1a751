package team

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
)

// AuditEntry is one change that an admin made. Before and After never hold secrets.
type AuditEntry struct {
	ID          string             `json:"id"`
	At          time.Time          `json:"at"`
	Actor       conversation.Actor `json:"actor"`
	Action      string             `json:"action"` // "accounts.create"
	SubjectKind string             `json:"subject_kind"`
	SubjectID   string             `json:"subject_id"`
	Before      json.RawMessage    `json:"before,omitempty"`
	After       json.RawMessage    `json:"after,omitempty"`
}

// Change describes what is to be audited; Before and After are marshalled as JSON, nil for none.
type Change struct {
	By            conversation.Actor
	Action        string
	SubjectKind   string
	SubjectID     string
	Before, After any
}

type auditRow struct {
	bun.BaseModel `bun:"table:audit_entries"`
	ID            string
	At            time.Time
	ActorKind     conversation.ActorKind
	ActorID       string
	Action        string
	SubjectKind   string
	SubjectID     string
	Before        json.RawMessage `bun:"type:jsonb,nullzero"`
	After         json.RawMessage `bun:"type:jsonb,nullzero"`
}

// Audit writes down a change in the transaction that makes it.
func Audit(ctx context.Context, tx bun.IDB, c Change) error {
	id, err := newID()
	if err != nil {
		return err
	}
	row := auditRow{
		ID: id, At: now(), ActorKind: c.By.Kind, ActorID: c.By.ID,
		Action: c.Action, SubjectKind: c.SubjectKind, SubjectID: c.SubjectID,
	}
	if row.Before, err = auditJSON(c.Before); err != nil {
		return err
	}
	if row.After, err = auditJSON(c.After); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}

func auditJSON(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the audit: %w", err)
	}
	return text, nil
}

// AuditFilter selects a page of the audit, newest first.
type AuditFilter struct {
	SubjectKind string // empty for all
	SubjectID   string // empty for all; needs SubjectKind
	Before      string // the last id of the page before
	Limit       int
}

// AuditEntries returns a page of the audit.
func (s *Store) AuditEntries(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	var rows []auditRow
	q := s.db.NewSelect().Model(&rows).OrderExpr("id DESC").Limit(int64(f.Limit))
	if f.SubjectKind != "" {
		q = q.Where("subject_kind = ?", f.SubjectKind)
	}
	if f.SubjectID != "" {
		q = q.Where("subject_id = ?", f.SubjectID)
	}
	if f.Before != "" {
		q = q.Where("id < ?", f.Before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	entries := make([]AuditEntry, len(rows))
	for i, r := range rows {
		entries[i] = AuditEntry{
			ID: r.ID, At: r.At, Actor: conversation.Actor{Kind: r.ActorKind, ID: r.ActorID},
			Action: r.Action, SubjectKind: r.SubjectKind, SubjectID: r.SubjectID, Before: r.Before, After: r.After,
		}
	}
	return entries, nil
}
