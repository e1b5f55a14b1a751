package condition

import "time"

// Function documents one function that conditions can call.
type Function struct {
	Name      string `json:"name"`
	Signature string `json:"signature"` // "mentions(text, phrase, …)"
	Result    string `json:"result"`    // text, number, boolean or time
	Doc       string `json:"doc"`
	Example   string `json:"example"` // a condition
}

// function is how the checker treats a call of a Function: it checks the arguments and returns what runs.
type function struct {
	Function
	check func(c *walk, call call) value
}

// functions are in the order in which they are explained. It is filled at start, because the checker looks into it.
var functions []function

var functionByName = map[string]*function{}

func init() {
	functions = table()
	for i := range functions {
		functionByName[functions[i].Name] = &functions[i]
	}
}

func table() []function {
	return append(append(textFunctions(), timeFunctions()...), listFunctions()...)
}

func textFunctions() []function {
	const same = " Case and accents do not matter."
	return []function{
		{Function{"mentions", "mentions(text, phrase, …)", "boolean", "Whether a text has one of the words or phrases, as whole words." + same, `mentions(message.text, "refund", "money back")`}, comparing(hasPhrase, true)},
		{Function{"contains_text", "contains_text(text, part, …)", "boolean", "Whether one of the parts stands anywhere in a text, also within words." + same, `contains_text(message.text, "deliver")`}, comparing(hasPart, false)},
		{Function{"starts_with_text", "starts_with_text(text, start, …)", "boolean", "Whether a text begins with one of the starts." + same, `starts_with_text(message.text, "order #")`}, comparing(hasStart, false)},
		{Function{"is_text", "is_text(text, phrase, …)", "boolean", "Whether a text is one of the phrases and nothing more. Case, accents and punctuation do not matter.", `is_text(message.text, "yes", "ok")`}, comparing(isPhrase, true)},
		{Function{"lower", "lower(text)", "text", "A text in lower case.", `lower(contact.email) matches "@example[.]com$"`}, changing(runLower)},
		{Function{"upper", "upper(text)", "text", "A text in capital letters.", `upper(label) == "VIP"`}, changing(runUpper)},
		{Function{"trim", "trim(text)", "text", "A text without space at its ends.", `trim(message.text) == "1"`}, changing(runTrim)},
		{Function{"len", "len(text or list)", "number", "How many characters a text has, or how many texts a list.", `len(message.text) > 500`}, checkLen},
		{Function{"phone_country", "phone_country(text)", "text", "The country of a phone number with + and country code, as two capital letters; empty if it has none.", `phone_country(contact.phone) == "FR"`}, checkPhone},
		{Function{"is_known", "is_known(field)", "boolean", "Whether a field has a value. A contact field that has none reads as empty, 0, false, or a time that is not known.", `is_known(contact.email)`}, checkKnown},
	}
}

func timeFunctions() []function {
	const unknown = " For a time that is not known, no comparison but != holds."
	return []function{
		{Function{"minutes_since", "minutes_since(time)", "number", "How many minutes ago a time was; negative if it is still to come." + unknown, `minutes_since(conversation.opened_at) > 30`}, elapsing(span{unit: time.Minute})},
		{Function{"hours_since", "hours_since(time)", "number", "How many hours ago a time was." + unknown, `hours_since(conversation.opened_at) >= 2.5`}, elapsing(span{unit: time.Hour})},
		{Function{"days_since", "days_since(time)", "number", "How many days of the calendar ago a time was: 0 today, 1 yesterday." + unknown, `days_since(conversation.opened_at) >= 3`}, elapsing(span{})},
		{Function{"minutes_until", "minutes_until(time)", "number", "In how many minutes a time is; negative if it is over." + unknown, `minutes_until(hours.next_closing) < 15`}, elapsing(span{unit: time.Minute, future: true})},
		{Function{"hours_until", "hours_until(time)", "number", "In how many hours a time is." + unknown, `hours_until(hours.next_opening) > 12`}, elapsing(span{unit: time.Hour, future: true})},
		{Function{"days_until", "days_until(time)", "number", "In how many days of the calendar a time is: 0 today, 1 tomorrow." + unknown, `days_until(hours.next_opening) > 1`}, elapsing(span{future: true})},
		{Function{"weekday", "weekday(time)", "text", "The day of the week, in English and lower case, in the time zone of your business hours; empty for a time that is not known.", `weekday(now) in ["saturday", "sunday"]`}, reading(runWeekday, value{kind: text, size: maxOption, options: weekdays})},
		{Function{"hour", "hour(time)", "number", "The hour of the day from 0 to 23, in the time zone of your business hours; -1 for a time that is not known.", `hour(now) >= 18`}, reading(runHour, value{kind: number})},
		{Function{"date", "date(\"2026-12-24\")", "time", "The beginning of a day, in the time zone of your business hours.", `now >= date("2026-12-24")`}, checkDate},
	}
}

func listFunctions() []function {
	return []function{
		{Function{"has_label", "has_label(name, …)", "boolean", "Whether the conversation has one of the labels. Case, accents and punctuation do not matter.", `has_label("refund", "complaint")`}, naming("conversation.labels")},
		{Function{"has_tag", "has_tag(name, …)", "boolean", "Whether the contact has one of the tags. Case, accents and punctuation do not matter.", `has_tag("vip")`}, naming("contact.tags")},
		{Function{"any", "any(list, condition)", "boolean", "Whether the condition holds for at least one text of a list; # stands for the text.", `any(conversation.labels, # matches "^vip-")`}, quantifying},
		{Function{"all", "all(list, condition)", "boolean", "Whether the condition holds for every text of a list, or the list is empty.", `all(conversation.labels, # != "closed")`}, quantifying},
		{Function{"none", "none(list, condition)", "boolean", "Whether the condition holds for no text of a list.", `none(contact.tags, starts_with_text(#, "b2b"))`}, quantifying},
		{Function{"one", "one(list, condition)", "boolean", "Whether the condition holds for exactly one text of a list.", `one(conversation.labels, # matches "^product-")`}, quantifying},
		{Function{"count", "count(list, condition)", "number", "For how many texts of a list the condition holds.", `count(conversation.labels, # matches "^product-") >= 2`}, quantifying},
	}
}

// Functions lists what conditions can call, in the order in which it is explained.
func Functions() []Function {
	list := make([]Function, len(functions))
	for i, f := range functions {
		list[i] = f.Function
	}
	return list
}
