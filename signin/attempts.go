package signin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Client is where a request comes from.
type Client struct{ UserAgent, IP string }

// allowance is how many attempts of one kind may fail before they are locked, and for how long then: twice as long each time.
type allowance struct {
	free        int
	first, most time.Duration
}

// Attempts on one e-mail address from one place are locked soon. Those on the address from anywhere are locked late and for a
// short time: otherwise anybody could keep a colleague out.
var (
	perPair  = allowance{5, time.Minute, time.Hour}
	perEmail = allowance{30, time.Minute, 5 * time.Minute}
	perIP    = allowance{100, time.Minute, time.Hour}
)

// forgiven is after how long without an attempt failures are forgotten.
const forgiven = 24 * time.Hour

// attempt is what one attempt counts for.
type attempt struct {
	keys   [][]byte
	locked bool // it was the last free one
}

// begin counts an attempt before it is made, so that many at once are no way around: if it succeeds, succeed takes it back.
// It returns rate_limited if one of its kinds is locked.
func (s *Store) begin(ctx context.Context, email string, client Client) (attempt, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	kinds := []allowance{perPair, perEmail, perIP}
	a := attempt{keys: [][]byte{hashOf("pair " + email + " " + client.IP), hashOf("email " + email), hashOf("ip " + client.IP)}}
	var refused *conversation.Error
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		refused, a.locked = nil, false
		for i, key := range a.keys {
			wait, locked, err := count(ctx, tx, key, kinds[i])
			if err != nil {
				return err
			}
			if wait > 0 {
				refused = tooMany(wait)
				return refused
			}
			a.locked = a.locked || locked && i == 0
		}
		return nil
	})
	if refused != nil && errors.Is(err, refused) {
		return a, refused
	}
	return a, err
}

// count counts one attempt of a kind; if it is locked it returns for how long.
func count(ctx context.Context, tx bun.Tx, key []byte, allowed allowance) (wait time.Duration, locked bool, err error) {
	at := now()
	var (
		failures int
		last     time.Time
		until    *time.Time
	)
	_, err = tx.ExecContext(ctx, "INSERT INTO login_attempts (key, failures, last_at) VALUES (?, 0, ?) ON CONFLICT (key) DO NOTHING", key, at)
	if err == nil {
		err = tx.Tx.QueryRowContext(ctx, "SELECT failures, last_at, locked_until FROM login_attempts WHERE key = $1 FOR UPDATE", key).Scan(&failures, &last, &until)
	}
	if err != nil {
		return 0, false, fmt.Errorf("count an attempt: %w", err)
	}
	if until != nil && until.After(at) {
		return until.Sub(at), false, nil
	}
	if at.Sub(last) > forgiven {
		failures = 0
	}
	failures++
	until = nil
	if failures >= allowed.free {
		end := at.Add(allowed.lock(failures))
		until = &end
	}
	_, err = tx.ExecContext(ctx, "UPDATE login_attempts SET failures = ?, last_at = ?, locked_until = ? WHERE key = ?", failures, at, until, key)
	if err != nil {
		return 0, false, fmt.Errorf("count an attempt: %w", err)
	}
	return 0, until != nil, nil
}

// lock returns how long to wait after so many failures.
func (a allowance) lock(failures int) time.Duration {
	return min(a.most, a.first<<min(failures-a.free, 10))
}

// succeed forgets the attempts on this e-mail address; those from the place stay, so that knowing one password is no way to
// guess others without end.
func (s *Store) succeed(ctx context.Context, a attempt) error {
	_, err := s.DB.ExecContext(ctx, "DELETE FROM login_attempts WHERE key IN (?)", bun.List(a.keys[:2]))
	if err == nil {
		_, err = s.DB.ExecContext(ctx, "UPDATE login_attempts SET failures = greatest(0, failures - 1), locked_until = NULL WHERE key = ?", a.keys[2])
	}
	if err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

// fail writes down that somebody's log-in was locked, if there is such an agent.
func (s *Store) fail(ctx context.Context, a attempt, agentID string, client Client) error {
	if !a.locked || agentID == "" {
		return nil
	}
	s.Logger.WarnContext(ctx, "log-in locked after too many attempts", "agent_id", agentID)
	return team.Audit(ctx, s.DB, team.Change{
		By: conversation.Actor{Kind: conversation.ActorSystem}, Action: "sessions.lock", SubjectKind: "agent", SubjectID: agentID,
		After: map[string]string{"ip": client.IP},
	})
}

func tooMany(wait time.Duration) *conversation.Error {
	seconds := int(math.Ceil(wait.Seconds()))
	return &conversation.Error{
		Code: conversation.CodeRateLimited, Message: fmt.Sprintf("too many attempts; try again in %d s", seconds),
		Details: map[string]any{"retry_after_seconds": seconds},
	}
}
