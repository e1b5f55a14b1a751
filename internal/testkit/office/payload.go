package office

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

func signature(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Number is the phone number id of the office's account.
const Number = "106540352242922"

// Webhook returns a body with changes of one field on the office's number. Each value is a JSON object without its metadata.
func Webhook(field string, values ...string) string { return WebhookFor(Number, field, values...) }

// WebhookFor is Webhook for another number.
func WebhookFor(number, field string, values ...string) string {
	changes := make([]string, 0, len(values))
	for _, v := range values {
		changes = append(changes, fmt.Sprintf(`{"field":%q,"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":%q},%s}`,
			field, number, strings.TrimPrefix(v, "{")))
	}
	return fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[%s]}]}`, strings.Join(changes, ","))
}

// Person is a customer.
type Person struct{ WhatsAppID, UserID, Name string }

// Text returns a webhook with one text message.
func (p Person) Text(id string, at time.Time, text string) string {
	return Webhook("messages", p.Message(id, at, fmt.Sprintf(`"type":"text","text":{"body":%s}`, quote(text))))
}

// Message returns the value of a messages change: type and content are given as JSON members.
func (p Person) Message(id string, at time.Time, content string) string {
	contact := []string{fmt.Sprintf(`"profile":{"name":%s}`, quote(p.Name))}
	from := []string{}
	if p.WhatsAppID != "" {
		contact = append(contact, fmt.Sprintf(`"wa_id":%q`, p.WhatsAppID))
		from = append(from, fmt.Sprintf(`"from":%q`, p.WhatsAppID))
	}
	if p.UserID != "" {
		contact = append(contact, fmt.Sprintf(`"user_id":%q`, p.UserID))
		from = append(from, fmt.Sprintf(`"from_user_id":%q`, p.UserID))
	}
	return fmt.Sprintf(`{"contacts":[{%s}],"messages":[{%s,"id":%q,"timestamp":"%d",%s}]}`,
		strings.Join(contact, ","), strings.Join(from, ","), id, at.Unix(), content)
}

// Status returns a webhook with one status; ours is our message id and may be empty.
func (p Person) Status(id, ours, status string, at time.Time, code int) string {
	extra := ""
	if ours != "" {
		extra += fmt.Sprintf(`,"biz_opaque_callback_data":%q`, ours)
	}
	if code != 0 {
		extra += fmt.Sprintf(`,"errors":[{"code":%d,"title":"t"}]`, code)
	}
	return Webhook("messages", fmt.Sprintf(`{"statuses":[{"id":%q,"status":%q,"timestamp":"%d","recipient_id":%q%s}]}`, id, status, at.Unix(), p.WhatsAppID, extra))
}

// Marketing returns a webhook by which the person stops or resumes marketing.
func (p Person) Marketing(value string, at time.Time) string {
	return Webhook("user_preferences", fmt.Sprintf(`{"contacts":[{"profile":{"name":%s},"wa_id":%q}],"user_preferences":[{"wa_id":%q,"detail":"d","category":"marketing_messages","value":%q,"timestamp":%d}]}`,
		quote(p.Name), p.WhatsAppID, p.WhatsAppID, value, at.Unix()))
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be marshalled
	}
	return string(b)
}
