package whatsapp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// reader fills the parts of an update member by member and keeps the first error. The hot types (message, contact,
// status) are read with it, because encoding/json would check the whole text once more for each of them; rare parts are
// left to encoding/json.
type reader struct{ err error }

// text reads a string, or a number digit by digit.
func (r *reader) text(name string, raw []byte, into *text) {
	if !into.read(raw) {
		r.fail(fieldError(name, "has a wrong type"))
	}
}

// member is text for a member that is called as the field is.
func (r *reader) member(name, raw []byte, into *text) {
	if !into.read(raw) {
		r.fail(fieldError(string(name), "has a wrong type"))
	}
}

// words is text for a string of the customer's.
func (r *reader) words(name string, raw []byte, into *string) {
	r.text(name, raw, (*text)(into))
}

// part reads anything else.
func (r *reader) part(name string, raw []byte, into any) {
	if err := decode(raw, into); err != nil {
		var inner *malformed
		if errors.As(err, &inner) && inner.field != "" {
			name += "." + inner.field
		}
		r.fail(fieldError(name, "has a wrong type"))
	}
}

// object walks an object; null counts as an empty one.
func (r *reader) object(name string, raw []byte, visit func(name, value []byte)) {
	switch {
	case isObject(raw):
		members(raw, visit)
	case !bytes.Equal(raw, []byte("null")):
		r.fail(fieldError(name, "is not an object"))
	}
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// malformed says which field of an update is wrong, and never its value: that would be a customer's word.
type malformed struct{ field, what string }

func (e *malformed) Error() string {
	if e.field == "" {
		return "update " + e.what
	}
	return fmt.Sprintf("field %s %s", e.field, e.what)
}

func fieldError(field, what string) error { return &malformed{field, what} }

// decode decodes one part of a body with encoding/json.
func decode(raw []byte, into any) error {
	err := json.Unmarshal(raw, into)
	if err == nil {
		return nil
	}
	var ours *malformed
	if errors.As(err, &ours) {
		return ours
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fieldError(wrong.Field, "has a wrong type")
	}
	return fieldError("", "cannot be decoded")
}
