package automation

import (
	"context"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/postgres"
)

// setConsent writes down a wish that was found in a message.
func (v *visit) setConsent(ctx context.Context, e *conversation.Effect) error {
	if !v.holdContact {
		return errNeedsContact
	}
	changed, err := contacts.ChangeConsent(ctx, v.tx, contacts.Change{
		ConsentChange: *e.Consent, ContactID: v.row.ContactID, Channel: v.row.Channel, Actor: e.Event.Actor,
		ConversationID: v.row.ID, MessageID: e.Event.Data.MessageID, Key: v.row.ID + ":" + e.Key,
	}, v.now)
	if err != nil {
		return err
	}
	if !changed {
		e.Outcome = conversation.OutcomeAlready
		return nil
	}
	v.row.AppendEffect(e.Event, e.Key)
	return v.afterConsent(ctx, *e.Consent, e.Event.Data.MessageID)
}

// optByRule changes the consent as a rule says.
func (v *visit) optByRule(ctx context.Context, e *conversation.Effect, by conversation.Actor) error {
	if !v.holdContact {
		return errNeedsContact
	}
	change := conversation.ConsentChange{Scope: e.Action.Scope, State: conversation.ConsentOptedOut, Source: conversation.SourceRule, At: v.now, Confidence: 1}
	if e.Action.Do == conversation.ActOptIn {
		change.State = conversation.ConsentOptedIn
	}
	standing, err := contacts.Standing(ctx, v.tx, v.row.ContactID, v.row.Channel)
	if err != nil {
		return err
	}
	if standing.Of(change.Scope) == change.State {
		e.Outcome = conversation.OutcomeAlready
		return nil
	}
	_, err = contacts.ChangeConsent(ctx, v.tx, contacts.Change{
		ConsentChange: change, ContactID: v.row.ContactID, Channel: v.row.Channel, Actor: by, ConversationID: v.row.ID,
		Note: e.Action.Source, Key: v.row.ID + ":" + e.Key,
	}, v.now)
	if err != nil {
		return err
	}
	v.row.Append(conversation.Event{
		Kind: conversation.EventConsentChanged, Actor: by, At: v.now,
		Data: conversation.EventData{Consent: change.State, Scope: change.Scope, Source: change.Source},
	})
	return v.afterConsent(ctx, change, "")
}

// cancelUnwanted cancels what the contact does not want any more, after a wish that came by another way than a message: a
// provider's switch, a refused send, an agent.
func (v *visit) cancelUnwanted(ctx context.Context) error {
	for _, e := range v.events {
		if e.Kind != conversation.EventConsentChanged || e.Data.Consent != conversation.ConsentOptedOut {
			continue
		}
		if !v.holdContact {
			return errNeedsContact
		}
		if err := outbox.CancelOptedOut(ctx, v.tx, v.row, e.Data.Scope, v.now); err != nil {
			return err
		}
	}
	return nil
}

// afterConsent cancels what the contact does not want any more, and confirms a wish that came with a message.
func (v *visit) afterConsent(ctx context.Context, change conversation.ConsentChange, messageID string) error {
	if change.State != conversation.ConsentOptedOut {
		return nil
	}
	if err := outbox.CancelOptedOut(ctx, v.tx, v.row, change.Scope, v.now); err != nil {
		return err
	}
	if change.Scope != conversation.ScopeAll || messageID == "" {
		return nil
	}
	return v.confirm(ctx, messageID)
}

// confirm queues the one message that may follow an opt-out of all, if the admin wants it and it can be delivered.
func (v *visit) confirm(ctx context.Context, messageID string) error {
	language, err := contacts.Language(ctx, v.tx, v.row.ContactID)
	if err != nil {
		return err
	}
	text := v.set.OptOut().ConfirmationText(language)
	if text == "" || !v.row.Window(v.account.Settings.WindowMargin()).Open(v.now) || v.row.Blocked() {
		return nil
	}
	e := conversation.Effect{
		Key: "confirm:" + messageID, Text: text,
		Cause: &conversation.Cause{Seq: v.row.LastSeq, Trigger: string(conversation.EventConsentChanged), Version: v.set.Version(), Depth: 1},
	}
	return v.reply(ctx, &e, conversation.Actor{Kind: conversation.ActorSystem}, outbox.PurposeConfirmation)
}

// ask keeps the question whether a message is a wish to be left alone, for an agent to answer.
func (v *visit) ask(ctx context.Context, e conversation.Event) error {
	return postgres.Later(ctx, v.tx, "ask about consent", `INSERT INTO consent_questions (message_id, conversation_id, contact_id, scope, confidence, evidence, asked_at)
		VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		e.Data.MessageID, v.row.ID, v.row.ContactID, string(e.Data.Scope), e.Data.Confidence, e.Data.Evidence, v.now)
}
