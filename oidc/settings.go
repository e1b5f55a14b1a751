package oidc

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// ProviderSettings are which provider is asked, and who may come in through it.
type ProviderSettings struct {
	bun.BaseModel   `bun:"table:oidc_settings" json:"-"`
	ID              int       `bun:",pk" json:"-"`
	Issuer          string    `json:"issuer"`
	ClientID        string    `json:"client_id"`
	ClientSecret    []byte    `bun:",nullzero" json:"-"` // encrypted
	ClientSecretSet bool      `bun:"-" json:"client_secret_set" doc:"The secret itself is never shown"`
	Scopes          []string  `bun:",array" json:"scopes" nullable:"false"`
	Label           string    `json:"label" doc:"What the button says"`
	AllowedDomains  []string  `bun:",array" json:"allowed_domains" nullable:"false" doc:"Of e-mail addresses; none allows any, of people who are agents already"`
	CreateAgents    bool      `json:"create_agents" doc:"Whether somebody who is no agent yet becomes one"`
	Role            team.Role `json:"role" doc:"Of agents that are created so"`
	UpdatedAt       time.Time `json:"updated_at"`
}

// NewSettings are settings to be. A nil ClientSecret keeps the one there is; an empty one is for clients without a secret.
type NewSettings struct {
	Issuer, ClientID, Label string
	ClientSecret            *string
	Scopes, AllowedDomains  []string
	CreateAgents            bool
	Role                    team.Role
}

// secretOwner is what the client secret is sealed for.
const secretOwner = "oidc client secret"

var (
	domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)
	scopeForm  = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,100}$`) // RFC 6749, section 3.3
)

// Settings returns the settings; not_found if nobody can sign in through a provider.
func (s *Store) Settings(ctx context.Context) (ProviderSettings, error) {
	return readSettings(ctx, s.DB, false)
}

func readSettings(ctx context.Context, db bun.IDB, lock bool) (ProviderSettings, error) {
	var settings ProviderSettings
	q := db.NewSelect().Model(&settings).Where("id = 1")
	if lock {
		q = q.For("UPDATE")
	}
	err := q.Scan(ctx)
	if postgres.IsNotFound(err) {
		return settings, conversation.Errorf(conversation.CodeNotFound, "no provider is set up")
	}
	if err != nil {
		return settings, fmt.Errorf("read the provider's settings: %w", err)
	}
	settings.ClientSecretSet = settings.ClientSecret != nil
	return settings, nil
}

// SetSettings changes the settings after asking the provider whether it is one: invalid if it is not.
func (s *Store) SetSettings(ctx context.Context, by team.Principal, in NewSettings) (ProviderSettings, error) {
	next, err := s.cleaned(in)
	if err != nil {
		return ProviderSettings{}, err
	}
	if err := s.discover(ctx, next.Issuer); err != nil {
		return ProviderSettings{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		if err := allowed(ctx, tx, by, next); err != nil {
			return err
		}
		var before any
		earlier, err := readSettings(ctx, tx, true)
		switch {
		case err == nil:
			before = earlier
		case conversation.CodeOf(err) != conversation.CodeNotFound:
			return err
		}
		if in.ClientSecret == nil {
			if earlier.ClientSecretSet && earlier.Issuer != next.Issuer {
				return conversation.Invalid("client_secret", "must be given anew for another issuer")
			}
			next.ClientSecret, next.ClientSecretSet = earlier.ClientSecret, earlier.ClientSecretSet
		}
		_, err = tx.NewInsert().Model(&next).On("CONFLICT (id) DO UPDATE").
			Set(`issuer = excluded.issuer, client_id = excluded.client_id, client_secret = excluded.client_secret, scopes = excluded.scopes,
				label = excluded.label, allowed_domains = excluded.allowed_domains, create_agents = excluded.create_agents,
				role = excluded.role, updated_at = excluded.updated_at`).Exec(ctx)
		if err != nil {
			return fmt.Errorf("write the provider's settings: %w", err)
		}
		return audit(ctx, tx, by, "settings.set_oidc", before, next)
	})
	return next, err
}

// allowed refuses whoever may not do everything: a provider of one's own would let one come in as anybody.
func allowed(ctx context.Context, tx bun.Tx, by team.Principal, next ProviderSettings) error {
	if err := by.MayGive(ctx, tx, "", team.RoleAdmin); err != nil {
		return err
	}
	return by.MayGive(ctx, tx, "role", next.Role)
}

// RemoveSettings ends signing in through the provider. Who is logged in stays so.
func (s *Store) RemoveSettings(ctx context.Context, by team.Principal) error {
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		before, err := readSettings(ctx, tx, true)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM oidc_settings"); err != nil {
			return fmt.Errorf("remove the provider's settings: %w", err)
		}
		return audit(ctx, tx, by, "settings.remove_oidc", before, nil)
	})
}

func audit(ctx context.Context, tx bun.Tx, by team.Principal, action string, before, after any) error {
	return team.Audit(ctx, tx, team.Change{By: by.Actor(), Action: action, SubjectKind: "settings", SubjectID: "oidc", Before: before, After: after})
}

// cleaned returns the settings in canonical form, with the secret sealed.
func (s *Store) cleaned(in NewSettings) (ProviderSettings, error) {
	out := ProviderSettings{
		ID: 1, Issuer: strings.TrimSpace(in.Issuer), ClientID: strings.TrimSpace(in.ClientID), Label: strings.TrimSpace(in.Label),
		Scopes: []string{"openid", "email", "profile"}, AllowedDomains: []string{}, CreateAgents: in.CreateAgents, Role: in.Role,
		UpdatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	if err := s.checkIssuer(out.Issuer); err != nil {
		return out, err
	}
	for field, text := range map[string]string{"client_id": out.ClientID, "label": out.Label} {
		if n := utf8.RuneCountInString(text); n < 1 || n > 200 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return out, conversation.Invalid(field, "must have 1 to 200 characters")
		}
	}
	for _, scope := range in.Scopes {
		if !scopeForm.MatchString(scope) {
			return out, conversation.Invalid("scopes", "must be words without spaces and quotes")
		}
		if !slices.Contains(out.Scopes, scope) {
			out.Scopes = append(out.Scopes, scope)
		}
	}
	for _, domain := range in.AllowedDomains {
		domain = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(domain), "@"))
		if !domainForm.MatchString(domain) || len(domain) > 253 {
			return out, conversation.Invalid("allowed_domains", "must be domains such as example.com")
		}
		if !slices.Contains(out.AllowedDomains, domain) {
			out.AllowedDomains = append(out.AllowedDomains, domain)
		}
	}
	if out.CreateAgents && len(out.AllowedDomains) == 0 {
		return out, conversation.Invalid("allowed_domains", "must name a domain: otherwise everybody whom the provider knows would become an agent")
	}
	if out.Role == team.RoleAdmin {
		return out, conversation.Invalid("role", "must not be admin: whoever makes somebody an admin is to know it")
	}
	return out, s.sealSecret(&out, in.ClientSecret)
}

func (s *Store) sealSecret(out *ProviderSettings, secret *string) (err error) {
	if secret == nil || *secret == "" {
		return nil
	}
	if len(*secret) > 1000 {
		return conversation.Invalid("client_secret", "must have 1000 bytes at most")
	}
	if out.ClientSecret, err = s.Sealer.Seal([]byte(*secret), secretOwner); err != nil {
		return fmt.Errorf("keep the client secret: %w", err)
	}
	out.ClientSecretSet = true
	return nil
}

// checkIssuer refuses what cannot be an issuer (OpenID Connect Discovery 1.0, section 3). It stays as it is written, with a
// slash at its end or without: it is compared byte by byte.
func (s *Store) checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil, len(issuer) > 500, u.Hostname() == "", u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return conversation.Invalid("issuer", "must be an address such as https://accounts.example.com, without user, query and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.AllowPrivate):
		return conversation.Invalid("issuer", "must begin with https://")
	default:
		return nil
	}
}
