package rulebook

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/team"
)

// Publication says how a draft is published.
type Publication struct {
	Comment string
	// MoveDeadlines lets the deadlines that are armed count by the new version; otherwise they keep the version under which they
	// were armed.
	MoveDeadlines bool
	Revision      int64 // of the draft, as the caller knows it
}

// Publish makes the draft the next version, from now on in force for every conversation.
func (s *Store) Publish(ctx context.Context, by conversation.Actor, p Publication) (Version, error) {
	return s.publish(ctx, by, p, "rules.publish", func(_ bun.Tx, draft Draft) (rules.Edition, error) { return draft.Definition, nil })
}

// RollBack publishes an older version once more, as a new one. The draft becomes the same.
func (s *Store) RollBack(ctx context.Context, by conversation.Actor, version int, p Publication) (Version, error) {
	return s.publish(ctx, by, p, "rules.roll_back", func(tx bun.Tx, _ Draft) (rules.Edition, error) {
		_, d, err := get(ctx, tx, version)
		return d, err
	})
}

// SetReplies publishes the newest version with other automatic replies of one account, or with none if they are nil. A draft
// gets the same replies, and keeps everything else.
func (s *Store) SetReplies(ctx context.Context, by conversation.Actor, accountID string, replies *rules.Replies, comment string) (Version, error) {
	var v Version
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		draft, err := s.lockAnyDraft(ctx, tx)
		if err != nil {
			return err
		}
		_, published, err := get(ctx, tx, 0)
		if err != nil {
			return err
		}
		for _, d := range []*rules.Edition{&published, &draft.Definition} {
			setReplies(d, accountID, replies)
		}
		if v, err = s.insert(ctx, tx, by, published, Publication{Comment: comment}, "rules.set_replies"); err != nil {
			return err
		}
		draft.Revision++
		draft.BasedOn = v.Version
		return s.writeDraft(ctx, tx, by, &draft)
	})
	return v, err
}

func setReplies(d *rules.Edition, accountID string, replies *rules.Replies) {
	if replies == nil {
		delete(d.Replies, accountID)
		return
	}
	if d.Replies == nil {
		d.Replies = make(map[string]rules.Replies)
	}
	d.Replies[accountID] = *replies
}

func (s *Store) publish(ctx context.Context, by conversation.Actor, p Publication, action string, which func(bun.Tx, Draft) (rules.Edition, error)) (Version, error) {
	var v Version
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		draft, err := s.lockDraft(ctx, tx, p.Revision)
		if err != nil {
			return err
		}
		definition, err := which(tx, draft)
		if err != nil {
			return err
		}
		if v, err = s.insert(ctx, tx, by, definition, p, action); err != nil {
			return err
		}
		return s.writeDraft(ctx, tx, by, &Draft{Definition: definition, BasedOn: v.Version, Revision: draft.Revision + 1})
	})
	if err != nil || !p.MoveDeadlines {
		return v, err
	}
	return v, s.WakeArmed(ctx)
}

// PublishIn publishes a definition within the caller's transaction, which has locked the rulebook with Newest. The draft becomes
// the same, unless somebody works on it: then it stays as it is, and tells by its based_on that it began with an older version.
// After the commit the caller calls WakeArmed if the deadlines move.
func (s *Store) PublishIn(ctx context.Context, tx bun.Tx, by conversation.Actor, d rules.Edition, p Publication) (Version, error) {
	draft, err := s.lockAnyDraft(ctx, tx)
	if err != nil {
		return Version{}, err
	}
	drafting, err := s.Drafting(ctx, tx)
	if err != nil {
		return Version{}, err
	}
	v, err := s.insert(ctx, tx, by, d, p, "rules.apply")
	if err != nil || drafting {
		return v, err
	}
	return v, s.writeDraft(ctx, tx, by, &Draft{Definition: d, BasedOn: v.Version, Revision: draft.Revision + 1})
}

// Drafting reports whether somebody works on a draft: whether it says anything else than what is in force.
func (*Store) Drafting(ctx context.Context, db bun.IDB) (bool, error) {
	draft, err := readDraft(ctx, db, "")
	if err != nil {
		return false, err
	}
	_, published, err := get(ctx, db, 0)
	if err != nil {
		return false, err
	}
	changed, err := differences(published, draft.Definition)
	return len(changed) > 0, err
}

// Newest returns what is in force. With lock, it stays so until the transaction ends.
func (s *Store) Newest(ctx context.Context, tx bun.Tx, lock bool) (Version, rules.Edition, error) {
	if lock {
		if _, err := s.lockAnyDraft(ctx, tx); err != nil {
			return Version{}, rules.Edition{}, err
		}
	}
	return get(ctx, tx, 0)
}

// maxComment bounds the comment of a publication, in characters.
const maxComment = 500

// insert writes a new version, if nothing is wrong with it.
func (s *Store) insert(ctx context.Context, tx bun.Tx, by conversation.Actor, d rules.Edition, p Publication, action string) (Version, error) {
	comment := strings.TrimSpace(p.Comment)
	if n := utf8.RuneCountInString(comment); n == 0 || n > maxComment || !utf8.ValidString(comment) || strings.ContainsRune(comment, 0) {
		return Version{}, conversation.Invalid("comment", "must say what changes and why, in 1 to %d characters", maxComment)
	}
	refs, err := References(ctx, tx)
	if err != nil {
		return Version{}, err
	}
	if flaws := rules.Check(d, refs); len(flaws) > 0 {
		return Version{}, flawError(flaws)
	}
	body, err := json.Marshal(d)
	if err != nil {
		return Version{}, fmt.Errorf("rules: %w", err)
	}
	v := Version{Comment: comment, Author: by, PublishedAt: s.Now().UTC(), MovesDeadlines: p.MoveDeadlines, Rules: len(d.Rules)}
	err = tx.Tx.QueryRowContext(ctx, `INSERT INTO rule_versions (version, definition, comment, actor_kind, actor_id, published_at, moves_deadlines)
		SELECT coalesce(max(version), 0) + 1, $1::jsonb, $2, $3, $4, $5, $6 FROM rule_versions RETURNING version`,
		string(body), comment, string(by.Kind), by.ID, v.PublishedAt, p.MoveDeadlines).Scan(&v.Version)
	if err != nil {
		return v, fmt.Errorf("publish the rules: %w", err)
	}
	return v, team.Audit(ctx, tx, team.Change{By: by, Action: action, SubjectKind: "rules", SubjectID: fmt.Sprint(v.Version), After: v})
}

// WakeArmed lets all conversations look again that wait for a rule's deadline. One that is not reached looks again by itself
// when its deadline comes.
func (s *Store) WakeArmed(ctx context.Context) error {
	defer s.Notify()
	return ledger.WakeRules(ctx, s.DB)
}
