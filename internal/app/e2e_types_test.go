package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/simulator"
)

// typed is a message of a customer's phone and what must be stored of it.
type typed struct {
	out     simulator.Outgoing
	kind    conversation.MessageKind
	summary string
	holds   func(c conversation.Content) bool // the typed content
	file    string                            // MIME type of the attachment
}

func types() []typed {
	return []typed{
		{simulator.Outgoing{Type: "text", Text: "Bonjour\n  à vous"}, conversation.KindText, "Bonjour à vous",
			func(c conversation.Content) bool { return c.Text == "Bonjour\n  à vous" }, ""},
		{simulator.Outgoing{Type: "text", Text: "Fwd", Forwarded: true}, conversation.KindText, "Fwd",
			func(c conversation.Content) bool { return c.Forwarded == conversation.ForwardedOnce }, ""},
		{simulator.Outgoing{Type: "text", Text: "Ad", Referral: json.RawMessage(`{"source_type":"ad","source_id":"42","source_url":"https://fb.me/x","headline":"Sale"}`)}, conversation.KindText, "Ad",
			func(c conversation.Content) bool {
				return c.Referral != nil && c.Referral.SourceID == "42" && c.Referral.Headline == "Sale"
			}, ""},
		{simulator.Outgoing{Type: "image", Text: "Voilà"}, conversation.KindImage, "📷 Voilà",
			func(c conversation.Content) bool { return c.Text == "Voilà" }, "image/png"},
		{simulator.Outgoing{Type: "video"}, conversation.KindVideo, "🎬", nil, "video/mp4"},
		{simulator.Outgoing{Type: "audio", Media: &simulator.MediaFile{Voice: true}}, conversation.KindAudio, "🎤",
			func(c conversation.Content) bool { return c.Media[0].Voice }, "audio/ogg; codecs=opus"},
		{simulator.Outgoing{Type: "audio", Media: &simulator.MediaFile{}}, conversation.KindAudio, "🎵",
			func(c conversation.Content) bool { return !c.Media[0].Voice }, "audio/ogg; codecs=opus"},
		{simulator.Outgoing{Type: "document", Media: &simulator.MediaFile{Filename: "facture.pdf"}}, conversation.KindDocument, "📄 facture.pdf",
			func(c conversation.Content) bool { return c.Media[0].FileName == "facture.pdf" }, "application/pdf"},
		{simulator.Outgoing{Type: "sticker", Media: &simulator.MediaFile{Animated: true}}, conversation.KindSticker, "🏷",
			func(c conversation.Content) bool { return c.Media[0].Animated }, "image/webp"},
		{simulator.Outgoing{Type: "location", Latitude: 48.85, Longitude: 2.35, Name: "Paris"}, conversation.KindLocation, "📍 Paris",
			func(c conversation.Content) bool { return c.Location.Latitude == 48.85 && c.Location.Longitude == 2.35 }, ""},
		{simulator.Outgoing{Type: "contacts", Name: "Jean Dupont"}, conversation.KindContacts, "👤 Jean Dupont",
			func(c conversation.Content) bool { return len(c.Contacts) == 1 && len(c.Contacts[0].Phones) == 1 }, ""},
		{simulator.Outgoing{Type: "button_reply", ReplyID: "yes", Text: "Oui"}, conversation.KindChoice, "Oui",
			func(c conversation.Content) bool {
				return c.Choice.ID == "yes" && c.Choice.Source == conversation.ChoiceButton
			}, ""},
		{simulator.Outgoing{Type: "list_reply", ReplyID: "l", Text: "Large", Description: "Taille L"}, conversation.KindChoice, "Large",
			func(c conversation.Content) bool {
				return c.Choice.Description == "Taille L" && c.Choice.Source == conversation.ChoiceList
			}, ""},
		{simulator.Outgoing{Type: "button", Text: "Suivre", Payload: "TRACK"}, conversation.KindChoice, "Suivre",
			func(c conversation.Content) bool {
				return c.Choice.ID == "TRACK" && c.Choice.Source == conversation.ChoiceTemplate
			}, ""},
		{simulator.Outgoing{Type: "nfm_reply", Payload: `{"size":"L"}`}, conversation.KindForm, "📋",
			func(c conversation.Content) bool { return c.Form.Answer == `{"size":"L"}` }, ""},
		{simulator.Outgoing{Type: "call_permission_reply", Payload: "accept"}, conversation.KindCallPermission, "📞 ✓",
			func(c conversation.Content) bool { return c.CallPermission.Granted }, ""},
		{simulator.Outgoing{Type: "order", ReplyID: "sku-1", Text: "Vite"}, conversation.KindOrder, "🛒 Vite",
			func(c conversation.Content) bool {
				return c.Order.Items[0].ProductID == "sku-1" && c.Order.CatalogID == "1000"
			}, ""},
		{simulator.Outgoing{Type: "unsupported"}, conversation.KindUnsupported, "⚠",
			func(c conversation.Content) bool { return c.Unsupported.ErrorCode == "131051" }, ""},
		{simulator.Outgoing{Type: "interactive", Content: json.RawMessage(`{"type":"from_the_future","from_the_future":{"a":1}}`)}, conversation.KindUnsupported, "⚠", nil, ""},
	}
}

// Everything that a customer can send is stored as what it is, shown in one line, and what is not understood is kept raw.
func TestEveryTypeOfMessage(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	all := types()
	for i, one := range all {
		out := one.out
		out.ID = fmt.Sprintf("wamid.type%02d", i)
		d.post(phone, out)
	}
	d.raw(phone, "wamid.unknown", `"type":"hologram","hologram":{"depth":3}`)
	d.raw(phone, "wamid.gone", `"type":"image","errors":[{"code":131052,"title":"Media could not be fetched"}]`)
	id := d.find(phone)
	stored := map[string]inbox.Message{}
	for _, m := range d.count(id, len(all)+2) {
		stored[d.providerID(m.ID)] = m
	}
	for i, one := range all {
		m := stored[fmt.Sprintf("wamid.type%02d", i)]
		if m.Content.Kind != one.kind || m.Summary != one.summary || strings.ContainsRune(m.Summary, '\n') {
			t.Errorf("%s: %q %+v", one.out.Type, m.Summary, m.Content)
			continue
		}
		if one.holds != nil && !one.holds(m.Content) {
			t.Errorf("%s: %+v", one.out.Type, m.Content)
		}
		if one.file == "" && len(m.Attachments) > 0 || one.file != "" && (len(m.Attachments) != 1 || m.Attachments[0].MIMEType != one.file || m.Attachments[0].State != "pending") {
			t.Errorf("%s: attachments %+v", one.out.Type, m.Attachments)
		}
	}
	for _, key := range []string{"wamid.unknown", "wamid.type17", "wamid.type18"} {
		m := stored[key]
		var raw string
		d.fatal(testkit.Database(t).NewRaw("SELECT coalesce(raw::text, '') FROM messages WHERE id = ?", m.ID).Scan(t.Context(), &raw))
		if m.Content.Kind != conversation.KindUnsupported || !strings.Contains(raw, key) {
			t.Errorf("%s: %+v, raw %q", key, m.Content, raw)
		}
	}
	if m := stored["wamid.gone"]; m.Content.Kind == conversation.KindImage && (len(m.Attachments) != 1 || m.Attachments[0].State != "failed") {
		t.Errorf("%+v", m)
	}
	d.must("GET", "/api/v1/accounts/"+d.account+"/parked", nil, nil)
	var parked struct{ Items []inbox.ParkedUpdate }
	if d.must("GET", "/api/v1/accounts/"+d.account+"/parked", nil, &parked); len(parked.Items) > 0 {
		t.Errorf("%+v", parked.Items)
	}
}

// raw posts a message with the JSON members given, as a provider of the future might.
func (d *desk) raw(phone, id, members string) {
	d.t.Helper()
	value := fmt.Sprintf(`{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":%q},
		"contacts":[{"profile":{"name":"X"},"wa_id":%q}],"messages":[{"from":%q,"id":%q,"timestamp":"%d",%s}]}`,
		deskNumber, phone, phone, id, time.Now().Unix(), members)
	d.fatal(d.sim.Raw(d.t.Context(), "messages", json.RawMessage(value)))
}

// providerID returns the provider's id of a message of ours, which the API does not show.
func (d *desk) providerID(id string) string {
	d.t.Helper()
	var provider string
	d.fatal(testkit.Database(d.t).NewRaw("SELECT coalesce(provider_id, '') FROM messages WHERE id = ?", id).Scan(d.t.Context(), &provider))
	return provider
}

// What is about another message or about the thread becomes no message of its own, or is one that opens no window.
func TestReactionsEditsAndNotices(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	d.post(phone, simulator.Outgoing{Type: "request_welcome"})
	id := d.find(phone)
	if c := d.get(id); !c.Window.Open {
		t.Errorf("opening the chat opens the window: %+v", c.Window)
	}
	d.say(phone, "Premier")
	d.count(id, 1)
	mine := d.state(d.send(id, "Réponse"), conversation.StateDelivered)
	theirs := d.say(phone, "Faute de frape")
	gone := d.say(phone, "Oubliez")
	d.post(phone, simulator.Outgoing{Type: "reaction", MessageID: mine.ID, Emoji: "❤️"})
	d.post(phone, simulator.Outgoing{Type: "edit", MessageID: theirs.ID, Text: "Faute de frappe"})
	d.post(phone, simulator.Outgoing{Type: "revoke", MessageID: gone.ID})
	d.post(phone, simulator.Outgoing{Type: "text", Text: "À propos", ReplyTo: mine.ID})
	testkit.Eventually(t, patience, func() error {
		list := d.messages(id)
		if len(list) != 5 {
			return fmt.Errorf("%d messages", len(list))
		}
		by := map[string]inbox.Message{}
		for _, m := range list {
			by[m.Summary] = m
		}
		switch {
		case len(by["Réponse"].Reactions) != 1 || by["Réponse"].Reactions[0].Emoji != "❤️":
			return fmt.Errorf("reaction: %+v", by["Réponse"])
		case by["Faute de frappe"].EditedAt == nil:
			return fmt.Errorf("edit: %+v", list)
		case by["Oubliez"].RevokedAt == nil:
			return fmt.Errorf("revoke: %+v", by["Oubliez"])
		case by["À propos"].ReplyTo != mine.ID:
			return fmt.Errorf("quote: %+v", by["À propos"])
		}
		return nil
	})
	d.post(phone, simulator.Outgoing{Type: "reaction", MessageID: mine.ID})
	testkit.Eventually(t, patience, func() error {
		if m := d.state(mine, conversation.StateDelivered); len(m.Reactions) > 0 {
			return errors.New("the reaction is still there")
		}
		return nil
	})
	call, err := d.sim.Call(t.Context(), phone, "connect")
	d.fatal(err)
	testkit.Eventually(t, patience, func() error { return has(d, id, conversation.EventCallReceived) })
	items := d.timeline(id)
	at := slices.IndexFunc(items, func(i inbox.TimelineItem) bool {
		return i.Event != nil && i.Event.Kind == conversation.EventCallReceived
	})
	if items[at].Event.Data.CallID != call {
		t.Errorf("%+v", items[at].Event)
	}
	if err := has(d, id, conversation.EventChatOpened); err != nil {
		t.Error(err)
	}
}
