package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
)

// Client speaks the control API of a running simulator. An error that the
// simulator gives is a *ControlError.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client for a simulator's base address, as Server.URL gives it.
func NewClient(base string) *Client {
	return &Client{base: base, http: &http.Client{Timeout: time.Minute}}
}

func (c *Client) do(ctx context.Context, method, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("simulator client: encode: %w", err)
	}
	if body == nil {
		encoded = nil
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("simulator client: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("simulator client: %w", err)
	}
	content, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("simulator client: read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var failure struct{ Error *ControlError }
		if json.Unmarshal(content, &failure) == nil && failure.Error != nil {
			failure.Error.Status = response.StatusCode
			return failure.Error
		}
		return fmt.Errorf("simulator client: %s: status %d", path, response.StatusCode)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(content, answer); err != nil {
		return fmt.Errorf("simulator client: decode answer: %w", err)
	}
	return nil
}

func (c *Client) act(ctx context.Context, phone, action string, body, answer any) error {
	return c.do(ctx, http.MethodPost, "/control/customers/"+url.PathEscape(phone)+"/"+action, body, answer)
}

// PutCustomer adds a customer, or replaces the flags and times of the one with the
// phone, and its texts where they are not empty.
func (c *Client) PutCustomer(ctx context.Context, customer Customer) (Customer, error) {
	customer.Key, customer.Changes = "", nil
	var answer Customer
	err := c.do(ctx, http.MethodPost, "/control/customers", customer, &answer)
	return answer, err
}

// Customer returns the customer with a phone, WhatsApp id or user id.
func (c *Client) Customer(ctx context.Context, phone string) (Customer, error) {
	var answer Customer
	err := c.do(ctx, http.MethodGet, "/control/customers/"+url.PathEscape(phone), nil, &answer)
	return answer, err
}

// Say sends a text from a customer, who is added if unknown.
func (c *Client) Say(ctx context.Context, phone, text string) (PhoneMessage, error) {
	message, err := c.Send(ctx, phone, Outgoing{Type: "text", Text: text})
	var failure *ControlError
	if errors.As(err, &failure) && failure.Status == http.StatusNotFound {
		if err := c.do(ctx, http.MethodPost, "/control/customers", map[string]string{"phone": phone}, nil); err != nil {
			return PhoneMessage{}, err
		}
		return c.Send(ctx, phone, Outgoing{Type: "text", Text: text})
	}
	return message, err
}

// Send sends any message from a customer's phone.
func (c *Client) Send(ctx context.Context, phone string, message Outgoing) (PhoneMessage, error) {
	var answer PhoneMessage
	err := c.act(ctx, phone, "send", message, &answer)
	return answer, err
}

// Echo sends a text to a customer as if typed in the WhatsApp Business app.
func (c *Client) Echo(ctx context.Context, phone string, message Outgoing) (PhoneMessage, error) {
	var answer PhoneMessage
	err := c.act(ctx, phone, "echo", message, &answer)
	return answer, err
}

// React puts an emoji on a message, or takes it back if the emoji is empty.
func (c *Client) React(ctx context.Context, phone, messageID, emoji string) error {
	_, err := c.Send(ctx, phone, Outgoing{Type: "reaction", MessageID: messageID, Emoji: emoji})
	return err
}

// Read reads a message, or everything that has arrived if the id is empty.
func (c *Client) Read(ctx context.Context, phone, messageID string) error {
	return c.act(ctx, phone, "read", target{MessageID: messageID}, nil)
}

// Played listens to a voice message.
func (c *Client) Played(ctx context.Context, phone, messageID string) error {
	return c.act(ctx, phone, "played", target{MessageID: messageID}, nil)
}

// Block blocks the business; result is BlockSilent or BlockFail.
func (c *Client) Block(ctx context.Context, phone, result string) error {
	return c.act(ctx, phone, "block", target{Result: result}, nil)
}

// Unblock lets the business write again.
func (c *Client) Unblock(ctx context.Context, phone string) error {
	return c.act(ctx, phone, "unblock", nil, nil)
}

// ChangeNumber moves a customer to another phone.
func (c *Client) ChangeNumber(ctx context.Context, phone, to string) (Customer, error) {
	var answer Customer
	err := c.act(ctx, phone, "change-number", target{Phone: to}, &answer)
	return answer, err
}

// ChangeUserID gives a customer another user id; one is made up if it is empty.
func (c *Client) ChangeUserID(ctx context.Context, phone, id string) (Customer, error) {
	var answer Customer
	err := c.act(ctx, phone, "change-user-id", target{UserID: id}, &answer)
	return answer, err
}

// Marketing stops or resumes marketing messages: stop, resume or signup.
func (c *Client) Marketing(ctx context.Context, phone, value string) error {
	return c.act(ctx, phone, "marketing", target{Value: value}, nil)
}

// Call rings the business and returns the call's id; event is connect or terminate.
func (c *Client) Call(ctx context.Context, phone, event string) (string, error) {
	var answer struct{ ID string }
	err := c.act(ctx, phone, "call", target{Event: event}, &answer)
	return answer.ID, err
}

// Phone returns what a customer's phone has received, in order of arrival.
func (c *Client) Phone(ctx context.Context, phone string) ([]PhoneMessage, error) {
	return c.messages(ctx, phone, "")
}

// Thread returns all messages of both sides, in the order in which they were sent.
func (c *Client) Thread(ctx context.Context, phone string) ([]PhoneMessage, error) {
	return c.messages(ctx, phone, "?all=true")
}

func (c *Client) messages(ctx context.Context, phone, query string) ([]PhoneMessage, error) {
	var answer struct{ Messages []PhoneMessage }
	err := c.do(ctx, http.MethodGet, "/control/customers/"+url.PathEscape(phone)+"/messages"+query, nil, &answer)
	return answer.Messages, err
}

// AwaitPhone waits until a customer's phone has received at least n messages.
func (c *Client) AwaitPhone(ctx context.Context, phone string, n int) ([]PhoneMessage, error) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		messages, err := c.Phone(ctx, phone)
		var failure *ControlError
		if unknown := errors.As(err, &failure) && failure.Status == http.StatusNotFound; !unknown && (err != nil || len(messages) >= n) {
			return messages, err
		}
		select {
		case <-ctx.Done():
			return messages, fmt.Errorf("simulator client: %d of %d messages have arrived: %w", len(messages), n, ctx.Err())
		case <-ticker.C:
		}
	}
}

// Accepted returns the sends that were accepted, in order.
func (c *Client) Accepted(ctx context.Context) ([]Accepted, error) {
	var answer struct{ Accepted []Accepted }
	err := c.do(ctx, http.MethodGet, "/control/accepted", nil, &answer)
	return answer.Accepted, err
}

// Webhooks returns the delivery log.
func (c *Client) Webhooks(ctx context.Context) (WebhookLog, error) {
	var answer WebhookLog
	err := c.do(ctx, http.MethodGet, "/control/webhooks", nil, &answer)
	return answer, err
}

// Release sends what drop faults hold back.
func (c *Client) Release(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/control/webhooks/release", nil, nil)
}

// Raw sends any value of any webhook field, signed.
func (c *Client) Raw(ctx context.Context, field string, value any) error {
	return c.do(ctx, http.MethodPost, "/control/raw", map[string]any{"field": field, "value": value}, nil)
}

// SetCallback sets where webhooks go, after a handshake if verify is true.
func (c *Client) SetCallback(ctx context.Context, address string, verify bool) error {
	return c.do(ctx, http.MethodPost, "/control/callback", map[string]any{"url": address, "verify": verify}, nil)
}

// Fault adds a fault and returns it with its id.
func (c *Client) Fault(ctx context.Context, fault Fault) (Fault, error) {
	var answer Fault
	err := c.do(ctx, http.MethodPost, "/control/faults", fault, &answer)
	return answer, err
}

// Faults lists the faults with their counts.
func (c *Client) Faults(ctx context.Context) ([]Fault, error) {
	var answer struct{ Faults []Fault }
	err := c.do(ctx, http.MethodGet, "/control/faults", nil, &answer)
	return answer.Faults, err
}

// ClearFaults removes all faults and releases what they hold.
func (c *Client) ClearFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/control/faults", nil, nil)
}

// PutTemplate adds a template or replaces the one with its name and language.
func (c *Client) PutTemplate(ctx context.Context, template cloudapi.Template) (cloudapi.Template, error) {
	var answer cloudapi.Template
	err := c.do(ctx, http.MethodPost, "/control/templates", template, &answer)
	return answer, err
}

// Clock returns the simulator's time.
func (c *Client) Clock(ctx context.Context) (Clock, error) {
	var answer Clock
	err := c.do(ctx, http.MethodGet, "/control/clock", nil, &answer)
	return answer, err
}

// AdvanceClock moves the simulator's time.
func (c *Client) AdvanceClock(ctx context.Context, by time.Duration) (Clock, error) {
	var answer Clock
	err := c.do(ctx, http.MethodPost, "/control/clock", map[string]any{"advance": Duration(by)}, &answer)
	return answer, err
}
