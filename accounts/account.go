package accounts

import (
	"fmt"
	"log/slog"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// Account is one connected channel end. Its secrets are not marshalled, formatted or logged.
type Account struct {
	ID             string                    `json:"id"`
	Channel        conversation.Channel      `json:"channel"`
	Name           string                    `json:"name"`
	State          conversation.AccountState `json:"state"`
	StateCode      string                    `json:"state_code,omitempty"` // why it is in error: a provider's code
	ProviderID     string                    `json:"provider_id"`
	BusinessID     string                    `json:"business_id"`
	DisplayAddress string                    `json:"display_address"`
	APIBaseURL     string                    `json:"api_base_url"`
	APIVersion     string                    `json:"api_version"`
	Settings       Settings                  `json:"settings"`
	Restricted     bool                      `json:"restricted"` // its conversations are seen by its viewers only
	Secrets        channel.Secrets           `json:"-"`
	LastReceivedAt *time.Time                `json:"last_received_at,omitempty"`
	CreatedAt      time.Time                 `json:"created_at"`
	UpdatedAt      time.Time                 `json:"updated_at"`
}

// ForAdapter returns what the channel's adapter may know.
func (a Account) ForAdapter() channel.Account {
	return channel.Account{
		ID: a.ID, Channel: a.Channel, ProviderID: a.ProviderID, BusinessID: a.BusinessID,
		APIBaseURL: a.APIBaseURL, APIVersion: a.APIVersion, Secrets: a.Secrets,
	}
}

// LogValue implements slog.LogValuer.
func (a Account) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", a.ID), slog.String("channel", string(a.Channel)), slog.String("state", string(a.State)))
}

// String names the account without its secrets.
func (a Account) String() string {
	return fmt.Sprintf("account %s (%s, %s)", a.ID, a.Channel, a.State)
}

// Format implements fmt.Formatter, so that no verb shows the secrets.
func (a Account) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprint(f, a.String()) // fmt reports a failed write to its own caller
}

// New is what an account begins with. Settings left out have their defaults.
type New struct {
	Channel        conversation.Channel
	Name           string
	ProviderID     string
	BusinessID     string
	DisplayAddress string
	APIBaseURL     string
	APIVersion     string
	Secrets        channel.Secrets
	Settings       SettingsChange
}

// Change is what to change of an account: nil leaves as it is, and so does an empty secret.
type Change struct {
	Name           *string
	BusinessID     *string
	DisplayAddress *string
	APIBaseURL     *string
	APIVersion     *string
	Secrets        channel.Secrets
	Settings       SettingsChange
}

func (c Change) apply(a *Account) {
	set(&a.Name, c.Name)
	set(&a.BusinessID, c.BusinessID)
	set(&a.DisplayAddress, c.DisplayAddress)
	set(&a.APIBaseURL, c.APIBaseURL)
	set(&a.APIVersion, c.APIVersion)
	replace(&a.Secrets.AccessToken, c.Secrets.AccessToken)
	replace(&a.Secrets.AppSecret, c.Secrets.AppSecret)
	replace(&a.Secrets.VerifyToken, c.Secrets.VerifyToken)
	a.Settings = c.Settings.Apply(a.Settings)
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

func replace(secret *string, value string) {
	if value != "" {
		*secret = value
	}
}
