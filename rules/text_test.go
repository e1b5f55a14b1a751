package rules_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
)

func TestVariables(t *testing.T) {
	t.Parallel()
	evening := time.Date(2026, 11, 6, 20, 30, 0, 0, time.UTC) // a Friday
	for _, c := range []struct{ language, text, want string }{
		{"ro", "Bună {{contact.first_name|ziua}}!", "Bună Ana!"},
		{"ro", "{{ contact.name | tu }} {{agent.name|un coleg}}", "Ana Pop un coleg"},
		{"ro", "Deschidem {{hours.next_opening|curând}}.", "Deschidem luni la 09:00."},
		{"fr", "Nous ouvrons {{hours.next_opening|bientôt}}.", "Nous ouvrons lundi à 09:00."},
		{"en", "We open {{hours.next_opening|soon}}.", "We open Monday at 09:00."},
		{"en-US", "We open {{hours.next_opening|soon}}.", "We open Monday at 9:00 am."},
		{"de", "Bis {{window.closes_at|?}}", "Bis morgen um 22:30 Uhr"},
		{"es-MX", "{{window.closes_at|?}}", "mañana a las 22:30"},
		{"it", "{{window.closes_at|?}}", "domani alle 22:30"},
		{"nl", "{{window.closes_at|?}}", "morgen om 22:30"},
		{"pt_BR", "{{window.closes_at|?}}", "amanhã às 22:30"},
		{"ar", "{{window.closes_at|?}}", "غدًا الساعة 10:30 م"},
		{"xx", "{{now.date}}, {{now.time}}", "6 November 2026, 22:30"},
		{"de", "{{now.date}}", "6. November 2026"},
		{"en", "{{contact.attributes.tier|none}} {{contact.attributes.orders|0}} {{account.name}}", "gold 0 Shop"},
		{"en", "{{contact.email|?}}{{team.name|}}", "?"},
	} {
		f := facts()
		f.Hours = office(t)
		f.Env.Contact.Language = c.language
		f.Env.Window.ClosesAt = evening.Add(24 * time.Hour)
		s := set(t, 1, rule("a", "", say(c.text)))
		st := state()
		st.Window = conversation.Window{From: evening}
		d := s.NewPolicy(f, nil).OnEvent(st, message(7, "x"), evening)
		if got := d.Effects[0].Text; got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.language, c.text, got, c.want)
		}
	}
}

func TestTextsByLanguage(t *testing.T) {
	t.Parallel()
	action := say("default")
	action.Texts = map[string]string{"ro": "română", "pt-BR": "brasileiro", "pt": "português"}
	s := set(t, 1, rule("a", "", action))
	for language, want := range map[string]string{"ro": "română", "ro-MD": "română", "pt-BR": "brasileiro", "pt-PT": "português", "fr": "default", "": "default"} {
		f := facts()
		f.Env.Contact.Language = language
		if got := decide(s.NewPolicy(f, nil), message(7, "x"))[0].Effects[0].Text; got != want {
			t.Errorf("%q: %q, want %q", language, got, want)
		}
	}
}
