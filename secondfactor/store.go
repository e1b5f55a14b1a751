package secondfactor

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Sealer encrypts secrets at rest. The owner is the agent's id; what belongs to one opens for no other.
type Sealer interface {
	Seal(plain []byte, owner string) ([]byte, error)
	Open(sealed []byte, owner string) ([]byte, error)
}

// Options are what a Store works with.
type Options struct {
	DB     *bun.DB
	Sealer Sealer
	Issuer string           // under which apps show the codes; empty is Guichet
	Now    func() time.Time // nil is the machine's clock
	// Warn tells an agent that their second factor was set up or taken away, if the transaction commits.
	Warn func(ctx context.Context, tx bun.Tx, agentID string) error
}

// Store keeps second factors in the database.
type Store struct{ o Options }

// NewStore returns a Store.
func NewStore(o Options) *Store {
	if o.Issuer == "" {
		o.Issuer = "Guichet"
	}
	if o.Warn == nil {
		o.Warn = func(context.Context, bun.Tx, string) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{o: o}
}

// FactorState is what an agent may know of their second factor.
type FactorState struct {
	Enabled       bool       `json:"enabled" doc:"Whether a code is asked for when this agent logs in"`
	Pending       bool       `json:"pending" doc:"Whether one was enrolled and waits to be confirmed by a code"`
	ConfirmedAt   *time.Time `json:"confirmed_at,omitempty"`
	RecoveryCodes int        `json:"recovery_codes" doc:"How many recovery codes are left"`
}

// factor is the row of one agent.
type factor struct {
	bun.BaseModel `bun:"table:second_factors"`
	AgentID       string `bun:",pk"`
	Secret        []byte
	CreatedAt     time.Time
	ConfirmedAt   *time.Time
	LastStep      int64
	Failures      int
	FailedAt      *time.Time
	LockedUntil   *time.Time
}

func (s *Store) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// State returns what an agent's second factor is; nothing is enabled if there is none.
func (s *Store) State(ctx context.Context, agentID string) (FactorState, error) {
	var state FactorState
	f, err := s.read(ctx, s.o.DB, agentID, false)
	if err != nil || f == nil {
		return state, err
	}
	state.Enabled, state.Pending, state.ConfirmedAt = f.ConfirmedAt != nil, f.ConfirmedAt == nil, f.ConfirmedAt
	err = s.o.DB.NewRaw("SELECT count(*) FROM recovery_codes WHERE agent_id = ?", agentID).Scan(ctx, &state.RecoveryCodes)
	if err != nil {
		return FactorState{}, fmt.Errorf("count recovery codes: %w", err)
	}
	return state, nil
}

// Has reports whether the agent must give a code to log in.
func (s *Store) Has(ctx context.Context, agentID string) (bool, error) {
	f, err := s.read(ctx, s.o.DB, agentID, false)
	return f != nil && f.ConfirmedAt != nil, err
}

// read returns an agent's factor, nil if there is none; lock holds it until the transaction ends.
func (s *Store) read(ctx context.Context, db bun.IDB, agentID string, lock bool) (*factor, error) {
	var f factor
	q := db.NewSelect().Model(&f).Where("agent_id = ?", agentID)
	if lock {
		q = q.For("UPDATE")
	}
	err := q.Scan(ctx)
	if postgres.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read second factor: %w", err)
	}
	return &f, nil
}

func errNone() error {
	return conversation.Errorf(conversation.CodeNotFound, "there is no second factor")
}
