package blueprint

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/rules"
)

// thing is what can be referred to.
type thing struct{ id, name, calendarID string }

// office is what an office has now, and how its things are called.
type office struct {
	version    rulebook.Version
	edition    rules.Edition
	calendars  []calendars.Named
	plans      map[string]assignment.Plan
	capacities map[string]int
	things     map[string][]thing // by kind, by name
	knows      func(accountID string) bool

	byName map[string]map[string][]string // by kind and folded name: ids
	byID   map[string]map[string]thing
}

// readOffice reads an office within a transaction. With lock, nobody else publishes until it ends.
func (s *Store) readOffice(ctx context.Context, tx bun.Tx, caller Caller, lock bool) (*office, error) {
	o := &office{things: make(map[string][]thing), knows: caller.Knows}
	var err error
	if o.version, o.edition, err = s.Rulebook.Newest(ctx, tx, lock); err != nil {
		return nil, err
	}
	if o.calendars, err = s.Calendars.ListIn(ctx, tx); err != nil {
		return nil, err
	}
	if o.plans, err = s.Assignment.Plans(ctx, tx); err != nil {
		return nil, err
	}
	if o.capacities, err = s.Assignment.SetCapacities(ctx, tx); err != nil {
		return nil, err
	}
	for kind, query := range map[string]string{
		ofAccount: "SELECT id::text, name, calendar_id::text FROM accounts ORDER BY name, id",
		ofTeam:    "SELECT id::text, name, calendar_id::text FROM teams WHERE archived_at IS NULL ORDER BY name, id",
		ofAgent:   "SELECT id::text, email, NULL FROM agents WHERE state = 'active' ORDER BY email, id",
		ofLabel:   "SELECT id::text, name, NULL FROM labels WHERE deleted_at IS NULL ORDER BY name, id",
	} {
		err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
			var one thing
			err := row.Scan(&one.id, &one.name, postgres.OptText(&one.calendarID))
			o.things[kind] = append(o.things[kind], one)
			return err
		}, query)
		if err != nil {
			return nil, fmt.Errorf("read the names of each %s: %w", kind, err)
		}
	}
	o.enter()
	return o, nil
}

func (o *office) enter() {
	o.byName, o.byID = make(map[string]map[string][]string), make(map[string]map[string]thing)
	for _, k := range o.calendars {
		o.things[ofCalendar] = append(o.things[ofCalendar], thing{id: k.ID, name: k.Name})
	}
	for kind, list := range o.things {
		o.byName[kind], o.byID[kind] = make(map[string][]string), make(map[string]thing)
		for _, one := range list {
			o.byID[kind][one.id] = one
			if kind != ofAccount || o.knows(one.id) {
				name := fold(kind, one.name)
				o.byName[kind][name] = append(o.byName[kind][name], one.id)
			}
		}
	}
}

// id implements directory. A name comes before an id that looks the same; a calendar keeps its name.
func (o *office) id(kind, name string) (id, message, hint string) {
	found := o.byName[kind][fold(kind, name)]
	if len(found) == 0 && kind != ofCalendar {
		if one, known := o.byID[kind][strings.ToLower(name)]; known {
			return one.id, "", ""
		}
	}
	switch {
	case len(found) > 1:
		return "", fmt.Sprintf("%d %ss have this name", len(found), kind), "write the id of the one that is meant: " + strings.Join(found, ", ")
	case len(found) == 0:
		return "", "there is no " + noun(kind) + " of this name", o.near(kind, name)
	case kind == ofCalendar:
		return name, "", ""
	}
	return found[0], "", ""
}

func noun(kind string) string {
	if kind == ofAgent {
		return "active agent"
	}
	return kind
}

func (o *office) near(kind, name string) string {
	var all []string
	for _, one := range o.things[kind] {
		if kind != ofAccount || o.knows(one.id) {
			all = append(all, one.name)
		}
	}
	if hint := near(name, all); hint != "" {
		return hint
	}
	return naming[kind]
}

// name returns how a thing is called in a file: by its name if that says which one is meant, else by its id.
func (o *office) name(kind, id string) string {
	one, exists := o.byID[kind][id]
	if !exists || kind == ofAccount && !o.knows(id) {
		return id
	}
	if meant, _, _ := o.id(kind, one.name); meant != id && kind != ofCalendar {
		return id
	}
	return one.name
}

// calendarNamed returns the calendar of a name.
func (o *office) calendarNamed(name string) (calendars.Named, bool) {
	i := slices.IndexFunc(o.calendars, func(k calendars.Named) bool { return fold(ofCalendar, k.Name) == fold(ofCalendar, name) })
	if i < 0 {
		return calendars.Named{}, false
	}
	return o.calendars[i], true
}
