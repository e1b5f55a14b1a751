package notifications

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// UnsubscribePath is where a POST with a token ends an agent's digests (RFC 8058), and a GET asks whether to.
const UnsubscribePath = "/mail/unsubscribe"

// sealedFor is what the tokens are made for. A token names the agent and opens nothing else.
const sealedFor = "unsubscribe from notification digests"

func (s *Store) unsubscribeLink(agent string) (string, error) {
	sealed, err := s.Sealer.Seal([]byte(agent), sealedFor)
	if err != nil {
		return "", err
	}
	return s.PublicURL() + UnsubscribePath + "?token=" + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// maxToken is the longest token that is looked at.
const maxToken = 1024

// subscriber returns whom a token is for.
func (s *Store) subscriber(token string) (string, error) {
	unknown := noLink()
	if len(token) > maxToken {
		return "", unknown
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", unknown
	}
	plain, err := s.Sealer.Open(sealed, sealedFor)
	if err != nil || !postgres.IsID(string(plain)) {
		return "", unknown //nolint:nilerr // whatever is wrong with a stranger's token, there is no such link
	}
	return string(plain), nil
}

// Subscriber returns the language of whom a digest's token is for, or not_found.
func (s *Store) Subscriber(ctx context.Context, token string) (language string, err error) {
	agent, err := s.subscriber(token)
	if err != nil {
		return "", err
	}
	return languageOf(ctx, s.DB, agent)
}

// Unsubscribe ends all digests of whom the token is for; in the app everything stays as it is. It returns the agent's
// language.
func (s *Store) Unsubscribe(ctx context.Context, token string) (language string, err error) {
	agent, err := s.subscriber(token)
	if err != nil {
		return "", err
	}
	err = postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		if language, err = languageOf(ctx, tx, agent); err != nil {
			return err
		}
		settings, err := readSettings(ctx, tx, agent)
		if err != nil {
			return err
		}
		for _, k := range Kinds() {
			settings.of(k).Mail = Off
		}
		return s.choose(ctx, tx, agent, settings)
	})
	return language, err
}

// languageOf returns the language of an agent, or not_found.
func languageOf(ctx context.Context, db bun.IDB, agent string) (language string, err error) {
	err = db.NewRaw("SELECT language FROM agents WHERE id = ?", agent).Scan(ctx, &language)
	if postgres.IsNotFound(err) {
		return "", noLink()
	}
	if err != nil {
		return "", fmt.Errorf("read whose link it is: %w", err)
	}
	return language, nil
}

func noLink() error { return conversation.Errorf(conversation.CodeNotFound, "no such link") }
