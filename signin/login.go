package signin

import (
	"context"
	"fmt"
	"strings"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Credentials are what somebody shows to log in.
type Credentials struct {
	Email, Password string
	Code            string // of the second factor, if there is one
}

// LogIn begins a session and returns the value for its cookie. Whatever is wrong is unauthorised, in the same words and
// about the same time; after too many attempts rate_limited. If only the code is missing, Details say so.
func (s *Store) LogIn(ctx context.Context, c Credentials, client Client) (string, Session, error) {
	attempt, err := s.begin(ctx, c.Email, client)
	if err != nil {
		return "", Session{}, err
	}
	agentID, err := s.check(ctx, c)
	if err != nil {
		if conversation.CodeOf(err) == conversation.CodeUnauthorised {
			if failed := s.fail(ctx, attempt, agentID, client); failed != nil {
				return "", Session{}, failed
			}
		}
		return "", Session{}, err
	}
	if err := s.succeed(ctx, attempt); err != nil {
		return "", Session{}, err
	}
	return s.Open(ctx, agentID, client)
}

// check returns whose credentials these are; with an error too, if that is known.
func (s *Store) check(ctx context.Context, c Credentials) (agentID string, err error) {
	if strings.ContainsRune(c.Email, 0) { // which the database does not take
		return "", errWrong()
	}
	err = s.DB.NewSelect().Model((*team.Agent)(nil)).Column("id").Where("lower(email) = lower(?) AND state = ?", c.Email, team.AgentActive).Scan(ctx, &agentID)
	if err != nil && !postgres.IsNotFound(err) {
		return "", fmt.Errorf("find agent: %w", err)
	}
	if err := s.verify(ctx, agentID, c.Password); err != nil {
		return agentID, err
	}
	return agentID, s.verifyCode(ctx, agentID, c.Code)
}

func (s *Store) verifyCode(ctx context.Context, agentID, code string) error {
	if s.SecondFactor == nil {
		return nil
	}
	needed, err := s.SecondFactor.Has(ctx, agentID)
	if err != nil || !needed {
		return err
	}
	if code == "" {
		return &conversation.Error{
			Code: conversation.CodeUnauthorised, Message: "a code of the second factor is needed", Details: map[string]any{"second_factor": true},
		}
	}
	return s.SecondFactor.Verify(ctx, agentID, code)
}
