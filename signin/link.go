package signin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// linkKind is what a link is for.
type linkKind struct {
	name, path string
	life       time.Duration
}

// The value stands behind the #, where no server's log sees it.
var (
	invitation = linkKind{"invitation", "/invitation#token=", 72 * time.Hour}
	reset      = linkKind{"password_reset", "/reset#token=", time.Hour}
)

// resetsPerHour is how many reset mails one person gets at most.
const resetsPerHour = 3

// Invite sends an agent a link by which they set their first password. Earlier ones stop working. Nobody
// invites whoever may do more than they.
func (s *Store) Invite(ctx context.Context, by team.Principal, agentID string) error {
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		a, err := readAgent(ctx, tx, agentID)
		if err != nil {
			return err
		}
		if err := by.MayManage(ctx, tx, agentID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM password_links WHERE agent_id = ? AND kind = ?", agentID, invitation.name); err != nil {
			return fmt.Errorf("end links: %w", err)
		}
		if err := s.sendLink(ctx, tx, a, invitation); err != nil {
			return err
		}
		return team.Audit(ctx, tx, team.Change{By: by.Actor(), Action: "agents.invite", SubjectKind: "agent", SubjectID: agentID})
	})
}

// Forgotten sends a link to whoever has this e-mail address. It says nothing about whether somebody has.
func (s *Store) Forgotten(ctx context.Context, email string) error {
	if strings.ContainsRune(email, 0) {
		return nil
	}
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		var a team.Agent
		err := tx.NewSelect().Model(&a).Where("lower(email) = lower(?) AND state = ?", email, team.AgentActive).For("UPDATE").Scan(ctx)
		if postgres.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find agent: %w", err)
		}
		var recent int
		err = tx.NewRaw("SELECT count(*) FROM password_links WHERE agent_id = ? AND kind = ? AND created_at > ?", a.ID, reset.name, now().Add(-time.Hour)).Scan(ctx, &recent)
		if err != nil {
			return fmt.Errorf("count links: %w", err)
		}
		if recent >= resetsPerHour {
			return nil
		}
		return s.sendLink(ctx, tx, a, reset)
	})
}

func (s *Store) sendLink(ctx context.Context, tx bun.Tx, a team.Agent, kind linkKind) error {
	value, hash := newSecret()
	at := now()
	_, err := tx.ExecContext(ctx, "INSERT INTO password_links (hash, kind, agent_id, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
		hash, kind.name, a.ID, at, at.Add(kind.life))
	if err != nil {
		return fmt.Errorf("make a link: %w", err)
	}
	return s.tell(ctx, tx, a, kind.name, map[string]string{"link": s.PublicURL() + kind.path + value})
}

// WarnSecondFactor queues the mail that tells an agent that their second factor was changed; those who are deactivated get none.
func (s *Store) WarnSecondFactor(ctx context.Context, tx bun.Tx, agentID string) error {
	a, err := readAgent(ctx, tx, agentID)
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return s.warn(ctx, tx, a, "second_factor_changed")
}

// warn queues a mail that tells an agent what was done in their name, as a courtesy: where no mail can be sent, it is done all
// the same.
func (s *Store) warn(ctx context.Context, tx bun.Tx, a team.Agent, kind string) error {
	err := s.tell(ctx, tx, a, kind, nil)
	if conversation.CodeOf(err) == conversation.CodeUnsupported {
		return nil
	}
	return err
}

// tell queues a mail to an agent.
func (s *Store) tell(ctx context.Context, tx bun.Tx, a team.Agent, kind string, data map[string]string) error {
	all := map[string]string{"name": a.Name}
	for k, v := range data {
		all[k] = v
	}
	return s.Mailer.Send(ctx, tx, a.Email, kind, string(a.Language), all)
}

// Accept sets the password of whoever has the link; it works once. Invalid if the link is unknown, used or too old.
func (s *Store) Accept(ctx context.Context, value, password string) error {
	agentID := ""
	err := s.DB.NewRaw("SELECT agent_id FROM password_links WHERE hash = ? AND expires_at > ?", hashOf(value), now()).Scan(ctx, &agentID)
	if postgres.IsNotFound(err) || len(value) > maxValue {
		return badLink()
	}
	if err != nil {
		return fmt.Errorf("read link: %w", err)
	}
	hash, err := s.newHash(ctx, agentID, password)
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return badLink()
	}
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM password_links WHERE hash = ?", hashOf(value))
		if err != nil {
			return fmt.Errorf("use link: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return badLink()
		}
		return s.setPassword(ctx, tx, conversation.Actor{Kind: conversation.ActorAgent, ID: agentID}, agentID, hash, "")
	})
}

func badLink() error {
	return conversation.Invalid("token", "this link is unknown, was used, or is too old: ask for a new one")
}
