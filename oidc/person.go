package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// maxSubject is the longest subject (OpenID Connect Core 1.0, section 2).
const maxSubject = 255

// person is somebody for whom the provider vouches.
type person struct {
	subject  string
	Email    string   `json:"email"`
	Verified verified `json:"email_verified"`
	Name     string   `json:"name"`
}

// verified is a boolean that some providers send as a text.
type verified bool

// UnmarshalJSON implements json.Unmarshaler.
func (v *verified) UnmarshalJSON(text []byte) error {
	*v = string(text) == "true" || string(text) == `"true"`
	return nil
}

var _ json.Unmarshaler = (*verified)(nil)

func personOf(token *gooidc.IDToken) (person, error) {
	who, err := claimsOf(token)
	who.subject = token.Subject
	if !storable(token.Subject, maxSubject) {
		return person{}, refuse(Untrusted, nil)
	}
	return who, err
}

// claimsOf reads what is said of a person, apart from the subject.
func claimsOf(from interface{ Claims(v any) error }) (person, error) {
	var who person
	if err := from.Claims(&who); err != nil {
		return person{}, refuse(Untrusted, err)
	}
	if who.Email != "" && (!storable(who.Email, 254) || !strings.Contains(who.Email, "@")) {
		return person{}, refuse(Unverified, nil)
	}
	return who, nil
}

func storable(text string, longest int) bool {
	return text != "" && len(text) <= longest && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// allowed refuses whoever has no verified e-mail address of an allowed domain, also those who came in before.
func (settings ProviderSettings) allowed(who person) error {
	if who.Email == "" || !who.Verified {
		return refuse(Unverified, nil)
	}
	if len(settings.AllowedDomains) == 0 {
		return nil
	}
	domain := strings.ToLower(who.Email[strings.LastIndex(who.Email, "@")+1:])
	for _, d := range settings.AllowedDomains {
		if d == domain {
			return nil
		}
	}
	return refuse(ForeignDomain, nil)
}

// admit returns which agent a person is. Somebody new is known by the e-mail address, or becomes an agent if that is wanted.
func (s *Store) admit(ctx context.Context, settings ProviderSettings, who person) (string, error) {
	if err := settings.allowed(who); err != nil {
		return "", err
	}
	agentID, err := s.link(ctx, settings, who)
	if err != nil || agentID != "" {
		return agentID, err
	}
	if !settings.CreateAgents {
		return "", refuse(Unknown, nil)
	}
	_, err = s.Team.CreateAgent(ctx, team.System(), team.NewAgent{Name: who.name(), Email: who.Email, Role: settings.Role})
	switch conversation.CodeOf(err) {
	case "", conversation.CodeConflict: // the same person was faster, in another tab
	case conversation.CodeInvalid: // such as an address that we do not take
		return "", refuse(Unknown, err)
	default:
		return "", fmt.Errorf("create an agent: %w", err)
	}
	agentID, err = s.link(ctx, settings, who)
	if err == nil && agentID == "" {
		return "", refuse(Unknown, nil)
	}
	return agentID, err
}

// name returns a name that an agent may have.
func (who person) name() string {
	name := strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(who.Name, "\x00", ""), ""))
	if name == "" {
		name, _, _ = strings.Cut(who.Email, "@")
	}
	if letters := []rune(name); len(letters) > 100 {
		name = strings.TrimSpace(string(letters[:100]))
	}
	return name
}

// link returns the agent with this identity. Without one it gives the identity to the active agent with the e-mail address;
// empty if there is none.
func (s *Store) link(ctx context.Context, settings ProviderSettings, who person) (agentID string, err error) {
	var refused error
	err = postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		refused = nil
		a, err := find(ctx, tx, "id = (SELECT agent_id FROM oidc_identities WHERE issuer = ? AND subject = ?)", settings.Issuer, who.subject)
		known := a.ID != ""
		if err == nil && !known {
			a, err = find(ctx, tx, "lower(email) = lower(?)", who.Email)
		}
		agentID = a.ID
		if err != nil || agentID == "" {
			return err
		}
		if a.State != team.AgentActive {
			refused = refuse(Deactivated, nil)
			return nil
		}
		if known {
			return nil
		}
		result, err := tx.ExecContext(ctx, "INSERT INTO oidc_identities (issuer, subject, agent_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			settings.Issuer, who.subject, agentID, time.Now().UTC())
		if err != nil {
			return fmt.Errorf("keep an identity: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			// An address that was given to somebody else must not open the account of whoever had it before.
			refused = refuse(LinkedAlready, err)
			return nil
		}
		return team.Audit(ctx, tx, team.Change{
			By: conversation.Actor{Kind: conversation.ActorSystem}, Action: "agents.link_oidc", SubjectKind: "agent", SubjectID: agentID,
			After: map[string]string{"issuer": settings.Issuer},
		})
	})
	if err != nil {
		return "", err
	}
	if refused != nil {
		return "", refused
	}
	return agentID, nil
}

// find returns an agent, the zero one if there is none, and holds the row: two log-ins at once are one after the other.
func find(ctx context.Context, tx bun.Tx, where string, args ...any) (team.Agent, error) {
	var a team.Agent
	err := tx.NewSelect().Model(&a).Where(where, args...).For("UPDATE").Scan(ctx)
	if err != nil && !postgres.IsNotFound(err) {
		return a, fmt.Errorf("find agent: %w", err)
	}
	return a, nil
}

// Unlink forgets who an agent is at every provider, so that the next log-in is known by the e-mail address again.
func (s *Store) Unlink(ctx context.Context, by team.Principal, agentID string) error {
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		if err := by.MayManage(ctx, tx, agentID); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM oidc_identities WHERE agent_id = ?", agentID)
		if err != nil {
			return fmt.Errorf("forget an identity: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return conversation.Errorf(conversation.CodeNotFound, "this agent has never come in through a provider")
		}
		return team.Audit(ctx, tx, team.Change{By: by.Actor(), Action: "agents.unlink_oidc", SubjectKind: "agent", SubjectID: agentID})
	})
}
