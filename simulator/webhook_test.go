package simulator_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/simulator/webhook"
)

func TestRetriesUntil200(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.receiver.mu.Lock()
	s.receiver.refuse = 4
	s.receiver.mu.Unlock()
	_, err := s.Say(t.Context(), anna, "Bonjour é/ö")
	must(t, err)
	await(t, "the webhook", func() bool { return len(s.receiver.snapshot()) == 1 })
	await(t, "the log", func() bool {
		log, err := s.Webhooks(t.Context())
		must(t, err)
		return log.Counts[webhook.Delivered] == 1 && log.Deliveries[0].Attempts == 5
	})
	if body := s.receiver.snapshot()[0]; !strings.Contains(body, `Bonjour \u00e9\/\u00f6`) {
		t.Error("the body is not escaped as Meta does")
	}
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) {
		c.CallbackURL = "http://127.0.0.1:1"
		c.Webhooks.GiveUp = 20 * time.Millisecond
	})
	_, err := s.Say(t.Context(), anna, "Bonjour")
	must(t, err)
	await(t, "the end of retries", func() bool {
		log, err := s.Webhooks(t.Context())
		must(t, err)
		return log.Counts[webhook.Expired] == 1
	})
}

func TestCallbackHandshake(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) { c.CallbackURL = "" })
	ctx := t.Context()
	_, err := s.Say(ctx, anna, "waits for a callback")
	must(t, err)
	if err := s.SetCallback(ctx, "ftp://example.org", false); err == nil {
		t.Error("accepted an ftp callback")
	}
	if err := s.SetCallback(ctx, s.url+"/control", true); err == nil {
		t.Error("accepted a callback that does not answer the challenge")
	}
	must(t, s.SetCallback(ctx, s.receiver.server.URL, true))
	await(t, "the waiting webhook", func() bool { return len(s.receiver.snapshot()) == 1 })
}

func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	words := []string{"1", "2", "3", "4", "5", "6"}
	for name, test := range map[string]struct {
		fault simulator.Fault
		check func(t *testing.T, s *sim)
	}{
		"drop": {simulator.Fault{Action: simulator.ActionDrop}, func(t *testing.T, s *sim) {
			if len(s.receiver.snapshot()) != 0 {
				t.Error("a dropped webhook was sent")
			}
			must(t, s.Release(t.Context()))
			awaitTexts(t, s, words)
		}},
		"duplicate": {simulator.Fault{Action: simulator.ActionDuplicate, Copies: 2, Count: 1}, func(t *testing.T, s *sim) {
			awaitTexts(t, s, append([]string{"1", "1"}, words...))
		}},
		"delay": {simulator.Fault{Action: simulator.ActionDelay, Delay: simulator.Duration(50 * time.Millisecond)}, func(t *testing.T, s *sim) {
			awaitTexts(t, s, words)
		}},
		"batch": {simulator.Fault{Action: simulator.ActionBatch, Size: 6, Window: simulator.Duration(time.Hour)}, func(t *testing.T, s *sim) {
			awaitTexts(t, s, words)
			if n := len(s.receiver.snapshot()); n != 1 {
				t.Errorf("%d POSTs, want 1", n)
			}
			if n := len(s.receiver.values(t)); n != 2 {
				t.Errorf("%d values, want 2 of three messages", n)
			}
		}},
		"batch by time": {simulator.Fault{Action: simulator.ActionBatch, Size: 100, Window: simulator.Duration(30 * time.Millisecond)}, func(t *testing.T, s *sim) {
			awaitTexts(t, s, words)
		}},
		"reorder": {simulator.Fault{Action: simulator.ActionReorder, Size: 6, Window: simulator.Duration(time.Hour)}, func(t *testing.T, s *sim) {
			awaitTexts(t, s, words)
			if got := texts(t, s); slices.Equal(got, words) {
				t.Error("the order is the same")
			}
		}},
		"concurrent": {simulator.Fault{Action: simulator.ActionConcurrent, Size: 6}, func(t *testing.T, s *sim) { awaitTexts(t, s, words) }},
		"to somebody else": {simulator.Fault{Action: simulator.ActionDrop, To: "4912345678"}, func(t *testing.T, s *sim) {
			awaitTexts(t, s, words)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			test.fault.On = simulator.KindWebhooksMessages
			_, err := s.Fault(t.Context(), test.fault)
			must(t, err)
			for _, word := range words {
				_, err := s.Say(t.Context(), anna, word)
				must(t, err)
			}
			test.check(t, s)
		})
	}
}

// texts are the bodies of the messages received so far.
func texts(t *testing.T, s *sim) []string {
	t.Helper()
	var list []string
	for _, item := range s.receiver.items(t, "messages") {
		list = append(list, item["text"].(map[string]any)["body"].(string))
	}
	return list
}

// awaitTexts waits for exactly these words, in any order.
func awaitTexts(t *testing.T, s *sim, words []string) {
	t.Helper()
	await(t, "all messages", func() bool { return len(texts(t, s)) >= len(words) })
	got := texts(t, s)
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(words)); !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

func TestNothingIsLostInARestart(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	config := fast(r)
	config.DataFile = filepath.Join(t.TempDir(), "state", "simulator.json")
	config.CallbackURL = "http://127.0.0.1:1" // nobody there
	config.Delays.Delivered = time.Hour
	s, stop := run(t, config)
	ctx := t.Context()
	_, err := s.Fault(ctx, simulator.Fault{On: simulator.KindWebhooksMessages, Action: simulator.ActionBatch, Size: 100, Window: simulator.Duration(time.Hour)})
	must(t, err)
	_, err = s.PutCustomer(ctx, simulator.Customer{Phone: anna, Name: "Anna", UserID: "FR.123"})
	must(t, err)
	sticker, err := s.Send(ctx, anna, simulator.Outgoing{Type: "sticker"})
	must(t, err)
	id := s.text(t, "+"+anna, "Oui", "m1")
	await(t, "sent", func() bool {
		accepted, err := s.Accepted(ctx)
		must(t, err)
		return accepted[0].Status == simulator.StatusSent
	})
	_, err = s.AdvanceClock(ctx, time.Minute)
	must(t, err)
	stop()

	config.CallbackURL = r.server.URL
	again, stop := run(t, config)
	defer stop()
	await(t, "the message from before", func() bool { return len(r.items(t, "messages")) == 1 })
	r.awaitStatus(t, id, "sent")
	_, err = again.AdvanceClock(ctx, time.Hour)
	must(t, err)
	r.awaitStatus(t, id, "delivered")
	thread, err := again.Thread(ctx, "FR.123")
	must(t, err)
	if len(thread) != 2 || thread[0].ID != sticker.ID || thread[1].Opaque != "m1" || thread[1].Status != simulator.StatusDelivered {
		t.Errorf("thread after the restart: %+v", thread)
	}
	var content struct{ ID string }
	must(t, json.Unmarshal(thread[0].Content, &content))
	if status, _ := again.api(t, "GET", "/v25.0/"+content.ID, ""); status != 200 {
		t.Errorf("media after the restart: status %d", status)
	}
	if _, err := again.Say(ctx, anna, "encore"); err != nil {
		t.Error(err)
	}
}

func TestOverridesAndSubscription(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	own := newReceiver(t)
	ctx := t.Context()
	body := `{"override_callback_uri":"` + own.server.URL + `","verify_token":"verify-me"}`
	if _, answer := s.api(t, "POST", "/v25.0/"+wabaID+"/subscribed_apps", strings.Replace(body, "verify-me", "wrong", 1)); errorCode(answer) != 2200 {
		t.Errorf("override with a failing handshake: %v", answer)
	}
	if status, answer := s.api(t, "POST", "/v25.0/"+wabaID+"/subscribed_apps", body); status != 200 {
		t.Fatalf("override: %v", answer)
	}
	_, err := s.Say(ctx, anna, "to the WABA's own callback")
	must(t, err)
	await(t, "the override", func() bool { return len(own.snapshot()) == 1 })
	if status, answer := s.api(t, "POST", "/v25.0/"+numberID, `{"webhook_configuration":{"override_callback_uri":"`+s.receiver.server.URL+`","verify_token":"verify-me"}}`); status != 200 {
		t.Fatalf("override of a number: %v", answer)
	}
	_, err = s.Say(ctx, anna, "to the number's own callback")
	must(t, err)
	await(t, "the number's override", func() bool { return len(s.receiver.snapshot()) == 1 })
	if status, _ := s.api(t, "DELETE", "/v25.0/"+wabaID+"/subscribed_apps", ""); status != 200 {
		t.Error("cannot unsubscribe")
	}
	_, err = s.Say(ctx, anna, "to nobody")
	must(t, err)
	log, err := s.Webhooks(ctx)
	must(t, err)
	if log.Counts[simulator.DeliveryUnsubscribed] != 1 {
		t.Errorf("counts %v", log.Counts)
	}
}
