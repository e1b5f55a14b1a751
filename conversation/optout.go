package conversation

import "fmt"

// tellFinding adds what follows from what a received message says about being contacted. What is sure changes the consent at
// once; what is not is a question to the agents.
func tellFinding(e InputEvent, d *Decision) {
	found := e.Finding
	outcome := Outcome{Step: "opt_out", Seq: e.Seq, Result: "none"}
	cause := &Cause{Seq: e.Seq, Trigger: string(EventMessageReceived)}
	data := EventData{
		MessageID: e.Data.MessageID, Consent: found.State, Scope: found.Scope, Source: found.Source, Confidence: found.Confidence, Evidence: found.Evidence,
	}
	switch {
	case !found.Found():
	case found.Ask:
		outcome.Result = fmt.Sprintf("asked:%s:%.2f", found.Source, found.Confidence)
		d.Effects = append(d.Effects, Effect{
			Kind: EffectEvent, Key: "consent_question:" + e.Data.MessageID,
			Event: Event{Kind: EventConsentAsked, Actor: Actor{Kind: ActorSystem}, At: e.At, Cause: cause, Data: data},
		})
	default:
		outcome.Result = string(found.State)
		change := &ConsentChange{Scope: found.Scope, State: found.State, Source: found.Source, At: e.At, Confidence: found.Confidence, Evidence: found.Evidence}
		d.Effects = append(d.Effects, Effect{
			Kind: EffectSetConsent, Key: "consent:" + e.Data.MessageID, Consent: change,
			Event: Event{Kind: EventConsentChanged, Actor: Actor{Kind: ActorContact}, At: e.At, Cause: cause, Data: data},
		})
	}
	d.Outcomes = append(d.Outcomes, outcome)
}
