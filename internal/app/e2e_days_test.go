package app_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/workflows"
)

// fridayAfternoon returns the next Friday at half past four, in a place.
func fridayAfternoon(now time.Time, in *time.Location) time.Time {
	at := now.In(in)
	for at = time.Date(at.Year(), at.Month(), at.Day()+1, 16, 30, 0, 0, in); at.Weekday() != time.Friday; {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// A conversation goes on from a Friday afternoon over a weekend and a holiday until Tuesday, as business hours, automatic
// replies and rules have it. Its workflow's history replays.
func TestFiveDays(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	paris, err := time.LoadLocation("Europe/Paris")
	d.fatal(err)
	friday := fridayAfternoon(d.app.Clock.Now(), paris)
	day := []any{map[string]any{"from": "09:00", "to": "17:00"}}
	var calendar struct{ ID string }
	d.must(http.MethodPost, "/api/v1/calendars", map[string]any{"name": "Office", "hours": map[string]any{
		"time_zone": "Europe/Paris", "week": map[string]any{"monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day},
		"holidays": map[string]any{"own": []any{map[string]any{"date": friday.AddDate(0, 0, 3).Format(time.DateOnly), "name": "Founders' day"}}},
	}}, &calendar)
	d.must(http.MethodPut, "/api/v1/accounts/"+d.account+"/calendar", map[string]any{"calendar_id": calendar.ID}, nil)
	var label struct{ ID string }
	d.must(http.MethodPost, "/api/v1/labels", map[string]any{"name": "overdue"}, &label)
	d.publish(map[string]any{
		"rules": []any{
			map[string]any{"id": "overdue", "name": "overdue", "when": "customer_waiting", "after_seconds": 3600, "business_time": true,
				"then": []any{map[string]any{"do": "add_label", "label_id": label.ID}, map[string]any{"do": "reply", "text": "too late to say"}}},
			map[string]any{"id": "closing", "name": "closing", "when": "window_closing", "after_seconds": 7200,
				"then": []any{map[string]any{"do": "set_priority", "priority": "high"}}},
			map[string]any{"id": "done", "name": "done", "when": "conversation_done", "then": []any{map[string]any{"do": "set_priority", "priority": "low"}}},
		},
		"replies": map[string]any{d.account: map[string]any{
			"out_of_hours": map[string]any{"text": "We open {{hours.next_opening|soon}}", "once": "closed_period"}, "always": map[string]any{"text": "One moment", "once": "day"},
		}},
	})
	at := func(days, hour, minute int) {
		t.Helper()
		to := time.Date(friday.Year(), friday.Month(), friday.Day()+days, hour, minute, 0, 0, paris)
		d.advance(to.Sub(d.app.Clock.Now()))
	}
	const phone = "33612345678"
	_, err = d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: phone, Name: "Élise"})
	d.fatal(err)
	says := func(text string, answers ...string) {
		t.Helper()
		d.say(phone, text)
		if got := strings.Join(d.phone(phone, len(answers)), ", "); got != strings.Join(answers, ", ") {
			t.Errorf("after %q: %s, want %q", text, got, answers)
		}
	}
	at(0, 16, 30)
	says("Is anybody there?", "One moment")
	id := d.find(phone)
	at(0, 18, 0)
	says("Hello?", "One moment", "We open Tuesday at 09:00")
	at(1, 16, 5) // Saturday: the window ends at six
	d.until(id, "closing", func(c inbox.Conversation) bool { return c.Priority == conversation.PriorityHigh })
	at(1, 18, 5)
	d.until(id, "closed", func(c inbox.Conversation) bool { return !c.Window.Open })
	at(4, 9, 25) // Tuesday: half an hour of Friday and twenty-five minutes have passed
	if c := d.get(id); len(c.Labels) != 0 {
		t.Errorf("labels %v before an hour of business time has passed", c.Labels)
	}
	at(4, 9, 31)
	d.until(id, "overdue", func(c inbox.Conversation) bool { return len(c.Labels) == 1 })
	says("Good morning", "One moment", "We open Tuesday at 09:00", "One moment")
	d.send(id, "Sorry, here I am")
	d.phone(phone, 4)
	d.must(http.MethodPost, "/api/v1/conversations/"+id+"/done", map[string]any{}, nil)
	d.until(id, "done", func(c inbox.Conversation) bool {
		return c.Status == conversation.StatusDone && c.Priority == conversation.PriorityLow
	})
	d.replay(id)
}

// replay replays the history of a conversation's workflow.
func (d *desk) replay(id string) {
	d.t.Helper()
	var epoch int64
	d.fatal(d.app.DB.DB.QueryRowContext(d.t.Context(), "SELECT epoch FROM installation").Scan(&epoch))
	history := &historypb.History{}
	events := d.app.Temporal.GetWorkflowHistory(d.t.Context(), workflows.ID(epoch, id), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		d.fatal(err)
		history.Events = append(history.Events, e)
	}
	if len(history.GetEvents()) < 20 {
		d.t.Errorf("a history of %d events", len(history.GetEvents()))
	}
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	d.fatal(replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history))
}
