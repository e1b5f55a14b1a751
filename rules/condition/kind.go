package condition

// kind is the type of a value in a condition. There are few, so that they can be named in sentences.
type kind uint8

const (
	unclear kind = iota // after an error
	text
	number
	boolean
	moment // a time
	texts  // a list of texts
	group  // a name with fields below it
)

func (k kind) String() string {
	return [...]string{"unclear", "text", "number", "boolean", "time", "texts", "attributes"}[k]
}

// phrase names a kind in a sentence.
func (k kind) phrase() string {
	return [...]string{"unclear", "a text", "a number", "true or false", "a time", "a list of texts", "a group of fields"}[k]
}

// comparison is a hint that makes a condition of a value.
func (k kind) comparison() string {
	return "compare it with something, as in " + [...]string{
		"", `contact.country == "FR"`, "conversation.inbound_count > 3", "", "hours_since(conversation.opened_at) > 2", `has_label("refund")`, "",
	}[k]
}
