package simulator_test

import (
	"net/http"
	"testing"
	"time"

	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/simulator/cloudapi"
)

func TestWindowFollowsTheClock(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ctx := t.Context()
	closed := s.text(t, "+"+anna, "before any word", "m0")
	if code := failedCode(t, s.receiver.awaitStatus(t, closed, "failed")); code != cloudapi.CodeWindow {
		t.Errorf("code %d before any message", code)
	}
	if _, err := s.Say(ctx, anna, "Bonjour"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AdvanceClock(ctx, 23*time.Hour); err != nil {
		t.Fatal(err)
	}
	open := s.receiver.awaitStatus(t, s.text(t, "+"+anna, "inside", "m1"), "delivered")
	if open["biz_opaque_callback_data"] != "m1" || open["recipient_id"] != anna {
		t.Errorf("status without our data: %v", open)
	}
	if _, err := s.AdvanceClock(ctx, time.Hour); err != nil {
		t.Fatal(err)
	}
	s.receiver.awaitStatus(t, s.text(t, "+"+anna, "outside", "m2"), "failed")
	// a late message opens the window by its own time only
	if _, err := s.Send(ctx, anna, simulator.Outgoing{Text: "late", Timestamp: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	s.receiver.awaitStatus(t, s.text(t, "+"+anna, "still outside", "m3"), "failed")
	phone, err := s.Phone(ctx, anna)
	must(t, err)
	if len(phone) != 1 || phone[0].Text != "inside" {
		t.Errorf("the phone has %d messages, want the one inside the window", len(phone))
	}
}

func TestSynchronousWindowError(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) { c.SyncWindowErrors = true })
	status, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", textBody("+"+anna, "a", ""))
	if status != http.StatusBadRequest || errorCode(answer) != cloudapi.CodeWindow {
		t.Errorf("status %d: %v", status, answer)
	}
}

func TestLaterFailures(t *testing.T) {
	t.Parallel()
	promo := `"type":"template","template":{"name":"promo","language":{"code":"fr"}}`
	free := `"type":"text","text":{"body":"a"}`
	for name, test := range map[string]struct {
		prepare func(t *testing.T, s *sim)
		part    string
		code    int
	}{
		"not on WhatsApp": {func(t *testing.T, s *sim) {
			_, err := s.PutCustomer(t.Context(), simulator.Customer{Phone: anna, Unreachable: true})
			must(t, err)
		}, free, cloudapi.CodeUndeliverable},
		"blocked":           {func(t *testing.T, s *sim) { must(t, s.Block(t.Context(), anna, simulator.BlockFail)) }, free, cloudapi.CodeUndeliverable},
		"marketing stopped": {func(t *testing.T, s *sim) { must(t, s.Marketing(t.Context(), anna, "stop")) }, promo, cloudapi.CodeMarketingStopped},
		"marketing withheld": {func(t *testing.T, s *sim) {
			_, err := s.PutCustomer(t.Context(), simulator.Customer{Phone: anna, MarketingWithheld: true})
			must(t, err)
		}, promo, cloudapi.CodeWithheld},
		"reaction to nothing": {nil, `"type":"reaction","reaction":{"message_id":"wamid.x","emoji":"x"}`, cloudapi.CodeInvalid},
		"asked for": {func(t *testing.T, s *sim) {
			_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionFail, Code: 131042, To: "+" + anna})
			must(t, err)
		}, free, 131042},
		"nothing wrong": {func(t *testing.T, s *sim) {
			must(t, s.Marketing(t.Context(), anna, "stop"))
			must(t, s.Marketing(t.Context(), anna, "resume"))
		}, promo, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			if _, err := s.Say(t.Context(), anna, "Bonjour"); err != nil {
				t.Fatal(err)
			}
			_, err := s.PutTemplate(t.Context(), cloudapi.Template{
				Name: "promo", Language: "fr", Category: "MARKETING", Components: []cloudapi.Component{{Type: "BODY", Text: "Soldes"}},
			})
			must(t, err)
			if test.prepare != nil {
				test.prepare(t, s)
			}
			status, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", send(test.part))
			if status != http.StatusOK {
				t.Fatalf("status %d: %v", status, answer)
			}
			id := answer["messages"].([]any)[0].(map[string]any)["id"].(string)
			if test.code == 0 {
				s.receiver.awaitStatus(t, id, "delivered")
				return
			}
			if code := failedCode(t, s.receiver.awaitStatus(t, id, "failed")); code != test.code {
				t.Errorf("code %d, want %d", code, test.code)
			}
		})
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) {
		c.Rates = simulator.Rates{PairBurst: 2, PairEvery: time.Hour, Throughput: 1000}
	})
	if _, err := s.Say(t.Context(), anna, "Bonjour"); err != nil {
		t.Fatal(err)
	}
	post := func() int {
		_, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", textBody("+"+anna, "a", ""))
		return errorCode(answer)
	}
	for i, want := range []int{0, 0, cloudapi.CodePairRate} {
		if code := post(); code != want {
			t.Errorf("message %d: code %d, want %d", i, code, want)
		}
	}
	if _, err := s.AdvanceClock(t.Context(), time.Hour+time.Minute); err != nil {
		t.Fatal(err)
	}
	if code := post(); code != 0 {
		t.Errorf("an hour later: code %d", code)
	}
}

func TestThroughputCountsBothDirections(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) { c.Rates = simulator.Rates{PairBurst: -1, Throughput: 3} })
	_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindWebhooks, Action: simulator.ActionDrop})
	must(t, err)
	await(t, "the limit", func() bool {
		_, err := s.Say(t.Context(), anna, "Bonjour")
		must(t, err)
		_, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", textBody("+"+anna, "a", ""))
		return errorCode(answer) == cloudapi.CodeThroughput
	})
}

func TestCustomersDecideWhatBecomesOfMessages(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ctx := t.Context()
	put := func(c simulator.Customer) {
		t.Helper()
		_, err := s.PutCustomer(ctx, c)
		must(t, err)
	}
	put(simulator.Customer{Phone: anna, Name: "Anna", AutoRead: true})
	_, err := s.Say(ctx, anna, "Bonjour")
	must(t, err)
	s.receiver.awaitStatus(t, s.text(t, "+"+anna, "1", "m1"), "read")

	put(simulator.Customer{Phone: anna, Name: "Anna", InChat: true})
	second := s.text(t, "+"+anna, "2", "m2")
	s.receiver.awaitStatus(t, second, "read")

	put(simulator.Customer{Phone: anna, Name: "Anna", Offline: true})
	third := s.text(t, "+"+anna, "3", "m3")
	s.receiver.awaitStatus(t, third, "sent")
	if err := s.Read(ctx, anna, third); err == nil {
		t.Error("an offline phone read a message")
	}
	put(simulator.Customer{Phone: anna, Name: "Anna"})
	s.receiver.awaitStatus(t, third, "delivered")
	must(t, s.Read(ctx, anna, "m3"))
	s.receiver.awaitStatus(t, third, "read")

	must(t, s.Block(ctx, anna, simulator.BlockSilent))
	fourth := s.text(t, "+"+anna, "4", "m4")
	s.receiver.awaitStatus(t, fourth, "sent")

	for _, item := range s.receiver.items(t, "statuses") {
		if item["id"] == second && item["status"] == "delivered" || item["id"] == fourth && item["status"] != "sent" {
			t.Errorf("unexpected %v of %v", item["status"], item["id"])
		}
	}
	phone, err := s.Phone(ctx, anna)
	must(t, err)
	var texts string
	for _, m := range phone {
		texts += m.Text + m.Opaque + " "
	}
	if texts != "1m1 2m2 3m3 " {
		t.Errorf("the phone shows %q", texts)
	}
	accepted, err := s.Accepted(ctx)
	must(t, err)
	if len(accepted) != 4 || accepted[3].Opaque != "m4" || accepted[3].Status != simulator.StatusSent {
		t.Errorf("accepted: %+v", accepted)
	}
}

func TestReactionsRepliesAndReadMarks(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ctx := t.Context()
	said, err := s.Say(ctx, anna, "Bonjour")
	must(t, err)
	status, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages",
		send(`"type":"text","text":{"body":"Oui"},"context":{"message_id":"`+said.ID+`"},"biz_opaque_callback_data":"m1"`))
	if status != http.StatusOK {
		t.Fatalf("reply: %v", answer)
	}
	if _, err := s.AwaitPhone(ctx, anna, 1); err != nil {
		t.Fatal(err)
	}
	status, answer = s.api(t, "POST", "/v25.0/"+numberID+"/messages", send(`"type":"reaction","reaction":{"message_id":"`+said.ID+`","emoji":"👍"}`))
	if status != http.StatusOK {
		t.Fatalf("reaction: %v", answer)
	}
	must(t, s.React(ctx, anna, "m1", "❤"))
	status, answer = s.api(t, "POST", "/v25.0/"+numberID+"/messages",
		`{"messaging_product":"whatsapp","status":"read","message_id":"`+said.ID+`","typing_indicator":{"type":"text"}}`)
	if status != http.StatusOK || answer["success"] != true {
		t.Fatalf("read mark: %v", answer)
	}
	await(t, "both reactions", func() bool {
		thread, err := s.Thread(ctx, anna)
		must(t, err)
		return thread[0].Reactions[simulator.OriginBusiness] == "👍" && thread[1].Reactions[simulator.OriginCustomer] == "❤" &&
			thread[1].ReplyTo == said.ID && thread[0].Status == simulator.StatusRead
	})
}

func TestAddressing(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ctx := t.Context()
	_, err := s.PutCustomer(ctx, simulator.Customer{Phone: anna, UserID: "FR.123", WAID: "33912345678", Username: "@anna"})
	must(t, err)
	for name, test := range map[string]struct{ recipient, key, want string }{
		"user id":              {`"recipient":"FR.123"`, "user_id", "FR.123"},
		"other WhatsApp id":    {`"to":"+33 6 12 34 56 78"`, "wa_id", "33912345678"},
		"to wins":              {`"to":"+33612345678","recipient":"FR.9"`, "wa_id", "33912345678"},
		"national number":      {`"to":"2125550123"`, "wa_id", "12125550123"},
		"missing plus, abroad": {`"to":"33612345678"`, "wa_id", "133612345678"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", `{"messaging_product":"whatsapp",`+test.recipient+`,"text":{"body":"a"}}`)
			contacts, _ := answer["contacts"].([]any)
			if len(contacts) != 1 || contacts[0].(map[string]any)[test.key] != test.want {
				t.Errorf("contacts %v, want %s %s", answer, test.key, test.want)
			}
		})
	}
}

func TestFreeEntryPointAndOldConversations(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) { c.GraphVersion = 23 })
	ctx := t.Context()
	_, err := s.Say(ctx, anna, "Bonjour")
	must(t, err)
	plain := s.receiver.awaitStatus(t, s.text(t, "+"+anna, "1", ""), "sent")
	if plain["conversation"].(map[string]any)["expiration_timestamp"] == nil {
		t.Errorf("no conversation below v24: %v", plain)
	}
	_, err = s.Send(ctx, anna, simulator.Outgoing{Text: "hi", Referral: []byte(`{"source_type":"ad","source_id":"1","ctwa_clid":"x"}`)})
	must(t, err)
	free := s.receiver.awaitStatus(t, s.text(t, "+"+anna, "2", ""), "sent")
	if free["pricing"].(map[string]any)["type"] != "free_entry_point" {
		t.Errorf("pricing %v", free["pricing"])
	}
}

// A customer in the chat who blocks the business before a message comes does not read it.
func TestBlockedMessageIsNotRead(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ctx := t.Context()
	const ben = "33600000002"
	for _, phone := range []string{anna, ben} {
		_, err := s.PutCustomer(ctx, simulator.Customer{Phone: phone, InChat: true, DeliveredAfter: simulator.Duration(time.Hour)})
		must(t, err)
		_, err = s.Say(ctx, phone, "Bonjour")
		must(t, err)
	}
	blocked, read := s.text(t, "+"+anna, "1", "m1"), s.text(t, "+"+ben, "2", "m2")
	s.receiver.awaitStatus(t, blocked, "sent")
	s.receiver.awaitStatus(t, read, "sent")
	must(t, s.Block(ctx, anna, simulator.BlockSilent))
	_, err := s.AdvanceClock(ctx, 2*time.Hour)
	must(t, err)
	s.receiver.awaitStatus(t, read, "read") // which was due after the other
	accepted, err := s.Accepted(ctx)
	must(t, err)
	if accepted[0].ID != blocked || accepted[0].Status != simulator.StatusSent {
		t.Errorf("the blocked message is %s", accepted[0].Status)
	}
}
