package rules

import (
	"regexp"
	"slices"
	"strings"

	"guichet.dev/guichet/conversation"
)

// variable is {{name}} or {{name|what stands there if it has no value}}.
var variable = regexp.MustCompile(`\{\{\s*([a-z_.0-9]+)\s*(?:\|([^{}]*))?\}\}`)

// Variables lists what a text may contain, besides contact.attributes. and the key of an attribute.
func Variables() []string {
	return []string{
		"contact.name", "contact.first_name", "contact.phone", "contact.email", "agent.name", "team.name", "account.name",
		"hours.next_opening", "hours.next_closing", "window.closes_at", "now.date", "now.time",
	}
}

// attributeVariable begins the variables that are attributes of the contact.
const attributeVariable = "contact.attributes."

// alwaysThere are the variables that need no default.
var alwaysThere = []string{"account.name", "now.date", "now.time"}

// checkText returns an error for a text whose variables are not known, or could have no value and say nothing for that case.
func checkText(field, text string, refs References) error {
	for _, found := range variable.FindAllStringSubmatch(text, -1) {
		name := found[1]
		key, isAttribute := strings.CutPrefix(name, attributeVariable)
		_, defined := refs.Schema[key]
		switch {
		case isAttribute && !defined && !refs.Open:
			return conversation.Invalid(field, "{{%s}}: there is no attribute %q", name, key)
		case !isAttribute && !slices.Contains(Variables(), name):
			return conversation.Invalid(field, "{{%s}} is no variable; there are %s and %s…", name, strings.Join(Variables(), ", "), attributeVariable)
		case !strings.Contains(found[0], "|") && !slices.Contains(alwaysThere, name):
			return conversation.Invalid(field, "{{%s}} can be unknown: say what stands there then, as in {{%s|…}}", name, name)
		}
	}
	if rest := variable.ReplaceAllString(text, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
		return conversation.Invalid(field, "has {{ or }} that belong to no variable")
	}
	return nil
}

// render fills in a text's variables.
func render(text string, value func(name string) string) string {
	return strings.TrimSpace(variable.ReplaceAllStringFunc(text, func(s string) string {
		found := variable.FindStringSubmatch(s)
		if v := value(found[1]); v != "" {
			return v
		}
		return strings.TrimSpace(found[2])
	}))
}

// textFor returns an action's text in the contact's language.
func textFor(a conversation.RuleAction, language string) string {
	for _, l := range []string{language, baseLanguage(language)} {
		if text := a.Texts[l]; text != "" {
			return text
		}
	}
	return a.Text
}

func baseLanguage(language string) string {
	l, _, _ := strings.Cut(strings.ReplaceAll(language, "_", "-"), "-")
	return strings.ToLower(l)
}
