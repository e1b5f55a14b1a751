package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/simulator"
)

// Whole messages that stop or resume everything or marketing, in the product's languages, and some that only look so.
func TestWordsAndButtonsOfConsent(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	out, in, none := conversation.ConsentOptedOut, conversation.ConsentOptedIn, conversation.ConsentUnknown
	cases := []struct {
		says           []simulator.Outgoing
		all, marketing conversation.ConsentState
	}{
		{[]simulator.Outgoing{{Text: "STOP"}}, out, none},
		{[]simulator.Outgoing{{Text: " Arrêt !"}}, out, none},
		{[]simulator.Outgoing{{Text: "Dezabonați-mă"}}, out, none},
		{[]simulator.Outgoing{{Text: "dezabonare"}}, out, none},
		{[]simulator.Outgoing{{Text: "No más mensajes."}}, out, none},
		{[]simulator.Outgoing{{Text: "SAIR"}}, out, none},
		{[]simulator.Outgoing{{Text: "Abmelden 🛑"}}, out, none},
		{[]simulator.Outgoing{{Text: "basta"}}, out, none},
		{[]simulator.Outgoing{{Text: "Schrijf me uit"}}, out, none},
		{[]simulator.Outgoing{{Text: "Stop promotions"}}, none, out},
		{[]simulator.Outgoing{{Text: "Keine Werbung mehr!"}}, none, out},
		{[]simulator.Outgoing{{Type: "button", Text: "Stop promotions", Payload: "STOP_MKT"}}, none, out},
		{[]simulator.Outgoing{{Type: "button_reply", ReplyID: "x", Text: "Unsubscribe"}}, out, none},
		{[]simulator.Outgoing{{Text: "STOP"}, {Text: "START"}}, in, none},
		{[]simulator.Outgoing{{Text: "Baja"}, {Text: "alta"}, {Text: "parar"}}, out, none},
		{[]simulator.Outgoing{{Text: "Please stop by tomorrow"}}, none, none},
		{[]simulator.Outgoing{{Type: "image", Text: "stop"}}, none, none},
	}
	began := time.Now().Add(-time.Minute)
	for i, one := range cases {
		for n, message := range one.says {
			message.Timestamp = began.Add(time.Duration(n) * time.Second)
			d.post(fmt.Sprintf("336333333%02d", i), message)
		}
	}
	for i, one := range cases {
		id := d.find(fmt.Sprintf("336333333%02d", i))
		c := d.until(id, fmt.Sprintf("examined: %+v", one.says), func(c inbox.Conversation) bool {
			return len(d.messages(id)) == len(one.says) && c.Consent.All == one.all && c.Consent.Marketing == one.marketing
		})
		if one.all != out {
			continue
		}
		for _, a := range c.Actions {
			if a.Name == "send_text" && a.Code != conversation.CodeOptedOut {
				t.Errorf("%+v: %+v", one.says, a)
			}
		}
		d.refused("/api/v1/conversations/"+id+"/messages", map[string]any{"client_id": "1", "text": "Trotzdem"}, conversation.CodeOptedOut)
	}
}

// An opt-out ends sends, except an agent's answer to a later message if the admin allows it; an agent may write down what
// the customer said elsewhere; the provider's switch counts for marketing.
func TestConsentOfPeople(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	d.post(phone, simulator.Outgoing{Text: "STOP", Timestamp: time.Now().Add(-5 * time.Second)})
	id := d.find(phone)
	path := "/api/v1/conversations/" + id
	d.until(id, "opted out", func(c inbox.Conversation) bool { return c.Consent.All == conversation.ConsentOptedOut })
	d.say(phone, "Une question quand même")
	d.count(id, 2)
	d.state(d.send(id, "La réponse"), conversation.StateDelivered)
	d.must(http.MethodPatch, "/api/v1/accounts/"+d.account, map[string]any{"settings": map[string]any{"agent_may_answer_opted_out": false}}, nil)
	testkit.Eventually(t, patience, func() error { // accounts are cached for a moment
		for _, a := range d.get(id).Actions {
			if a.Name == "send_text" && a.Code == conversation.CodeOptedOut {
				return nil
			}
		}
		return fmt.Errorf("%+v", d.get(id).Actions)
	})
	d.refused(path+"/messages", map[string]any{"client_id": "no", "text": "Non"}, conversation.CodeOptedOut)

	d.refused(path+"/consent", map[string]any{"scope": "all", "state": "opted_in"}, conversation.CodeInvalid)
	d.refused(path+"/consent", map[string]any{"scope": "all", "state": "opted_in", "note": "x", "at": time.Now().Add(time.Hour)}, conversation.CodeInvalid)
	d.must(http.MethodPost, path+"/consent", map[string]any{"scope": "all", "state": "opted_in", "note": "Au téléphone, le 3 mai"}, nil)
	d.state(d.send(id, "Merci"), conversation.StateDelivered)
	var note string
	d.fatal(testkit.Database(t).NewRaw("SELECT note FROM consent_changes WHERE actor_kind = 'agent'").Scan(t.Context(), &note))
	if note != "Au téléphone, le 3 mai" {
		t.Errorf("%q", note)
	}
	d.fatal(d.sim.Marketing(t.Context(), phone, "stop"))
	d.until(id, "without marketing", func(c inbox.Conversation) bool { return c.Consent.Marketing == conversation.ConsentOptedOut })
	d.state(d.send(id, "Toujours"), conversation.StateDelivered)
	kinds := d.events(id)
	if n := len(slices.DeleteFunc(kinds, func(k conversation.EventKind) bool { return k != conversation.EventConsentChanged })); n != 3 {
		t.Errorf("%d changes of consent", n)
	}
}

// What cannot be done is refused with the same code every time.
func TestRefusalsHaveCodes(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	d.say(phone, "Bonjour")
	id := d.find(phone)
	path := "/api/v1/conversations/" + id
	nobody := "/api/v1/conversations/019ab000-0000-7000-8000-000000000001"
	text := func(s string) map[string]any { return map[string]any{"client_id": "c", "text": s} }
	d.refused(nobody+"/messages", text("x"), conversation.CodeNotFound)
	d.refused(path+"/messages", text(strings.Repeat("é", 4097)), conversation.CodeInvalid)
	d.refused(path+"/messages", text("  "), conversation.CodeInvalid)
	d.refused(path+"/messages", text("nul \x00"), conversation.CodeInvalid)
	d.refused(path+"/messages", map[string]any{"client_id": "c", "text": "x", "reply_to": "019ab000-0000-7000-8000-000000000001"}, conversation.CodeInvalid)
	d.refused(path+"/snooze", map[string]any{"until": time.Now().Add(-time.Hour)}, conversation.CodeInvalid)
	d.refused(path+"/read", map[string]any{"up_to_seq": 999}, conversation.CodeInvalid)
	d.refused(path+"/assign", map[string]any{"agent_id": "019ab000-0000-7000-8000-000000000001"}, conversation.CodeInvalid)
	own := *d
	own.token = token
	own.refused(path+"/attend", nil, conversation.CodeUnsupported)
	own.token = "guichet_of_nobody"
	own.refused(path+"/done", nil, conversation.CodeUnauthorised)

	var made struct {
		ID    string
		Token string
	}
	d.must(http.MethodPost, "/api/v1/agents", map[string]any{"name": "Bruno", "email": "bruno@example.com", "role": "agent"}, &made)
	d.must(http.MethodPost, "/api/v1/tokens", map[string]any{"name": "bruno", "agent_id": made.ID}, &made)
	d.must(http.MethodPost, path+"/attend", nil, nil)
	bruno := *d
	bruno.token = made.Token
	bruno.refused(path+"/attend", nil, conversation.CodeConflict)
	bruno.refused("/api/v1/accounts/"+d.account+"/pause", nil, conversation.CodeForbidden)
	d.raw("33699999999", "wamid.call", `"type":"reaction","reaction":{"message_id":"wamid.none","emoji":"x"}`)
	other := d.find("33699999999")
	d.refused("/api/v1/conversations/"+other+"/messages", text("jamais écrit"), conversation.CodeWindowClosed)
}

// customer posts a text with the identities given, as the provider shows them.
func (d *desk) customer(id, waID, userID, text string) {
	d.t.Helper()
	contact, from := map[string]any{"profile": map[string]any{"name": "Ana"}}, map[string]any{
		"id": id, "timestamp": fmt.Sprint(time.Now().Unix()), "type": "text", "text": map[string]any{"body": text},
	}
	if waID != "" {
		contact["wa_id"], from["from"] = waID, waID
	}
	if userID != "" {
		contact["user_id"], from["from_user_id"] = userID, userID
	}
	value, err := json.Marshal(map[string]any{
		"messaging_product": "whatsapp", "metadata": map[string]any{"display_phone_number": "15550783881", "phone_number_id": deskNumber},
		"contacts": []any{contact}, "messages": []any{from},
	})
	d.fatal(err)
	d.fatal(d.sim.Raw(d.t.Context(), "messages", json.RawMessage(value)))
}

// byName waits for the only conversation with somebody of this name.
func (d *desk) byName(name string) inbox.Conversation {
	d.t.Helper()
	var found inbox.Conversation
	testkit.Eventually(d.t, patience, func() error {
		list := slices.DeleteFunc(d.all(), func(c inbox.Conversation) bool { return c.Contact.Name != name })
		if len(list) != 1 {
			return fmt.Errorf("%d conversations with %s", len(list), name)
		}
		found = list[0]
		return nil
	})
	return found
}

// Somebody who moves to another number stays the same person.
func TestNumberChange(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const before, after = "33612345678", "33687654321"
	_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: before, Name: "Anna"})
	d.fatal(err)
	d.say(before, "Je déménage")
	id := d.byName("Anna").ID
	_, err = d.sim.ChangeNumber(t.Context(), before, after)
	d.fatal(err)
	testkit.Eventually(t, patience, func() error { return has(d, id, conversation.EventIdentityChanged) })
	d.say(after, "C'est encore moi")
	list := d.count(id, 3)
	if list[1].Content.Kind != conversation.KindSystem {
		t.Errorf("%+v", list[1])
	}
	d.state(d.send(id, "Bonjour à nouveau"), conversation.StateDelivered)
	if got := d.phone(after, 1); got[0] != "Bonjour à nouveau" {
		t.Errorf("%q", got)
	}
	if c := d.byName("Anna"); c.ID != id || c.Contact.Phone != "+"+after {
		t.Errorf("%+v", c.Contact)
	}
	_, err = d.sim.ChangeUserID(t.Context(), after, "FR.998877665544")
	d.fatal(err)
	d.say(after, "Nouvel identifiant")
	testkit.Eventually(t, patience, func() error {
		if c := d.get(id); c.Summary != "Nouvel identifiant" {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	d.byName("Anna")
}

// A customer without a number is served by the business-scoped user id.
func TestCustomerWhoHidesTheNumber(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: phone, Name: "Zoé", Username: "@zoe", HidesNumber: true, UserID: "FR.1122334455"})
	d.fatal(err)
	d.say(phone, "Sans numéro")
	c := d.get(d.byName("Zoé").ID)
	if c.Contact.Phone != "" || !slices.ContainsFunc(c.Contact.Identities, func(i conversation.Identity) bool {
		return i.Kind == conversation.UserID && i.Address == "FR.1122334455"
	}) {
		t.Errorf("%+v", c.Contact)
	}
	m := d.state(d.send(c.ID, "Bonjour Zoé"), conversation.StateDelivered)
	d.fatal(d.sim.Read(t.Context(), phone, m.ID))
	d.state(m, conversation.StateRead)
	_, err = d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: phone, Name: "Zoé", Username: "@zoe", UserID: "FR.1122334455"})
	d.fatal(err)
	d.say(phone, "Avec numéro")
	testkit.Eventually(t, patience, func() error {
		if shown := d.byName("Zoé"); shown.ID != c.ID || shown.Contact.Phone != "+"+phone {
			return fmt.Errorf("%+v", shown)
		}
		return nil
	})
}

// Two contacts that prove to be one person become one, with one timeline, and the newer conversation goes on.
func TestTwoContactsBecomeOne(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: "33612345678", UserID: "FR.5566778899", Name: "Ana"})
	d.fatal(err)
	d.fault(simulator.Fault{On: simulator.KindWebhooks, To: "33612345678", Action: simulator.ActionDrop})
	d.say("33612345678", "opens the window at the provider, and is never delivered")
	d.customer("wamid.a", "33612345678", "", "par le numéro")
	older := d.find("33612345678")
	d.must(http.MethodPost, "/api/v1/conversations/"+older+"/attend", nil, nil)
	d.fault(simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionError, Code: 131000, Count: 2})
	waiting := d.send(older, "attend son tour")
	d.customer("wamid.b", "", "FR.5566778899", "par l'identifiant")
	testkit.Eventually(t, patience, func() error {
		if n := len(d.all()); n != 2 {
			return fmt.Errorf("%d conversations", n)
		}
		return nil
	})
	d.customer("wamid.c", "33612345678", "FR.5566778899", "les deux")
	c := d.byName("Ana")
	if c.ID == older || c.AssigneeID != d.agent {
		t.Errorf("%+v", c)
	}
	texts := func() (all []string) {
		for _, m := range d.messages(c.ID) {
			all = append(all, m.Content.Text)
		}
		slices.Sort(all)
		return all
	}
	want := []string{"attend son tour", "les deux", "par l'identifiant", "par le numéro"}
	testkit.Eventually(t, patience, func() error {
		if got := texts(); !slices.Equal(got, want) {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	if old := d.get(older); old.MergedInto != c.ID || old.Status != conversation.StatusDone {
		t.Errorf("%+v", old)
	}
	d.refused("/api/v1/conversations/"+older+"/messages", map[string]any{"client_id": "x", "text": "x"}, conversation.CodeConflict)
	last := d.send(c.ID, "à la bonne adresse")
	if got := d.phone("33612345678", 2); !slices.Equal(got, []string{"attend son tour", "à la bonne adresse"}) {
		t.Errorf("%q", got)
	}
	for _, id := range []string{waiting.ID, last.ID} {
		d.state(inbox.Message{ID: id, ConversationID: c.ID}, conversation.StateSent)
	}
	if err := has(d, c.ID, conversation.EventMerged); err != nil {
		t.Error(err)
	}
}

// Variants of one number are one person, and what a colleague writes in the phone app belongs to the thread.
func TestVariantsAndEchoes(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: "5511987654321", WAID: "551187654321", Name: "Bia"})
	d.fatal(err)
	d.say("5511987654321", "Oi")
	id := d.byName("Bia").ID
	d.customer("wamid.nine", "5511987654321", "", "Com nove")
	d.count(id, 2)
	if n := len(d.all()); n != 1 {
		t.Errorf("%d conversations", n)
	}
	echo, err := d.sim.Echo(t.Context(), "5511987654321", simulator.Outgoing{Text: "do aplicativo"})
	d.fatal(err)
	list := d.count(id, 3)
	at := slices.IndexFunc(list, func(m inbox.Message) bool { return m.Content.Text == "do aplicativo" })
	if at < 0 || list[at].Author.Kind != conversation.ActorPhoneApp || list[at].Direction != conversation.Outbound || echo.ID == "" {
		t.Fatalf("%+v", list)
	}
	if c := d.get(id); c.WaitingSince != nil || c.FirstReplyAt == nil {
		t.Errorf("the echo answers the customer: %+v", c)
	}
	d.state(d.send(id, "Tudo bem"), conversation.StateDelivered)
	if n := d.accepted("5511987654321"); n != 1 {
		t.Errorf("the provider took %d messages", n)
	}
}
