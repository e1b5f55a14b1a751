package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/oidc"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/secondfactor"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
)

// openSignIn opens how people prove who they are.
func (a *App) openSignIn(keys *keyring.Keyring) {
	a.secondFactor = secondfactor.NewStore(secondfactor.Options{
		DB: a.DB, Sealer: keys, Warn: func(ctx context.Context, tx bun.Tx, agentID string) error {
			return a.signIn.WarnSecondFactor(ctx, tx, agentID)
		},
	})
	a.oidc = oidc.NewStore(oidc.Options{
		DB: a.DB, Team: a.Team, Sealer: keys, PublicURL: a.publicURL, AllowPrivate: a.Config.AllowsPrivate(),
	})
	a.signIn = signin.New(signin.Options{
		DB: a.DB, Mailer: a.Mailer, SecondFactor: a.secondFactor, PublicURL: a.publicURL, Idle: a.Config.SessionIdle, Logger: a.Logger,
	})
}

// sweepEvery is how often sessions and links that have ended, and idempotency keys that are too old, are removed.
const sweepEvery = 10 * time.Minute

// sweep removes what has ended.
func (a *App) sweep(ctx context.Context) error {
	for clock.Sleep(ctx, sweepEvery) {
		err := errors.Join(a.repetitions.Sweep(ctx), a.signIn.Sweep(ctx))
		if err != nil && ctx.Err() == nil {
			a.Logger.Warn("what has ended was not removed", "sqlstate", postgres.Code(err))
		}
	}
	return nil
}

// NewPerson is an agent who is made on the command line: the first one, before anybody can log in.
type NewPerson struct {
	Name, Email, Password string
	Role                  team.Role
}

// CreateAgent makes an agent with a password and returns the id.
func CreateAgent(ctx context.Context, cfg config.Config, p NewPerson) (id string, err error) {
	err = withDatabase(ctx, cfg, func(db *bun.DB) error {
		if err := signin.CheckPassword(p.Password, p.Name, p.Email); err != nil {
			return err
		}
		agent, err := team.NewStore(db).CreateAgent(ctx, team.System(), team.NewAgent{Name: p.Name, Email: p.Email, Role: p.Role})
		if err != nil {
			return err
		}
		id = agent.ID
		return offline(db, cfg).SetPassword(ctx, bySystem, id, p.Password, "")
	})
	return id, err
}

// SetPassword gives the agent with an e-mail address another password, which ends all their sessions.
func SetPassword(ctx context.Context, cfg config.Config, email, password string) error {
	return withDatabase(ctx, cfg, func(db *bun.DB) error {
		agents, err := team.NewStore(db).Agents(ctx)
		if err != nil {
			return err
		}
		for _, a := range agents {
			if a.Email == email {
				return offline(db, cfg).SetPassword(ctx, bySystem, a.ID, password, "")
			}
		}
		return fmt.Errorf("no agent has the e-mail address %s", email)
	})
}

// offline is signing in without mails.
func offline(db *bun.DB, cfg config.Config) *signin.Store {
	return signin.New(signin.Options{DB: db, Mailer: noMail{}, Idle: cfg.SessionIdle})
}

// noMail sends nothing.
type noMail struct{}

// Send implements signin.Mailer.
func (noMail) Send(context.Context, bun.IDB, string, string, string, map[string]string) error {
	return conversation.Errorf(conversation.CodeUnsupported, "no mail is sent from the command line")
}
