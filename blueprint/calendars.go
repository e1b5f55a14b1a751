package blueprint

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/calendars"
)

func (p *plan) makeCalendars() {
	for _, c := range p.file.Calendars {
		old, exists := p.office.calendarNamed(c.Name)
		change := against(exists, calendars.Content{Name: old.Name, Hours: old.Hours}, c)
		p.add("calendar", c.Name, change, func(ctx context.Context, tx bun.Tx) error {
			if exists {
				_, err := p.store.Calendars.ReplaceIn(ctx, tx, p.by, old.ID, c)
				return err
			}
			fresh, err := p.store.Calendars.CreateIn(ctx, tx, p.by, c)
			p.calendarIDs[fold(ofCalendar, c.Name)] = fresh.ID
			return err
		})
	}
}

// makeUses gives accounts and teams their calendars.
func (p *plan) makeUses() {
	for _, id := range sortedKeys(p.file.Accounts) {
		p.use(calendars.Account, "account_calendar", ofAccount, id, p.file.Accounts[id].Calendar)
	}
	for _, id := range sortedKeys(p.file.Teams) {
		p.use(calendars.Team, "team_calendar", ofTeam, id, p.file.Teams[id].Calendar)
	}
}

func (p *plan) use(user calendars.User, what, kind, id string, name *string) {
	if name == nil {
		return
	}
	old := p.office.name(ofCalendar, p.office.byID[kind][id].calendarID)
	change := Replaced
	switch {
	case fold(ofCalendar, old) == fold(ofCalendar, *name):
		change = Unchanged
	case *name == "":
		change = Deleted
	case old == "":
		change = Created
	}
	p.tell(what, kind, id, change, func(ctx context.Context, tx bun.Tx) error {
		calendarID := p.calendarIDs[fold(ofCalendar, *name)]
		if known, exists := p.office.calendarNamed(*name); exists {
			calendarID = known.ID
		}
		return p.store.Calendars.UseIn(ctx, tx, p.by, user, id, calendarID)
	})
}

// prune deletes the calendars that the file does not have. One that is still used, by what the file leaves alone, is a problem.
func (p *plan) prune() {
	if !p.Prune || !p.file.has("calendars") {
		return
	}
	for _, k := range p.office.calendars {
		kept := slices.ContainsFunc(p.file.Calendars, func(c calendars.Content) bool { return fold(ofCalendar, c.Name) == fold(ofCalendar, k.Name) })
		if kept {
			continue
		}
		if user := p.userOf(k); user != "" {
			node := p.file.place("calendars").node
			p.file.wrong(node, "calendars", fmt.Sprintf("lacks the calendar %q, which the %s uses", k.Name, user), "give it another calendar, or null for none")
			continue
		}
		p.add("calendar", k.Name, Deleted, func(ctx context.Context, tx bun.Tx) error {
			return p.store.Calendars.DeleteIn(ctx, tx, p.by, k.ID)
		})
	}
}

// userOf returns who still uses a calendar once the file is applied.
func (p *plan) userOf(k calendars.Named) string {
	for _, id := range k.AccountIDs {
		if a, named := p.file.Accounts[id]; !named || a.Calendar == nil {
			return "account " + p.office.name(ofAccount, id)
		}
	}
	for _, id := range k.TeamIDs {
		if t, named := p.file.Teams[id]; !named || t.Calendar == nil {
			return "team " + p.office.name(ofTeam, id)
		}
	}
	return ""
}
