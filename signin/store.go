package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
)

// Mailer queues a mail in a transaction: it leaves if the transaction commits.
type Mailer interface {
	Send(ctx context.Context, tx bun.IDB, to, kind, language string, data map[string]string) error
}

// SecondFactor is what proves a person besides the password.
type SecondFactor interface {
	// Has reports whether the agent must give a code.
	Has(ctx context.Context, agentID string) (bool, error)
	// Verify takes a code, which counts once; unauthorised if it is wrong.
	Verify(ctx context.Context, agentID, code string) error
}

// Options are what a Store works with.
type Options struct {
	DB           *bun.DB
	Mailer       Mailer
	SecondFactor SecondFactor  // nil: nobody has one
	PublicURL    func() string // to which links lead, without a slash at the end
	Idle         time.Duration // after which a session that is not used ends
	Logger       *slog.Logger
}

// Store is everything about signing in.
type Store struct {
	Options
	hashing chan struct{} // hashes that are being computed: each takes memory
}

// hashesAtOnce bounds the memory that hashing takes: so many times 46 MiB.
const hashesAtOnce = 4

// New returns a Store.
func New(o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Store{Options: o, hashing: make(chan struct{}, hashesAtOnce)}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// newSecret returns a value with 256 random bits, and what is kept of it.
func newSecret() (value string, hash []byte) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails
	value = base64.RawURLEncoding.EncodeToString(raw)
	return value, hashOf(value)
}

func hashOf(value string) []byte {
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}

// errWrong says the same of everything that can be wrong, so that it tells nothing about who exists.
func errWrong() error {
	return conversation.Errorf(conversation.CodeUnauthorised, "the e-mail address or the password is wrong")
}
