package oidc

import (
	"context"
	"net/http"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/team"
)

// Sealer encrypts at rest and in cookies. The owner is what the plain text is for; it opens for nothing else.
type Sealer interface {
	Seal(plain []byte, owner string) ([]byte, error)
	Open(sealed []byte, owner string) ([]byte, error)
}

// Options are what a Store works with.
type Options struct {
	DB           *bun.DB
	Team         *team.Store
	Sealer       Sealer
	PublicURL    func() string    // where browsers reach us, without a slash at the end
	AllowPrivate bool             // providers in private networks, and without TLS
	Now          func() time.Time // nil is the machine's clock
}

// Store is everything about signing in through a provider.
type Store struct {
	Options
	client *http.Client

	mu       sync.Mutex
	provider *gooidc.Provider // of issuer, as it described itself at read
	issuer   string
	read     time.Time
}

// described is how long a provider's description of itself is used. Its keys are read again whenever one is not known.
const described = time.Hour

// NewStore returns a Store.
func NewStore(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	var control DialControl = accounts.DialControl
	if o.AllowPrivate {
		control = nil
	}
	return &Store{Options: o, client: newClient(control, o.AllowPrivate)}
}

// providerOf returns what a provider says of itself, which is asked for at most once an hour.
func (s *Store) providerOf(ctx context.Context, issuer string) (*gooidc.Provider, error) {
	s.mu.Lock()
	provider, fresh := s.provider, s.issuer == issuer && time.Since(s.read) < described
	s.mu.Unlock()
	if fresh {
		return provider, nil
	}
	provider, err := gooidc.NewProvider(gooidc.ClientContext(ctx, s.client), issuer)
	if err != nil {
		return nil, refuse(Unreachable, err)
	}
	s.mu.Lock()
	s.provider, s.issuer, s.read = provider, issuer, time.Now()
	s.mu.Unlock()
	return provider, nil
}

// discover asks whether there is a provider.
func (s *Store) discover(ctx context.Context, issuer string) error {
	_, err := gooidc.NewProvider(gooidc.ClientContext(ctx, s.client), issuer)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // whose words may come from inside a network
		return conversation.Invalid("issuer", "does not answer as an OpenID Connect provider of this name, or lies where it must not")
	default:
		return nil
	}
}

// redirectURL is where the provider sends browsers back to; it must be registered there.
func (s *Store) redirectURL() string { return s.PublicURL() + CallbackPath }

// CallbackPath is where the provider sends browsers back to.
const CallbackPath = "/api/v1/session/oidc/callback"
