package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/workflows"
	"guichet.dev/guichet/workflows/recordtest"
)

const (
	conversationID = "01890a5d-ac96-774b-bcce-b302099a8057"
	patience       = 30 * time.Second
)

var workflowID = workflows.ID(1, conversationID)

// stage is a record with its workflow. Its first error ends the story.
type stage struct {
	*recordtest.Record
	ctx       context.Context
	client    client.Client
	firstRuns []string // those that do not continue another
	err       error
}

// wake writes down an event and signals it. It returns the event's seq.
func (s *stage) wake() int64 {
	seq := s.Event()
	if s.err != nil {
		return seq
	}
	options := client.StartWorkflowOptions{TaskQueue: workflows.TaskQueue, StaticSummary: "Conversation " + conversationID}
	run, err := s.client.SignalWithStartWorkflow(s.ctx, workflowID, workflows.WakeSignal, workflows.Wake{UpToSeq: seq},
		options, workflows.Conversation, workflows.Input{ConversationID: conversationID, Epoch: 1})
	if err != nil {
		s.err = err
		return seq
	}
	s.note(run.GetRunID())
	return seq
}

// note remembers the run if it does not continue another.
func (s *stage) note(run string) {
	if slices.Contains(s.firstRuns, run) {
		return
	}
	events := s.client.GetWorkflowHistory(s.ctx, workflowID, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := events.Next()
	if err != nil {
		s.err = err
		return
	}
	if first.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId() == "" {
		s.firstRuns = append(s.firstRuns, run)
	}
}

// said writes down an event and waits until it is applied.
func (s *stage) said() {
	seq := s.wake()
	s.until("the event was applied", func() bool { return s.Tally().AppliedSeq >= seq })
}

// quiet waits until every message was worked off.
func (s *stage) quiet() {
	s.until("the messages were sent", func() bool { return s.Tally().Waiting == 0 })
}

// done closes the conversation and waits until the workflow ended.
func (s *stage) done() {
	s.SetStatus(conversation.StatusDone)
	s.NoDeadline("window_closed")
	s.said()
	s.until("the workflow ended", func() bool { return !s.running() })
}

func (s *stage) running() bool {
	found, err := s.client.DescribeWorkflowExecution(s.ctx, workflowID, "")
	if err != nil {
		s.err = err
		return false
	}
	return found.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// until waits for a condition.
func (s *stage) until(what string, condition func() bool) {
	for deadline := time.Now().Add(patience); s.err == nil && !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.err = errors.New("not in time: " + what)
		}
	}
}
