package conversation

import (
	"errors"
	"fmt"
)

// Code names a reason for which something cannot be done. Codes are part of the API: they never change their meaning.
type Code string

// The one error vocabulary. Anything without a code is an internal error, whose text is logged and never shown.
const (
	CodeInvalid       Code = "invalid"        // the request itself is wrong; Field says where
	CodeUnauthorised  Code = "unauthorised"   // nobody is logged in, or the token is unknown
	CodeForbidden     Code = "forbidden"      // the caller lacks the permission
	CodeNotFound      Code = "not_found"      // no such thing, or the caller may not know of it
	CodeConflict      Code = "conflict"       // somebody was faster, or the thing is in another state
	CodeStale         Code = "stale"          // the caller decided on an old view
	CodeWindowClosed  Code = "window_closed"  // the 24-hour window is closed: free text may not be sent
	CodeOptedOut      Code = "opted_out"      // the contact asked not to be contacted
	CodeBlocked       Code = "blocked"        // the contact is blocked on this account
	CodeAccountPaused Code = "account_paused" // an admin paused the account
	CodeAccountError  Code = "account_error"  // the account must be reconnected
	CodeUnexamined    Code = "unexamined"     // an inbound message has not yet been examined for opt-out
	CodeSuperseded    Code = "superseded"     // what an automatic send assumed no longer holds
	CodeUnsupported   Code = "unsupported"    // the channel cannot do this
	CodeNoAddress     Code = "no_address"     // no address is known at which this contact can be reached
	CodeRateLimited   Code = "rate_limited"   // too many requests; Details say when to try again
	CodeUnavailable   Code = "unavailable"    // a dependency does not answer; try again
	CodeInternal      Code = "internal"       // our fault
)

// Error is an expected refusal.
type Error struct {
	Code    Code
	Message string // one sentence for a person, without customers' words or addresses
	Field   string // the field of the request that is wrong, in dotted form; empty if none
	Details map[string]any
}

func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("%s: %s (%s)", e.Code, e.Message, e.Field)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Errorf returns an Error with the given code and a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid returns the error for one wrong field of a request; the message says what is allowed.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first Error in err's chain, CodeInternal for any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
