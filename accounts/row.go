package accounts

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// row is an account as the table has it.
type row struct {
	bun.BaseModel  `bun:"table:accounts,alias:account"`
	ID             string `bun:",pk"`
	Channel        conversation.Channel
	Name           string
	State          conversation.AccountState
	StateCode      string
	ProviderID     string
	BusinessID     string
	DisplayAddress string
	APIBaseURL     string
	APIVersion     string
	Secrets        []byte
	Settings       json.RawMessage `bun:"type:jsonb"`
	Restricted     bool
	LastReceivedAt *time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

func (s *Store) toRow(a Account) (*row, error) {
	settings, err := json.Marshal(a.Settings)
	if err != nil {
		return nil, fmt.Errorf("write the settings of account %s: %w", a.ID, err)
	}
	sealed, err := seal(s.keyring, a.ID, a.Secrets)
	if err != nil {
		return nil, err
	}
	return &row{
		ID: a.ID, Channel: a.Channel, Name: a.Name, State: a.State, StateCode: a.StateCode,
		ProviderID: a.ProviderID, BusinessID: a.BusinessID, DisplayAddress: a.DisplayAddress,
		APIBaseURL: a.APIBaseURL, APIVersion: a.APIVersion, Secrets: sealed, Settings: settings, Restricted: a.Restricted,
		LastReceivedAt: a.LastReceivedAt, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}, nil
}

func (s *Store) fromRow(r *row) (Account, error) {
	settings := DefaultSettings()
	if err := json.Unmarshal(r.Settings, &settings); err != nil {
		return Account{}, fmt.Errorf("read the settings of account %s: %w", r.ID, err)
	}
	secrets, err := open(s.keyring, r.ID, r.Secrets)
	if err != nil {
		return Account{}, err
	}
	return Account{
		ID: r.ID, Channel: r.Channel, Name: r.Name, State: r.State, StateCode: r.StateCode,
		ProviderID: r.ProviderID, BusinessID: r.BusinessID, DisplayAddress: r.DisplayAddress,
		APIBaseURL: r.APIBaseURL, APIVersion: r.APIVersion, Secrets: secrets, Settings: settings, Restricted: r.Restricted,
		LastReceivedAt: r.LastReceivedAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}, nil
}

// pathSegment is what may stand in the path of a provider's address without changing its meaning.
var pathSegment = regexp.MustCompile(`^[A-Za-z0-9_:-][A-Za-z0-9._:-]*$`)

// graphVersion is how Meta names the versions of its Graph API.
var graphVersion = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,2}$`)

// clean puts what an admin wrote into its canonical form.
func (s *Store) clean(a *Account) (err error) {
	for _, f := range []struct {
		field    string
		value    *string
		low, max int
	}{
		{"name", &a.Name, 1, 100},
		{"provider_id", &a.ProviderID, 1, 100},
		{"business_id", &a.BusinessID, 0, 100},
		{"display_address", &a.DisplayAddress, 0, 100},
		{"api_version", &a.APIVersion, 0, 20},
		{"secrets.access_token", &a.Secrets.AccessToken, 1, 2000},
		{"secrets.app_secret", &a.Secrets.AppSecret, 1, 2000},
		{"secrets.verify_token", &a.Secrets.VerifyToken, 1, 2000},
	} {
		*f.value = strings.TrimSpace(*f.value)
		if n := utf8.RuneCountInString(*f.value); n < f.low || n > f.max || !utf8.ValidString(*f.value) || strings.ContainsRune(*f.value, 0) {
			return conversation.Invalid(f.field, "must have %d to %d characters", f.low, f.max)
		}
	}
	if a.Channel != conversation.WhatsApp {
		return conversation.Invalid("channel", "unknown channel; allowed is whatsapp")
	}
	if !pathSegment.MatchString(a.ProviderID) {
		return conversation.Invalid("provider_id", "must be the provider's id of the number: letters, digits, '.', '_', ':' and '-'")
	}
	if !graphVersion.MatchString(a.APIVersion) {
		return conversation.Invalid("api_version", "must be a version such as v26.0")
	}
	if a.APIBaseURL, err = CheckBaseURL(a.APIBaseURL, s.allowPrivate); err != nil {
		return err
	}
	return a.Settings.check()
}

// audited is an account as the audit shows it: with which secrets are set, not what they are.
type audited struct {
	Account
	Secrets SecretsSet `json:"secrets"`
}

// SecretsSet says which secrets an account has.
type SecretsSet struct {
	AccessToken bool `json:"access_token"`
	AppSecret   bool `json:"app_secret"`
	VerifyToken bool `json:"verify_token"`
}

// SecretsSet says which secrets the account has.
func (a Account) SecretsSet() SecretsSet { return whichSet(a.Secrets) }

func whichSet(s channel.Secrets) SecretsSet {
	return SecretsSet{AccessToken: s.AccessToken != "", AppSecret: s.AppSecret != "", VerifyToken: s.VerifyToken != ""}
}
