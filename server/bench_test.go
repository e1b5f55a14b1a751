package server_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/server"
)

type storedAtOnce struct{}

func (storedAtOnce) Receive(context.Context, accounts.Account, []byte) error { return nil }

// BenchmarkWebhook is what a webhook costs apart from the signature and the storing.
func BenchmarkWebhook(b *testing.B) {
	keys := testkit.Keyring(b)
	now := &clock.Clock{}
	store := accounts.NewStore(accounts.Options{DB: testkit.Database(b), Keyring: keys, Clock: now})
	account, err := store.Create(b.Context(), conversation.Actor{Kind: conversation.ActorSystem}, accounts.New{
		Channel: conversation.WhatsApp, Name: "Shop", ProviderID: "1", APIBaseURL: "https://graph.facebook.com",
		Secrets: channel.Secrets{AccessToken: "a", AppSecret: "signed", VerifyToken: "v"},
	})
	if err != nil {
		b.Fatal(err)
	}
	handler := server.New(server.Options{
		Metrics: metrics.New(), Clock: now, Accounts: store, Receiver: storedAtOnce{},
		Adapters: map[conversation.Channel]channel.Adapter{conversation.WhatsApp: fakeAdapter{}},
	}).Handler()
	body := bytes.Repeat([]byte("x"), 700)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/webhooks/whatsapp/"+account.ID, bytes.NewReader(body))
		r.Header.Set("X-Hub-Signature-256", "signed")
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
