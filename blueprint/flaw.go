package blueprint

import (
	"maps"
	"slices"
	"strings"

	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/rules/condition"
)

// inFile says in the words of the file what the API says of ids.
var inFile = strings.NewReplacer(
	"must be the id of", "must name", "must be ids of", "must name", "agent_id", "agent", "team_id", "team", "label_id", "label",
)

// naming says how things are named in a file.
var naming = map[string]string{
	ofAgent: "agents are named by their e-mail addresses", ofTeam: "teams are named as they are called",
	ofLabel: "labels are named as they are called", ofAccount: "accounts are named as they are called",
}

// flaw brings something that is wrong with a field of the API back to where it stands in the file. What follows from something
// that was told already is left out.
func (f *file) flaw(flaw rules.Flaw) {
	if len(f.problems) >= maxProblems {
		return
	}
	p := f.place(flaw.Field)
	if f.silent(p.path) {
		return
	}
	message, hint := inFile.Replace(flaw.Message), flaw.Hint
	if hint == "" && message != flaw.Message {
		hint = naming[p.kind]
	}
	line, column := p.node.Line, p.node.Column
	if p.missing {
		message = "is missing: " + message
	} else {
		line, column = f.within(p.node, flaw.Line, flaw.Column)
	}
	f.at(line, column, p.path, message, hint)
}

// near proposes the name that was probably meant.
func near(name string, among []string) string {
	if close := condition.Nearest(name, among); close != "" {
		return "did you mean " + close + "?"
	}
	return ""
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
