package automation

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/postgres"
)

// Question asks an agent whether a message is a wish to be left alone.
type Question struct {
	MessageID  string                    `json:"message_id"`
	Scope      conversation.ConsentScope `json:"scope" doc:"What it may be about" enum:"all,marketing"`
	Confidence float64                   `json:"confidence" doc:"How likely it is, 0 to 1"`
	AskedAt    time.Time                 `json:"asked_at"`
	Answer     Answer                    `json:"answer,omitempty" enum:"all,marketing,no"`
	AnsweredAt *time.Time                `json:"answered_at,omitempty"`
	AnsweredBy *conversation.Actor       `json:"answered_by,omitempty"`
}

// Answer is what an agent says of a question.
type Answer string

// The answers.
const (
	AnswerAll       Answer = "all"       // they want no more messages
	AnswerMarketing Answer = "marketing" // they want no more advertising
	AnswerNo        Answer = "no"        // they meant something else
)

// Answers lists all answers.
func Answers() []Answer { return []Answer{AnswerAll, AnswerMarketing, AnswerNo} }

// Questions returns the questions of a conversation, the open ones first, then the newest.
func (a *Automation) Questions(ctx context.Context, by conversation.Caller, id string) ([]Question, error) {
	row, err := a.desk().Read(ctx, by, id)
	if err != nil {
		return nil, err
	}
	list := []Question{}
	err = postgres.Rows(ctx, a.DB, func(found *sql.Rows) error {
		var (
			q      Question
			actor  conversation.Actor
			answer sql.NullString
			moment sql.NullTime
		)
		if err := found.Scan(&q.MessageID, &q.Scope, &q.Confidence, &q.AskedAt, &answer, &moment, &actor.Kind, &actor.ID); err != nil {
			return err
		}
		if moment.Valid {
			q.Answer, q.AnsweredAt, q.AnsweredBy = Answer(answer.String), &moment.Time, &actor
		}
		list = append(list, q)
		return nil
	}, `SELECT message_id, scope, confidence::float8, asked_at, answer, answered_at, actor_kind, actor_id FROM consent_questions
		WHERE conversation_id = $1::uuid ORDER BY answered_at IS NOT NULL, asked_at DESC, message_id LIMIT 100`, row.ID)
	if err != nil {
		return nil, fmt.Errorf("read questions about consent: %w", err)
	}
	return list, nil
}

// Answer says what a message meant. If it was a wish, it holds from when the message was written. A question that was answered
// stays so: conflict.
func (a *Automation) Answer(ctx context.Context, by conversation.Caller, id, messageID string, answer Answer) error {
	if !postgres.IsID(messageID) {
		return noQuestion()
	}
	return a.desk().Command(ctx, by, id, contacts.LockOne, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		var at time.Time
		err := postgres.Raw(tx).QueryRowContext(ctx, `UPDATE consent_questions q SET answer = $3, answered_at = $4, actor_kind = $5, actor_id = $6
			FROM messages m WHERE q.message_id = $2::uuid AND q.conversation_id = $1::uuid AND q.answered_at IS NULL AND m.id = q.message_id RETURNING m.at`,
			row.ID, messageID, string(answer), a.Now(), string(by.Kind), by.ID).Scan(&at)
		if postgres.IsNotFound(err) {
			return noQuestion()
		}
		if err != nil {
			return fmt.Errorf("answer question about consent: %w", err)
		}
		row.Append(conversation.Event{
			Kind: conversation.EventConsentAnswered, Actor: by.Actor, At: a.Now(), Data: conversation.EventData{MessageID: messageID, Code: string(answer)},
		})
		if answer == AnswerNo {
			return nil
		}
		return a.optOutAsAnswered(ctx, tx, row, by.Actor, messageID, conversation.ConsentScope(answer), at)
	})
}

func noQuestion() error {
	return conversation.Errorf(conversation.CodeNotFound, "there is no open question about this message")
}

func (a *Automation) optOutAsAnswered(ctx context.Context, tx bun.Tx, row *ledger.Row, by conversation.Actor, messageID string, scope conversation.ConsentScope, at time.Time) error {
	now := a.Now()
	change := conversation.ConsentChange{Scope: scope, State: conversation.ConsentOptedOut, Source: conversation.SourceAnswer, At: at}
	_, err := contacts.ChangeConsent(ctx, tx, contacts.Change{
		ConsentChange: change, ContactID: row.ContactID, Channel: row.Channel, Actor: by, ConversationID: row.ID, MessageID: messageID,
	}, now)
	if err != nil {
		return err
	}
	row.Append(conversation.Event{
		Kind: conversation.EventConsentChanged, Actor: by, At: now,
		Data: conversation.EventData{MessageID: messageID, Consent: change.State, Scope: scope, Source: change.Source},
	})
	return outbox.CancelOptedOut(ctx, tx, row, scope, now)
}
