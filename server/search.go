package server

import (
	"context"
	"net/http"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/team"
)

type searchPeople struct {
	Query string `query:"q" required:"true" minLength:"2" maxLength:"200" doc:"A name or words of it, a phone number in any notation or some of its digits, an e-mail address, a username"`
	Limit int    `query:"limit" minimum:"1" maximum:"50" default:"20" doc:"How many at most"`
}

// foundPeople are the best matches. There are no further pages: a longer query finds better.
type foundPeople struct {
	Items []search.Person `json:"items" nullable:"false"`
	More  bool            `json:"more" doc:"There are others: say more of whom you look for"`
}

type searchMessages struct {
	Query          string                 `query:"q" required:"true" minLength:"1" maxLength:"200" doc:"Words that must all occur, \"words in this order\", -words that must not; the last word may be unfinished"`
	Kind           search.Kind            `query:"kind" doc:"Only messages, or only notes"`
	From           search.From            `query:"from" doc:"Who wrote it"`
	AgentID        string                 `query:"agent_id" format:"uuid" doc:"The agent who wrote it"`
	Direction      conversation.Direction `query:"direction" doc:"Of messages"`
	AccountID      string                 `query:"account_id" format:"uuid"`
	ConversationID string                 `query:"conversation_id" format:"uuid" doc:"With those merged into it"`
	LabelID        string                 `query:"label_id" format:"uuid" doc:"A label of the conversation"`
	Since          time.Time              `query:"since" doc:"Not before this time"`
	Until          time.Time              `query:"until" doc:"Before this time"`
	HasFile        bool                   `query:"has_file" doc:"Only messages with a file"`
	Limit          int                    `query:"limit" minimum:"1" maximum:"50" default:"50" doc:"How many at most"`
	Cursor         string                 `query:"cursor" maxLength:"200" doc:"next_cursor of the page before; leave out for the first page"`
}

func (s *Server) registerSearch() {
	register(s, operation{
		id: "search-people", method: http.MethodGet, path: "/search/people", permission: team.ReadConversations, tag: "search",
		summary: "People by name, phone, e-mail or username, the best matches first",
	}, func(ctx context.Context, in *searchPeople) (*answer[foundPeople], error) {
		people, more, err := s.Search.People(ctx, viewer(ctx), in.Query, in.Limit)
		return reply(foundPeople{Items: people, More: more}, err)
	})
	register(s, operation{
		id: "search-messages", method: http.MethodGet, path: "/search/messages", permission: team.ReadConversations, tag: "search",
		summary: "Messages and notes by their words, newest first, with an excerpt",
	}, s.searchMessages)
}

func (s *Server) searchMessages(ctx context.Context, in *searchMessages) (*answer[page[search.Text]], error) {
	after, err := decodeCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	texts, next, err := s.Search.Texts(ctx, viewer(ctx), search.Wish{
		Query: in.Query, Kind: in.Kind, From: in.From, AgentID: in.AgentID, Direction: in.Direction, AccountID: in.AccountID,
		ConversationID: in.ConversationID, LabelID: in.LabelID, Since: in.Since, Until: in.Until, HasFile: in.HasFile,
		After: search.Cursor{At: after.At, ID: after.ID}, Limit: in.Limit,
	})
	return replyPage(texts, inbox.Cursor{At: next.At, ID: next.ID}, err)
}
