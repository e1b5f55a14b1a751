package simulator_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/simulator/webhook"
)

var update = flag.Bool("update", false, "write the golden files")

var spoken = time.Unix(1739321024, 0)

// TestShapes compares the webhook of everything that a customer can do with a
// golden file. Ids, times and digests that change are replaced.
func TestShapes(t *testing.T) {
	t.Parallel()
	say := func(out simulator.Outgoing) func(*testing.T, *sim) {
		return func(t *testing.T, s *sim) {
			out.ID, out.Timestamp = "wamid.in", spoken
			_, err := s.Send(t.Context(), anna, out)
			must(t, err)
		}
	}
	for name, act := range map[string]func(*testing.T, *sim){
		"text":             say(simulator.Outgoing{Text: "Bonjour"}),
		"text_reply":       say(simulator.Outgoing{Text: "Oui", ReplyTo: "wamid.ours"}),
		"text_forwarded":   say(simulator.Outgoing{Text: "Oui", Forwarded: true}),
		"text_referral":    say(simulator.Outgoing{Text: "Info?", Referral: json.RawMessage(`{"source_type":"ad","source_id":"1"}`)}),
		"image":            say(simulator.Outgoing{Type: "image", Text: "look"}),
		"document":         say(simulator.Outgoing{Type: "document", Media: &simulator.MediaFile{MimeType: "text/plain", Filename: "a.txt", Data: []byte("a")}}),
		"audio":            say(simulator.Outgoing{Type: "audio"}),
		"sticker":          say(simulator.Outgoing{Type: "sticker"}),
		"location":         say(simulator.Outgoing{Type: "location", Latitude: 48.85, Longitude: 2.35, Name: "Paris"}),
		"contacts":         say(simulator.Outgoing{Type: "contacts"}),
		"button_reply":     say(simulator.Outgoing{Type: "button_reply", ReplyID: "yes", Text: "Yes", ReplyTo: "wamid.ours"}),
		"list_reply":       say(simulator.Outgoing{Type: "list_reply", ReplyID: "r1", Text: "Row", Description: "first"}),
		"nfm_reply":        say(simulator.Outgoing{Type: "nfm_reply", Payload: `{"a":1}`}),
		"call_permission":  say(simulator.Outgoing{Type: "call_permission_reply"}),
		"button":           say(simulator.Outgoing{Type: "button", Text: "Stop promotions", Payload: "STOP"}),
		"order":            say(simulator.Outgoing{Type: "order", Text: "please"}),
		"reaction":         say(simulator.Outgoing{Type: "reaction", MessageID: "wamid.ours", Emoji: "👍"}),
		"reaction_removed": say(simulator.Outgoing{Type: "reaction", MessageID: "wamid.ours"}),
		"unsupported":      say(simulator.Outgoing{Type: "unsupported"}),
		"edit":             say(simulator.Outgoing{Type: "edit", MessageID: "wamid.theirs", Text: "better"}),
		"revoke":           say(simulator.Outgoing{Type: "revoke", MessageID: "wamid.theirs"}),
		"request_welcome":  say(simulator.Outgoing{Type: "request_welcome"}),
		"own_content":      say(simulator.Outgoing{Type: "interactive", Content: json.RawMessage(`{"type":"new_reply"}`)}),
		"number_change":    func(t *testing.T, s *sim) { _, err := s.ChangeNumber(t.Context(), anna, "33687654321"); must(t, err) },
		"user_id_change":   func(t *testing.T, s *sim) { _, err := s.ChangeUserID(t.Context(), anna, "FR.456"); must(t, err) },
		"marketing_stop":   func(t *testing.T, s *sim) { must(t, s.Marketing(t.Context(), anna, "stop")) },
		"call":             func(t *testing.T, s *sim) { _, err := s.Call(t.Context(), anna, "connect"); must(t, err) },
		"echo": func(t *testing.T, s *sim) {
			_, err := s.Echo(t.Context(), anna, simulator.Outgoing{ID: "wamid.echo", Text: "On my way"})
			must(t, err)
		},
		"raw": func(t *testing.T, s *sim) {
			must(t, s.Raw(t.Context(), "account_alerts", map[string]any{"entity_type": "WABA"}))
		},
		"username_only": func(t *testing.T, s *sim) {
			_, err := s.PutCustomer(t.Context(), simulator.Customer{Phone: anna, UserID: "FR.123", Username: "@anna", HidesNumber: true})
			must(t, err)
			say(simulator.Outgoing{Text: "Bonjour"})(t, s)
		},
		"status_delivered": func(t *testing.T, s *sim) { statuses(t, s, 2) },
		"status_failed": func(t *testing.T, s *sim) {
			_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionFail, Code: 131026})
			must(t, err)
			statuses(t, s, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			_, err := s.PutCustomer(t.Context(), simulator.Customer{Phone: anna, Name: "Anna", UserID: "FR.123"})
			must(t, err)
			act(t, s)
			await(t, "the webhooks", func() bool {
				log, err := s.Webhooks(t.Context())
				must(t, err)
				return log.Counts[webhook.Pending] == 0 && log.Counts[webhook.Delivered] > 0
			})
			compare(t, name, s.receiver.snapshot())
		})
	}
}

// statuses opens the window without a webhook and sends one message.
func statuses(t *testing.T, s *sim, count int) {
	t.Helper()
	_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindWebhooksMessages, Action: simulator.ActionDrop})
	must(t, err)
	_, err = s.Say(t.Context(), anna, "Bonjour")
	must(t, err)
	s.text(t, "+"+anna, "Oui", "m1")
	await(t, "statuses", func() bool { return len(s.receiver.items(t, "statuses")) == count })
}

var volatile = map[*regexp.Regexp]string{
	regexp.MustCompile(`"(timestamp|time)": (")?(?:1[8-9]|17[4-9]|2\d)\d+"?`): `"$1": ${2}0${2}`,
	regexp.MustCompile(`http://127\.0\.0\.1:\d+`):                             `http://simulator`,
	regexp.MustCompile(`wamid\.HBgL[A-Za-z0-9+/=]+`):                          `wamid.made-up`,
	regexp.MustCompile(`wacid\.[0-9a-f]+`):                                    `wacid.made-up`,
	regexp.MustCompile(`"id": "\d{16}"`):                                      `"id": "made-up"`,
	regexp.MustCompile(`FR\.\d{17}`):                                          `FR.made-up`,
	regexp.MustCompile(`attachments/\?[^"]*`):                                 `attachments/?…`,
}

func compare(t *testing.T, name string, bodies []string) {
	t.Helper()
	var got bytes.Buffer
	order := map[string]string{}
	var keys []string
	for _, body := range bodies { // deliveries are parallel: sort by content
		var value any
		must(t, json.Unmarshal([]byte(body), &value))
		var pretty bytes.Buffer
		encoder := json.NewEncoder(&pretty)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		must(t, encoder.Encode(value))
		text := pretty.String()
		for pattern, replacement := range volatile {
			text = pattern.ReplaceAllString(text, replacement)
		}
		if order[text] == "" {
			keys = append(keys, text)
		}
		order[text] = text
	}
	slices.Sort(keys)
	for _, text := range keys {
		got.WriteString(text)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("webhook differs from %s:\n%s", path, got.String())
	}
}
