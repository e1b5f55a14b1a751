package blueprint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
)

// Export returns the automation of the office as a file, in an order that depends on nothing but its content. What the caller may
// not know or read is left out, and the file's header says so.
func (s *Store) Export(ctx context.Context, caller Caller) ([]byte, error) {
	var file []byte
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		o, err := s.readOffice(ctx, tx, caller, false)
		if err != nil {
			return err
		}
		body, err := encode(o.document(caller))
		file = append([]byte(o.header(caller, o.gone(body))), body...)
		return err
	})
	return file, err
}

// gone returns the fields of a file that refer to what does not exist any more.
func (o *office) gone(body []byte) (fields []string) {
	f := read(body)
	refer(addressable(&f.Document), "", "", func(kind, field, text string) string {
		if _, message, _ := o.id(kind, text); message != "" {
			fields = append(fields, f.place(field).path)
		}
		return text
	})
	return fields
}

// document describes an office by names. What does not exist any more keeps its id.
func (o *office) document(caller Caller) Document {
	d := Document{
		Guichet: Format, Calendars: []calendars.Content{}, Edition: copied(o.edition),
		Accounts: make(map[string]Account), Teams: make(map[string]Team), Agents: make(map[string]Agent),
	}
	for _, k := range o.calendars {
		d.Calendars = append(d.Calendars, calendars.Content{Name: k.Name, Hours: k.Hours})
	}
	for _, one := range o.things[ofAccount] {
		if !o.knows(one.id) {
			continue
		}
		a := Account{Calendar: optional(one.calendarID)}
		if plan, has := o.plans[one.id]; has && caller.Plans {
			a.Plan = &plan
		}
		d.Accounts[one.id] = a
	}
	for _, one := range o.things[ofTeam] {
		d.Teams[one.id] = Team{Calendar: optional(one.calendarID)}
	}
	for _, one := range o.things[ofAgent] {
		if most, said := o.capacities[one.id]; said && caller.Capacities {
			d.Agents[one.id] = Agent{Capacity: &most}
		}
	}
	d.forgetIDs()
	refer(addressable(&d), "", "", func(kind, _, id string) string { return o.name(kind, id) })
	return d
}

// forgetIDs leaves out the ids of rules whose names tell them apart.
func (d *Document) forgetIDs() {
	names := make(map[string]int)
	for _, r := range d.Rules {
		names[r.Name]++
	}
	for i, r := range d.Rules {
		if names[r.Name] == 1 {
			d.Rules[i].ID = ""
		}
	}
}

// copied returns an edition whose references can be replaced without a trace in the other.
func copied(e rules.Edition) rules.Edition {
	e.Rules = append([]rules.Rule{}, e.Rules...)
	for i := range e.Rules {
		e.Rules[i].Then = slices.Clone(e.Rules[i].Then)
		e.Rules[i].AccountIDs = slices.Clone(e.Rules[i].AccountIDs)
	}
	return e
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// header says what the file is.
func (o *office) header(caller Caller, gone []string) string {
	var b strings.Builder
	if o.version.Version == 0 {
		b.WriteString("# The automation of Guichet. No version of the rules was published yet.\n")
	} else {
		fmt.Fprintf(&b, "# The automation of Guichet. Version %d of the rules, published at %s.\n", o.version.Version, o.version.PublishedAt.UTC().Format(time.RFC3339))
	}
	b.WriteString("# Names stand for ids. What has no name of its own stands here by its id. Secrets are never in this file.\n")
	for _, left := range []struct {
		out  bool
		what string
	}{
		{!caller.Plans, "Plans of assignment are left out: reading them needs the permission accounts.write."},
		{!caller.Capacities, "What agents can have is left out: reading it needs the permission assignment.read."},
		{slices.ContainsFunc(o.things[ofAccount], func(a thing) bool { return !o.knows(a.id) }), "Accounts that you may not know of stand here by their ids at most."},
	} {
		if left.out {
			b.WriteString("# " + left.what + "\n")
		}
	}
	for _, field := range gone {
		b.WriteString("# What " + field + " refers to does not exist any more.\n")
	}
	return b.String() + "\n"
}
