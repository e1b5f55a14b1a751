package optout

import (
	"fmt"
	"maps"
	"slices"

	"guichet.dev/guichet/conversation"
)

// Button is one of ours that stands for a wish: what it says on it does not matter.
type Button struct {
	ID    string                    `json:"id" yaml:"id" minLength:"1" maxLength:"256" doc:"The id or payload that the button was given"`
	Scope conversation.ConsentScope `json:"scope" yaml:"scope" enum:"all,marketing"`
	State conversation.ConsentState `json:"state" yaml:"state" enum:"opted_out,opted_in"`
}

// Policy is what an admin decides about wishes to be left alone.
type Policy struct {
	// Words replaces the keywords of the languages in it; others keep the default.
	Words   map[string]Words `json:"words,omitempty" yaml:"words,omitempty" doc:"Keywords by language; a language that is left out has the built-in ones"`
	Buttons []Button         `json:"buttons,omitempty" yaml:"buttons,omitempty" doc:"Buttons that opt out or in"`
	// IntentOff switches the classifier off.
	IntentOff bool `json:"intent_off,omitempty" yaml:"intent_off,omitempty" doc:"Looks for keywords and buttons only, and not for wishes in the customer's own words"`
	// ConfirmationOff sends nothing after an opt-out.
	ConfirmationOff bool `json:"confirmation_off,omitempty" yaml:"confirmation_off,omitempty" doc:"Sends no confirmation of an opt-out"`
	// Confirmation replaces the texts of the confirmation by language.
	Confirmation map[string]string `json:"confirmation,omitempty" yaml:"confirmation,omitempty" doc:"Texts of the confirmation by language; a language that is left out has the built-in one"`
}

// Limits of the settings.
const (
	maxWords        = 500 // of all lists of a language
	maxButtons      = 100
	maxConfirmation = 1000 // bytes
)

// Classifier understands a message in the customer's own words. It must be quick (below a millisecond), pure, and return the
// same for the same text.
type Classifier interface {
	// Name is the classifier with its version.
	Name() string
	// Classify returns how likely, from 0 to 1, a message asks for no more messages at all, and for no more advertising.
	Classify(text string) (all, marketing float64)
	// Thresholds are the likelihood from which a wish is certain, and the one from which an agent should be asked.
	Thresholds() (certain, ask float64)
}

// Detector finds wishes to be left alone, and to be written to again. It may be used concurrently.
type Detector struct {
	words      map[string]wish
	buttons    map[string]wish
	classifier Classifier // nil: none
}

// New returns a detector. The classifier may be nil. The error is the first of the policy's faults.
func New(s Policy, classifier Classifier) (*Detector, error) {
	d, faults := build(s)
	if len(faults) > 0 {
		return nil, faults[0]
	}
	if !s.IntentOff {
		d.classifier = classifier
	}
	return d, nil
}

// Faults returns everything for which New would refuse a policy.
func (s Policy) Faults() conversation.Faults {
	_, faults := build(s)
	return faults
}

func build(s Policy) (*Detector, conversation.Faults) {
	var faults conversation.Faults
	languages := DefaultWords()
	for _, language := range slices.Sorted(maps.Keys(s.Words)) {
		list := s.Words[language]
		if _, known := languages[language]; !known {
			faults.Add("words."+language, "must be one of %v", slices.Sorted(maps.Keys(languages)))
			continue
		}
		if len(list.Stop)+len(list.StopMarketing)+len(list.Start) > maxWords {
			faults.Add("words."+language, "must have at most %d keywords", maxWords)
			continue
		}
		languages[language] = list
	}
	d := &Detector{words: phrases(languages, &faults), buttons: s.buttons(&faults)}
	s.checkConfirmation(&faults)
	return d, faults
}

func (s Policy) buttons(faults *conversation.Faults) map[string]wish {
	if len(s.Buttons) > maxButtons {
		faults.Add("buttons", "must be at most %d", maxButtons)
		return nil
	}
	buttons := make(map[string]wish, len(s.Buttons))
	for i, b := range s.Buttons {
		if b.ID == "" {
			faults.Add(fmt.Sprintf("buttons[%d].id", i), "must not be empty")
		}
		if b.Scope != conversation.ScopeAll && b.Scope != conversation.ScopeMarketing {
			faults.Add(fmt.Sprintf("buttons[%d].scope", i), "must be all or marketing")
		}
		if b.State != conversation.ConsentOptedOut && b.State != conversation.ConsentOptedIn {
			faults.Add(fmt.Sprintf("buttons[%d].state", i), "must be opted_out or opted_in")
		}
		buttons[b.ID] = wish{b.State, b.Scope}
	}
	return buttons
}

func (s Policy) checkConfirmation(faults *conversation.Faults) {
	for _, language := range slices.Sorted(maps.Keys(s.Confirmation)) {
		if text := s.Confirmation[language]; text == "" || len(text) > maxConfirmation {
			faults.Add("confirmation."+language, "must have 1 to %d bytes", maxConfirmation)
		}
	}
}

// Examine returns what a message says about being contacted.
func (d *Detector) Examine(c conversation.Content) conversation.Finding {
	switch c.Kind {
	case conversation.KindChoice:
		title := c.Text
		if c.Choice != nil {
			if w, marked := d.buttons[c.Choice.ID]; marked && c.Choice.ID != "" {
				return certain(w, conversation.SourceButton, "button "+c.Choice.ID)
			}
			title = c.Choice.Title
		}
		return d.keyword(title, conversation.SourceButton)
	case conversation.KindText:
		if found := d.keyword(c.Text, conversation.SourceKeyword); found.Found() {
			return found
		}
		return d.intent(c.Text)
	default:
		return conversation.Finding{}
	}
}

// keyword looks whether the whole message is a keyword.
func (d *Detector) keyword(text, source string) conversation.Finding {
	if len(text) > 2*longestPhrase { // folding can halve the bytes of accented letters
		return conversation.Finding{}
	}
	folded := Fold(text)
	w, found := d.words[folded]
	if !found {
		return conversation.Finding{}
	}
	return certain(w, source, "keyword "+folded)
}

func certain(w wish, source, evidence string) conversation.Finding {
	return conversation.Finding{Scope: w.scope, State: w.state, Source: source, Confidence: 1, Evidence: evidence}
}

// longestIntent is how much of a message the classifier reads, in bytes.
const longestIntent = 2000

// intent asks the classifier.
func (d *Detector) intent(text string) conversation.Finding {
	if d.classifier == nil {
		return conversation.Finding{}
	}
	if len(text) > longestIntent {
		text = text[:longestIntent]
	}
	all, marketing := d.classifier.Classify(text)
	sure, ask := d.classifier.Thresholds()
	// Both scopes together say how likely it is a wish at all; the likelier scope is taken.
	likely := all + marketing
	if likely < ask {
		return conversation.Finding{}
	}
	found := conversation.Finding{
		Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut, Source: conversation.SourceIntent,
		Confidence: likely, Evidence: d.classifier.Name(), Ask: likely < sure,
	}
	if marketing > all {
		found.Scope = conversation.ScopeMarketing
	}
	return found
}
