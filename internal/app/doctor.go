package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/temporalx"
	"guichet.dev/guichet/mailer"
	"guichet.dev/guichet/oidc"
	"guichet.dev/guichet/workflows"
)

const (
	// doctorTimeout is how long each look may take.
	doctorTimeout = 10 * time.Second
	// lateDispatch is the age from which something undispatched is wrong.
	lateDispatch = time.Minute
	// lateAssignment and lateAnswer are the ages from which people should look, as in ops/alerts.yml.
	lateAssignment, lateAnswer = 4 * time.Hour, 24 * time.Hour
)

// finding is what one look found: nothing wrong if Problem is empty.
type finding struct{ Name, State, Problem string }

// Doctor looks at everything that an installation depends on, writes what it finds, and returns how many things are wrong.
// It changes nothing.
func Doctor(ctx context.Context, cfg config.Config, out io.Writer) (int, error) {
	findings := append(examineDatabase(ctx, cfg), examineTemporal(ctx, cfg)...)
	wrong := 0
	for _, f := range findings {
		sign, text := "ok   ", f.State
		if f.Problem != "" {
			wrong++
			sign, text = "WRONG", f.Problem
		}
		if _, err := fmt.Fprintf(out, "%s  %-18s %s\n", sign, f.Name, text); err != nil {
			return wrong, err
		}
	}
	return wrong, nil
}

func examineDatabase(ctx context.Context, cfg config.Config) []finding {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	db, err := OpenDatabase(ctx, cfg)
	if err != nil {
		return []finding{{Name: "database", Problem: err.Error()}}
	}
	a := &App{DB: db, Config: cfg, Clock: &clock.Clock{}}
	findings := []finding{{Name: "database", State: "answers"}}
	if err := a.migrated(ctx); err != nil {
		findings = append(findings, finding{Name: "migrations", Problem: err.Error()})
	} else {
		findings = append(findings, finding{Name: "migrations", State: "all applied"}, examineKey(ctx, cfg, db), examineMail(ctx, cfg), examineProvider(ctx, cfg, db))
		findings = append(findings, a.examineFigures(ctx)...)
	}
	if err := db.Close(); err != nil {
		findings = append(findings, finding{Name: "database", Problem: err.Error()})
	}
	return findings
}

// examineKey tries the encryption key on every account.
func examineKey(ctx context.Context, cfg config.Config, db *bun.DB) finding {
	f := finding{Name: "encryption key", State: "opens all secrets"}
	store, err := accountsOf(cfg, db)
	if err == nil {
		_, err = store.List(ctx)
	}
	if err != nil {
		f.Problem = err.Error()
	}
	return f
}

// examineMail greets the mail server, if there is one.
func examineMail(ctx context.Context, cfg config.Config) finding {
	f := finding{Name: "mail", State: "the mail server takes us"}
	m, err := mailer.New(mailer.Options{URL: cfg.SMTPURL, From: cfg.MailFrom, AllowPlain: cfg.AllowsPrivate()})
	switch {
	case err == nil && !m.Ready():
		f.State = "not set up (GUICHET_SMTP_URL): no invitations, resets or digests"
	case err == nil:
		err = m.Check(ctx)
	}
	if err != nil {
		f.Problem = err.Error()
	}
	return f
}

// examineProvider asks the OpenID Connect provider who it is, if there is one.
func examineProvider(ctx context.Context, cfg config.Config, db *bun.DB) finding {
	f := finding{Name: "sign-in provider", State: "answers"}
	keys, err := Keyring(cfg)
	if err == nil {
		store := oidc.NewStore(oidc.Options{DB: db, Sealer: keys, PublicURL: func() string { return cfg.PublicURL }, AllowPrivate: cfg.AllowsPrivate()})
		_, err = store.Begin(ctx, "/")
	}
	if refusal, ok := errors.AsType[*oidc.Refusal](err); ok && refusal.Reason == oidc.NotOffered {
		f.State, err = "none is set up", nil
	}
	if err != nil {
		f.Problem = err.Error()
	}
	return f
}

func (a *App) examineFigures(ctx context.Context) []finding {
	n, err := a.figures(ctx)
	if err != nil {
		return []finding{{Name: "figures", Problem: err.Error()}}
	}
	findings := []finding{
		none("accounts", n.Accounts, "all can be used", "%d must be reconnected (GET /api/v1/accounts)"),
		none("conversations", n.Stuck, "none is stuck", "%d are stuck: their process failed ten times in a row"),
		none("parked updates", n.Parked, "none", "%d could not be applied (GET /api/v1/accounts/{id}/parked)"),
	}
	return append(findings,
		late("dispatch", n.Waiting, n.Oldest, lateDispatch, "is a process running, and Temporal?"),
		late("assignment queue", n.Queued, n.QueuedSince, lateAssignment, "is anybody on shift and below capacity? (GET /api/v1/assignment-queue)"),
		late("consent questions", n.Questions, n.QuestionSince, lateAnswer, "an agent should say what the customers meant"),
	)
}

// late finds that something has waited for too long.
func late(name string, count int, seconds float64, limit time.Duration, hint string) finding {
	oldest := time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	f := finding{Name: name, State: fmt.Sprintf("%d waiting, the oldest for %s", count, oldest)}
	if oldest > limit {
		f.Problem = f.State + ": " + hint
	}
	return f
}

func none(name string, count int, well, ill string) finding {
	f := finding{Name: name, State: well}
	if count > 0 {
		f.Problem = fmt.Sprintf(ill, count)
	}
	return f
}

func examineTemporal(ctx context.Context, cfg config.Config) []finding {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	c, err := dialTemporal(ctx, cfg, temporalx.Options{})
	if err != nil {
		return []finding{{Name: "temporal", Problem: err.Error()}}
	}
	defer c.Close()
	if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return []finding{{Name: "temporal", Problem: err.Error()}}
	}
	return []finding{{Name: "temporal", State: "answers"}, examineAttributes(ctx, c, cfg.Namespace)}
}

func examineAttributes(ctx context.Context, c client.Client, namespace string) finding {
	f := finding{Name: "search attributes", State: "all registered"}
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		f.Problem = err.Error()
		return f
	}
	missing := slices.DeleteFunc(workflows.SearchAttributes(), func(name string) bool {
		_, there := known.GetCustomAttributes()[name]
		return there
	})
	if len(missing) > 0 {
		f.Problem = fmt.Sprintf("%v are missing; a worker registers them when it starts", missing)
	}
	return f
}
