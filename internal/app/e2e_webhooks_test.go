package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/simulator"
)

// mischief is what may happen to the webhooks of one customer on their way.
func mischief() map[string][]simulator.Fault {
	ms := func(n int) simulator.Duration { return simulator.Duration(time.Duration(n) * time.Millisecond) }
	return map[string][]simulator.Fault{
		"nothing":    nil,
		"duplicate":  {{On: simulator.KindWebhooks, Action: simulator.ActionDuplicate, Copies: 3}},
		"reorder":    {{On: simulator.KindWebhooks, Action: simulator.ActionReorder, Size: 100, Window: ms(300)}},
		"batch":      {{On: simulator.KindWebhooks, Action: simulator.ActionBatch, Size: 1000, Window: ms(300)}},
		"concurrent": {{On: simulator.KindWebhooks, Action: simulator.ActionConcurrent, Size: 100, Window: ms(300)}},
		"odd": {
			{On: simulator.KindWebhooksMessages, Action: simulator.ActionDelay, Delay: ms(150), Probability: .5},
			{On: simulator.KindWebhooksOther, Action: simulator.ActionDelay, Delay: ms(300)},
			{On: simulator.KindWebhooksStatuses, Action: simulator.ActionDelay, Delay: ms(100), Probability: .5},
		},
	}
}

// Whatever happens to webhooks on their way, the same comes out in the end.
func TestWebhookFaultsChangeNothing(t *testing.T) {
	t.Parallel()
	d := open(t, setup{simulator: simulator.Config{Seed: 7}})
	digests := map[string]string{}
	phones := map[string]string{}
	next := 0
	for name, faults := range mischief() {
		next++
		phone := fmt.Sprintf("3361234560%d", next)
		phones[name] = phone
		_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: phone, Name: "Anna"})
		d.fatal(err)
		for _, f := range faults {
			f.To = phone
			d.fault(f)
		}
	}
	began := time.Now().Add(-time.Minute).Truncate(time.Second)
	for _, phone := range phones {
		customerStory(d, phone, began)
	}
	for name, phone := range phones {
		answerStory(d, phone)
		_ = name
	}
	testkit.Eventually(t, patience, func() error {
		d.delivered()
		for name, phone := range phones {
			digests[name] = digest(d, phone, began)
		}
		want := digests["nothing"]
		for name, got := range digests {
			if got != want || !strings.Contains(got, "played") && !strings.Contains(got, "read") {
				return fmt.Errorf("with %s:\n%s\nwith nothing:\n%s", name, got, want)
			}
		}
		return nil
	})
}

// customerStory lets a customer do a bit of everything, at fixed times.
func customerStory(d *desk, phone string, began time.Time) {
	d.t.Helper()
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	for i, out := range []simulator.Outgoing{
		{Text: "un"}, {Text: "STOP"}, {Text: "deux"}, {Type: "image", Text: "photo"}, {Text: "START"}, {Text: "trois"},
		{Type: "edit", MessageID: phone + ".2", Text: "deux bis"}, {Type: "revoke", MessageID: phone + ".3"},
		{Type: "reaction", MessageID: phone + ".0", Emoji: "👍"}, {Type: "reaction", MessageID: phone + ".0", Emoji: "🙏"},
	} {
		out.ID, out.Timestamp = fmt.Sprintf("%s.%d", phone, i), at(i)
		d.post(phone, out)
	}
	d.fatal(d.sim.Marketing(d.t.Context(), phone, "stop"))
}

// answerStory lets an agent answer, and the customer read it.
func answerStory(d *desk, phone string) {
	d.t.Helper()
	id := d.find(phone)
	d.until(id, "complete", func(c inbox.Conversation) bool {
		return len(d.messages(id)) == 6 && c.Consent.All == conversation.ConsentOptedIn
	})
	d.send(id, "Réponse à "+phone)
	d.phone(phone, 1)
	d.fatal(d.sim.Read(d.t.Context(), phone, ""))
}

// digest says what a conversation came to, without what differs by chance.
func digest(d *desk, phone string, began time.Time) string {
	d.t.Helper()
	id := d.find(phone)
	c := d.get(id)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q status %s consent %s/%s window %v closes +%v last inbound +%v\n", c.Contact.Name, c.Summary[:7], c.Status, c.Consent.All, c.Consent.Marketing,
		c.Window.Open, c.Window.ClosesAt.Sub(began), c.LastInboundAt.Sub(began))
	for _, m := range d.messages(id) {
		emoji := ""
		for _, r := range m.Reactions {
			emoji += r.Emoji
		}
		text, _, _ := strings.Cut(m.Content.Text, " à ")
		fmt.Fprintf(&b, "%s %s %s %q %s edited %v revoked %v\n", m.Direction, m.State, m.Content.Kind, text, emoji, m.EditedAt != nil, m.RevokedAt != nil)
	}
	return b.String()
}

// Webhooks that arrive hours late reopen the conversation, and keep the window to its own time.
func TestWebhooksHoursLate(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	d.say(phone, "à l'heure")
	id := d.find(phone)
	sent := d.state(d.send(id, "Réponse"), conversation.StateDelivered)
	d.delivered()
	before := d.until(id, "armed", func(c inbox.Conversation) bool { return len(c.Next) == 2 })
	d.must(http.MethodPost, "/api/v1/conversations/"+id+"/done", nil, nil)
	d.fault(simulator.Fault{On: simulator.KindWebhooks, Action: simulator.ActionDrop, To: phone})
	d.fatal(d.sim.Read(t.Context(), phone, ""))
	written := time.Now()
	d.say(phone, "en retard")
	d.advance(5 * time.Hour)
	if n := len(d.messages(id)); n != 2 {
		t.Fatalf("%d messages before the release", n)
	}
	d.fatal(d.sim.ClearFaults(t.Context()))
	list := d.count(id, 3)
	late := list[2]
	if !late.Late || late.At.Sub(written).Abs() > 5*time.Second {
		t.Errorf("%+v", late)
	}
	if m := d.state(sent, conversation.StateRead); m.ReadAt.Sub(written).Abs() > 5*time.Second {
		t.Errorf("read at %v, written at %v", m.ReadAt, written)
	}
	c := d.get(id)
	if c.Status != conversation.StatusOpen || c.Window.ClosesAt.Sub(*before.Window.ClosesAt) > time.Minute || c.WaitingSince == nil {
		t.Errorf("%+v, before %+v", c, before)
	}
	d.advance(20 * time.Hour)
	d.until(id, "closed", func(c inbox.Conversation) bool { return !c.Window.Open && len(c.Next) == 0 })
	d.raw(phone, "wamid.ancient", fmt.Sprintf(`"type":"text","text":{"body":"ancien"},"timestamp":"%d"`, written.Add(-30*time.Hour).Unix()))
	d.count(id, 4)
	if c := d.get(id); c.Window.Open || c.Summary != "en retard" {
		t.Errorf("an old message opened the window or is shown as the newest: %+v", c)
	}
}

// Statuses may come while the call that sends the message is still waiting for its answer.
func TestStatusesBeforeTheirMessage(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	d.say(phone, "Bonjour")
	id := d.find(phone)
	_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: phone, InChat: true})
	d.fatal(err)
	d.fault(simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionLate, Delay: simulator.Duration(time.Second), Count: 1})
	m := d.send(id, "Lu avant d'être envoyé")
	d.state(m, conversation.StateRead)
	next := d.state(d.send(id, "Et la suite"), conversation.StateRead)
	if got := d.phone(phone, 2); got[1] != next.Content.Text {
		t.Errorf("%q", got)
	}
	testkit.Eventually(t, patience, func() error {
		if d.providerID(m.ID) == "" {
			return errors.New("the provider's id is not known")
		}
		return nil
	})
}

// receive posts a body as the provider does and returns the status.
func (d *desk) receive(body string) int {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.base+"/webhooks/whatsapp/"+d.account, bytes.NewReader([]byte(body)))
	d.fatal(err)
	r.Header = office.Sign([]byte(body), deskSecret)
	response, err := http.DefaultClient.Do(r)
	d.fatal(err)
	_, err = io.Copy(io.Discard, response.Body)
	d.fatal(errors.Join(err, response.Body.Close()))
	return response.StatusCode
}

// A provider may put a thousand updates into one post, some of them bad, and post it again and again at the same moment.
func TestThousandUpdatesInOnePost(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	at := time.Now()
	var values []string
	for i := range 1000 {
		anna := office.Person{WhatsAppID: fmt.Sprintf("336000%05d", i%50), Name: fmt.Sprintf("Person %d", i%50)}
		content := fmt.Sprintf(`"type":"text","text":{"body":"text %d"}`, i)
		if i%100 == 99 {
			content = `"type":"text","text":"not an object"`
		}
		values = append(values, anna.Message(fmt.Sprintf("wamid.bulk%04d", i), at.Add(time.Duration(i)*time.Millisecond), content))
	}
	body := office.Webhook("messages", values...)
	if !json.Valid([]byte(body)) {
		t.Fatal("the test's body is no JSON")
	}
	answers := make(chan int, 4)
	for range cap(answers) {
		go func() { answers <- d.receive(body) }()
	}
	for range cap(answers) {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	db := testkit.Database(t)
	var messages, conversations int
	d.fatal(db.NewRaw("SELECT count(*) FROM messages").Scan(t.Context(), &messages))
	d.fatal(db.NewRaw("SELECT count(*) FROM conversations").Scan(t.Context(), &conversations))
	if conversations != 50 || messages < 990 || messages > 1000 {
		t.Errorf("%d messages in %d conversations", messages, conversations)
	}
	testkit.Eventually(t, patience, func() error {
		var behind int
		if err := db.NewRaw("SELECT count(*) FROM conversations WHERE applied_seq < wake_seq").Scan(t.Context(), &behind); err != nil || behind > 0 {
			return fmt.Errorf("%d conversations are behind (%w)", behind, err)
		}
		return nil
	})
}
