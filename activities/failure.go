package activities

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"guichet.dev/guichet/conversation"
)

// failure translates what an activity ended with into what Temporal keeps. Histories outlive an erased person, so nothing
// of the error's own text passes: the failure's type is the code and its message a fixed sentence around it. The same
// holds for a panic, whose value Temporal would keep. What helps to find the fault is logged, again without texts: SQL
// errors quote values, and errors of providers quote messages.
func failure(ctx context.Context, conversationID string, panicked any, err error) error {
	if panicked == nil && err == nil {
		return nil
	}
	code := codeOf(err)
	if panicked != nil {
		code = conversation.CodeInternal
	}
	name := activity.GetInfo(ctx).ActivityType.Name
	attributes := []any{"conversation_id", conversationID, "code", string(code)}
	switch {
	case panicked != nil:
		// A trace holds names and addresses, no values.
		attributes = append(attributes, "error_type", fmt.Sprintf("%T", panicked), "trace", string(debug.Stack()))
	default:
		attributes = append(attributes, "error_type", fmt.Sprintf("%T", root(err)))
		if state := sqlState(err); state != "" {
			attributes = append(attributes, "sqlstate", state)
		}
	}
	activity.GetLogger(ctx).Warn(name+" did not succeed", attributes...)

	category := temporal.ApplicationErrorCategoryUnspecified
	if benign(code) {
		category = temporal.ApplicationErrorCategoryBenign
	}
	return temporal.NewApplicationErrorWithOptions(name+" did not succeed: "+string(code), string(code),
		temporal.ApplicationErrorOptions{NonRetryable: final(code), Category: category})
}

// codeOf counts a call that ran out of time or was stopped as a dependency that does not answer.
func codeOf(err error) conversation.Code {
	code := conversation.CodeOf(err)
	if code == conversation.CodeInternal && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return conversation.CodeUnavailable
	}
	return code
}

// final reports whether trying again cannot help.
func final(code conversation.Code) bool {
	switch code {
	case conversation.CodeNotFound, conversation.CodeInvalid, conversation.CodeForbidden, conversation.CodeUnauthorised,
		conversation.CodeUnsupported:
		return true
	default:
		return false
	}
}

// benign reports whether the code is part of normal work, so that it counts as no failure in metrics.
func benign(code conversation.Code) bool {
	return code == conversation.CodeNotFound || code == conversation.CodeConflict || code == conversation.CodeStale
}

// root returns the innermost error of a chain.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// sqlState returns the five-character code of a database error in the chain, "" if there is none.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}
