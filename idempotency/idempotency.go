// Package idempotency remembers requests and what was answered to them, so that a caller who does not know whether a request
// arrived can repeat it: what it creates is created once.
//
// A key is claimed before the request is carried out. If the process dies in between, nobody knows what came of it: the key
// then stays without an answer and its request is never carried out a second time.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Kept is how long a key is known.
const Kept = 24 * time.Hour

// Sealer encrypts answers at rest: they hold customers' words and values that are shown once. The owner is what an answer
// belongs to; it opens for no other.
type Sealer interface {
	Seal(plain []byte, owner string) ([]byte, error)
	Open(sealed []byte, owner string) ([]byte, error)
}

// Store keeps keys in the database. Its times are the machine's.
type Store struct {
	db     *bun.DB
	sealer Sealer
}

// NewStore returns a Store.
func NewStore(db *bun.DB, sealer Sealer) *Store { return &Store{db: db, sealer: sealer} }

// Request is one that can be repeated.
type Request struct {
	Caller string // who makes it
	Route  string // what it asks for, such as "POST /api/v1/teams"
	Key    string // the caller's name for it
	Body   []byte // with everything else in which two requests can differ
}

// Answer is what was answered.
type Answer struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header,omitempty"`
	Body   []byte              `json:"body,omitempty"`
}

// Claim takes a key for a request. It returns the earlier answer if the same request was answered before, nil if it is to be
// carried out now: then Answered or Forget must follow. The same key with another request is invalid; one whose first
// request is not answered, yet or for ever, is a conflict.
func (s *Store) Claim(ctx context.Context, r Request) (*Answer, error) {
	hash := sha256.Sum256(r.Body)
	now := time.Now().UTC()
	for {
		taken, err := s.take(ctx, r, hash[:], now)
		if err != nil || taken {
			return nil, err
		}
		answer, gone, err := s.earlier(ctx, r, hash[:], now)
		if err != nil || !gone {
			return answer, err
		}
	}
}

func (s *Store) take(ctx context.Context, r Request, hash []byte, now time.Time) (bool, error) {
	result, err := s.db.DB.ExecContext(ctx, `INSERT INTO idempotency_keys AS k (caller, route, key, request, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (caller, route, key) DO UPDATE SET request = excluded.request, answer = NULL, created_at = excluded.created_at
		WHERE k.created_at < $6`, r.Caller, r.Route, r.Key, hash, now, now.Add(-Kept))
	if err != nil {
		return false, fmt.Errorf("claim an idempotency key: %w", err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// earlier returns what the key stands for; gone says that it was forgotten meanwhile.
func (s *Store) earlier(ctx context.Context, r Request, hash []byte, now time.Time) (answer *Answer, gone bool, err error) {
	var (
		same   bool
		sealed []byte
		at     time.Time
	)
	err = s.db.DB.QueryRowContext(ctx, "SELECT request = $4, answer, created_at FROM idempotency_keys WHERE caller = $1 AND route = $2 AND key = $3",
		r.Caller, r.Route, r.Key, hash).Scan(&same, &sealed, &at)
	switch {
	case postgres.IsNotFound(err):
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("read an idempotency key: %w", err)
	case !same:
		return nil, false, conversation.Invalid("Idempotency-Key", "was used for a request with another content: take a new key")
	case sealed == nil:
		return nil, false, unanswered(now.Sub(at))
	}
	plain, err := s.sealer.Open(sealed, r.owner())
	if err != nil {
		return nil, false, fmt.Errorf("open an earlier answer: %w", err)
	}
	answer = &Answer{}
	if err := json.Unmarshal(plain, answer); err != nil {
		return nil, false, fmt.Errorf("read an earlier answer: %w", err)
	}
	return answer, false, nil
}

// slow is how long a request can take at most; one without an answer after that will never have one.
const slow = time.Minute

func unanswered(age time.Duration) error {
	if age < slow {
		return conversation.Errorf(conversation.CodeConflict, "the first request with this idempotency key is still being worked on; try again in a moment")
	}
	return conversation.Errorf(conversation.CodeConflict,
		"nobody knows what came of the first request with this idempotency key: look whether it took effect, and take a new key if it did not")
}

// Answered keeps the answer to a claimed request.
func (s *Store) Answered(ctx context.Context, r Request, a Answer) error {
	plain, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	sealed, err := s.sealer.Seal(plain, r.owner())
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	_, err = s.db.DB.ExecContext(ctx, "UPDATE idempotency_keys SET answer = $4 WHERE caller = $1 AND route = $2 AND key = $3 AND answer IS NULL",
		r.Caller, r.Route, r.Key, sealed)
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

// Forget gives a claimed key back: its request certainly changed nothing and may be made again.
func (s *Store) Forget(ctx context.Context, r Request) error {
	_, err := s.db.DB.ExecContext(ctx, "DELETE FROM idempotency_keys WHERE caller = $1 AND route = $2 AND key = $3 AND answer IS NULL", r.Caller, r.Route, r.Key)
	if err != nil {
		return fmt.Errorf("forget an idempotency key: %w", err)
	}
	return nil
}

// sweepBatch is how many keys one statement removes.
const sweepBatch = 5_000

// Sweep removes the keys that are too old to count.
func (s *Store) Sweep(ctx context.Context) error {
	for {
		result, err := s.db.DB.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
			SELECT ctid FROM idempotency_keys WHERE created_at < $1 LIMIT $2))`, time.Now().Add(-Kept), sweepBatch)
		if err != nil {
			return fmt.Errorf("remove old idempotency keys: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil || n < sweepBatch {
			return err
		}
	}
}

func (r Request) owner() string { return "answer " + r.Caller + " " + r.Route + " " + r.Key }
