package activities_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/conversation"
)

// canary stands for what a customer wrote.
const canary = "my number is 0712345678"

type databaseError struct{}

func (databaseError) Error() string    { return "duplicate key: (text)=(" + canary + ")" }
func (databaseError) SQLState() string { return "23505" }

// doer does what its function does.
type doer func() error

func (d doer) Advance(context.Context, string) (conversation.Advanced, error) {
	return conversation.Advanced{}, d()
}

func (d doer) SendNext(context.Context, string) (conversation.SendResult, error) {
	return conversation.SendResult{}, d()
}

func TestFailuresKeepNoWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		do       doer
		code     conversation.Code
		final    bool
		benign   bool
		inTheLog string
	}{
		{"plain error", func() error { return errors.New(canary) }, conversation.CodeInternal, false, false, "errorString"},
		{"wrapped database error", func() error { return fmt.Errorf("%s: %w", canary, databaseError{}) }, conversation.CodeInternal, false, false, "23505"},
		{"gone", func() error { return conversation.Errorf(conversation.CodeNotFound, canary) }, conversation.CodeNotFound, true, true, "not_found"},
		{"conflict", func() error { return conversation.Errorf(conversation.CodeConflict, canary) }, conversation.CodeConflict, false, true, "conflict"},
		{"invalid", func() error { return conversation.Invalid("text", canary) }, conversation.CodeInvalid, true, false, "invalid"},
		{"out of time", func() error { return fmt.Errorf("%s: %w", canary, context.DeadlineExceeded) }, conversation.CodeUnavailable, false, false, "unavailable"},
		{"panic", func() error { panic(canary) }, conversation.CodeInternal, false, false, "string"},
		{"panic with an error", func() error { panic(errors.New(canary)) }, conversation.CodeInternal, false, false, "errorString"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var lines bytes.Buffer
			var suite testsuite.WorkflowTestSuite
			suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewJSONHandler(&lines, nil))))
			env := suite.NewTestActivityEnvironment()
			set := activities.New(test.do, test.do)
			env.RegisterActivity(set)
			for name, call := range map[string]func() error{
				"Advance": func() error {
					_, err := env.ExecuteActivity(set.Advance, activities.AdvanceInput{ConversationID: "c1"})
					return err
				},
				"Send": func() error {
					_, err := env.ExecuteActivity(set.Send, activities.SendInput{ConversationID: "c1"})
					return err
				},
			} {
				lines.Reset()
				err := call()
				var got *temporal.ApplicationError
				if !errors.As(err, &got) {
					t.Fatalf("%s: got %v", name, err)
				}
				if got.Type() != string(test.code) || got.NonRetryable() != test.final {
					t.Errorf("%s: got code %s, final %v", name, got.Type(), got.NonRetryable())
				}
				if benign := got.Category() == temporal.ApplicationErrorCategoryBenign; benign != test.benign {
					t.Errorf("%s: benign is %v", name, benign)
				}
				if strings.Contains(fmt.Sprintf("%+v", err), canary) {
					t.Errorf("%s: the failure quotes the customer", name)
				}
				if strings.Contains(lines.String(), canary) {
					t.Errorf("%s: the log quotes the customer", name)
				}
				if !strings.Contains(lines.String(), test.inTheLog) || !strings.Contains(lines.String(), `"conversation_id":"c1"`) {
					t.Errorf("%s: the log does not say %q: %s", name, test.inTheLog, lines.String())
				}
			}
		})
	}
}

// waiter checks the context that a send gets.
type waiter struct {
	doer
	cancel context.CancelFunc
}

func (w waiter) SendNext(ctx context.Context, _ string) (conversation.SendResult, error) {
	w.cancel()
	if _, bounded := ctx.Deadline(); !bounded {
		return conversation.SendResult{}, errors.New("a send may take for ever")
	}
	return conversation.SendResult{Outcome: conversation.OutcomeSent}, ctx.Err()
}

func TestSendIsNotBrokenOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	a := activities.New(doer(nil), waiter{cancel: cancel})
	env.RegisterActivity(a)
	value, err := env.ExecuteActivity(a.Send, activities.SendInput{ConversationID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	var result conversation.SendResult
	if err := value.Get(&result); err != nil || result.Outcome != conversation.OutcomeSent {
		t.Errorf("%+v %v", result, err)
	}
}

// limited lets a message go after its waits.
type limited struct {
	doer
	waits []time.Duration
	asked int
}

func (l *limited) SendNext(context.Context, string) (conversation.SendResult, error) {
	l.asked++
	if l.asked > len(l.waits) {
		return conversation.SendResult{Outcome: conversation.OutcomeSent}, nil
	}
	return conversation.SendResult{Outcome: conversation.OutcomeWait, Wait: l.waits[l.asked-1]}, nil
}

// TestShortWaitsAreSatOut has limits that let a message go soon, so that the workflow need not wait, or later.
func TestShortWaitsAreSatOut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		waits []time.Duration
		want  conversation.SendOutcome
		asked int
	}{
		{"soon", []time.Duration{time.Millisecond}, conversation.OutcomeSent, 2},
		{"others were faster", []time.Duration{time.Millisecond, time.Millisecond}, conversation.OutcomeWait, 2},
		{"later", []time.Duration{6 * time.Second}, conversation.OutcomeWait, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
			sender := &limited{waits: test.waits}
			a := activities.New(doer(nil), sender)
			env.RegisterActivity(a)
			value, err := env.ExecuteActivity(a.Send, activities.SendInput{ConversationID: "c"})
			if err != nil {
				t.Fatal(err)
			}
			var result conversation.SendResult
			if err := value.Get(&result); err != nil || result.Outcome != test.want || sender.asked != test.asked {
				t.Errorf("%+v %v after %d tries", result, err, sender.asked)
			}
		})
	}
}
