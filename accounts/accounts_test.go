package accounts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
)

var admin = conversation.Actor{Kind: conversation.ActorAgent, ID: "admin"}

var secrets = channel.Secrets{AccessToken: "very-secret-token", AppSecret: "very-secret-app", VerifyToken: "very-secret-word"}

func newAccount() accounts.New {
	return accounts.New{
		Channel: conversation.WhatsApp, Name: "Shop", ProviderID: "1234567890", BusinessID: "99", APIVersion: "v26.0",
		APIBaseURL: "https://graph.facebook.com/", Secrets: secrets,
	}
}

func store(t *testing.T) (*accounts.Store, *bun.DB) {
	t.Parallel()
	db := testkit.Database(t)
	return accounts.NewStore(accounts.Options{DB: db, Keyring: testkit.Keyring(t), Clock: &clock.Clock{}}), db
}

func create(t *testing.T, s *accounts.Store) accounts.Account {
	t.Helper()
	a, err := s.Create(t.Context(), admin, newAccount())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantCode(t *testing.T, err error, code conversation.Code) {
	t.Helper()
	if got := conversation.CodeOf(err); got != code {
		t.Fatalf("code %q, want %q (%v)", got, code, err)
	}
}

func TestAccountKeepsItsSecretsToItself(t *testing.T) {
	s, db := store(t)
	a := create(t, s)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("account", "account", a, "pointer", &a)
	shown, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var row []string
	if err := db.NewRaw("SELECT accounts::text FROM accounts UNION ALL SELECT audit_entries::text FROM audit_entries").Scan(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		log.String(), string(shown), strings.Join(row, "\n"), a.String(),
		fmt.Sprintf("%v %+v %#v %s %q %d", a, a, a, a, a, a), fmt.Sprintf("%+v %#v", &a, []accounts.Account{a}),
	} {
		if strings.Contains(text, "very-secret") {
			t.Errorf("shows a secret: %s", text)
		}
	}
}

func TestSecretsAreEncryptedForTheirAccount(t *testing.T) {
	s, db := store(t)
	a := create(t, s)
	if got, err := s.Get(t.Context(), a.ID); err != nil || got.Secrets != secrets || got.APIBaseURL != "https://graph.facebook.com" {
		t.Fatal(got, err)
	}
	in := newAccount()
	in.ProviderID = "2"
	b, err := s.Create(t.Context(), admin, in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.NewRaw("UPDATE accounts SET secrets = (SELECT secrets FROM accounts WHERE id = ?) WHERE id = ?", a.ID, b.ID).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), b.ID)
	wantCode(t, err, conversation.CodeInternal)
	other := accounts.NewStore(accounts.Options{DB: db, Keyring: testkit.Keyring(t), Clock: &clock.Clock{}})
	_, err = other.Get(t.Context(), a.ID)
	wantCode(t, err, conversation.CodeInternal)
}

func TestUpdateLeavesWhatIsNotNamed(t *testing.T) {
	s, _ := store(t)
	a := create(t, s)
	if a.Settings != accounts.DefaultSettings() {
		t.Fatalf("%+v", a.Settings)
	}
	name, margin := "Shop 2", 120
	if _, err := s.Cached(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	_, err := s.Update(t.Context(), admin, a.ID, accounts.Change{
		Name: &name, Secrets: channel.Secrets{AppSecret: "new"}, Settings: accounts.SettingsChange{WindowMarginSeconds: &margin},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Cached(t.Context(), a.ID)
	if err != nil || got.Name != name || got.Secrets.AppSecret != "new" || got.Secrets.AccessToken != secrets.AccessToken {
		t.Fatal(got, err)
	}
	want := accounts.DefaultSettings()
	want.WindowMarginSeconds = margin
	if got.Settings != want {
		t.Fatalf("%+v", got.Settings)
	}
	too := 3601
	_, err = s.Update(t.Context(), admin, a.ID, accounts.Change{Settings: accounts.SettingsChange{WindowMarginSeconds: &too}})
	wantCode(t, err, conversation.CodeInvalid)
	for _, version := range []string{"", " ", "26", "v26", "26.0", "v26.0/x"} {
		_, err := s.Update(t.Context(), admin, a.ID, accounts.Change{APIVersion: &version})
		wantCode(t, err, conversation.CodeInvalid)
	}
	_, err = s.Create(t.Context(), admin, newAccount())
	wantCode(t, err, conversation.CodeConflict)
	if found, err := s.ByProviderID(t.Context(), conversation.WhatsApp, "1234567890"); err != nil || found.ID != a.ID {
		t.Fatal(found, err)
	}
	for _, id := range []string{"", "nobody", "019ab000-0000-7000-8000-000000000000", "{019ab000-0000-7000-8000-000000000000}"} {
		_, err := s.Cached(t.Context(), id)
		wantCode(t, err, conversation.CodeNotFound)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	var woken []string
	s := accounts.NewStore(accounts.Options{DB: db, Keyring: testkit.Keyring(t), Clock: &clock.Clock{}, OnResume: func(_ context.Context, id string) error {
		woken = append(woken, id)
		return nil
	}})
	a := create(t, s)
	if err := s.SetState(t.Context(), db, a.ID, conversation.AccountError, "190"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Cached(t.Context(), a.ID); err != nil || got.State != conversation.AccountError || got.StateCode != "190" {
		t.Fatal(got, err)
	}
	if got, err := s.Pause(t.Context(), admin, a.ID); err != nil || got.State != conversation.AccountPaused {
		t.Fatal(got, err)
	}
	if err := s.SetState(t.Context(), db, a.ID, conversation.AccountError, "190"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), a.ID); err != nil || got.State != conversation.AccountPaused {
		t.Fatal("an error lifted a pause", got, err)
	}
	if len(woken) != 0 {
		t.Fatal("woken before the account could be used")
	}
	if got, err := s.Resume(t.Context(), admin, a.ID); err != nil || got.State != conversation.AccountActive || len(woken) != 1 {
		t.Fatal(got, err, woken)
	}
}

// A state that is set in a transaction shows as soon as it is committed, whoever looked at the account before.
func TestCacheFollowsCommits(t *testing.T) {
	s, db := store(t)
	a := create(t, s)
	look := func(want conversation.AccountState) {
		t.Helper()
		if got, err := s.Cached(t.Context(), a.ID); err != nil || got.State != want {
			t.Errorf("%v, %v; want %s", got, err, want)
		}
	}
	look(conversation.AccountActive)
	err := postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		if err := s.SetState(ctx, tx, a.ID, conversation.AccountError, "190"); err != nil {
			return err
		}
		look(conversation.AccountActive)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	look(conversation.AccountError)
	// The cache is used, all the same.
	if _, err := db.NewRaw("UPDATE accounts SET state = 'active' WHERE id = ?", a.ID).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	look(conversation.AccountError)
}

func TestBaseURL(t *testing.T) {
	for raw, want := range map[string][2]string{ // strict, with private addresses allowed
		"https://graph.facebook.com/":          {"https://graph.facebook.com", "https://graph.facebook.com"},
		"https://93.184.216.34:8443/base/":     {"https://93.184.216.34:8443/base", "https://93.184.216.34:8443/base"},
		"http://graph.facebook.com":            {"", "http://graph.facebook.com"},
		"http://127.0.0.1:8090":                {"", "http://127.0.0.1:8090"},
		"https://10.1.2.3":                     {"", "https://10.1.2.3"},
		"https://[::1]":                        {"", "https://[::1]"},
		"https://[::ffff:169.254.169.254]":     {"", "https://[::ffff:169.254.169.254]"},
		"https://[64:ff9b::7f00:1]":            {"", "https://[64:ff9b::7f00:1]"},
		"https://100.64.0.1":                   {"", "https://100.64.0.1"},
		"https://0.0.0.0":                      {"", "https://0.0.0.0"},
		"https://LOCALHOST.":                   {"", "https://LOCALHOST."},
		"https://user:word@graph.facebook.com": {"", ""},
		"https://graph.facebook.com?x=1":       {"", ""},
		"https://graph.facebook.com#x":         {"", ""},
		"ftp://graph.facebook.com":             {"", ""},
		"https://":                             {"", ""},
		"https://:80":                          {"", ""},
		"graph.facebook.com":                   {"", ""},
		"":                                     {"", ""},
	} {
		for i, allow := range []bool{false, true} {
			got, err := accounts.CheckBaseURL(raw, allow)
			if got != want[i] || (err == nil) != (want[i] != "") {
				t.Errorf("%q, private %t: %q, %v", raw, allow, got, err)
			}
		}
	}
	for address, refused := range map[string]bool{
		"127.0.0.1:80": true, "192.168.1.1:443": true, "169.254.169.254:80": true, "0.0.0.0:80": true, "100.100.100.200:80": true, "224.0.0.1:80": true,
		"255.255.255.255:80": true, "168.63.129.16:80": true, "93.184.216.34:443": false, "157.240.0.1:443": false,
		"[::1]:80": true, "[::]:80": true, "[fe80::1%eth0]:443": true, "[fc00::1]:443": true, "[fec0::1]:443": true, "[fec0::1%1]:443": true, "[ff02::1]:443": true,
		"[::ffff:10.0.0.1]:443": true, "[::10.0.0.1]:443": true, "[::ffff:0:10.0.0.1]:443": true, "[64:ff9b::10.0.0.1]:443": true, "[64:ff9b:1::10.0.0.1]:443": true,
		"[2002:a00:1::1]:443": true, "[2001:0:a00:1::1]:443": true, "[2001:db8::1]:443": true, "[2a03:2880:f10d:83:face:b00c:0:25de]:443": false,
		"provider:443": true, "": true,
	} {
		if err := accounts.DialControl(t.Context(), "tcp", address, nil); (err != nil) != refused {
			t.Errorf("%s: %v", address, err)
		}
	}
}
