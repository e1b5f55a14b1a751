package whatsapp

import (
	"strings"

	"guichet.dev/guichet/conversation"
)

// contact is an element of value.contacts: who takes part, with the profile.
type contact struct {
	WaID, UserID, ParentUserID text
	Name, Username             string
}

func (c *contact) read(raw []byte) error {
	var r reader
	if !isObject(raw) {
		return fieldError("contacts", "has an element that is not an object")
	}
	members(raw, func(name, value []byte) {
		switch string(name) {
		case "wa_id":
			r.text("wa_id", value, &c.WaID)
		case "user_id":
			r.text("user_id", value, &c.UserID)
		case "parent_user_id":
			r.text("parent_user_id", value, &c.ParentUserID)
		case "profile":
			r.object("profile", value, func(name, value []byte) {
				switch string(name) {
				case "name":
					r.words("profile.name", value, &c.Name)
				case "username":
					r.words("profile.username", value, &c.Username)
				}
			})
		}
	})
	return r.err
}

// address is how an update names a person. Each part may be missing, and number may hold a user id.
type address struct {
	number, userID, parentID text
}

func (a address) empty() bool { return a.number == "" && a.userID == "" && a.parentID == "" }

// find returns the contact that belongs to an address: by user id, then by WhatsApp id, then by a variant of the same
// number. If the update names one person only and there is one contact, they belong together unless their user ids differ.
func find(contacts []contact, a address, alone bool) *contact {
	if len(contacts) == 0 {
		return nil
	}
	for i := range contacts {
		if c := &contacts[i]; a.userID != "" && (c.UserID == a.userID || c.WaID == a.userID) {
			return c
		}
	}
	for i := range contacts {
		if c := &contacts[i]; a.number != "" && (c.WaID == a.number || c.UserID == a.number) {
			return c
		}
	}
	if isNumber(string(a.number)) {
		key, _ := number(string(a.number))
		for i := range contacts {
			if other, _ := number(string(contacts[i].WaID)); isNumber(other) && other == key {
				return &contacts[i]
			}
		}
	}
	if c := &contacts[0]; alone && len(contacts) == 1 && (a.userID == "" || c.UserID == "") {
		return c
	}
	return nil
}

// person puts together what an address and a contact, which may be nil, say of one person. The contact's WhatsApp id
// comes first; another number by which the update calls the same person is kept as well.
func person(a address, c *contact) conversation.Person {
	p := conversation.Person{Identities: make([]conversation.Identity, 0, 4)}
	if c != nil {
		p.Name = c.Name
		addAddress(&p, string(c.WaID))
		addAddress(&p, string(a.number))
		addAddress(&p, string(c.UserID))
		addAddress(&p, string(a.userID))
		addAddress(&p, string(c.ParentUserID))
		addAddress(&p, string(a.parentID))
		addUsername(&p, c.Username)
		return p
	}
	addAddress(&p, string(a.number))
	addAddress(&p, string(a.userID))
	addAddress(&p, string(a.parentID))
	return p
}

// addAddress adds an address by its form, not by the field in which it stood: user ids occur in the fields of numbers.
func addAddress(p *conversation.Person, s string) {
	switch {
	case s == "":
	case isNumber(s):
		key, phone := number(s)
		if p.Phone == "" {
			p.Phone = phone
		}
		addIdentity(p, conversation.Identity{Kind: conversation.WhatsAppID, Address: s, Key: key})
	case isParentUserID(s):
		addIdentity(p, conversation.Identity{Kind: conversation.ParentUserID, Address: s, Key: s})
	case isUserID(s):
		addIdentity(p, conversation.Identity{Kind: conversation.UserID, Address: s, Key: s})
	}
}

func addUsername(p *conversation.Person, username string) {
	username = strings.TrimPrefix(username, "@")
	if username != "" {
		addIdentity(p, conversation.Identity{Kind: conversation.Username, Address: username, Key: strings.ToLower(username)})
	}
}

func addIdentity(p *conversation.Person, id conversation.Identity) {
	for _, known := range p.Identities {
		if known.Kind == id.Kind && known.Key == id.Key {
			return
		}
	}
	p.Identities = append(p.Identities, id)
}

// matches reports whether a person has an identity by which it can be recognised.
func matches(p conversation.Person) bool {
	for _, id := range p.Identities {
		if id.Kind.Matches() {
			return true
		}
	}
	return false
}
