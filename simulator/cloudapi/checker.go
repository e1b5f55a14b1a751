package cloudapi

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// node is one JSON object with its place in the body, for error details.
type node struct {
	path   string
	fields map[string]any
}

func (n node) at(key string) string {
	if n.path == "" {
		return key
	}
	return n.path + "['" + key + "']"
}

// checker collects the first fault of a body. After it every method returns the
// zero value, so that a check reads as a list of rules.
//
// A missing parameter is 131008, a wrong JSON type is 100; the code of a value
// outside its limits is the checker's own, because Meta answers 100 for plain
// messages and 131009 for interactive ones.
type checker struct {
	err   *Error
	limit int
	media []MediaUse // uploads that the body refers to
}

func (c *checker) fail(code int, format string, args ...any) {
	if c.err == nil {
		c.err = NewError(code, format, args...)
	}
}

func (c *checker) value(n node, key string, required bool) (any, bool) {
	if c.err != nil {
		return nil, false
	}
	value, ok := n.fields[key]
	if !ok || value == nil {
		if required {
			c.fail(CodeMissing, "The parameter %s is required.", n.at(key))
		}
		return nil, false
	}
	return value, true
}

// str returns a string of min to max characters; an absent optional one is "".
// A max of 0 means no limit.
func (c *checker) str(n node, key string, required bool, max int) string {
	value, ok := c.value(n, key, required)
	if !ok {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		c.fail(CodeParameter, "Param %s must be a string.", n.at(key))
		return ""
	}
	if required && strings.TrimSpace(text) == "" {
		c.fail(c.limit, "Param %s must be at least 1 character long.", n.at(key))
	}
	if max > 0 && utf8.RuneCountInString(text) > max {
		c.fail(c.limit, "Param %s must be at most %d characters long.", n.at(key), max)
	}
	return text
}

func (c *checker) oneOf(n node, key string, required bool, allowed ...string) string {
	text := c.str(n, key, required, 0)
	if c.err == nil && text != "" && !slices.Contains(allowed, text) {
		c.fail(CodeParameter, "Param %s must be one of {%s}.", n.at(key), strings.Join(allowed, ", "))
	}
	return text
}

func (c *checker) boolean(n node, key string) bool {
	value, ok := c.value(n, key, false)
	if !ok {
		return false
	}
	flag, ok := value.(bool)
	if !ok {
		c.fail(CodeParameter, "Param %s must be a boolean.", n.at(key))
	}
	return flag
}

// number accepts a JSON number or a string of one, as Graph does.
func (c *checker) number(n node, key string, low, high float64) {
	value, ok := c.value(n, key, true)
	if !ok {
		return
	}
	number, isNumber := value.(json.Number)
	if text, isText := value.(string); isText {
		number, isNumber = json.Number(text), true
	}
	parsed, err := number.Float64()
	if !isNumber || err != nil {
		c.fail(CodeParameter, "Param %s must be a number.", n.at(key))
		return
	}
	if !(parsed >= low && parsed <= high) {
		c.fail(CodeInvalid, "Param %s must be between %g and %g.", n.at(key), low, high)
	}
}

func (c *checker) object(n node, key string, required bool) (node, bool) {
	value, ok := c.value(n, key, required)
	if !ok {
		return node{}, false
	}
	fields, ok := value.(map[string]any)
	if !ok {
		c.fail(CodeParameter, "Param %s must be a JSON object.", n.at(key))
		return node{}, false
	}
	return node{path: n.at(key), fields: fields}, true
}

// objects returns the elements of an array of objects with min to max elements.
func (c *checker) objects(n node, key string, min, max int) []node {
	value, ok := c.value(n, key, min > 0)
	if !ok {
		return nil
	}
	array, ok := value.([]any)
	if !ok {
		c.fail(CodeParameter, "Param %s must be an array.", n.at(key))
		return nil
	}
	if len(array) < min || len(array) > max {
		c.fail(CodeInvalid, "Param %s must have %d to %d elements.", n.at(key), min, max)
		return nil
	}
	nodes := make([]node, 0, len(array))
	for _, element := range array {
		fields, ok := element.(map[string]any)
		if !ok {
			c.fail(CodeParameter, "Param %s must be an array of JSON objects.", n.at(key))
			return nil
		}
		nodes = append(nodes, node{path: n.at(key) + "[]", fields: fields})
	}
	return nodes
}
