package intake_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

var ana = office.Person{WhatsAppID: "40712345678", UserID: "RO.1234567890", Name: "Ana"}

func TestMessageIsStored(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	written := office.Start.Add(-time.Minute)
	o.Deliver(t, ana.Text("wamid.1", written, "Bună ziua"))
	c := o.Only(t)
	if c.Contact.Name != "Ana" || c.Contact.Phone != "+40712345678" || c.Summary != "Bună ziua" || c.Status != conversation.StatusOpen || !c.Unread {
		t.Errorf("conversation: %+v", c)
	}
	if want := written.Add(24*time.Hour - time.Minute); !c.Window.Open || !c.Window.ClosesAt.Equal(want) {
		t.Errorf("window: %+v, want open until %v", c.Window, want)
	}
	m := o.Messages(t, c.ID)
	if len(m) != 1 || m[0].Content.Text != "Bună ziua" || !m[0].At.Equal(written) || m[0].State != conversation.StateReceived {
		t.Errorf("messages: %+v", m)
	}
	if n := o.Count(t, "SELECT count(*) FROM webhooks"); n != 1 {
		t.Errorf("%d raw bodies", n)
	}
	if n := o.Count(t, "SELECT count(*) FROM dispatches WHERE up_to_seq = 2"); n != 1 {
		t.Errorf("%d dispatches", n)
	}
}

// TestAnyOrderOfDelivery delivers one history in many orders, with everything twice, and expects what perfect delivery leads to.
func TestAnyOrderOfDelivery(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return office.Start.Add(time.Duration(minutes) * time.Minute) }
	history := []string{
		ana.Text("wamid.1", at(1), "first"),
		ana.Text("wamid.2", at(2), "second"),
		office.Webhook("messages", ana.Message("wamid.3", at(3), `"type":"image","image":{"id":"m1","mime_type":"image/jpeg","sha256":"AAAA","caption":"photo"}`)),
		office.Webhook("messages", ana.Message("wamid.4", at(4), `"type":"text","text":{"body":"an answer"},"context":{"from":"15550783881","id":"wamid.2"}`)),
		office.Webhook("messages", ana.Message("wamid.r1", at(5), `"type":"reaction","reaction":{"message_id":"wamid.1","emoji":"👍"}`)),
		office.Webhook("messages", ana.Message("wamid.r2", at(6), `"type":"reaction","reaction":{"message_id":"wamid.1","emoji":"❤️"}`)),
		office.Webhook("messages", ana.Message("wamid.e1", at(7), `"type":"edit","edit":{"original_message_id":"wamid.2","message":{"type":"text","text":{"body":"second, better"}}}`)),
		office.Webhook("messages", ana.Message("wamid.v1", at(8), `"type":"revoke","revoke":{"original_message_id":"wamid.3"}`)),
		office.Webhook("smb_message_echoes", fmt.Sprintf(`{"message_echoes":[{"from":"15550783881","to":"40712345678","id":"wamid.echo","timestamp":"%d","type":"text","text":{"body":"from the app"}}]}`, at(9).Unix())),
		ana.Status("wamid.echo", "", "sent", at(9), 0),
		ana.Status("wamid.echo", "", "delivered", at(10), 0),
		ana.Status("wamid.echo", "", "read", at(11), 0),
		ana.Marketing("stop", at(12)),
		ana.Marketing("resume", at(13)),
		ana.Marketing("stop", at(14)),
		ana.Text("wamid.5", at(15), "last"),
		office.Webhook("messages", ana.Message("wamid.e2", at(16), `"type":"edit","edit":{"original_message_id":"wamid.5","message":{"type":"text","text":{"body":"last,\nand edited"}}}`)),
	}
	want := outcome(t, history)
	for _, part := range []string{"second, better", "❤️", `"revoked_at"`, `"state":"read"`, `"marketing":"opted_out"`, "an answer", "last, and edited"} {
		if !strings.Contains(want, part) {
			t.Fatalf("perfect delivery misses %s:\n%s", part, want)
		}
	}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			shuffled := append(append([]string(nil), history...), history...)
			rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if got := outcome(t, shuffled); got != want {
				t.Errorf("one after the other: got\n%s\nwant\n%s", got, want)
			}
		})
		t.Run(fmt.Sprintf("%d at once", seed), func(t *testing.T) {
			t.Parallel()
			shuffled := append([]string(nil), history...)
			rand.New(rand.NewPCG(seed, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if got := outcome(t, []string{joined(shuffled)}); got != want {
				t.Errorf("in one body: got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// joined puts the entries of many webhooks into one body.
func joined(bodies []string) string {
	var entries []string
	for _, body := range bodies {
		_, entry, _ := strings.Cut(body, `"entry":[`)
		entries = append(entries, strings.TrimSuffix(entry, "]}"))
	}
	return `{"object":"whatsapp_business_account","entry":[` + strings.Join(entries, ",") + `]}`
}

// outcome delivers a history hours late and describes the end without ids and arrival.
func outcome(t *testing.T, history []string) string {
	t.Helper()
	o := office.Open(t)
	o.At(office.Start.Add(3 * time.Hour))
	o.Deliver(t, history...)
	o.Advance(t)
	c := o.Only(t)
	var lines []string
	texts := map[string]string{}
	messages := o.Messages(t, c.ID)
	for _, m := range messages {
		texts[m.ID] = m.Content.Text
	}
	for _, m := range messages {
		m.ReplyTo = texts[m.ReplyTo]
		m.ID, m.ConversationID, m.Seq, m.Late = "", "", 0, false
		m.Author.ID = ""
		for i := range m.Attachments {
			m.Attachments[i].ID = ""
		}
		lines = append(lines, encode(t, m))
	}
	lines = append(lines, encode(t, c.Window), encode(t, c.Consent), c.Summary, string(c.Status), c.Contact.Name, c.LastInboundAt.String())
	return strings.Join(lines, "\n")
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestConcurrentWebhooksOfOneNewCustomer(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	const n = 40
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body := ana.Text(fmt.Sprintf("wamid.%d", i/2), office.Start.Add(time.Duration(i/2)*time.Second), fmt.Sprintf("text %d", i/2))
			if err := o.Intake.Receive(t.Context(), o.Account, []byte(body)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c := o.Only(t)
	if got := len(o.Messages(t, c.ID)); got != n/2 {
		t.Errorf("%d messages, want %d", got, n/2)
	}
	if got := o.Count(t, "SELECT count(*) FROM contacts"); got != 1 {
		t.Errorf("%d contacts", got)
	}
	if got := o.Count(t, "SELECT count(*) FROM events WHERE seq > (SELECT last_seq FROM conversations)"); got != 0 {
		t.Errorf("%d events beyond last_seq", got)
	}
}

func TestTwoContactsProveToBeOne(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	byNumber := office.Person{WhatsAppID: ana.WhatsAppID, Name: "Ana"}
	byUserID := office.Person{UserID: ana.UserID, Name: "Ana P."}
	o.Deliver(t, byNumber.Text("wamid.1", office.Start.Add(-30*time.Minute), "by number"))
	o.At(office.Start.Add(time.Minute))
	o.Deliver(t, byUserID.Text("wamid.2", office.Start.Add(-20*time.Minute), "by user id"))
	if n := o.Count(t, "SELECT count(*) FROM conversations"); n != 2 {
		t.Fatalf("%d conversations before the proof", n)
	}
	o.Deliver(t, ana.Text("wamid.3", office.Start, "by both"))
	o.Advance(t)
	c := o.Only(t)
	var said []string
	for _, m := range o.Messages(t, c.ID) {
		said = append(said, m.Content.Text)
	}
	if got := strings.Join(said, ", "); got != "by number, by user id, by both" {
		t.Errorf("one timeline: %s", got)
	}
	if len(c.Contact.Identities) != 2 {
		t.Errorf("identities: %+v", c.Contact.Identities)
	}
	ids := o.IDs(t)
	older, err := o.Inbox.Get(t.Context(), office.Token, ids[0])
	if err != nil || older.MergedInto != c.ID || older.Status != conversation.StatusDone || len(older.Next) != 0 {
		t.Errorf("the older conversation: %+v %v", older, err)
	}
}

func TestNumberVariantsAreOnePerson(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"5511987654321", "551187654321"}, {"5215512345678", "525512345678"}, {"5491112345678", "541112345678"}} {
		t.Run(pair[0], func(t *testing.T) {
			t.Parallel()
			o := office.Open(t)
			for i, number := range pair {
				o.Deliver(t, office.Person{WhatsAppID: number, Name: "N"}.Text(fmt.Sprintf("wamid.%d", i), office.Start, "hello"))
			}
			o.Only(t)
		})
	}
}

func TestChangedNumberKeepsThePersonAndFreesTheNumber(t *testing.T) {
	t.Parallel()
	at := func(m int) time.Time { return office.Start.Add(time.Duration(m) * time.Minute) }
	before := office.Person{WhatsAppID: "33612345678", Name: "Luc"}
	after := office.Person{WhatsAppID: "33687654321", Name: "Luc"}
	change := office.Webhook("messages", fmt.Sprintf(`{"messages":[{"from":"33612345678","id":"wamid.sys","timestamp":"%d","type":"system","system":{"body":"x","wa_id":"33687654321","type":"user_changed_number"}}]}`, at(5).Unix()))
	history := []string{before.Text("wamid.1", at(1), "old number"), change, after.Text("wamid.2", at(6), "new number")}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}, {1, 0, 2}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			o := office.Open(t)
			o.At(at(60))
			for _, i := range order {
				o.Deliver(t, history[i])
			}
			c := o.Only(t)
			if len(c.Contact.Identities) != 1 || c.Contact.Identities[0].Address != "33687654321" {
				t.Errorf("identities %+v", c.Contact.Identities)
			}
			o.Deliver(t, office.Person{WhatsAppID: "33612345678", Name: "Zoé"}.Text("wamid.9", at(50), "I have this number now"))
			if n := o.Count(t, "SELECT count(*) FROM conversations WHERE merged_into IS NULL"); n != 2 {
				t.Errorf("%d conversations, want one for each person", n)
			}
			o.Deliver(t, change)
			if n := o.Count(t, "SELECT count(*) FROM conversations WHERE merged_into IS NULL"); n != 2 {
				t.Error("the repeated change made two persons one")
			}
		})
	}
}

// A new user id is no new number: who then writes from the number alone is still the same person.
func TestChangedUserIDKeepsTheNumber(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	o.Deliver(t, ana.Text("wamid.1", office.Start, "hello"), office.Webhook("messages", fmt.Sprintf(
		`{"messages":[{"from":%q,"from_user_id":%q,"id":"wamid.sys","timestamp":"%d","type":"system","system":{"body":"x","user_id":"RO.2","type":"user_changed_user_id"}}]}`,
		ana.WhatsAppID, ana.UserID, office.Start.Add(time.Second).Unix())))
	var addresses []string
	for _, id := range o.Only(t).Contact.Identities {
		addresses = append(addresses, id.Address)
	}
	if got, want := strings.Join(addresses, " "), ana.WhatsAppID+" RO.2"; got != want {
		t.Errorf("addresses %s, want %s", got, want)
	}
	o.Deliver(t, office.Person{WhatsAppID: ana.WhatsAppID, Name: "Ana"}.Text("wamid.2", office.Start.Add(time.Minute), "it is me"))
	o.Only(t)
}

func TestLateMessageReopensButIsLate(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	o.Deliver(t, ana.Text("wamid.1", office.Start, "hello"))
	agent := o.Agent(t, "maria")
	if _, err := o.Inbox.Done(t.Context(), agent, o.Only(t).ID); err != nil {
		t.Fatal(err)
	}
	o.At(office.Start.Add(30 * time.Hour))
	o.Deliver(t, ana.Text("wamid.2", office.Start.Add(time.Hour), "hours late"))
	c := o.Only(t)
	m := o.Messages(t, c.ID)
	if c.Status != conversation.StatusOpen || c.Window.Open || !m[1].Late || m[0].Late {
		t.Errorf("status %s, window %+v, late %v", c.Status, c.Window, m[1].Late)
	}
}

func TestOneBadUpdateIsParkedAlone(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	good := func(id string) string { return ana.Message(id, office.Start, `"type":"text","text":{"body":"good"}`) }
	bad := `{"messages":[{"from":"40712345678","id":"","timestamp":"1","type":"text","text":{"body":"no id"}},{"from":"40712345678","id":"wamid.x","timestamp":"not a time","type":"text","text":{"body":"b"}}]}`
	o.Deliver(t, office.Webhook("messages", good("wamid.1"), bad, good("wamid.2")), `{"object":`, "\xff\x00", office.WebhookFor("999", "messages", good("wamid.3")))
	c := o.Only(t)
	if got := len(o.Messages(t, c.ID)); got != 2 {
		t.Errorf("%d messages, want the 2 good ones", got)
	}
	parked, _, err := o.Intake.Parked(t.Context(), o.Account.ID, "", inbox.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]int{}
	for _, p := range parked {
		reasons[p.Reason]++
	}
	if reasons["unparsable"] != 2 || reasons["unknown_account"] != 1 || reasons["not_understood"]+reasons["failed"] != 2 {
		t.Errorf("parked: %v", reasons)
	}
}

func TestParkedUpdateIsAppliedOnceItsNumberIsConnected(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	o.Deliver(t, office.WebhookFor("999", "messages", ana.Message("wamid.1", office.Start, `"type":"text","text":{"body":"hi"}`)))
	parked, _, err := o.Intake.Parked(t.Context(), o.Account.ID, "parked", inbox.Cursor{}, 100)
	if err != nil || len(parked) != 1 {
		t.Fatalf("parked: %v %v", parked, err)
	}
	foreign := o.Connect(t, "999", "another secret")
	if p, err := o.Intake.ApplyParked(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, o.Account, parked[0].ID); err != nil || p.State != "parked" {
		t.Fatalf("an account of another app took it: %+v %v", p, err)
	}
	if _, err := o.DB.DB.ExecContext(t.Context(), "DELETE FROM accounts WHERE id = $1::uuid", foreign.ID); err != nil {
		t.Fatal(err)
	}
	mine := o.Connect(t, "999", office.Secret)
	p, err := o.Intake.ApplyParked(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, o.Account, parked[0].ID)
	if err != nil || p.State != "applied" {
		t.Fatalf("apply: %+v %v", p, err)
	}
	if c := o.Only(t); c.AccountID != mine.ID {
		t.Errorf("conversation of account %s", c.AccountID)
	}
}

func TestReceiptsBeforeTheirMessage(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	o.Deliver(t, ana.Text("wamid.1", office.Start, "hello"))
	o.Advance(t)
	c := o.Only(t)
	agent := o.Agent(t, "maria")
	m, err := o.Inbox.Send(t.Context(), agent, c.ID, inbox.NewMessage{ClientID: "a", Content: conversation.Content{Kind: conversation.KindText, Text: "hello Ana"}})
	if err != nil {
		t.Fatal(err)
	}
	// Without our id the receipts wait; the provider's id is known only after the call.
	o.Deliver(t, ana.Status("wamid.out.1", "", "read", office.Start.Add(3*time.Second), 0), ana.Status("wamid.out.1", "", "delivered", office.Start.Add(2*time.Second), 0))
	if _, err := o.Outbox.SendNext(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	got := o.Messages(t, c.ID)[1]
	if got.ID != m.ID || got.State != conversation.StateRead || got.DeliveredAt == nil || got.ReadAt == nil {
		t.Errorf("message: %+v", got)
	}
}

func TestSentReactionStandsOnItsMessage(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	o.Deliver(t, ana.Text("wamid.1", office.Start, "hello"))
	o.Advance(t)
	c := o.Only(t)
	agent := o.Agent(t, "maria")
	target := o.Messages(t, c.ID)[0].ID
	for i, emoji := range []string{"👍", "❤️", ""} {
		o.At(office.Start.Add(time.Duration(i) * time.Minute))
		_, err := o.Inbox.Send(t.Context(), agent, c.ID, inbox.NewMessage{ClientID: fmt.Sprint(i), Content: conversation.Content{
			Kind: conversation.KindReaction, Reaction: &conversation.Reaction{MessageID: target, Emoji: emoji},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.SendNext(t, c.ID); got.Outcome != conversation.OutcomeSent {
			t.Errorf("sent %q: %+v", emoji, got)
		}
		var shown string
		for _, r := range o.Messages(t, c.ID)[0].Reactions {
			shown += r.Emoji
		}
		if shown != emoji {
			t.Errorf("after %q the message shows %q", emoji, shown)
		}
	}
	if after := o.Only(t); after.WaitingSince == nil || after.FirstReplyAt != nil || after.Summary != "hello" {
		t.Errorf("a reaction counted as an answer: %+v", after)
	}
}

func TestLateMessageIsNotClosedAgainForItsAge(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	hour := 3600
	if _, err := o.Store.Update(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, o.Account.ID, accounts.Change{Settings: accounts.SettingsChange{AutoCloseAfterSeconds: &hour}}); err != nil {
		t.Fatal(err)
	}
	o.Deliver(t, ana.Text("wamid.1", office.Start, "hello"))
	o.At(office.Start.Add(2 * time.Hour))
	o.Advance(t)
	if c := o.Only(t); c.Status != conversation.StatusDone {
		t.Fatalf("status %s before the late message", c.Status)
	}
	o.Deliver(t, ana.Text("wamid.2", office.Start.Add(time.Minute), "late"))
	o.Advance(t)
	if c := o.Only(t); c.Status != conversation.StatusOpen {
		t.Errorf("status %s after the late message", c.Status)
	}
}

func TestMergeKeepsWhatIsQueued(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	agent := o.Agent(t, "maria")
	byNumber := office.Person{WhatsAppID: ana.WhatsAppID, Name: "Ana"}
	byUserID := office.Person{UserID: ana.UserID, Name: "Ana"}
	o.Deliver(t, byNumber.Text("wamid.1", office.Start, "by number"))
	o.At(office.Start.Add(time.Minute))
	o.Deliver(t, byUserID.Text("wamid.2", office.Start, "by user id"))
	ids := o.IDs(t)
	for i, id := range []string{ids[0], ids[1], ids[0]} {
		_, err := o.Inbox.Send(t.Context(), agent, id, inbox.NewMessage{ClientID: fmt.Sprint("same ", i/2), Content: conversation.Content{Kind: conversation.KindText, Text: fmt.Sprint(i)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	o.Deliver(t, ana.Text("wamid.3", office.Start, "by both"))
	o.Advance(t)
	c := o.Only(t)
	for range 4 {
		if _, err := o.Outbox.SendNext(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
	}
	var sent []string
	for _, m := range o.Provider.Taken() {
		sent = append(sent, m.Content.Text)
	}
	if got := strings.Join(sent, " "); got != "1 0 2" {
		t.Errorf("sent %q: each once and in order, those of the conversation that goes on first", got)
	}
}

// TestMergeShowsWhatIsOpenAndNewest merges by a mere preference: what was open and newest in the older conversation is so in
// the one that goes on.
func TestMergeShowsWhatIsOpenAndNewest(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	byNumber := office.Person{WhatsAppID: ana.WhatsAppID, Name: "Ana"}
	byUserID := office.Person{UserID: ana.UserID, Name: "Ana"}
	o.Exec(t, `INSERT INTO consent_questions (message_id, conversation_id, contact_id, scope, confidence, evidence, asked_at)
		SELECT gen_random_uuid(), id, contact_id, 'all', 0.5, '', now() FROM conversations WHERE id = $1::uuid`, o.Meet(t, byNumber))
	o.At(office.Start.Add(time.Minute))
	newer := o.Meet(t, byUserID)
	if _, err := o.Inbox.Done(t.Context(), o.Agent(t, "maria"), newer); err != nil {
		t.Fatal(err)
	}
	asked := office.Start.Add(2 * time.Minute)
	o.At(asked)
	o.Deliver(t, byNumber.Text("wamid.asked", asked, "is anybody there?"))
	o.Deliver(t, office.Webhook("user_preferences", fmt.Sprintf(`{"user_preferences":[{"wa_id":%q,"user_id":%q,"category":"marketing_messages","value":"stop","timestamp":%d}]}`,
		ana.WhatsAppID, ana.UserID, asked.Unix())))
	c := o.Only(t)
	if c.ID != newer || c.Status != conversation.StatusOpen || c.WaitingSince == nil || c.Summary != "is anybody there?" || !c.ConsentAsked ||
		c.LastInboundAt == nil || !c.LastInboundAt.Equal(asked) {
		t.Errorf("%+v", c)
	}
}

// What is waited for depends on when things were written, not on when they arrived.
func TestWaitingInAnyOrder(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return office.Start.Add(time.Duration(minutes) * time.Minute) }
	history := []string{ana.Text("wamid.1", at(1), "first"), echo("wamid.e1", at(9), "an answer"), echo("wamid.e2", at(10), "and more"), ana.Text("wamid.2", at(20), "second")}
	for name, c := range map[string]struct {
		order   []int
		waiting time.Time
	}{
		"in order":             {[]int{0, 1, 2, 3}, at(20)},
		"the answer is late":   {[]int{0, 3, 2, 1}, at(20)},
		"the question is late": {[]int{1, 2, 0}, time.Time{}},
		"all the other way":    {[]int{3, 2, 1, 0}, at(20)},
		"answers between":      {[]int{2, 3, 0, 1}, at(20)},
		"nothing was answered": {[]int{3, 0}, at(1)},
	} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in one body %t", name, together), func(t *testing.T) {
				t.Parallel()
				o := office.Open(t)
				o.At(at(30))
				var bodies []string
				for _, i := range c.order {
					bodies = append(bodies, history[i])
				}
				if together {
					bodies = []string{joined(bodies)}
				}
				o.Deliver(t, bodies...)
				got := o.Only(t)
				if got.WaitingSince == nil != c.waiting.IsZero() || got.WaitingSince != nil && !got.WaitingSince.Equal(c.waiting) {
					t.Errorf("waiting since %v, want %v", got.WaitingSince, c.waiting)
				}
				if len(c.order) > 2 && (got.FirstReplyAt == nil || !got.FirstReplyAt.Equal(at(9))) {
					t.Errorf("first reply at %v", got.FirstReplyAt)
				}
			})
		}
	}
}

// TestOursAndTheirsHaveOneReactionEach has each side react twice: ours in the phone app and here, theirs before and after
// they proved to be one person.
func TestOursAndTheirsHaveOneReactionEach(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	at := func(seconds int) time.Time { return office.Start.Add(time.Duration(seconds) * time.Second) }
	byUserID := office.Person{UserID: ana.UserID, Name: "Ana"}
	react := func(emoji string) string {
		return fmt.Sprintf(`"type":"reaction","reaction":{"message_id":"wamid.meet.%s","emoji":%q}`, ana.WhatsAppID, emoji)
	}
	o.Meet(t, office.Person{WhatsAppID: ana.WhatsAppID, Name: "Ana"})
	o.At(at(1))
	o.Deliver(t, office.Webhook("messages", byUserID.Message("wamid.r1", at(1), react("👍"))), ana.Text("wamid.2", at(2), "it is me"))
	o.Deliver(t, office.Webhook("messages", ana.Message("wamid.r2", at(3), react("❤️"))))
	c := o.Only(t)
	target := o.Messages(t, c.ID)[0].ID
	_, err := o.Inbox.Send(t.Context(), o.Agent(t, "maria"), c.ID, inbox.NewMessage{ClientID: "r", Content: conversation.Content{
		Kind: conversation.KindReaction, Reaction: &conversation.Reaction{MessageID: target, Emoji: "🎉"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	o.SendNext(t, c.ID)
	o.At(at(60))
	o.Deliver(t, office.Webhook("smb_message_echoes", fmt.Sprintf(`{"message_echoes":[{"from":"15550783881","to":%q,"id":"wamid.r3","timestamp":"%d",%s}]}`, ana.WhatsAppID, at(60).Unix(), react("🙏"))))
	var shown []string
	for _, r := range o.Messages(t, c.ID)[0].Reactions {
		shown = append(shown, r.Emoji)
	}
	slices.Sort(shown)
	if got := strings.Join(shown, " "); got != "❤️ 🙏" {
		t.Errorf("the message shows %q", got)
	}
}

// What a colleague edits or takes back in the phone app is the colleague's act.
func TestAmendmentsInThePhoneApp(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	o.Deliver(t, echo("wamid.e", office.Start, "helo"))
	for id, content := range map[string]string{
		"wamid.edit":   `"type":"edit","edit":{"original_message_id":"wamid.e","message":{"type":"text","text":{"body":"hello"}}}`,
		"wamid.revoke": `"type":"revoke","revoke":{"original_message_id":"wamid.e"}`,
	} {
		o.Deliver(t, office.Webhook("smb_message_echoes", fmt.Sprintf(`{"message_echoes":[{"from":"15550783881","to":%q,"id":%q,"timestamp":"%d",%s}]}`,
			ana.WhatsAppID, id, office.Start.Add(time.Minute).Unix(), content)))
	}
	if n := o.Count(t, "SELECT count(*) FROM events WHERE kind IN ('message_edited', 'message_revoked') AND actor_kind = 'phone_app'"); n != 2 {
		t.Errorf("%d events of the phone app", n)
	}
}
