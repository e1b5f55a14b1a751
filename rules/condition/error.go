package condition

import (
	"fmt"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
)

// Error says what is wrong with a condition, and where. It unwraps to a conversation.Error of CodeInvalid whose Details are
// line, column and hint. Its texts quote the admin's own words only, never a customer's.
type Error struct {
	Line    int    `json:"line"`           // from 1
	Column  int    `json:"column"`         // from 1, in characters (runes)
	Message string `json:"message"`        // one sentence
	Hint    string `json:"hint,omitempty"` // what to write instead; empty if there is nothing to propose
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s (%s)", e.Line, e.Column, e.Message, e.Hint)
}

func (e *Error) Unwrap() error { return e.Refusal("condition") }

// Refusal returns the error of a request whose field holds the condition.
func (e *Error) Refusal(field string) *conversation.Error {
	refusal := conversation.Invalid(field, "%s", e.Error())
	refusal.Details = map[string]any{"line": e.Line, "column": e.Column}
	if e.Hint != "" {
		refusal.Details["hint"] = e.Hint
	}
	return refusal
}

// errorAt returns an error at an offset in runes; one behind the end is at the end.
func errorAt(source string, offset int, message, hint string) *Error {
	e := &Error{Line: 1, Column: 1, Message: message, Hint: hint}
	for _, r := range source {
		if offset <= 0 {
			break
		}
		offset--
		if r == '\n' {
			e.Line, e.Column = e.Line+1, 1
		} else {
			e.Column++
		}
	}
	return e
}

// quoted returns a piece of the admin's text in quotes, cut if it is long.
func quoted(s string) string {
	const longest = 40
	if utf8.RuneCountInString(s) > longest {
		s = string([]rune(s)[:longest]) + "…"
	}
	return `"` + s + `"`
}
