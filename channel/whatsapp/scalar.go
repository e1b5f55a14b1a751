package whatsapp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// text is a string that Meta also writes as a number in some places: ids, timestamps, error codes. A number is kept digit
// by digit, never as a float.
type text string

// UnmarshalJSON takes a string, a number or null.
func (t *text) UnmarshalJSON(b []byte) error {
	if !t.read(b) {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[string]()}
	}
	return nil
}

// read is UnmarshalJSON; it reports whether b is of a right type.
func (t *text) read(b []byte) bool {
	switch c := b[0]; {
	case c == '"':
		*t = text(unquote(b))
	case c == '-' || c >= '0' && c <= '9':
		*t = text(b)
	default:
		return c == 'n'
	}
	return true
}

// unquote returns the string in a JSON string that clean has seen: its escapes are valid and surrogates come in pairs.
// Meta escapes everything beyond ASCII, so this is no rare case.
func unquote(b []byte) string {
	b = b[1 : len(b)-1]
	next := bytes.IndexByte(b, '\\')
	if next < 0 {
		return string(b)
	}
	plain := make([]byte, 0, len(b))
	for next >= 0 {
		plain = append(plain, b[:next]...)
		if b[next+1] != 'u' {
			plain = append(plain, unescape[b[next+1]])
			b = b[next+2:]
		} else {
			unit, _ := escaped(b, next)
			r, size := rune(unit), 6
			if utf16.IsSurrogate(r) {
				low, _ := escaped(b, next+6)
				r, size = utf16.DecodeRune(r, rune(low)), 12
			}
			plain = utf8.AppendRune(plain, r)
			b = b[next+size:]
		}
		next = bytes.IndexByte(b, '\\')
	}
	return string(append(plain, b...))
}

// unescape holds what stands for each letter after a backslash (RFC 8259, 7).
var unescape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

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
