package server

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/presence"
)

// retryMilliseconds is how long browsers wait before they connect again.
const retryMilliseconds = "2000"

// The events of the stream, by their names.
const (
	eventHello        = "hello"
	eventConversation = "conversation"
	eventChange       = "change"
	eventPresence     = "presence"
	eventHeartbeat    = "heartbeat"
	eventResync       = "resync"
	eventPermissions  = "permissions"
	eventForbidden    = "forbidden"
)

// liveConversation is an event of a conversation: enough to update what is shown or to fetch it again. It holds no words.
type liveConversation struct {
	Cursor         string                 `json:"cursor" doc:"Also the id of the event, which browsers send back as Last-Event-ID"`
	ConversationID string                 `json:"conversation_id"`
	AccountID      string                 `json:"account_id"`
	Seq            int64                  `json:"seq" doc:"The order within the conversation. Events can come in another order, and again after a reconnection: keep the highest"`
	Kind           conversation.EventKind `json:"kind"`
	Actor          conversation.Actor     `json:"actor"`
	Cause          *conversation.Cause    `json:"cause,omitempty"`
	Data           conversation.EventData `json:"data"`
	At             time.Time              `json:"at"`
}

// liveChange is a change of something else.
type liveChange struct {
	Cursor    string          `json:"cursor"`
	Kind      feed.ChangeKind `json:"kind"`
	SubjectID string          `json:"subject_id" doc:"What to fetch again"`
	AccountID string          `json:"account_id,omitempty"`
	At        time.Time       `json:"at"`
}

// livePlace is where the client stands.
type livePlace struct {
	Cursor string `json:"cursor"`
}

// RenderEvent writes an entry of the feed as clients get it.
func RenderEvent(e feed.Event) []byte {
	cursor := e.Cursor.String()
	if c := e.Change; c != nil {
		return frame(eventChange, cursor, liveChange{Cursor: cursor, Kind: c.Kind, SubjectID: c.SubjectID, AccountID: c.AccountID, At: c.At.UTC()})
	}
	return frame(eventConversation, cursor, liveConversation{
		Cursor: cursor, ConversationID: e.ConversationID, AccountID: e.AccountID, Seq: e.Seq, Kind: e.Kind, Actor: e.Actor, Cause: e.Cause, Data: e.Data, At: e.At.UTC(),
	})
}

// frame writes one event of the stream. An empty id leaves the client's as it is.
func frame(name, id string, data any) []byte {
	body, err := json.Marshal(data)
	if err != nil {
		panic("an event cannot be written: " + err.Error()) // strings, numbers and times can
	}
	var b []byte
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), name...), "\ndata: "...)
	return append(append(b, body...), "\n\n"...)
}

func placeFrame(name string, at feed.Cursor) []byte {
	return frame(name, at.String(), livePlace{at.String()})
}

func helloFrame(at feed.Cursor) []byte {
	return append([]byte("retry: "+retryMilliseconds+"\n"), placeFrame(eventHello, at)...)
}

func heartbeatFrame(at feed.Cursor) []byte { return placeFrame(eventHeartbeat, at) }

func resyncFrame(at feed.Cursor) []byte { return placeFrame(eventResync, at) }

func permissionsFrame(at feed.Cursor) []byte { return placeFrame(eventPermissions, at) }

func forbiddenFrame() []byte { return frame(eventForbidden, "", struct{}{}) }

// described says what each event of the stream is, for the OpenAPI document.
var described = []struct {
	name, text string
	data       any
}{
	{eventHello, "The first event: from where the stream goes on.", livePlace{}},
	{eventConversation, "Something happened in a conversation that the caller may see.", liveConversation{}},
	{eventChange, "Something else was made, changed or deleted: fetch it again.", liveChange{}},
	{eventPresence, "A colleague looks at a conversation, writes in it, or has left it. It has no cursor and may get lost.", presence.Visit{}},
	{eventHeartbeat, "Nothing happened for a while; the cursor moves all the same.", livePlace{}},
	{eventResync, "What happened after the caller's cursor is not known any more: load afresh what is shown. The stream goes on behind the cursor in here.", livePlace{}},
	{eventPermissions, "The caller's permissions changed: load afresh what is shown.", livePlace{}},
	{eventForbidden, "The caller may listen no longer. The stream ends; do not connect again.", struct{}{}},
}

// describeStream describes the stream in the OpenAPI document.
func (s *Server) describeStream() map[string]*huma.Response {
	schemas := s.api.OpenAPI().Components.Schemas
	var kinds []*huma.Schema
	for _, d := range described {
		data := &huma.Schema{Type: huma.TypeObject}
		if _, empty := d.data.(struct{}); !empty {
			data = schemaOf(schemas, d.data)
		}
		kinds = append(kinds, &huma.Schema{
			Type: huma.TypeObject, Title: d.name, Description: d.text, Required: []string{"event", "data"},
			Properties: map[string]*huma.Schema{
				"event": {Type: huma.TypeString, Enum: []any{d.name}},
				"id":    {Type: huma.TypeString, Description: "The cursor to go on from"},
				"data":  data,
			},
		})
	}
	return map[string]*huma.Response{"200": {
		Description: http.StatusText(http.StatusOK) + ": Server-Sent Events until one side ends the stream",
		Content:     map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: kinds}}}},
	}}
}

func schemaOf(schemas huma.Registry, data any) *huma.Schema {
	return schemas.Schema(reflect.TypeOf(data), true, "")
}
