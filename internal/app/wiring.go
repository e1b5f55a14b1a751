package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/uptrace/bun"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/whatsapp"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/idempotency"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/intake"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/migrations"
	"guichet.dev/guichet/optout/intent"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/views"
)

// closeTimeout is how long closing one part may take.
const closeTimeout = 2 * time.Second

// Keyring returns the keys with which secrets are encrypted.
func Keyring(cfg config.Config) (*keyring.Keyring, error) {
	switch {
	case cfg.EncryptionKey != "":
		keys, err := keyring.Parse(cfg.EncryptionKey)
		if err != nil {
			return nil, fmt.Errorf("GUICHET_ENCRYPTION_KEY: %w (guichet key makes one)", err)
		}
		return keys, nil
	case cfg.KeyFile != "":
		return keyring.ReadFile(cfg.KeyFile)
	default:
		return nil, errors.New("set GUICHET_ENCRYPTION_KEY or GUICHET_ENCRYPTION_KEY_FILE (guichet key makes a key)")
	}
}

// accountsOf returns the accounts for looking only.
func accountsOf(cfg config.Config, db *bun.DB) (*accounts.Store, error) {
	keys, err := Keyring(cfg)
	if err != nil {
		return nil, err
	}
	return accounts.NewStore(accounts.Options{DB: db, Keyring: keys, Clock: &clock.Clock{}}), nil
}

func (a *App) openStores(context.Context) error {
	keys, err := Keyring(a.Config)
	if err != nil {
		return err
	}
	if err := a.openMailer(keys); err != nil {
		return err
	}
	a.openNotifications(keys)
	a.Team = team.NewStore(a.DB)
	a.openSignIn(keys)
	a.repetitions = idempotency.NewStore(a.DB, keys)
	whatsAppOptions := whatsapp.Options{Now: a.Clock.Now, DialControl: accounts.DialControl}
	if a.Config.AllowsPrivate() {
		whatsAppOptions.DialControl = nil
	}
	a.adapters = map[conversation.Channel]channel.Adapter{conversation.WhatsApp: whatsapp.New(whatsAppOptions)}
	a.Accounts = accounts.NewStore(accounts.Options{
		DB: a.DB, Keyring: keys, Clock: a.Clock, AllowPrivate: a.Config.AllowsPrivate(), OnResume: a.wakeHolding,
	})
	a.calendars = calendars.NewStore(a.DB, a.Clock.Now)
	a.assignment = assignment.NewStore(assignment.Options{
		DB: a.DB, Now: a.Clock.Now, Notify: a.notify, OnShift: a.calendars.OnShift, BusinessTime: a.calendars.BusinessTime, Logger: a.Logger,
	})
	a.Inbox = inbox.New(inbox.Options{
		DB: a.DB, Accounts: a.Accounts, Adapters: a.adapters, Now: a.Clock.Now, Notify: a.notify, Meaning: meaning, Logger: a.Logger,
		Freed: a.assignment.Freed,
	})
	classifier, err := intent.Default()
	if err != nil {
		return err
	}
	a.rulebook = rulebook.NewStore(rulebook.Options{DB: a.DB, Now: a.Clock.Now, Notify: a.notify, Classifier: classifier, Logger: a.Logger})
	observer := metrics.Observer{Metrics: a.Metrics}
	a.blueprint = blueprint.NewStore(blueprint.Options{DB: a.DB, Calendars: a.calendars, Rulebook: a.rulebook, Assignment: a.assignment})
	a.automation = automation.New(automation.Options{
		DB: a.DB, Advances: a.advances, Accounts: a.Accounts, Rulebook: a.rulebook, Calendars: a.calendars, Assigner: a.assignment,
		Now:    a.Clock.Now,
		Notify: a.notify, Announce: a.notifyFeed, Observer: observer, Logger: a.Logger,
	})
	a.openInside()
	a.bulk = bulk.NewStore(bulk.Options{DB: a.DB, Inbox: a.Inbox, Labels: a.inside.labels, Askers: a.Team, Logger: a.Logger})
	receivers, senders := map[conversation.Channel]channel.Receiver{}, map[conversation.Channel]channel.Sender{}
	for kind, adapter := range a.adapters {
		receivers[kind], senders[kind] = adapter, adapter
	}
	a.intake = intake.New(intake.Options{
		DB: a.DB, Commits: a.commits, Accounts: a.Accounts, Adapters: receivers, Now: a.Clock.Now, Notify: a.notify, Observer: observer, Logger: a.Logger,
	})
	a.outbox = outbox.New(outbox.Options{
		DB: a.DB, Accounts: a.Accounts, Adapters: senders, Now: a.Clock.Now, Observer: observer, Announce: a.notifyFeed, Logger: a.Logger,
	})
	a.live = &feed.Hub{Reader: feed.Reader{DB: a.DB, WithChanges: true}, Bell: &a.bell, Render: server.RenderEvent, Logger: a.Logger}
	a.openPresence()
	return nil
}

func (a *App) openPresence() {
	store := &presence.Store{DB: a.DB, Moved: a.assignment.Moved, Told: a.notify}
	a.presence = server.Presence{
		Store: store, Keeper: &presence.Keeper{Store: store, Announce: a.notifyFeed, Logger: a.Logger},
		Board: &presence.Board{
			Send: func(text string) { a.notifier.Tell(presence.Channel, text) },
			Show: func(v presence.Visit) { a.live.Signal(server.RenderVisit(v)) },
		},
	}
}

// meaning explains a provider's error code.
func meaning(on conversation.Channel, code string) string {
	if on == conversation.WhatsApp {
		return whatsapp.Meaning(code)
	}
	return ""
}

// wakeHolding tells the workflows of conversations that hold messages for an account that it can be used again.
func (a *App) wakeHolding(ctx context.Context, accountID string) error {
	if _, err := ledger.WakeHolding(ctx, a.DB, accountID); err != nil {
		return err
	}
	a.notify()
	return nil
}

func (a *App) openServer(ctx context.Context) error {
	proxies, err := a.Config.Proxies()
	if err != nil {
		return err
	}
	a.server = server.New(server.Options{
		SignIn: a.signIn, SecondFactor: a.secondFactor, OIDC: a.oidc, PublicURL: a.Config.PublicURL, TrustedProxies: proxies,
		Logger: a.Logger, Metrics: a.Metrics, Clock: a.Clock, Accounts: a.Accounts, Team: a.Team, Adapters: a.adapters,
		Receiver: a.intake, Queries: a.Inbox, Handling: a.Inbox, Writing: a.Inbox, Parked: a.intake,
		Beside: a.Inbox, Notes: a.inside.notes, Labels: a.inside.labels, Drafts: a.inside.drafts, Followers: a.inside.followers,
		Blocks: a.inside.blocks, Contacts: a.inside.contacts, Transcripts: a.inside.transcripts, Search: a.inside.search,
		Views: views.NewStore(a.DB), Bulk: a.bulk, Assignment: a.assignment, Calendars: a.calendars, Rulebook: a.rulebook, Automation: a.automation,
		Blueprint: a.blueprint, Notifications: a.notifications, Repetitions: a.repetitions, Rate: a.Config.APIRate,
		Live: a.live, Locator: a.Inbox, Presence: a.presence, Checks: a.checks(), Version: Version, ProbesOnly: !a.Mode.Serve,
	})
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return fmt.Errorf("GUICHET_LISTEN (GUICHET_PORT of guichet dev): %w", err)
	}
	a.listener = listener
	a.closers = append(a.closers, func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// checks are what readiness depends on. A process that serves is ready without Temporal: see the server.
func (a *App) checks() []server.Check {
	return []server.Check{
		{Name: "database", Probe: a.DB.PingContext},
		{Name: "migrations", Probe: a.migrated},
		{Name: "temporal", Optional: a.Mode.Serve, Probe: func(ctx context.Context) error {
			_, err := a.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}},
	}
}

// migrated returns an error while migrations are pending.
func (a *App) migrated(ctx context.Context) error {
	pending, err := migrations.Pending(ctx, a.DB)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("%d migrations are pending: run guichet migrate", len(pending))
	}
	return err
}
