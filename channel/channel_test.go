package channel_test

import (
	"errors"
	"fmt"
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
