package whatsapp

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"guichet.dev/guichet/channel"
)

const businessAccount = "whatsapp_business_account"

var (
	errNotEnvelope   = errors.New("body is not a webhook envelope: it needs an object and an array of entries")
	errForeignObject = errors.New("field object is not whatsapp_business_account")
	errTooDeep       = errors.New("update is nested too deep")
)

// parser collects the updates of one body.
type parser struct {
	updates []channel.Update
	deep    bool // something in the body is nested deeper than maxDepth
}

// Parse returns all updates of a body, in the order of its entries and changes. An error means that the body is not an
// envelope at all. Body is neither changed nor kept.
func (a *Adapter) Parse(body []byte) ([]channel.Update, error) {
	b, deep, err := clean(body)
	if err != nil {
		return nil, err
	}
	b = b[skipSpace(b, 0):]
	if !isObject(b) {
		return nil, errNotEnvelope
	}
	var object, entries []byte
	members(b, func(name, value []byte) {
		switch string(name) {
		case "object":
			object = value
		case "entry":
			entries = value
		}
	})
	if object == nil || !isArray(entries) {
		return nil, errNotEnvelope
	}
	p := parser{deep: deep}
	foreign := string(object) != `"`+businessAccount+`"`
	elements(entries, func(i int, entry []byte) {
		path := "entry/" + strconv.Itoa(i)
		switch {
		case foreign:
			p.reject(path, "", "object", entry, errForeignObject)
		case !isObject(entry):
			p.reject(path, "", "entry", entry, fieldError("entry", "is not an object"))
		default:
			p.entry(path, entry)
		}
	})
	return p.updates, nil
}

func (p *parser) entry(path string, entry []byte) {
	var at time.Time
	var changes []byte
	members(entry, func(name, value []byte) {
		switch string(name) {
		case "time":
			var t text
			if t.UnmarshalJSON(value) == nil { // a time of a wrong type is no time
				at, _ = unix(t)
			}
		case "changes":
			changes = value
		}
	})
	if !isArray(changes) {
		p.reject(path, "", "entry", entry, fieldError("changes", "is not an array"))
		return
	}
	elements(changes, func(i int, raw []byte) {
		at := at
		path := path + "/changes/" + strconv.Itoa(i)
		if !isObject(raw) {
			p.reject(path, "", "changes", raw, fieldError("changes", "has an element that is not an object"))
			return
		}
		p.change(path, at, raw)
	})
}

// add appends an update. One that is nested too deep for jsonb is parked, with its text as a JSON string.
func (p *parser) add(u channel.Update) {
	if p.deep && depthOf(u.Raw) > maxDepth {
		u.Body, u.Err = nil, errTooDeep
		quoted, err := json.Marshal(string(u.Raw))
		if err != nil {
			quoted = []byte(`null`) // a string always marshals
		}
		u.Raw = quoted
	}
	p.updates = append(p.updates, u)
}

func (p *parser) reject(path, accountID, kind string, raw []byte, err error) {
	p.add(channel.Update{Path: path, AccountID: accountID, Kind: kind, Raw: raw, Err: err})
}
