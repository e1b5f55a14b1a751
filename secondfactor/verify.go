package secondfactor

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

const (
	// step is how long the app shows a code (RFC 6238, section 5.2).
	step = 30 * time.Second
	// skew is how many steps the app's clock may be off in either direction.
	skew = 1
	// recoveryLength is how many characters a recovery code has.
	recoveryLength = 16

	// freeFailures wrong codes in a row lock the factor, for firstLock and then twice as long each time.
	freeFailures = 5
	firstLock    = time.Minute
	longestLock  = time.Hour
	// forgiven is after how long without a wrong one they are forgotten.
	forgiven = 24 * time.Hour
)

// errWrong is told from all other errors by Confirm and Disable.
var errWrong = conversation.Errorf(conversation.CodeUnauthorised, "the code is wrong or was used")

func errInvalid() error { return conversation.Invalid("code", "is wrong or was used") }

func wrongAs(err, instead error) error {
	if errors.Is(err, errWrong) {
		return instead
	}
	return err
}

// Verify takes a code of the app or for recovery, which counts once: unauthorised if it is wrong, rate_limited after too
// many wrong ones.
func (s *Store) Verify(ctx context.Context, agentID, code string) error {
	return s.with(ctx, agentID, code, confirmed, func(context.Context, bun.Tx, *factor) error { return nil })
}

func confirmed(_ context.Context, _ bun.Tx, f *factor) error {
	if f.ConfirmedAt == nil {
		return errNone()
	}
	return nil
}

type part func(ctx context.Context, tx bun.Tx, f *factor) error

// with holds an agent's factor, and does what is to be done if the code is right. A wrong one is written down, which is why
// the transaction commits then too.
func (s *Store) with(ctx context.Context, agentID, code string, before, do part) error {
	var refused error
	err := postgres.InTx(ctx, s.o.DB, func(ctx context.Context, tx bun.Tx) error {
		refused = nil
		f, err := s.read(ctx, tx, agentID, true)
		if err != nil {
			return err
		}
		if f == nil {
			return errNone()
		}
		if err := before(ctx, tx, f); err != nil {
			return err
		}
		if wait := f.locked(s.now()); wait > 0 {
			return tooMany(wait)
		}
		right, err := s.right(ctx, tx, f, plain(code))
		if err != nil {
			return err
		}
		if !right {
			refused = errWrong
			return s.fail(ctx, tx, f)
		}
		f.Failures, f.FailedAt, f.LockedUntil = 0, nil, nil
		if _, err := tx.NewUpdate().Model(f).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("use a code: %w", err)
		}
		return do(ctx, tx, f)
	})
	if err != nil {
		return err
	}
	return refused
}

// right reports whether a code is right, and uses it up: what is changed of f is to be written.
func (s *Store) right(ctx context.Context, tx bun.Tx, f *factor, code string) (bool, error) {
	if len(code) == recoveryLength && f.ConfirmedAt != nil {
		return useRecoveryCode(ctx, tx, f.AgentID, code)
	}
	secret, err := s.o.Sealer.Open(f.Secret, f.AgentID)
	if err != nil {
		return false, fmt.Errorf("open a second factor: %w", err)
	}
	at := s.now().Unix() / int64(step/time.Second)
	for n := max(at-skew, f.LastStep+1); n <= at+skew; n++ {
		want, err := hotp.GenerateCodeCustom(string(secret), uint64(max(n, 0)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return false, errors.New("compute a code: the secret is not in the expected form") // the library's error may quote it
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			f.LastStep = n
			return true, nil
		}
	}
	return false, nil
}

// locked returns for how long codes are refused still.
func (f *factor) locked(at time.Time) time.Duration {
	if f.LockedUntil == nil {
		return 0
	}
	return f.LockedUntil.Sub(at)
}

func (s *Store) fail(ctx context.Context, tx bun.Tx, f *factor) error {
	at := s.now()
	if f.FailedAt != nil && at.Sub(*f.FailedAt) > forgiven {
		f.Failures = 0
	}
	f.Failures++
	f.FailedAt, f.LockedUntil = &at, nil
	if f.Failures >= freeFailures {
		end := at.Add(min(longestLock, firstLock<<min(f.Failures-freeFailures, 10)))
		f.LockedUntil = &end
	}
	if _, err := tx.NewUpdate().Model(f).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("count a wrong code: %w", err)
	}
	if f.Failures != freeFailures {
		return nil
	}
	return audit(ctx, tx, conversation.Actor{Kind: conversation.ActorSystem}, "agents.lock_second_factor", f.AgentID)
}

func tooMany(wait time.Duration) error {
	seconds := int(math.Ceil(wait.Seconds()))
	return &conversation.Error{
		Code: conversation.CodeRateLimited, Message: fmt.Sprintf("too many wrong codes; try again in %d s", seconds),
		Details: map[string]any{"retry_after_seconds": seconds},
	}
}
