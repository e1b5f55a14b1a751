package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"unicode/utf16"
	"unicode/utf8"
)

// KindStatuses is an update about messages that we sent; KindOther is one that
// is neither a message nor a status. With KindMessages they tell webhook faults
// what to match.
const (
	KindStatuses = "statuses"
	KindOther    = "other"
)

// update is one change that the business is told about.
type update struct {
	number   *Number
	field    string
	kind     string
	customer *Customer // whom it is about; may be nil
	value    map[string]any
	time     int64 // entry.time, for fields other than messages
}

// value begins the value of an update with what all have in common.
func (s *Server) value(n *Number) map[string]any {
	return map[string]any{
		"messaging_product": "whatsapp",
		"metadata":          map[string]any{"display_phone_number": n.Display, "phone_number_id": n.ID},
	}
}

// profile is the element of `contacts` for a customer.
func (s *Server) profile(c *Customer, username bool) map[string]any {
	profile := map[string]any{}
	if c.Name != "" {
		profile["name"] = c.Name
	}
	if c.Username != "" && username {
		profile["username"] = c.Username
	}
	contact := map[string]any{"profile": profile}
	if !c.HidesNumber {
		contact["wa_id"] = c.waID()
	}
	if !s.config.OmitUserIDs {
		contact["user_id"] = c.UserID
	}
	return contact
}

// envelope encodes updates as the body of one POST. Several updates use every
// way of grouping that Meta does: two entries, several changes and several
// messages or statuses in one value.
func envelope(updates []*update) ([]byte, error) {
	parts := [][]*update{updates}
	if len(updates) > 2 {
		parts = [][]*update{updates[:len(updates)/2], updates[len(updates)/2:]}
	}
	entries := []any{}
	for _, part := range parts {
		var changes []any
		var previous *update
		flush := func() {
			if previous != nil {
				changes = append(changes, map[string]any{"field": previous.field, "value": previous.value})
			}
		}
		for _, u := range part {
			if previous != nil && u.field == "messages" && u.field == previous.field && u.number == previous.number {
				previous = merge(previous, u)
				continue
			}
			flush()
			previous = u
		}
		flush()
		entry := map[string]any{"id": part[0].number.WABAID, "changes": changes}
		if part[0].time != 0 {
			entry["time"] = part[0].time
		}
		entries = append(entries, entry)
	}
	return encode(map[string]any{"object": "whatsapp_business_account", "entry": entries})
}

// merge puts two updates of the messages field into one value.
func merge(a, b *update) *update {
	value := maps.Clone(a.value)
	for _, key := range []string{"contacts", "messages", "statuses", "errors"} {
		left, _ := value[key].([]any)
		right, _ := b.value[key].([]any)
		if len(left)+len(right) > 0 {
			value[key] = append(append([]any{}, left...), right...)
		}
	}
	return &update{number: a.number, field: a.field, kind: a.kind, customer: a.customer, value: value}
}

// encode writes JSON as Meta does: non-ASCII characters and slashes are escaped,
// so that a receiver which signs a re-encoded body does not match.
func encode(value any) ([]byte, error) {
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode webhook: %w", err)
	}
	source := bytes.TrimRight(plain.Bytes(), "\n")
	escaped := make([]byte, 0, len(source)+len(source)/8)
	for len(source) > 0 {
		r, size := utf8.DecodeRune(source)
		switch {
		case r == '/':
			escaped = append(escaped, '\\', '/')
		case r < utf8.RuneSelf:
			escaped = append(escaped, byte(r))
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				escaped = fmt.Appendf(escaped, `\u%04x`, unit)
			}
		}
		source = source[size:]
	}
	return escaped, nil
}
