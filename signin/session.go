package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

const (
	// Life is how long a session lasts at most.
	Life = 30 * 24 * time.Hour
	// seenEvery is how exact last_seen_at is.
	seenEvery = time.Minute
	// maxValue is the longest value of a session that is looked at.
	maxValue = 100
	// maxUserAgent is how many bytes of a browser's name are kept.
	maxUserAgent = 200
)

// Session is somebody who is logged in on one device.
type Session struct {
	bun.BaseModel `bun:"table:sessions" json:"-"`
	ID            string    `bun:",pk" json:"id"`
	Hash          []byte    `json:"-"`
	AgentID       string    `json:"-"`
	CreatedAt     time.Time `json:"created_at"`
	LastSeenAt    time.Time `json:"last_seen_at"` // to the minute
	ExpiresAt     time.Time `json:"expires_at"`   // at the latest
	UserAgent     string    `json:"user_agent"`
	IP            string    `bun:"ip" json:"ip"`
	Current       bool      `bun:"-" json:"current"` // the one that asks
}

// Open begins a session of an agent and returns the value for the cookie, which is not kept.
func (s *Store) Open(ctx context.Context, agentID string, client Client) (string, Session, error) {
	value, hash := newSecret()
	at := now()
	session := Session{
		ID: postgres.NewID(), Hash: hash, AgentID: agentID, CreatedAt: at, LastSeenAt: at, ExpiresAt: at.Add(Life),
		UserAgent: shorten(client.UserAgent), IP: client.IP,
	}
	if _, err := s.DB.NewInsert().Model(&session).Exec(ctx); err != nil {
		return "", Session{}, fmt.Errorf("begin a session: %w", err)
	}
	return value, session, nil
}

func shorten(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	for len(text) > maxUserAgent {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// Authenticate returns the session with a cookie's value: unauthorised if there is none, or it has ended.
func (s *Store) Authenticate(ctx context.Context, value string) (Session, error) {
	var session Session
	if value == "" || len(value) > maxValue {
		return session, errNoSession()
	}
	at := now()
	err := s.DB.NewSelect().Model(&session).Where("hash = ?", hashOf(value)).Where("expires_at > ?", at).Where("last_seen_at > ?", at.Add(-s.Idle)).Scan(ctx)
	if postgres.IsNotFound(err) {
		return session, errNoSession()
	}
	if err != nil {
		return session, fmt.Errorf("read session: %w", err)
	}
	if at.Sub(session.LastSeenAt) < seenEvery {
		return session, nil
	}
	_, err = s.DB.ExecContext(ctx, "UPDATE sessions SET last_seen_at = ? WHERE id = ? AND last_seen_at < ?", at, session.ID, at)
	if err != nil {
		return session, fmt.Errorf("note the use of a session: %w", err)
	}
	return session, nil
}

func errNoSession() error {
	return conversation.Errorf(conversation.CodeUnauthorised, "nobody is logged in, or the session has ended")
}

// CSRFToken returns what requests of a session carry to show that they come from our own pages: it follows from the
// cookie's value, which no other page can read.
func CSRFToken(value string) string {
	mac := hmac.New(sha256.New, []byte(value))
	_, _ = mac.Write([]byte("guichet csrf")) // it never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CSRFMatches compares a request's token in constant time.
func CSRFMatches(value, token string) bool {
	return hmac.Equal([]byte(CSRFToken(value)), []byte(token))
}

// Sessions returns an agent's sessions, newest first; current is the id of the one that asks.
func (s *Store) Sessions(ctx context.Context, agentID, current string) ([]Session, error) {
	sessions := []Session{}
	at := now()
	err := s.DB.NewSelect().Model(&sessions).Where("agent_id = ?", agentID).Where("expires_at > ?", at).Where("last_seen_at > ?", at.Add(-s.Idle)).
		OrderExpr("created_at DESC, id DESC").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	for i := range sessions {
		sessions[i].Current = sessions[i].ID == current
	}
	return sessions, nil
}

// End ends one session of an agent; not_found if there is none.
func (s *Store) End(ctx context.Context, agentID, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	result, err := s.DB.ExecContext(ctx, "DELETE FROM sessions WHERE id = ? AND agent_id = ?", id, agentID)
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return conversation.Errorf(conversation.CodeNotFound, "no such session")
	}
	return nil
}

// EndAll ends all sessions of an agent but one, which may be empty. An admin's doing so is audited, and
// nobody does so to whoever may do more than they.
func (s *Store) EndAll(ctx context.Context, by team.Principal, agentID, keep string) error {
	if err := checkID(agentID); err != nil {
		return err
	}
	own := by.AgentID == agentID
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		if !own {
			if err := by.MayManage(ctx, tx, agentID); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE agent_id = ? AND id::text <> ?", agentID, keep); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if own {
			return nil
		}
		return team.Audit(ctx, tx, team.Change{By: by.Actor(), Action: "agents.end_sessions", SubjectKind: "agent", SubjectID: agentID})
	})
}

// Sweep removes what has ended.
func (s *Store) Sweep(ctx context.Context) error {
	at := now()
	for what, query := range map[string]*bun.RawQuery{
		"sessions": s.DB.NewRaw("DELETE FROM sessions WHERE expires_at < ? OR last_seen_at < ?", at, at.Add(-s.Idle)),
		"links":    s.DB.NewRaw("DELETE FROM password_links WHERE expires_at < ?", at),
		"attempts": s.DB.NewRaw("DELETE FROM login_attempts WHERE last_at < ?", at.Add(-forgiven)),
	} {
		if _, err := query.Exec(ctx); err != nil {
			return fmt.Errorf("remove old %s: %w", what, err)
		}
	}
	return nil
}

func checkID(id string) error {
	if !postgres.IsID(id) {
		return conversation.Errorf(conversation.CodeNotFound, "no such thing")
	}
	return nil
}
