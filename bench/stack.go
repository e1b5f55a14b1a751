package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/keyring"
)

// The account to which everything is posted.
const (
	number = "106540352242922"
	secret = "app-secret-of-the-benchmark"
)

// stack is PostgreSQL as in production (it waits for the disk) and a process of the product, both only for this run.
type stack struct {
	folder   string
	postgres *devstack.Postgres
	app      *app.App
	account  accounts.Account
	cancel   context.CancelFunc
	ended    chan error
}

// startStack starts both on a new folder. Settings are those of the product's environment; close ends and removes all.
func startStack(ctx context.Context, mode app.Mode, settings map[string]string) (s *stack, err error) {
	s = &stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.folder, err = os.MkdirTemp("", "guichet-bench-"); err != nil {
		return s, err
	}
	if err := os.Chmod(s.folder, 0o755); err != nil { // PostgreSQL may run as another user
		return s, err
	}
	if s.postgres, err = devstack.StartPostgres(ctx, devstack.PostgresConfig{DataDir: filepath.Join(s.folder, "postgres")}); err != nil {
		return s, err
	}
	cfg, err := s.config(settings)
	if err != nil {
		return s, err
	}
	if err := app.Migrate(ctx, cfg); err != nil {
		return s, err
	}
	if s.app, err = app.New(ctx, cfg, mode, cfg.Logger(os.Stderr)); err != nil {
		return s, err
	}
	var running context.Context
	running, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.app.Run(running) }()
	s.account, err = s.app.Accounts.Create(ctx, conversation.Actor{Kind: conversation.ActorSystem}, accounts.New{
		Channel: conversation.WhatsApp, Name: "Benchmark", ProviderID: number, BusinessID: "102290129340398",
		APIBaseURL: "https://graph.facebook.com", APIVersion: "v26.0",
		Secrets: channel.Secrets{AccessToken: "token", AppSecret: secret, VerifyToken: "verify"},
	})
	return s, err
}

// config is the product's configuration for this run.
func (s *stack) config(settings map[string]string) (config.Config, error) {
	key, err := keyring.NewKey()
	if err != nil {
		return config.Config{}, err
	}
	values := map[string]string{
		"DATABASE_URL": s.postgres.URL("guichet"), "GUICHET_ENCRYPTION_KEY": key, "GUICHET_LISTEN": "127.0.0.1:0",
		"GUICHET_DATA_DIR": s.folder, "GUICHET_LOG_LEVEL": "error",
		"TEMPORAL_ADDRESS": "127.0.0.1:1", // nobody listens there
	}
	for name, value := range settings {
		values[name] = value
	}
	return config.Read(func(name string) (string, bool) { v, ok := values[name]; return v, ok })
}

// close ends everything and removes the data.
func (s *stack) close() error {
	var errs []error
	if s.cancel != nil {
		s.cancel()
		errs = append(errs, <-s.ended)
	} else if s.app != nil {
		errs = append(errs, s.app.Close())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.folder != "" {
		errs = append(errs, os.RemoveAll(s.folder))
	}
	return errors.Join(errs...)
}

// path is where the account's provider posts.
func (s *stack) path() string { return "/webhooks/whatsapp/" + s.account.ID }

// textWebhook appends a webhook with one text message of one sender, as Meta posts it.
func textWebhook(to []byte, sender int, id string, unix int64) []byte {
	return fmt.Appendf(to, `{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"field":"messages",`+
		`"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":"%s"},`+
		`"contacts":[{"profile":{"name":"Customer %d"},"wa_id":"3361%07d"}],`+
		`"messages":[{"from":"3361%07d","id":"%s","timestamp":"%d","type":"text","text":{"body":"Hello, is my order on its way?"}}]}}]}]}`,
		number, sender, sender, sender, id, unix)
}

// signature is the header's value by which the provider vouches for a body.
func signature(body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body) // a hash never fails to write
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
