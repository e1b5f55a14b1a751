package signin

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// cost is what one hash takes (OWASP Password Storage Cheat Sheet: argon2id with 46 MiB, one iteration, one thread).
var cost = &argon2id.Params{Memory: 46 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Lengths of a password in characters (NIST SP 800-63B: long ones, and no rules about what they are made of).
const (
	minPassword = 10
	maxPassword = 256
)

//go:embed common.txt
var commonText string

// common are passwords that everybody tries first.
var common = sync.OnceValue(func() []string { return strings.Fields(commonText) })

// CheckPassword refuses passwords that are guessed soon, also by who knows the person's name and e-mail address.
func CheckPassword(password, name, email string) error {
	n := utf8.RuneCountInString(password)
	lower, name, email := strings.ToLower(password), strings.ToLower(name), strings.ToLower(email)
	local, _, _ := strings.Cut(email, "@")
	switch {
	case n < minPassword || n > maxPassword || !utf8.ValidString(password):
		return conversation.Invalid("password", "must have %d to %d characters", minPassword, maxPassword)
	case slices.Contains(common(), lower):
		return conversation.Invalid("password", "is one of the commonest: choose another")
	case lower == email, lower == name, len(local) >= 4 && strings.Trim(strings.ReplaceAll(lower, local, ""), "0123456789!._-") == "":
		return conversation.Invalid("password", "must not be made of your name or e-mail address")
	case strings.Trim(lower, lower[:1]) == "":
		return conversation.Invalid("password", "must not be one character again and again")
	default:
		return nil
	}
}

// hash hashes a password; it waits for its turn.
func (s *Store) hash(ctx context.Context, password string) (string, error) {
	if err := s.turn(ctx); err != nil {
		return "", err
	}
	defer func() { <-s.hashing }()
	hash, err := argon2id.CreateHash(password, cost)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// matches compares a password with a hash in a time that does not depend on where they differ. old says that the hash was
// made at another cost than today's.
func (s *Store) matches(ctx context.Context, password, hash string) (match, old bool, err error) {
	if err := s.turn(ctx); err != nil {
		return false, false, err
	}
	defer func() { <-s.hashing }()
	match, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("compare a password: %w", err)
	}
	return match, *params != *cost, nil
}

func (s *Store) turn(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nobody is compared with if there is no such agent, so that the answer takes as long.
var nobody = sync.OnceValues(func() (string, error) { return argon2id.CreateHash("nobody", cost) })

// SetPassword gives an agent a password and ends the sessions other than the one that is kept, if any.
func (s *Store) SetPassword(ctx context.Context, by conversation.Actor, agentID, password, keepSession string) error {
	hash, err := s.newHash(ctx, agentID, password)
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		return s.setPassword(ctx, tx, by, agentID, hash, keepSession)
	})
}

// newHash checks a new password of an agent and hashes it.
func (s *Store) newHash(ctx context.Context, agentID, password string) (string, error) {
	a, err := readAgent(ctx, s.DB, agentID)
	if err != nil {
		return "", err
	}
	if err := CheckPassword(password, a.Name, a.Email); err != nil {
		return "", err
	}
	return s.hash(ctx, password)
}

func (s *Store) setPassword(ctx context.Context, tx bun.Tx, by conversation.Actor, agentID, hash, keepSession string) error {
	a, err := readAgent(ctx, tx, agentID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO passwords (agent_id, hash, changed_at) VALUES (?, ?, ?)
		ON CONFLICT (agent_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`, agentID, hash, now())
	if err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE agent_id = ? AND id::text <> ?", agentID, keepSession); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM password_links WHERE agent_id = ?", agentID); err != nil {
		return fmt.Errorf("end links: %w", err)
	}
	if err := s.warn(ctx, tx, a, "password_changed"); err != nil {
		return err
	}
	return team.Audit(ctx, tx, team.Change{By: by, Action: "agents.set_password", SubjectKind: "agent", SubjectID: agentID})
}

// ChangePassword lets an agent change the password who knows the present one. Attempts count as attempts to log in.
func (s *Store) ChangePassword(ctx context.Context, session Session, present, password string, client Client) error {
	a, err := readAgent(ctx, s.DB, session.AgentID)
	if err != nil {
		return err
	}
	attempt, err := s.begin(ctx, a.Email, client)
	if err != nil {
		return err
	}
	if err := s.verify(ctx, a.ID, present); err != nil {
		if conversation.CodeOf(err) == conversation.CodeUnauthorised {
			return conversation.Invalid("current", "is not your present password")
		}
		return err
	}
	if err := s.SetPassword(ctx, conversation.Actor{Kind: conversation.ActorAgent, ID: a.ID}, a.ID, password, session.ID); err != nil {
		return err
	}
	return s.succeed(ctx, attempt)
}

// verify compares a password with an agent's and renews a hash of an old cost; unauthorised if it is wrong or there is none.
func (s *Store) verify(ctx context.Context, agentID, password string) error {
	hash := ""
	if agentID != "" {
		err := s.DB.NewRaw("SELECT hash FROM passwords WHERE agent_id = ?", agentID).Scan(ctx, &hash)
		if err != nil && !postgres.IsNotFound(err) {
			return fmt.Errorf("read password: %w", err)
		}
	}
	known := hash != ""
	if !known {
		var err error
		if hash, err = nobody(); err != nil {
			return fmt.Errorf("hash a password: %w", err)
		}
	}
	match, old, err := s.matches(ctx, password, hash)
	if err != nil {
		return err
	}
	if !match || !known {
		return errWrong()
	}
	if !old {
		return nil
	}
	renewed, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.DB.ExecContext(ctx, "UPDATE passwords SET hash = ? WHERE agent_id = ? AND hash = ?", renewed, agentID, hash)
	if err != nil {
		return fmt.Errorf("renew a hash: %w", err)
	}
	return nil
}

// readAgent reads an active agent.
func readAgent(ctx context.Context, db bun.IDB, id string) (team.Agent, error) {
	var a team.Agent
	if err := checkID(id); err != nil {
		return a, err
	}
	err := db.NewSelect().Model(&a).Where("id = ? AND state = ?", id, team.AgentActive).Scan(ctx)
	if postgres.IsNotFound(err) {
		return a, conversation.Errorf(conversation.CodeNotFound, "no such agent, or deactivated")
	}
	if err != nil {
		return a, fmt.Errorf("read agent: %w", err)
	}
	return a, nil
}
