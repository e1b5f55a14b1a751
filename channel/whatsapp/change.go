package whatsapp

import (
	"strconv"
	"time"

	"guichet.dev/guichet/channel"
)

// change is one element of entry[].changes while it is read.
type change struct {
	*parser
	path      string
	field     string
	at        time.Time // of the entry; zero if it has none
	accountID string    // phone number id; empty for facts about the business account
	display   text      // the account's own number
	contacts  []contact
	parts     parts
	errorCode string // of the first channel-level error
}

// parts are the arrays of a value, still encoded; nil if missing or no array.
type parts struct {
	contacts, messages, echoes, statuses, errors, calls, preferences, userIDs []byte
}

// change reads one change. What it says is decided by its field; every field that is not known is a notice.
func (p *parser) change(path string, at time.Time, raw []byte) {
	var field text
	var value []byte
	members(raw, func(name, v []byte) {
		switch string(name) {
		case "field":
			if field.UnmarshalJSON(v) != nil {
				field = "" // counts as unknown
			}
		case "value":
			value = v
		}
	})
	c := change{parser: p, path: path, field: shortCode(string(field)), at: at}
	if !isObject(value) {
		p.reject(path, "", c.field, raw, fieldError("value", "is not an object"))
		return
	}
	c.read(value)
	before := len(p.updates)
	c.dispatch(value)
	if len(p.updates) == before {
		c.notice(path, c.field, value)
	}
}

func (c *change) read(value []byte) {
	members(value, func(name, v []byte) {
		switch string(name) {
		case "metadata":
			c.readMetadata(v)
		case "contacts":
			c.parts.contacts = v
		case "messages":
			c.parts.messages = v
		case "message_echoes":
			c.parts.echoes = v
		case "statuses":
			c.parts.statuses = v
		case "errors":
			c.parts.errors = v
		case "calls":
			c.parts.calls = v
		case "user_preferences":
			c.parts.preferences = v
		case "user_id_update":
			c.parts.userIDs = v
		}
	})
}

// dispatch reads the arrays that belong to the field.
func (c *change) dispatch(value []byte) {
	switch c.field {
	case "messages":
		c.readContacts()
		c.readErrors()
		c.readMessages(c.parts.messages, "messages", false)
		c.each(c.parts.statuses, "statuses", "statuses", c.status)
	case "smb_message_echoes":
		c.readContacts()
		c.readErrors()
		c.readMessages(c.parts.echoes, "message_echoes", true)
	case "calls":
		c.readContacts()
		c.readErrors()
		c.each(c.parts.calls, "calls", "calls", c.call)
		c.each(c.parts.statuses, "statuses", "calls", c.callStatus)
	case "user_preferences":
		c.readContacts()
		c.each(c.parts.preferences, "user_preferences", "user_preferences", c.preference)
	case "user_id_update":
		c.readContacts()
		c.each(c.parts.userIDs, "user_id_update", "user_id_update", c.userIDUpdate)
	case "message_template_status_update":
		// Meta's sample of a quality update carries the field of a status update; only the former has a new score.
		if member(value, "new_quality_score") != nil {
			c.notice(c.path, "message_template_quality_update", value)
		}
	}
}

func (c *change) readMetadata(raw []byte) {
	if !isObject(raw) {
		return // whoever needs the account says that it is missing
	}
	var r reader
	var id text
	members(raw, func(name, value []byte) {
		switch string(name) {
		case "phone_number_id":
			r.text("metadata.phone_number_id", value, &id)
		case "display_phone_number":
			r.text("metadata.display_phone_number", value, &c.display)
		}
	})
	if r.err != nil {
		c.reject(c.path+"/metadata", "", "metadata", raw, r.err)
		return
	}
	c.accountID = string(id)
}

func (c *change) readContacts() {
	if !isArray(c.parts.contacts) {
		return
	}
	elements(c.parts.contacts, func(i int, raw []byte) {
		var one contact
		if err := one.read(raw); err != nil {
			c.reject(c.path+"/contacts/"+strconv.Itoa(i), c.accountID, "contacts", raw, err)
			return
		}
		c.contacts = append(c.contacts, one)
	})
}

// readErrors reads value.errors: what Meta says of the channel and not of one message.
func (c *change) readErrors() {
	c.each(c.parts.errors, "errors", "errors", func(raw []byte) (channel.Body, error) {
		var f fault
		if err := decode(raw, &f); err != nil {
			return nil, err
		}
		if c.errorCode == "" {
			c.errorCode = f.code()
		}
		return channel.Notice{Field: "errors", At: c.at}, nil
	})
}

// each reads the elements of an array, each on its own.
func (c *change) each(array []byte, name, kind string, read func(raw []byte) (channel.Body, error)) {
	if !isArray(array) {
		return
	}
	elements(array, func(i int, raw []byte) {
		body, err := read(raw)
		c.put(name, i, kind, raw, body, err)
	})
}

// put adds one element's update. A fact about a thread without the account that it belongs to cannot be filed.
func (c *change) put(name string, i int, kind string, raw []byte, body channel.Body, err error) {
	u := channel.Update{Path: c.path + "/" + name + "/" + strconv.Itoa(i), AccountID: c.accountID, Kind: kind, Raw: raw, Err: err}
	_, isNotice := body.(channel.Notice)
	switch {
	case err != nil:
	case c.accountID == "" && !isNotice:
		u.Err = fieldError("metadata.phone_number_id", "is missing")
	default:
		u.Body = body
	}
	c.add(u)
}

func (c *change) notice(path, field string, raw []byte) {
	c.add(channel.Update{Path: path, AccountID: c.accountID, Kind: field, Raw: raw, Body: channel.Notice{Field: field, At: c.at}})
}

// fault is Meta's error object; the code alone decides.
type fault struct {
	Code text `json:"code"`
}

// code returns the code, "" if there is none.
func (f fault) code() string {
	if f.Code == "" {
		return ""
	}
	return shortCode(string(f.Code))
}

func firstCode(faults []fault) string {
	if len(faults) == 0 {
		return ""
	}
	return faults[0].code()
}
