// Package channel is the port to the providers of messaging: what an adapter tells us (Update) and what we ask of it
// (Outbound). One package below this one per provider; channeltest holds the table that all of them pass.
package channel

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"guichet.dev/guichet/conversation"
)

// Account is what an adapter may know of a connected channel end. It is not marshalled, because of its secrets.
type Account struct {
	ID         string
	Channel    conversation.Channel
	ProviderID string // WhatsApp: phone number id
	BusinessID string // WhatsApp: business account id
	APIBaseURL string // without a trailing slash
	APIVersion string // WhatsApp: "v26.0"
	Secrets    Secrets
}

// Secrets are an account's credentials.
type Secrets struct {
	AccessToken string `json:"access_token"`
	AppSecret   string `json:"app_secret"`
	VerifyToken string `json:"verify_token"`
}

// Format keeps them out of whatever is printed, in whichever struct they stand.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secrets]") }

// Capabilities says what a channel can do; screens and the send gate ask it instead of knowing channels by name.
type Capabilities struct {
	Window      bool // free text only inside a window
	Reactions   bool
	ReplyTo     bool // a message may quote another
	ReadReceipt bool // the customer can be told that a message was read
	Typing      bool
	MaxText     int // characters
}

// Receiver understands what a provider posts to us.
type Receiver interface {
	// Handshake answers the provider's GET that verifies the address; ok is false if it must be refused.
	Handshake(secrets Secrets, query url.Values) (answer string, ok bool)
	// Verify checks the signature over the raw body in constant time.
	Verify(secrets Secrets, header http.Header, body []byte) bool
	// Parse returns everything that the body says, in its order. An error means that the body as a whole cannot be read;
	// a single update that cannot be understood has its Err set and holds back no other.
	Parse(body []byte) ([]Update, error)
}

// Sender asks a provider to do something. Every error is a *SendError.
type Sender interface {
	// Send hands over one message. The context's deadline is the call deadline: after it the outcome is unknown.
	Send(ctx context.Context, account Account, message Outbound) (Sent, error)
	// MarkRead tells the customer that the message and all earlier ones were read; typing also shows that we are writing.
	MarkRead(ctx context.Context, account Account, providerMessageID string, typing bool) error
	// Check asks the provider whether the account can be used.
	Check(ctx context.Context, account Account) (Health, error)
}

// Adapter is one provider.
type Adapter interface {
	Receiver
	Sender
	Capabilities() Capabilities
}

// Blocker is what an adapter can do beside if its provider lets a business block a person: what the person writes then does
// not arrive any more. Both may be repeated. Every error is a *SendError.
type Blocker interface {
	Block(ctx context.Context, account Account, person []conversation.Identity) error
	Unblock(ctx context.Context, account Account, person []conversation.Identity) error
}

// Health is what a provider says of an account.
type Health struct {
	DisplayAddress string
	Name           string
	Quality        string
}

// Outbound is a message to be sent.
type Outbound struct {
	MessageID string // ours; comes back in receipts
	To        []conversation.Identity
	Content   conversation.Content
	ReplyTo   string // provider id of the quoted message
}

// Sent is the provider's acceptance. Accepted is not delivered.
type Sent struct {
	ProviderID string
	// Identities are those that the provider names for the recipient; they may differ from what we addressed.
	Identities []conversation.Identity
	At         time.Time // our time of the acceptance
}
