package simulator

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
	"guichet.dev/guichet/simulator/webhook"
)

// Config is everything that a simulator can be told at the start. The zero
// value is usable: every field has the default named beside it.
type Config struct {
	Addr        string // listen address; 127.0.0.1:8090. Port 0 takes a free one
	BaseURL     string // how clients reach the simulator, for media addresses; from the listener
	AccessToken string // Bearer token accepted for every number; "simulator-token"
	AppSecret   string // signs webhooks; "simulator-secret"
	VerifyToken string // sent with the callback handshake; "simulator-verify"

	// PhoneNumberID, WABAID and DisplayPhoneNumber describe the first number if
	// Numbers is empty; 106540352242922, 102290129340398 and 15550783881.
	PhoneNumberID, WABAID, DisplayPhoneNumber string
	// Numbers are the business phone numbers of the app.
	Numbers []Number

	// MailAddr is the listen address of the mailbox, which takes every mail by SMTP; empty runs without. Port 0 takes a
	// free one.
	MailAddr string

	CallbackURL string // where webhooks go; may be set later through the control API
	DataFile    string // JSON file in which the state survives a restart; empty keeps it in memory

	Rates    Rates
	Delays   Delays
	Webhooks Webhooks

	// SyncWindowErrors answers free text outside the window with HTTP 400
	// instead of accepting it and reporting `failed`.
	SyncWindowErrors bool
	// GraphVersion decides the shape of statuses: below 24 they have a
	// conversation object; 25.
	GraphVersion int
	// OmitUserIDs leaves business-scoped user ids out of webhooks.
	OmitUserIDs bool
	// Seed makes probabilities and shuffles repeatable; 0 takes a random one.
	Seed uint64

	Logger *slog.Logger // slog.Default()
}

// Number is one business phone number.
type Number struct {
	ID           string // phone number id
	Display      string // digits of the number
	WABAID       string // Config.WABAID
	AccessToken  string // a token accepted for this number only, besides Config.AccessToken
	VerifiedName string // "Simulated business"
	CountryCode  string // put before a recipient without +; from Display
}

// Rates are Meta's limits. Zero means the real one, a negative value none.
type Rates struct {
	PairBurst  int           // messages to one customer at once; 45
	PairEvery  time.Duration // time for one more; 6 s
	Throughput int           // messages in and out per number and second; 80
}

// Delays are the times, on the simulator's clock, between the states of a send.
type Delays struct {
	Sent      time.Duration // accepted to sent or failed; 20 ms
	Delivered time.Duration // sent to delivered; 30 ms
	Read      time.Duration // delivered to read by a customer who reads by itself; 500 ms
}

// Webhooks is the compressed schedule of deliveries, in real time: FirstRetry
// 1 s, doubled up to MaxRetry 30 s, GiveUp after 168 h (7 days), Timeout 10 s,
// Parallel 32. Secret and Logger are taken from Config.
type Webhooks = webhook.Config

func orDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

func (c *Config) setDefaults() {
	orDefault(&c.Addr, "127.0.0.1:8090")
	orDefault(&c.AccessToken, "simulator-token")
	orDefault(&c.AppSecret, "simulator-secret")
	orDefault(&c.VerifyToken, "simulator-verify")
	orDefault(&c.PhoneNumberID, "106540352242922")
	orDefault(&c.WABAID, "102290129340398")
	orDefault(&c.DisplayPhoneNumber, "15550783881")
	orDefault(&c.GraphVersion, 25)
	orDefault(&c.Rates.PairBurst, 45)
	orDefault(&c.Rates.PairEvery, 6*time.Second)
	orDefault(&c.Rates.Throughput, 80)
	orDefault(&c.Delays.Sent, 20*time.Millisecond)
	orDefault(&c.Delays.Delivered, 30*time.Millisecond)
	orDefault(&c.Delays.Read, 500*time.Millisecond)
	orDefault(&c.Webhooks.FirstRetry, time.Second)
	orDefault(&c.Webhooks.MaxRetry, 30*time.Second)
	orDefault(&c.Webhooks.GiveUp, 7*24*time.Hour)
	orDefault(&c.Webhooks.Timeout, 10*time.Second)
	orDefault(&c.Webhooks.Parallel, 32)
	if len(c.Numbers) == 0 {
		c.Numbers = []Number{{ID: c.PhoneNumberID, Display: c.DisplayPhoneNumber}}
	}
	numbers := make([]Number, len(c.Numbers))
	copy(numbers, c.Numbers)
	c.Numbers = numbers
	for i := range c.Numbers {
		n := &c.Numbers[i]
		n.Display = cloudapi.Digits(n.Display)
		orDefault(&n.WABAID, c.WABAID)
		orDefault(&n.VerifiedName, "Simulated business")
		orDefault(&n.CountryCode, callingCode(n.Display))
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

func (c *Config) check() error {
	seen := map[string]bool{}
	for _, n := range c.Numbers {
		if !decimal(n.ID) || seen[n.ID] {
			return fmt.Errorf("simulator: phone number id %q: must be decimal digits and unique", n.ID)
		}
		if !decimal(n.WABAID) || len(n.Display) < 5 {
			return fmt.Errorf("simulator: number %s: WABA id and display number must be digits", n.ID)
		}
		seen[n.ID] = true
	}
	for _, n := range c.Numbers {
		if seen[n.WABAID] {
			return fmt.Errorf("simulator: id %s names both a WABA and a phone number", n.WABAID)
		}
	}
	if c.GraphVersion < minVersion || c.GraphVersion > maxVersion {
		return fmt.Errorf("simulator: Graph version %d: must be %d to %d", c.GraphVersion, minVersion, maxVersion)
	}
	if c.Webhooks.Parallel < 1 {
		return fmt.Errorf("simulator: parallel webhooks %d: must be at least 1", c.Webhooks.Parallel)
	}
	return checkCallback(c.CallbackURL)
}

func checkCallback(address string) error {
	if address == "" {
		return nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return fmt.Errorf("simulator: callback URL: must be an absolute http or https address")
	}
	return nil
}

func decimal(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// callingCode guesses the country calling code of a number: one digit in zones
// 1 and 7, else two. Number.CountryCode overrides it.
func callingCode(digits string) string {
	if digits == "" || digits[0] == '1' || digits[0] == '7' {
		return digits[:min(1, len(digits))]
	}
	return digits[:min(2, len(digits))]
}
