package whatsapp

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxDepth is the deepest nesting of an update that is understood. Real ones have less than 15 levels; PostgreSQL refuses
// jsonb of some thousand.
const maxDepth = 100

// maxNumber is the longest number kept as one, in bytes, and maxExponent the longest exponent in digits. PostgreSQL's
// numeric, in which jsonb keeps numbers, overflows beyond 131,072 digits.
const (
	maxNumber   = 100
	maxExponent = 2
)

// errNotJSON says that a body is no JSON text, or one nested beyond all reason (10,000 levels).
var errNotJSON = errors.New("body is not JSON")

// clean returns a private copy of body in which every string and number can be stored in PostgreSQL, as text and as
// jsonb: invalid UTF-8, NUL and lone surrogates become U+FFFD, endless numbers become strings. A body without them is
// copied and only looked at. It reports whether anything in it is nested deeper than maxDepth.
func clean(body []byte) (safe []byte, deep bool, err error) {
	if utf8.Valid(body) {
		safe = bytes.Clone(body)
	} else {
		safe = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	repairEscapes(safe)
	if !json.Valid(safe) {
		return nil, false, errNotJSON
	}
	depth, endless := survey(safe)
	if endless {
		safe = quoteNumbers(safe)
	}
	return safe, depth > maxDepth, nil
}

// repairEscapes overwrites \u0000 and escaped surrogates without their other half by \ufffd, which is as long.
func repairEscapes(b []byte) {
	for i := 0; ; {
		next := bytes.IndexByte(b[i:], '\\')
		if next < 0 || i+next+1 >= len(b) {
			return
		}
		i += next
		if b[i+1] != 'u' {
			i += 2
			continue
		}
		unit, ok := escaped(b, i)
		switch {
		case !ok:
			i += 2
			continue
		case unit >= 0xD800 && unit < 0xDC00:
			if low, ok := escaped(b, i+6); ok && low >= 0xDC00 && low < 0xE000 {
				i += 12
				continue
			}
			copy(b[i:], `\ufffd`)
		case unit == 0 || unit >= 0xDC00 && unit < 0xE000:
			copy(b[i:], `\ufffd`)
		}
		i += 6
	}
}

// escaped returns the UTF-16 code unit of the escape \uXXXX at b[i].
func escaped(b []byte, i int) (uint32, bool) {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	unit := uint32(0)
	for _, c := range b[i+2 : i+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint32(c)
	}
	return unit, true
}

// survey returns how deep b is nested and whether it has an endless number. b must be valid JSON.
func survey(b []byte) (depth int, endless bool) {
	level := 0
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			i = endOfString(b, i)
			continue
		case c == '{' || c == '[':
			level++
			depth = max(depth, level)
		case c == '}' || c == ']':
			level--
		case c == '-' || c >= '0' && c <= '9':
			stop := endOfScalar(b, i)
			endless = endless || isEndless(b[i:stop])
			i = stop
			continue
		}
		i++
	}
	return depth, endless
}

func isEndless(number []byte) bool {
	if len(number) > maxNumber {
		return true
	}
	e := bytes.IndexAny(number, "eE")
	return e >= 0 && len(bytes.TrimLeft(number[e+1:], "+-0")) > maxExponent
}

// quoteNumbers returns b with its endless numbers as strings.
func quoteNumbers(b []byte) []byte {
	quoted := make([]byte, 0, len(b)+64)
	for i := 0; i < len(b); {
		stop := i + 1
		switch c := b[i]; {
		case c == '"':
			stop = endOfString(b, i)
		case c == '-' || c >= '0' && c <= '9':
			stop = endOfScalar(b, i)
			if isEndless(b[i:stop]) {
				quoted = append(append(append(quoted, '"'), b[i:stop]...), '"')
				i = stop
				continue
			}
		}
		quoted = append(quoted, b[i:stop]...)
		i = stop
	}
	return quoted
}
