package condition

import (
	"strings"
	"time"
)

// AttributeType is the type of a contact field that admins defined. The words are those of the contacts' own definitions.
type AttributeType string

// The types. A date is a time in conditions: midnight in the zone of the environment's now. A list is a text that is one of
// the options, and a url is a text.
const (
	TextAttribute    AttributeType = "text"
	NumberAttribute  AttributeType = "number"
	BooleanAttribute AttributeType = "boolean"
	DateAttribute    AttributeType = "date"
	ListAttribute    AttributeType = "list"
	URLAttribute     AttributeType = "url"
)

// Attribute is one contact field. With Options, a condition that compares it with anything else is refused; without, nothing
// is said of its values, which is what a condition that was published before an option went away needs.
type Attribute struct {
	Type    AttributeType
	Options []string
}

// Schema holds the contact fields by key. In an environment, texts, lists, urls and dates ("2026-11-22") are strings, or a
// time.Time for a date; numbers are float64 or int; booleans bool. A value of another type counts as missing.
type Schema map[string]Attribute

// Personal reports whether the value at a path must be left out of what is shown to others or kept after the contact is
// erased. Of the contact fields, it is what can hold free words or a birthday; numbers, choices and booleans are not.
func (s Schema) Personal(path string) bool {
	if key, isAttribute := strings.CutPrefix(path, attributesPath+"."); isAttribute {
		switch s[key].Type {
		case NumberAttribute, BooleanAttribute, ListAttribute:
			return false
		default:
			return true
		}
	}
	f := fieldByPath[path]
	return f != nil && f.Personal
}

func (a Attribute) kind() kind {
	switch a.Type {
	case NumberAttribute:
		return number
	case BooleanAttribute:
		return boolean
	case DateAttribute:
		return moment
	default:
		return text
	}
}

// attribute is one contact field as a condition reads it.
type attribute struct {
	key  string
	kind kind
}

// value returns an attribute as text, float64, bool or time; its zero value and false if it is missing or of another type.
func (a *attribute) value(env *view) (any, bool) {
	value := env.Contact.Attributes[a.key]
	switch a.kind {
	case number:
		switch n := value.(type) {
		case float64:
			return n, true
		case int:
			return float64(n), true
		}
		return 0.0, false
	case boolean:
		b, ok := value.(bool)
		return b, ok
	case moment:
		switch t := value.(type) {
		case time.Time:
			return t, true
		case string:
			day, err := time.ParseInLocation(time.DateOnly, t, env.Now.Location())
			return day, err == nil
		}
		return time.Time{}, false
	default:
		s, ok := value.(string)
		return s, ok && s != ""
	}
}
