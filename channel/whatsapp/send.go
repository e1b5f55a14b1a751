package whatsapp

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// outgoing is the body of POST /{phone number id}/messages for a message.
type outgoing struct {
	Product       string            `json:"messaging_product"`
	RecipientType string            `json:"recipient_type"`
	To            string            `json:"to,omitempty"`        // a number with its +: without it Meta may put a country code before
	Recipient     string            `json:"recipient,omitempty"` // a business-scoped user id
	Type          string            `json:"type"`
	Context       *outgoingContext  `json:"context,omitempty"`
	Text          *outgoingText     `json:"text,omitempty"`
	Reaction      *outgoingReaction `json:"reaction,omitempty"`
	CallbackData  string            `json:"biz_opaque_callback_data,omitempty"` // comes back in the statuses
}

type outgoingContext struct {
	MessageID string `json:"message_id"`
}

type outgoingText struct {
	Body       string `json:"body"`
	PreviewURL bool   `json:"preview_url"`
}

// outgoingReaction takes the reaction back if its emoji is empty.
type outgoingReaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji"`
}

// Send hands over one message. Its error is a *channel.SendError.
func (a *Adapter) Send(ctx context.Context, account channel.Account, message channel.Outbound) (channel.Sent, error) {
	body, refused := compose(message)
	if refused != nil {
		return channel.Sent{}, refused
	}
	var answer struct {
		Contacts []struct {
			WaID   text `json:"wa_id"`
			UserID text `json:"user_id"`
		} `json:"contacts"`
		Messages []struct {
			ID text `json:"id"`
		} `json:"messages"`
	}
	if err := a.call(ctx, account, http.MethodPost, "/messages", nil, body, &answer); err != nil {
		return channel.Sent{}, err
	}
	if len(answer.Messages) == 0 || answer.Messages[0].ID == "" {
		return channel.Sent{}, &channel.SendError{Behaviour: channel.Unknown, Code: codeAnswer, HTTP: http.StatusOK}
	}
	sent := channel.Sent{ProviderID: string(answer.Messages[0].ID), At: a.now()}
	for _, c := range answer.Contacts {
		sent.Identities = append(sent.Identities, person(address{number: c.WaID, userID: c.UserID}, nil).Identities...)
	}
	return sent, nil
}

// compose returns the request for a message, or the refusal of one that cannot be sent; no call is made for that.
func compose(message channel.Outbound) (*outgoing, error) {
	body := &outgoing{Product: "whatsapp", RecipientType: "individual", CallbackData: message.MessageID}
	if !body.addressTo(message.To) {
		return nil, refusal(conversation.CodeNoAddress)
	}
	switch content := message.Content; content.Kind {
	case conversation.KindText:
		if content.Text == "" {
			return nil, refusal(conversation.CodeInvalid)
		}
		body.Type = "text"
		body.Text = &outgoingText{Body: content.Text, PreviewURL: hasLink(content.Text)}
		if message.ReplyTo != "" {
			body.Context = &outgoingContext{MessageID: message.ReplyTo}
		}
	case conversation.KindReaction: // takes no context
		if content.Reaction == nil || content.Reaction.ProviderID == "" {
			return nil, refusal(conversation.CodeInvalid)
		}
		body.Type = "reaction"
		body.Reaction = &outgoingReaction{MessageID: content.Reaction.ProviderID, Emoji: content.Reaction.Emoji}
	default:
		return nil, refusal(conversation.CodeUnsupported)
	}
	return body, nil
}

// addressTo chooses the first number, or else the first user id: if a request has both, Meta takes the number.
func (o *outgoing) addressTo(identities []conversation.Identity) bool {
	for _, id := range identities {
		if id.Kind == conversation.WhatsAppID && isNumber(id.Address) {
			o.To = "+" + id.Address
			return true
		}
	}
	for _, id := range identities {
		if id.Kind == conversation.UserID && isUserID(id.Address) {
			o.Recipient = id.Address
			return true
		}
	}
	return false
}

func refusal(code conversation.Code) *channel.SendError {
	return &channel.SendError{Behaviour: Classify(string(code)), Code: string(code)}
}

func hasLink(s string) bool {
	return strings.Contains(s, "https://") || strings.Contains(s, "http://")
}

// MarkRead tells the customer that a message and all earlier ones were read. With typing the customer sees for up to 25
// seconds that we write.
func (a *Adapter) MarkRead(ctx context.Context, account channel.Account, providerMessageID string, typing bool) error {
	type indicator struct {
		Type string `json:"type"`
	}
	body := struct {
		Product   string     `json:"messaging_product"`
		Status    string     `json:"status"`
		MessageID string     `json:"message_id"`
		Typing    *indicator `json:"typing_indicator,omitempty"`
	}{Product: "whatsapp", Status: "read", MessageID: providerMessageID}
	if typing {
		body.Typing = &indicator{Type: "text"}
	}
	var answer struct {
		Success bool `json:"success"`
	}
	if err := a.call(ctx, account, http.MethodPost, "/messages", nil, body, &answer); err != nil {
		return err
	}
	if !answer.Success {
		return &channel.SendError{Behaviour: channel.Unknown, Code: codeAnswer, HTTP: http.StatusOK}
	}
	return nil
}

// Check asks for the phone number's own data, which needs a valid token and a number that exists.
func (a *Adapter) Check(ctx context.Context, account channel.Account) (channel.Health, error) {
	var answer struct {
		VerifiedName       string `json:"verified_name"`
		DisplayPhoneNumber string `json:"display_phone_number"`
		QualityRating      string `json:"quality_rating"`
	}
	query := url.Values{"fields": {"verified_name,display_phone_number,quality_rating"}}
	if err := a.call(ctx, account, http.MethodGet, "", query, nil, &answer); err != nil {
		return channel.Health{}, err
	}
	if answer.DisplayPhoneNumber == "" { // every number has one, so this was not the Graph API
		return channel.Health{}, &channel.SendError{Behaviour: channel.Unknown, Code: codeAnswer, HTTP: http.StatusOK}
	}
	return channel.Health{DisplayAddress: answer.DisplayPhoneNumber, Name: answer.VerifiedName, Quality: answer.QualityRating}, nil
}
