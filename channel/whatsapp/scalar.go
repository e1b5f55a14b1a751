package whatsapp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// text is a string that Meta also writes as a number in some places: ids, timestamps, error codes. A number is kept digit
// by digit, never as a float.
type text string

// UnmarshalJSON takes a string, a number or null.
func (t *text) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"':
		if bytes.IndexByte(b, '\\') < 0 {
			*t = text(b[1 : len(b)-1])
			return nil
		}
		return json.Unmarshal(b, (*string)(t))
	case c == '-' || c >= '0' && c <= '9':
		*t = text(b)
		return nil
	case c == 'n':
		return nil
	default:
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[string]()}
	}
}

// decimal is a number that Meta also writes as a string in some places.
type decimal float64

// UnmarshalJSON takes a number, a string that holds one, or null.
func (d *decimal) UnmarshalJSON(b []byte) error {
	var t text
	if err := t.UnmarshalJSON(b); err != nil {
		return err
	}
	if t == "" {
		return nil
	}
	f, err := strconv.ParseFloat(string(t), 64)
	if err != nil {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[float64]()}
	}
	*d = decimal(f)
	return nil
}

// lastSecond is the end of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// unix returns the time of a timestamp in Unix seconds; ok is false if it is none.
func unix(t text) (at time.Time, ok bool) {
	seconds, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil || seconds <= 0 || seconds > lastSecond {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0).UTC(), true
}

// hexDigest returns a SHA-256 in lower-case hexadecimal. Webhooks carry it in base64, the media endpoint in hexadecimal;
// anything else is dropped.
func hexDigest(s string) string {
	const size = 32
	if sum, err := base64.StdEncoding.DecodeString(s); err == nil && len(sum) == size {
		return hex.EncodeToString(sum)
	}
	if sum, err := hex.DecodeString(s); err == nil && len(sum) == size {
		return hex.EncodeToString(sum)
	}
	return ""
}

// decode decodes one part of a body. Its error names the field that is wrong and never its value: that would be a
// customer's word.
func decode(raw []byte, into any) error {
	err := json.Unmarshal(raw, into)
	if err == nil {
		return nil
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return fieldError(wrong.Field, "has a wrong type")
	}
	return errors.New("update has a wrong type")
}

// fieldError says what is wrong with a field.
func fieldError(field, what string) error { return fmt.Errorf("field %s %s", field, what) }

// shortCode returns s if it is a name as Meta uses them for types and fields, and "unknown" otherwise: such names are
// logged and counted, so they must not carry anything else.
func shortCode(s string) string {
	const longest = 64
	if s == "" || len(s) > longest {
		return "unknown"
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return "unknown"
		}
	}
	return s
}
