package secondfactor

import (
	"context"
	"fmt"

	"github.com/pquerna/otp/totp"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Enrolment is what an app needs to compute codes. It is shown once.
type Enrolment struct {
	Secret string `json:"secret" doc:"In base32, for typing it into an app"`
	URL    string `json:"url" doc:"The same as an otpauth address, for a QR code"`
}

// secretSize is how many random bytes a secret has (RFC 4226, section 4: 20 recommended).
const secretSize = 20

// Enrol makes a new secret for an agent. It replaces one that was never confirmed; a confirmed one must be disabled first:
// conflict. Nobody is asked for codes before Confirm.
func (s *Store) Enrol(ctx context.Context, agentID string) (Enrolment, error) {
	var email string
	err := s.o.DB.NewRaw("SELECT email FROM agents WHERE id = ?", agentID).Scan(ctx, &email)
	if postgres.IsNotFound(err) {
		return Enrolment{}, conversation.Errorf(conversation.CodeNotFound, "no such agent")
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("read agent: %w", err)
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.o.Issuer, AccountName: email, SecretSize: secretSize})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make a second factor: %w", err)
	}
	sealed, err := s.o.Sealer.Seal([]byte(key.Secret()), agentID)
	if err != nil {
		return Enrolment{}, fmt.Errorf("keep a second factor: %w", err)
	}
	result, err := s.o.DB.ExecContext(ctx, `INSERT INTO second_factors AS f (agent_id, secret, created_at) VALUES (?, ?, ?)
		ON CONFLICT (agent_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at WHERE f.confirmed_at IS NULL`,
		agentID, sealed, s.now())
	if err != nil {
		return Enrolment{}, fmt.Errorf("keep a second factor: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return Enrolment{}, errEnabled()
	}
	return Enrolment{Secret: key.Secret(), URL: key.URL()}, nil
}

func errEnabled() error {
	return conversation.Errorf(conversation.CodeConflict, "there is a second factor already: disable it first")
}

// Confirm takes the first code of an enrolled factor, from then on asks for codes, and returns the recovery codes, which
// are not shown again. A wrong code is invalid.
func (s *Store) Confirm(ctx context.Context, agentID, code string) ([]string, error) {
	codes, hashes := newRecoveryCodes(agentID)
	err := s.with(ctx, agentID, code, func(ctx context.Context, tx bun.Tx, f *factor) error {
		if f.ConfirmedAt != nil {
			return errEnabled()
		}
		return nil
	}, func(ctx context.Context, tx bun.Tx, f *factor) error {
		at := s.now()
		f.ConfirmedAt = &at
		if _, err := tx.NewUpdate().Model(f).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("confirm second factor: %w", err)
		}
		if err := writeRecoveryCodes(ctx, tx, agentID, hashes); err != nil {
			return err
		}
		return s.note(ctx, tx, own(agentID), "agents.enable_second_factor", agentID)
	})
	if err != nil {
		return nil, wrongAs(err, errInvalid())
	}
	return codes, nil
}

// Disable takes the factor away from an agent who gives a right code, of the app or for recovery. A wrong code is invalid.
func (s *Store) Disable(ctx context.Context, agentID, code string) error {
	err := s.with(ctx, agentID, code, confirmed, func(ctx context.Context, tx bun.Tx, _ *factor) error {
		return s.remove(ctx, tx, own(agentID), "agents.disable_second_factor", agentID)
	})
	return wrongAs(err, errInvalid())
}

// Reset takes the factor away from an agent who has lost it and may do no more than the caller.
func (s *Store) Reset(ctx context.Context, by team.Principal, agentID string) error {
	return postgres.InTx(ctx, s.o.DB, func(ctx context.Context, tx bun.Tx) error {
		if err := by.MayManage(ctx, tx, agentID); err != nil {
			return err
		}
		f, err := s.read(ctx, tx, agentID, true)
		if err != nil {
			return err
		}
		if f == nil {
			return errNone()
		}
		return s.remove(ctx, tx, by.Actor(), "agents.reset_second_factor", agentID)
	})
}

func (s *Store) remove(ctx context.Context, tx bun.Tx, by conversation.Actor, action, agentID string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM second_factors WHERE agent_id = ?", agentID); err != nil {
		return fmt.Errorf("remove second factor: %w", err)
	}
	return s.note(ctx, tx, by, action, agentID)
}

// note tells the agent of a change, and the audit.
func (s *Store) note(ctx context.Context, tx bun.Tx, by conversation.Actor, action, agentID string) error {
	if err := s.o.Warn(ctx, tx, agentID); err != nil {
		return err
	}
	return audit(ctx, tx, by, action, agentID)
}

func own(agentID string) conversation.Actor {
	return conversation.Actor{Kind: conversation.ActorAgent, ID: agentID}
}

func audit(ctx context.Context, tx bun.Tx, by conversation.Actor, action, agentID string) error {
	return team.Audit(ctx, tx, team.Change{By: by, Action: action, SubjectKind: "agent", SubjectID: agentID})
}
