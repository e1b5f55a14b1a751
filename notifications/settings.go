package notifications

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // zones are known wherever the program runs

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Frequency is how often an agent wants to hear of unread notifications by e-mail.
type Frequency string

// The frequencies.
const (
	Off         Frequency = "off"
	Immediately Frequency = "immediately"
	Quarterly   Frequency = "every_15_minutes" // at the quarters of the hour
	Hourly      Frequency = "hourly"           // at the full hour of the agent's zone
	Daily       Frequency = "daily"            // at the agent's hour
)

// Frequencies returns the frequencies.
func Frequencies() []Frequency { return []Frequency{Off, Immediately, Quarterly, Hourly, Daily} }

// Wish is how an agent wants to hear of one kind.
type Wish struct {
	InApp bool      `json:"in_app" doc:"Without it nothing is noted, and so nothing mailed"`
	Mail  Frequency `json:"mail" doc:"How often a mail tells how much is unread; off sends none"`
}

// Settings are how an agent wants to hear of what.
type Settings struct {
	Mention    Wish   `json:"mention"`
	Assignment Wish   `json:"assignment"`
	Follow     Wish   `json:"follow"`
	Hour       int    `json:"hour" minimum:"0" maximum:"23" doc:"Of the daily mail, in the time zone"`
	TimeZone   string `json:"time_zone" minLength:"1" maxLength:"64" doc:"A zone of the IANA database" example:"Europe/Bucharest"`
}

// Defaults are the settings of an agent who has chosen none.
func Defaults() Settings {
	return Settings{
		Mention: Wish{true, Quarterly}, Assignment: Wish{true, Quarterly}, Follow: Wish{true, Off},
		Hour: 8, TimeZone: "UTC",
	}
}

// of returns the wish for a kind.
func (s *Settings) of(k Kind) *Wish {
	switch k {
	case Mention:
		return &s.Mention
	case Assignment:
		return &s.Assignment
	default:
		return &s.Follow
	}
}

func (s Settings) check() error {
	for _, k := range Kinds() {
		if !slices.Contains(Frequencies(), s.of(k).Mail) {
			return conversation.Invalid(string(k)+".mail", "must be one of %v", Frequencies())
		}
	}
	if s.Hour < 0 || s.Hour > 23 {
		return conversation.Invalid("hour", "must be 0 to 23")
	}
	if zone, err := time.LoadLocation(s.TimeZone); err != nil || zone == time.Local || s.TimeZone == "" {
		return conversation.Invalid("time_zone", "must be a zone of the IANA database, such as Europe/Bucharest")
	}
	return nil
}

// row is how settings are kept.
type row struct {
	Kinds    []byte
	Hour     int
	TimeZone string
}

func (r row) settings() (Settings, error) {
	s := Defaults()
	wishes := map[Kind]Wish{}
	if err := json.Unmarshal(r.Kinds, &wishes); err != nil {
		return s, fmt.Errorf("settings of notifications: %w", err)
	}
	for _, k := range Kinds() {
		if w, chosen := wishes[k]; chosen {
			*s.of(k) = w
		}
	}
	s.Hour, s.TimeZone = r.Hour, r.TimeZone
	return s, nil
}

// Settings returns how the caller wants to hear of what.
func (s *Store) Settings(ctx context.Context, by conversation.Actor) (Settings, error) {
	agent, err := agentOf(by)
	if err != nil {
		return Settings{}, err
	}
	return readSettings(ctx, s.DB, agent)
}

func readSettings(ctx context.Context, db bun.IDB, agent string) (Settings, error) {
	var r row
	err := db.NewRaw("SELECT kinds, hour, time_zone FROM notification_settings WHERE agent_id = ?", agent).
		Scan(ctx, &r.Kinds, &r.Hour, &r.TimeZone)
	if postgres.IsNotFound(err) {
		return Defaults(), nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("read settings of notifications: %w", err)
	}
	return r.settings()
}

// Choose sets how the caller wants to hear of what. What is unread and was not mailed yet is mailed at the new times.
func (s *Store) Choose(ctx context.Context, by conversation.Actor, wish Settings) (Settings, error) {
	agent, err := agentOf(by)
	if err == nil {
		err = wish.check()
	}
	if err != nil {
		return Settings{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error { return s.choose(ctx, tx, agent, wish) })
	return wish, err
}

func (s *Store) choose(ctx context.Context, tx bun.Tx, agent string, wish Settings) error {
	wishes := map[Kind]Wish{}
	for _, k := range Kinds() {
		wishes[k] = *wish.of(k)
	}
	kinds, err := json.Marshal(wishes)
	if err != nil {
		return fmt.Errorf("write settings of notifications: %w", err)
	}
	_, err = tx.NewRaw(`INSERT INTO notification_settings (agent_id, kinds, hour, time_zone) VALUES (?, ?, ?, ?)
		ON CONFLICT (agent_id) DO UPDATE SET kinds = excluded.kinds, hour = excluded.hour, time_zone = excluded.time_zone`,
		agent, string(kinds), wish.Hour, wish.TimeZone).Exec(ctx)
	if err != nil {
		return fmt.Errorf("write settings of notifications: %w", err)
	}
	for _, k := range Kinds() {
		due, err := wish.due(k, s.Now())
		if err != nil {
			return err
		}
		_, err = tx.Tx.ExecContext(ctx, "UPDATE notification_facts SET mail_due_at = $3 WHERE agent_id = $1::uuid AND kind = $2 AND mail_due_at IS NOT NULL",
			agent, string(k), postgres.NullTime(due))
		if err != nil {
			return fmt.Errorf("change when notifications are mailed: %w", err)
		}
	}
	return nil
}
