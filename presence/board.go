package presence

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"guichet.dev/guichet/postgres"
)

// Channel is the channel on which processes tell each other who looks at what.
const Channel = "guichet_presence"

// Doing is what an agent does in a conversation.
type Doing string

// What agents do.
const (
	Viewing Doing = "viewing"
	Typing  Doing = "typing"
	Left    Doing = "left"
)

// Doings returns all that agents do.
func Doings() []Doing { return []Doing{Viewing, Typing, Left} }

// DoingLasts is how long somebody counts as viewing or typing without saying so again.
const DoingLasts = 20 * time.Second

// Visit says what an agent does in a conversation.
type Visit struct {
	ConversationID string    `json:"conversation_id"`
	AccountID      string    `json:"account_id"`
	AgentID        string    `json:"agent_id"`
	State          Doing     `json:"state"`
	Until          time.Time `json:"until" doc:"If nothing comes before, they have left"`
}

// Board shows who looks at and writes in which conversation.
type Board struct {
	// Send sends a text to all processes, this one included, which call Heard with it.
	Send func(text string)
	// Show is called with each visit that was heard of.
	Show func(Visit)

	mu     sync.Mutex
	visits map[string]map[string]Visit // by conversation and agent
	swept  time.Time
}

// Tell tells all processes what an agent does. The account is the conversation's.
func (b *Board) Tell(conversationID, accountID, agentID string, doing Doing) {
	b.Send(strings.Join([]string{conversationID, accountID, agentID, string(doing)}, " "))
}

// Heard takes in what a process told. What is no visit is left out.
func (b *Board) Heard(text string) {
	parts := strings.Split(text, " ")
	if len(parts) != 4 || slices.ContainsFunc(parts[:3], func(id string) bool { return !postgres.IsID(id) }) || !slices.Contains(Doings(), Doing(parts[3])) {
		return
	}
	now := time.Now().UTC()
	v := Visit{ConversationID: parts[0], AccountID: parts[1], AgentID: parts[2], State: Doing(parts[3]), Until: now.Add(DoingLasts).Truncate(time.Millisecond)}
	if v.State == Left {
		v.Until = now.Truncate(time.Millisecond)
	}
	b.keep(v, now)
	b.Show(v)
}

func (b *Board) keep(v Visit, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.visits == nil {
		b.visits = map[string]map[string]Visit{}
	}
	if now.Sub(b.swept) > DoingLasts {
		b.swept = now
		for id, agents := range b.visits {
			for agent, old := range agents {
				if !old.Until.After(now) {
					delete(agents, agent)
				}
			}
			if len(agents) == 0 {
				delete(b.visits, id)
			}
		}
	}
	if b.visits[v.ConversationID] == nil {
		b.visits[v.ConversationID] = map[string]Visit{}
	}
	b.visits[v.ConversationID][v.AgentID] = v
}

// At returns who is at a conversation now, in the order of their ids.
func (b *Board) At(conversationID string) []Visit {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, list := time.Now(), []Visit{}
	for _, v := range b.visits[conversationID] {
		if v.State != Left && v.Until.After(now) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(x, y Visit) int { return cmp.Compare(x.AgentID, y.AgentID) })
	return list
}
