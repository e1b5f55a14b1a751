package blueprint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules"
)

// Check returns everything that is wrong with a file, in the order of the file, as far as it can be told without an office: names
// of labels, agents, teams and accounts, and attributes of contacts, are taken to exist there.
func Check(source []byte) []Problem {
	f := read(source)
	if f.root != nil {
		f.resolve(away{})
		f.examine(rules.References{Open: true})
	}
	return f.found()
}

// directory knows the things of an office by their names.
type directory interface {
	// id returns the id of what has a name, or why there is none and what was probably meant.
	id(kind, name string) (id, message, hint string)
}

// away is the directory of whoever has no office: everything exists, under ids that are made of the names.
type away struct{}

func (away) id(kind, name string) (id, message, hint string) {
	if kind == ofCalendar {
		return name, "", ""
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(kind+":"+fold(kind, name))).String(), "", ""
}

// fold returns a name without what does not matter: of all but teams and accounts the case does not.
func fold(kind, name string) string {
	if kind == ofTeam || kind == ofAccount {
		return name
	}
	return strings.ToLower(strings.TrimSpace(name))
}

// resolve replaces the names in the document by ids. Calendars keep their names: those of the file may not be there yet.
func (f *file) resolve(d directory) {
	refer(addressable(&f.Document), "", "", func(kind, field, text string) string {
		p := f.place(field)
		id, message, hint := d.id(kind, text)
		if kind == ofCalendar && f.has("calendars") {
			id, message, hint = f.ownCalendar(text)
		}
		node, isKey := p.node, p.kind == "" && p.key != nil
		if isKey {
			node = p.key
		}
		if message != "" {
			if !f.silent(p.path) {
				f.wrong(node, p.path, message, hint)
			}
			return text
		}
		if isKey {
			return f.enter(node, p.path, kind, text, id)
		}
		return id
	})
}

// enter notes what a key means. Two that mean the same cannot both count.
func (f *file) enter(key *yaml.Node, path, kind, name, id string) string {
	parent := strings.TrimSuffix(strings.TrimSuffix(path, child("", name)), ".")
	if other, twice := f.taken[parent+"\x00"+id]; twice {
		f.wrong(key, path, fmt.Sprintf("is the same %s as %q", kind, short(other)), "")
		return name
	}
	f.taken[parent+"\x00"+id] = name
	return id
}

// ownCalendar looks for a calendar among those of the file.
func (f *file) ownCalendar(name string) (id, message, hint string) {
	var all []string
	for _, c := range f.Calendars {
		if fold(ofCalendar, c.Name) == fold(ofCalendar, name) {
			return name, "", ""
		}
		all = append(all, c.Name)
	}
	return "", "no calendar of the file has this name", near(name, all)
}

// silent reports whether something was said of a field or of what it lies in.
func (f *file) silent(path string) bool {
	for at := path; at != ""; {
		if f.bad[at] {
			return true
		}
		i := strings.LastIndexAny(at, ".[")
		if i < 0 {
			break
		}
		at = at[:i]
	}
	return false
}

// examine lets the domain check what the file says.
func (f *file) examine(refs rules.References) {
	f.examineFormat()
	f.examineCalendars()
	f.examineRules(refs)
	for _, id := range sortedKeys(f.Accounts) {
		if plan := f.Accounts[id].Plan; plan != nil {
			f.faults("accounts."+id+".assignment_plan.", plan.Clean())
		}
	}
	for _, id := range sortedKeys(f.Agents) {
		most := f.Agents[id].Capacity
		if field := "agents." + id + ".capacity"; most == nil || *most < 0 || *most > assignment.MaxCapacity {
			f.flaw(rules.Flaw{Field: field, Message: fmt.Sprintf("must be 0 to %d", assignment.MaxCapacity)})
		}
	}
}

func (f *file) examineFormat() {
	if f.Guichet != Format {
		f.flaw(rules.Flaw{Field: "guichet", Message: fmt.Sprintf("must be %d, the version of the format", Format), Hint: "begin with guichet: 1"})
	}
}

func (f *file) examineCalendars() {
	lines := make(map[string]int)
	for i := range f.Calendars {
		field := fmt.Sprintf("calendars[%d]", i)
		f.faults(field+".", f.Calendars[i].Clean())
		name := fold(ofCalendar, f.Calendars[i].Name)
		if first, twice := lines[name]; twice && name != "" {
			f.flaw(rules.Flaw{Field: field + ".name", Message: fmt.Sprintf("another calendar has this name, in line %d", first)})
			continue
		}
		lines[name] = f.place(field + ".name").node.Line
	}
}

// examineRules checks what is published together. Rules are known by their names, so those without an id need one of their own.
func (f *file) examineRules(refs rules.References) {
	edition := f.Edition
	edition.Rules = slices.Clone(edition.Rules)
	lines := make(map[string]int)
	for i, r := range edition.Rules {
		field := fmt.Sprintf("rules[%d].name", i)
		if r.ID != "" {
			continue
		}
		edition.Rules[i].ID = uuid.NewString()
		if first, twice := lines[r.Name]; twice && r.Name != "" {
			f.flaw(rules.Flaw{Field: field, Message: fmt.Sprintf("another rule has this name, in line %d", first), Hint: "give one of them another name, or an id"})
			continue
		}
		lines[r.Name] = f.place(field).node.Line
	}
	for _, flaw := range rules.Check(edition, refs) {
		f.flaw(flaw)
	}
}

func (f *file) faults(below string, faults conversation.Faults) {
	for _, fault := range faults {
		f.flaw(rules.Flaw{Field: below + fault.Field, Message: fault.Message})
	}
}
