package team

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/postgres"
)

// AuditEntry is one change that an admin made. Before and After never hold secrets.
type AuditEntry struct {
	ID          string             `json:"id"`
	At          time.Time          `json:"at"`
	Actor       conversation.Actor `json:"actor"`
	Action      string             `json:"action"` // "accounts.create"
	SubjectKind string             `json:"subject_kind"`
	SubjectID   string             `json:"subject_id"`
	AccountID   string             `json:"account_id,omitempty"` // of which it tells; whoever may not see it does not see the entry
	Before      json.RawMessage    `json:"before,omitempty"`
	After       json.RawMessage    `json:"after,omitempty"`
}

// Change describes what is to be audited; Before and After are marshalled as JSON, nil for none.
type Change struct {
	By            conversation.Actor
	Action        string
	SubjectKind   string
	SubjectID     string
	AccountID     string // if the change tells of an account's conversations; of a subject of kind account it is the id
	Before, After any
}

// SubjectAccount is the kind of subject that an account is.
const SubjectAccount = "account"

type auditRow struct {
	bun.BaseModel `bun:"table:audit_entries"`
	ID            string
	At            time.Time
	ActorKind     conversation.ActorKind
	ActorID       string
	Action        string
	SubjectKind   string
	SubjectID     string
	AccountID     string          `bun:",nullzero"`
	Before        json.RawMessage `bun:"type:jsonb,nullzero"`
	After         json.RawMessage `bun:"type:jsonb,nullzero"`
}

// shown are the kinds of subject whose changes clients hear of.
var shown = map[string]feed.ChangeKind{SubjectAccount: feed.ChangeAccount, "agent": feed.ChangeAgent, "team": feed.ChangeTeam, "label": feed.ChangeLabel}

// Audit writes down a change in the transaction that makes it, and lets those hear of it who listen to events.
func Audit(ctx context.Context, tx bun.IDB, c Change) error {
	row := auditRow{
		ID: postgres.NewID(), At: now(), ActorKind: c.By.Kind, ActorID: c.By.ID,
		Action: c.Action, SubjectKind: c.SubjectKind, SubjectID: c.SubjectID,
	}
	row.AccountID = c.AccountID
	if c.SubjectKind == SubjectAccount {
		row.AccountID = c.SubjectID
	}
	var err error
	if row.Before, err = auditJSON(c.Before); err != nil {
		return err
	}
	if row.After, err = auditJSON(c.After); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	kind, ok := shown[c.SubjectKind]
	if !ok {
		return nil
	}
	change := feed.Change{Kind: kind, SubjectID: c.SubjectID}
	if kind == feed.ChangeAccount {
		change.AccountID = c.SubjectID
	}
	return feed.Note(ctx, tx, change)
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

// AuditFilter selects a page of the audit, newest first. What is empty selects all.
type AuditFilter struct {
	ActorKind   conversation.ActorKind
	ActorID     string
	Action      string // "agents.update", or with a dot at its end all that begin so: "agents."
	SubjectKind string
	SubjectID   string
	From, To    time.Time // from the one up to, but without, the other
	Before      string    // the last id of the page before
	Limit       int
}

// AuditEntries returns a page of what the caller may see of the audit: not what tells of accounts that the caller neither
// sees nor administers.
func (s *Store) AuditEntries(ctx context.Context, by Principal, f AuditFilter) ([]AuditEntry, error) {
	var rows []auditRow
	q := s.db.NewSelect().Model(&rows).OrderExpr("id DESC").Limit(int64(f.Limit))
	for column, value := range map[string]string{
		"actor_kind": string(f.ActorKind), "actor_id": f.ActorID, "subject_kind": f.SubjectKind, "subject_id": f.SubjectID,
	} {
		if value != "" {
			q = q.Where("? = ?", bun.Ident(column), value)
		}
	}
	if strings.HasSuffix(f.Action, ".") {
		q = q.Where("starts_with(action, ?)", f.Action)
	} else if f.Action != "" {
		q = q.Where("action = ?", f.Action)
	}
	if !f.From.IsZero() {
		q = q.Where("at >= ?", f.From)
	}
	if !f.To.IsZero() {
		q = q.Where("at < ?", f.To)
	}
	if f.Before != "" {
		q = q.Where("id < ?", f.Before)
	}
	if err := by.visible(q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	entries := make([]AuditEntry, len(rows))
	for i, r := range rows {
		entries[i] = AuditEntry{
			ID: r.ID, At: r.At, Actor: conversation.Actor{Kind: r.ActorKind, ID: r.ActorID}, Action: r.Action,
			SubjectKind: r.SubjectKind, SubjectID: r.SubjectID, AccountID: r.AccountID, Before: r.Before, After: r.After,
		}
	}
	return entries, nil
}

// visible leaves out entries of accounts that the principal does not see. What was done to an account itself may also be
// read by those who administer it.
func (p Principal) visible(q *bun.SelectQuery) *bun.SelectQuery {
	ids, all := p.Sight.Accounts()
	if all {
		return q
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("account_id IS NULL")
		if len(ids) > 0 {
			q = q.WhereOr("account_id IN (?)", bun.List(ids))
		}
		if p.Can(WriteAccounts) && !p.Limited {
			q = q.WhereOr("subject_kind = ?", SubjectAccount)
		}
		return q
	})
}
