package channel_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"guichet.dev/guichet/channel"
)

func TestSendErrorTellsCodesOnly(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("send: %w", &channel.SendError{Behaviour: channel.WindowClosed, Code: "131047", HTTP: 400})
	var e *channel.SendError
	if !errors.As(err, &e) || e.Behaviour != channel.WindowClosed {
		t.Fatalf("not found in %v", err)
	}
	if got, want := e.Error(), "provider error 131047 (http 400): window_closed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	const canary = "EAAG-canary"
	account := channel.Account{ID: "a1", Secrets: channel.Secrets{AccessToken: canary, AppSecret: canary, VerifyToken: canary}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{account, &account, account.Secrets, &account.Secrets, []channel.Account{account}} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, canary) {
				t.Errorf("%s of %T shows them: %s", verb, value, got)
			}
		}
	}
}
