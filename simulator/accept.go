package simulator

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
	"guichet.dev/guichet/simulator/cloudapi"
)

// reactable is how long a message can be reacted to or marked as read.
const reactable = 30 * 24 * time.Hour

// postMessages answers POST /{PNID}/messages.
func (s *Server) postMessages(c *call) (any, *cloudapi.Error) {
	request, err := cloudapi.ParseRequest(c.body)
	if err != nil {
		return nil, err
	}
	defer s.change()()
	if request.Read != nil {
		return s.markRead(c.number, request.Read)
	}
	return s.accept(c.number, request.Message, c.asyncFault())
}

func (s *Server) markRead(n *Number, mark *cloudapi.ReadMark) (any, *cloudapi.Error) {
	m, now := s.messages[mark.MessageID], s.now()
	if m == nil || m.Number != n.ID || m.Origin != OriginCustomer || now.Sub(m.At) > reactable {
		return nil, cloudapi.NewError(cloudapi.CodeParameter, "(#131009) Parameter value is not valid: message_id is not an incoming message of the last 30 days.")
	}
	t := s.state.thread(n.ID, m.Customer)
	for _, earlier := range t.messages {
		if earlier.Origin == OriginCustomer && earlier.Seq <= m.Seq {
			earlier.Status = StatusRead
		}
	}
	if mark.Typing {
		t.TypingUntil = now.Add(25 * time.Second)
	}
	return success, nil
}

// accept takes a well-formed message, or refuses it for what only the state
// tells. A failure that Meta reports later becomes a `failed` status.
func (s *Server) accept(n *Number, m *cloudapi.Message, fault *Fault) (any, *cloudapi.Error) {
	customer, contact, err := s.recipient(n, m)
	if err != nil {
		return nil, err
	}
	category, err := s.prepare(n, m)
	if err != nil {
		return nil, err
	}
	t := s.state.thread(n.ID, customer.Key)
	failure := s.failure(n, m, t, customer, category)
	if fault != nil {
		failure = cloudapi.NewError(fault.Code, "Failure asked for by a fault.")
	}
	if s.config.SyncWindowErrors && failure != nil && failure.Code == cloudapi.CodeWindow {
		return nil, failure
	}
	if err := s.checkRates(n, customer); err != nil {
		return nil, err
	}
	record := &message{
		ID: s.newMessageID(), Number: n.ID, Customer: customer.Key, Origin: OriginBusiness, Type: m.Type, Content: m.Content,
		Text: m.Text, ReplyTo: m.ReplyTo, Opaque: m.Opaque, ByUserID: m.UserID != "", Category: category, At: s.now(), Status: StatusAccepted,
	}
	if m.Reaction != nil {
		record.ReplyTo = m.Reaction.MessageID
	}
	s.add(record)
	next := StatusSent
	if failure != nil {
		next, record.FailCode, record.Details = StatusFailed, failure.Code, failure.Details
	} else {
		s.enterFree(t)
	}
	t.TypingUntil = time.Time{}
	s.later(record, next, s.config.Delays.Sent)
	reply := map[string]any{"id": record.ID}
	if m.Template != nil {
		reply["message_status"] = "accepted"
	}
	return map[string]any{"messaging_product": "whatsapp", "contacts": []any{contact}, "messages": []any{reply}}, nil
}

// recipient finds whom a message goes to. A phone that nobody has set up yet is
// taken for a customer on WhatsApp.
func (s *Server) recipient(n *Number, m *cloudapi.Message) (*Customer, map[string]any, *cloudapi.Error) {
	if m.UserID != "" {
		c := s.customers[m.UserID]
		if c == nil || c.UserID != m.UserID {
			return nil, nil, cloudapi.NewError(cloudapi.CodeInvalid, "Param recipient is not a known business-scoped user id.")
		}
		return c, map[string]any{"input": m.UserID, "user_id": c.UserID}, nil
	}
	digits := cloudapi.Digits(m.To)
	if !strings.HasPrefix(m.To, "+") && !strings.HasPrefix(digits, n.CountryCode) {
		digits = n.CountryCode + digits // as Meta may do without a +
	}
	if digits == n.Display {
		return nil, nil, cloudapi.NewError(cloudapi.CodeSameNumber, "Sender and recipient phone numbers are the same.")
	}
	c := s.customers[digits]
	if c == nil {
		c = s.newCustomer(digits)
	}
	return c, map[string]any{"input": m.To, "wa_id": c.waID()}, nil
}

// prepare checks what a message refers to and returns its price category.
func (s *Server) prepare(n *Number, m *cloudapi.Message) (string, *cloudapi.Error) {
	for _, used := range m.Media {
		if s.mediaOf(n, used.ID) == nil {
			return "", cloudapi.NewError(cloudapi.CodeParameter, "Param %s['id'] is not a valid whatsapp business account media attachment ID", used.Type)
		}
	}
	if m.Template == nil {
		return serviceCategory, nil
	}
	template := s.template(m.Template.Name, m.Template.Language)
	if template == nil {
		return "", cloudapi.NewError(cloudapi.CodeTemplateMissing, "template name (%s) does not exist in %s", m.Template.Name, m.Template.Language)
	}
	text, err := template.Render(m.Template)
	if err != nil {
		return "", err
	}
	m.Text = text
	category := strings.ToLower(template.Category)
	if category == "authentication" && m.UserID != "" {
		return "", cloudapi.NewError(cloudapi.CodeUserIDUnsupported, "Authentication templates need a phone number.")
	}
	return category, nil
}

// failure returns why an accepted message will fail, or nil.
func (s *Server) failure(n *Number, m *cloudapi.Message, t *thread, c *Customer, category string) *cloudapi.Error {
	now := s.now()
	switch {
	case c.Unreachable, t.Blocked == BlockFail, t.Barred:
		return cloudapi.NewError(cloudapi.CodeUndeliverable, "Message Undeliverable.")
	case m.Template == nil && !now.Before(t.LastInbound.Add(windowTime)):
		return cloudapi.NewError(cloudapi.CodeWindow, "Message failed to send because more than 24 hours have passed since the customer last replied to this number.")
	case category == "marketing" && c.MarketingStopped:
		return cloudapi.NewError(cloudapi.CodeMarketingStopped, "Recipient has chosen to stop receiving marketing messages on WhatsApp from your business")
	case category == "marketing" && c.MarketingWithheld:
		return cloudapi.NewError(cloudapi.CodeWithheld, "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.")
	case slices.ContainsFunc(m.Media, func(used cloudapi.MediaUse) bool {
		return !cloudapi.MediaFits(used.Type, s.state.Media[used.ID].Type)
	}):
		return cloudapi.NewError(cloudapi.CodeMediaUpload, "Unsupported media type for a message of type %s.", m.Type)
	case m.Reaction != nil && !slices.ContainsFunc(t.messages, func(target *message) bool {
		return target.ID == m.Reaction.MessageID && target.Type != "reaction" && now.Sub(target.At) <= reactable
	}):
		return cloudapi.NewError(cloudapi.CodeInvalid, "The message to react to does not exist or is older than 30 days.")
	}
	return nil
}

// enterFree starts the free entry point at the first answer within 24 hours
// after the customer came through an ad.
func (s *Server) enterFree(t *thread) {
	if now := s.now(); !t.Entry.IsZero() && now.Before(t.Entry.Add(windowTime)) {
		t.FreeUntil = now.Add(freeEntryTime)
	}
	t.Entry = time.Time{}
}

// checkRates takes one message from the pair's and the number's allowance.
func (s *Server) checkRates(n *Number, c *Customer) *cloudapi.Error {
	now := s.now()
	if !s.throughput(n).AllowN(now, 1) {
		return cloudapi.NewError(cloudapi.CodeThroughput, "Cloud API message throughput has been reached.")
	}
	if s.config.Rates.PairBurst < 0 || s.config.Rates.PairEvery < 0 {
		return nil
	}
	key := n.ID + "/" + c.Key
	limiter := s.pairs[key]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Every(s.config.Rates.PairEvery), s.config.Rates.PairBurst)
		s.pairs[key] = limiter
	}
	if !limiter.AllowN(now, 1) {
		return cloudapi.NewError(cloudapi.CodePairRate, "Too many messages sent from this phone number to the same recipient in a short period of time.")
	}
	return nil
}

// throughput is the allowance of a number; messages in and out both take from it.
func (s *Server) throughput(n *Number) *rate.Limiter {
	limiter := s.rates[n.ID]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Inf, 1)
		if per := s.config.Rates.Throughput; per > 0 {
			limiter = rate.NewLimiter(rate.Limit(per), per)
		}
		s.rates[n.ID] = limiter
	}
	return limiter
}

func (s *Server) template(name, language string) *cloudapi.Template {
	for _, t := range s.state.Templates {
		if t.Name == name && t.Language == language {
			return t
		}
	}
	return nil
}
