package whatsapp

import (
	"bytes"
	"encoding/json"
)

// The functions of this file walk JSON that is known to be valid (see clean) without decoding it, so that each update can
// be decoded alone, straight from the body. They return parts of what they are given.

// members calls visit for each member of the object b.
func members(b []byte, visit func(name, value []byte)) {
	i := skipSpace(b, 1)
	for b[i] != '}' {
		stop := endOfString(b, i)
		name := memberName(b[i:stop])
		i = skipSpace(b, skipSpace(b, stop)+1) // over the colon
		stop = endOfValue(b, i)
		visit(name, b[i:stop:stop])
		i = skipSpace(b, stop)
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

// elements calls visit for each element of the array b.
func elements(b []byte, visit func(i int, value []byte)) {
	i := skipSpace(b, 1)
	for n := 0; b[i] != ']'; n++ {
		stop := endOfValue(b, i)
		visit(n, b[i:stop:stop])
		i = skipSpace(b, stop)
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

// member returns the value of one member of the object b, nil if there is none.
func member(b []byte, name string) (found []byte) {
	members(b, func(n, value []byte) {
		if string(n) == name {
			found = value
		}
	})
	return found
}

func isObject(b []byte) bool { return len(b) > 0 && b[0] == '{' }

func isArray(b []byte) bool { return len(b) > 0 && b[0] == '[' }

// depthOf returns how deep b is nested.
func depthOf(b []byte) int {
	depth, _ := survey(b)
	return depth
}

// memberName returns the name in a quoted string. Names with escapes are rare: none of Meta's has one.
func memberName(quoted []byte) []byte {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') < 0 {
		return name
	}
	var decoded string
	if err := json.Unmarshal(quoted, &decoded); err != nil {
		return name // cannot happen in valid JSON; the raw name matches nothing
	}
	return []byte(decoded)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// endOfValue returns the index after the value that begins at b[i].
func endOfValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return endOfString(b, i)
	case '{', '[':
		return endOfNest(b, i)
	default:
		return endOfScalar(b, i)
	}
}

func endOfNest(b []byte, i int) int {
	for level := 0; ; i++ {
		switch b[i] {
		case '"':
			i = endOfString(b, i) - 1
		case '{', '[':
			level++
		case '}', ']':
			level--
			if level == 0 {
				return i + 1
			}
		}
	}
}

func endOfString(b []byte, i int) int {
	i++
	for {
		i += bytes.IndexByte(b[i:], '"')
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		i++
		if slashes%2 == 0 {
			return i
		}
	}
}

func endOfScalar(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}
