package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/uptrace/bun"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/idempotency"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/intake"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/internal/temporalx"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/mailer"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/oidc"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/secondfactor"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/worker"
)

// Mode says which parts a process has. Every process dispatches.
type Mode struct {
	Serve bool // webhooks and API
	Work  bool // the workflows and their activities
}

// The modes of the commands serve, work and all.
var (
	Serve = Mode{Serve: true}
	Work  = Mode{Work: true}
	All   = Mode{Serve: true, Work: true}
)

// App is one process. New opens it, Run runs it, Close closes it; Accounts, Team and Inbox may be used between New and
// Close.
type App struct {
	Config   config.Config
	Mode     Mode
	Logger   *slog.Logger
	Clock    *clock.Clock
	Metrics  *metrics.Metrics
	DB       *bun.DB
	Temporal client.Client
	Accounts *accounts.Store
	Team     *team.Store
	Inbox    *inbox.Inbox
	Mailer   *mailer.Mailer

	commits       *bun.DB // the group commits' own sessions
	advances      *bun.DB // those of the workflows' decisions
	adapters      map[conversation.Channel]channel.Adapter
	intake        *intake.Intake
	outbox        *outbox.Outbox
	repetitions   *idempotency.Store
	signIn        *signin.Store
	bulk          *bulk.Store
	assignment    *assignment.Store
	secondFactor  *secondfactor.Store
	oidc          *oidc.Store
	notifications *notifications.Store
	inside        inside
	rulebook      *rulebook.Store
	blueprint     *blueprint.Store
	calendars     *calendars.Store
	automation    *automation.Automation
	server        *server.Server
	notifier      *postgres.Notifier
	presence      server.Presence
	live          *feed.Hub
	bell          feed.Bell // rings when the feed may have something new
	listener      net.Listener
	closers       []func() error // the last first
}

// Version is the program's, set at build time.
var Version = "development"

// New opens a process's parts and the address it listens on. If a part fails, those before it are closed again.
func New(ctx context.Context, cfg config.Config, mode Mode, logger *slog.Logger) (*App, error) {
	a := &App{Config: cfg, Mode: mode, Logger: logger, Clock: &clock.Clock{}, Metrics: metrics.New()}
	for _, open := range []func(context.Context) error{a.openDatabase, a.openCommits, a.openAdvances, a.openTemporal, a.openStores, a.openServer} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// OpenDatabase opens the database of the configuration.
func OpenDatabase(ctx context.Context, cfg config.Config) (*bun.DB, error) {
	return openDatabase(ctx, cfg, postgres.Options{})
}

func openDatabase(ctx context.Context, cfg config.Config, o postgres.Options) (*bun.DB, error) {
	if cfg.DatabaseURL == "" {
		return nil, errors.New("DATABASE_URL is not set (doctor, repair and token also look into the data folder for a running guichet dev)")
	}
	o.MaxOpenConns = cfg.DatabaseConns
	return postgres.Open(ctx, cfg.DatabaseURL, o)
}

// openCommits opens the sessions in which group commits run, if this process serves webhooks.
func (a *App) openCommits(ctx context.Context) (err error) {
	if a.Mode.Serve {
		a.commits, err = a.openKeyLookups(ctx, "guichet intake", intake.Sessions)
	}
	return err
}

// openAdvances opens the sessions in which workflows decide, if this process works for them.
func (a *App) openAdvances(ctx context.Context) (err error) {
	if a.Mode.Work {
		a.advances, err = a.openKeyLookups(ctx, "guichet advance", worker.DefaultAdvances)
	}
	return err
}

func (a *App) openKeyLookups(ctx context.Context, name string, sessions int) (*bun.DB, error) {
	db, err := postgres.Open(ctx, a.Config.DatabaseURL, postgres.Options{ApplicationName: name, MaxOpenConns: sessions, KeyLookups: true, Lazy: true})
	if err == nil {
		a.closers = append(a.closers, db.Close)
	}
	return db, err
}

// openDatabase does not wait for the database: a process that starts before it says so at /readyz and goes on trying.
func (a *App) openDatabase(ctx context.Context) (err error) {
	if a.DB, err = openDatabase(ctx, a.Config, postgres.Options{Lazy: true}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.DB.Close)
	if a.notifier, err = postgres.NewNotifier(a.Config.DatabaseURL, a.Logger); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		err := a.notifier.Close(ctx)
		if postgres.IsUnavailable(err) { // who would have been told finds it by looking
			a.Logger.Warn("the last notification was not sent", "sqlstate", postgres.Code(err))
			return nil
		}
		return err
	})
	return a.Metrics.WatchDatabase(a.DB.DB)
}

func (a *App) openTemporal(ctx context.Context) (err error) {
	a.Temporal, err = dialTemporal(ctx, a.Config, temporalx.Options{Logger: a.Logger, Metrics: a.Metrics.Registry})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.Temporal.Close(); return nil })
	return nil
}

func dialTemporal(ctx context.Context, cfg config.Config, o temporalx.Options) (client.Client, error) {
	o.Address, o.Namespace = cfg.TemporalAddress, cfg.Namespace
	return temporalx.Dial(ctx, o)
}

// notify tells the dispatchers of all processes that there is something to do, and the readers of the feed.
func (a *App) notify() {
	a.notifier.Notify(ledger.DispatchChannel)
	a.notifyFeed()
}

// notifyFeed tells the readers of the feed in all processes that there is something new. Call it after the commit.
func (a *App) notifyFeed() { a.notifier.Notify(feed.Channel) }

// Address returns where HTTP is served.
func (a *App) Address() string { return a.listener.Addr().String() }

// Close closes what New opened. It may be called more than once.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
