package search

import (
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
)

// Bounds of PostgreSQL's tsvector: a higher place counts as the highest, and a word keeps so many places.
const (
	maxPlace  = 16383
	maxPlaces = 255
)

// document is a message or note as it is kept for searching.
type document struct {
	id, conversation, account string
	at                        time.Time
	note, hasFile             bool
	direction                 conversation.Direction
	author                    conversation.Actor
	texts                     []string
}

// vector returns the document's words and facts in the notation of a tsvector. Between two texts a place is left free, so
// that no phrase reaches from one into the other.
func (d document) vector() string {
	places := map[string][]int{}
	var order []string
	place := 0
	for _, text := range d.texts {
		for _, t := range tokens(text) {
			if t.word == "" {
				continue
			}
			place++
			if places[t.word] == nil {
				order = append(order, t.word)
			}
			if place <= maxPlace && len(places[t.word]) < maxPlaces {
				places[t.word] = append(places[t.word], place)
			} else if places[t.word] == nil {
				places[t.word] = []int{maxPlace}
			}
		}
		place++
	}
	var b strings.Builder
	for _, word := range order {
		b.WriteString(quoted(word))
		for i, p := range places[word] {
			b.WriteByte(":,"[min(i, 1)])
			b.WriteString(strconv.Itoa(p))
		}
		b.WriteByte(' ')
	}
	for _, fact := range d.facts() {
		b.WriteString(quoted(fact))
		b.WriteByte(' ')
	}
	return b.String()
}

// facts are what searches are narrowed by. No word of a text begins with a bar.
func (d document) facts() []string {
	facts := []string{accountFact(d.account), conversationFact(d.conversation), weekFact(week(d.at)), authorFact(d.author.Kind)}
	if d.author.Kind == conversation.ActorAgent {
		facts = append(facts, agentFact(d.author.ID))
	}
	switch {
	case d.note:
		facts = append(facts, noteFact)
	case d.direction == conversation.Inbound:
		facts = append(facts, inFact)
	default:
		facts = append(facts, outFact)
	}
	if d.hasFile {
		facts = append(facts, fileFact)
	}
	return facts
}

// The facts that need no value.
const (
	noteFact = "|note"
	inFact   = "|in"
	outFact  = "|out"
	fileFact = "|file"
)

func accountFact(id string) string                  { return "|a" + id }
func conversationFact(id string) string             { return "|c" + id }
func agentFact(id string) string                    { return "|i" + id }
func authorFact(kind conversation.ActorKind) string { return "|k" + string(kind) }
func weekFact(w int64) string                       { return "|w" + strconv.FormatInt(w, 10) }

const weekLength = 7 * 24 * time.Hour

// week numbers the weeks; times before 1970 have negative numbers.
func week(t time.Time) int64 {
	w := t.Unix() / int64(weekLength/time.Second)
	if t.Unix() < 0 {
		w--
	}
	return w
}

// weekStart is the first moment of a week.
func weekStart(w int64) time.Time { return time.Unix(w*int64(weekLength/time.Second), 0).UTC() }

// quoted writes a word as PostgreSQL's text search takes it. Words have letters and digits only, and ids come from the
// database or are checked, but nothing is left to that.
func quoted(word string) string { return "'" + escapes.Replace(word) + "'" }

var escapes = strings.NewReplacer(`\`, `\\`, `'`, `''`) // making one costs more than using it
