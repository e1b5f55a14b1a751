package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/mailer"
	"guichet.dev/guichet/notifications"
)

// openMailer opens what sends Guichet's own mails.
func (a *App) openMailer(keys *keyring.Keyring) (err error) {
	if a.Config.SMTPURL != "" && a.Config.PublicURL == "" && !a.Config.Demo {
		return errors.New("GUICHET_PUBLIC_URL is not set: mails need it for their links")
	}
	a.Mailer, err = mailer.New(mailer.Options{
		DB: a.DB, Sealer: keys, URL: a.Config.SMTPURL, From: a.Config.MailFrom, AllowPlain: a.Config.AllowsPrivate(),
		ShowLinks: a.Config.Demo, Observer: metrics.Observer{Metrics: a.Metrics}, Logger: a.Logger,
	})
	if err == nil && !a.Mailer.Ready() {
		a.Logger.Warn("GUICHET_SMTP_URL is not set: no invitation, no password reset and no digest can be sent by e-mail")
	}
	return err
}

// publicURL is where people reach this process, without a slash at the end.
func (a *App) publicURL() string {
	if a.Config.PublicURL != "" {
		return strings.TrimRight(a.Config.PublicURL, "/")
	}
	return "http://" + a.Address()
}

// openNotifications opens what tells agents what concerns them.
func (a *App) openNotifications(keys *keyring.Keyring) {
	a.notifications = notifications.NewStore(notifications.Options{
		DB: a.DB, Mailer: a.Mailer, Sealer: keys, PublicURL: a.publicURL, Now: a.Clock.Now, Notify: a.notifyFeed, Logger: a.Logger,
	})
}

// notifyPause is how late a notification may come of what follows another soon.
const notifyPause = 200 * time.Millisecond

// deriveNotifications reads the feed for what concerns whom.
func (a *App) deriveNotifications(ctx context.Context) error {
	return feed.Consumer{
		Name: notifications.Consumer, DB: a.DB, Apply: a.notifications.Apply, FromNow: true, Bell: &a.bell, Logger: a.Logger, Pause: notifyPause,
	}.Run(ctx)
}
