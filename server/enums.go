package server

import (
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/transcripts"
	"guichet.dev/guichet/views"
)

// enums are the values of the domain's closed types. The domain itself knows nothing of documents. Kinds that grow with time,
// such as those of messages and events, stay plain strings: a client must cope with new ones.
var enums = []enum{
	of(conversation.WhatsApp),
	of(conversation.Statuses()...),
	of(conversation.Inbound, conversation.Outbound),
	of(
		conversation.StateReceived, conversation.StateScheduled, conversation.StateQueued, conversation.StateSending,
		conversation.StateUnknown, conversation.StateSent, conversation.StateDelivered, conversation.StateRead,
		conversation.StatePlayed, conversation.StateFailed, conversation.StateCancelled,
	),
	of(conversation.ScopeAll, conversation.ScopeMarketing),
	of(conversation.ConsentStates()...),
	of(conversation.AccountActive, conversation.AccountError, conversation.AccountPaused),
	of(conversation.Priorities()...),
	of(inbox.Views()...),
	of(inbox.Sorts()...),
	of(inbox.WindowStates()...),
	of(views.Sharings()...),
	of(bulk.Kinds()...),
	of(bulk.States()...),
	of(presence.Online, presence.Away, presence.Offline),
	of(presence.Doings()...),
	of(contacts.AttributeTypes()...),
	of(blocks.ProviderStates()...),
	of(assignment.Kinds()...),
	of(assignment.Distributions()...),
	of(assignment.Nobodies()...),
	of(assignment.Presences()...),
	of(assignment.Sources()...),
	of(assignment.Links()...),
	of(assignment.Steps()...),
	of(transcripts.Formats()...),
	of(search.Kinds()...),
	of(search.Authors()...),
	of(team.Permissions()...),
	of(team.AgentActive, team.AgentDeactivated),
	of(team.Languages()...),
	of(notifications.Kinds()...),
	of(notifications.Frequencies()...),
	of(rules.Triggers()...),
	of(rules.Onces()[1:]...),
	of(conversation.ActionKinds()...),
	of(conversation.AssignTos()...),
	of(automation.Answers()...),
}

// describeEnums tells the OpenAPI document which values there are, so that requests are checked against them and generated
// clients know them.
func describeEnums(schemas huma.Registry) {
	for _, e := range enums {
		schemas.RegisterTypeAlias(e.of, e.described)
	}
	schemas.RegisterTypeAlias(reflect.TypeFor[team.Role](), reflect.TypeFor[roleText]())
}

// enum is a closed type with its values, and the type that describes it.
type enum struct {
	of, described reflect.Type
	values        []any
}

func of[T ~string](values ...T) enum {
	e := enum{of: reflect.TypeFor[T](), described: reflect.TypeFor[enumText[T]]()}
	for _, v := range values {
		e.values = append(e.values, string(v))
	}
	return e
}

// enumText describes T.
type enumText[T ~string] string

// Schema implements huma.SchemaProvider.
func (enumText[T]) Schema(huma.Registry) *huma.Schema {
	i := slices.IndexFunc(enums, func(e enum) bool { return e.of == reflect.TypeFor[T]() })
	return &huma.Schema{Type: huma.TypeString, Enum: slices.Clone(enums[i].values)}
}

// roleText describes team.Role. Admins can make more roles, so the set is not closed.
type roleText string

// Schema implements huma.SchemaProvider.
func (roleText) Schema(huma.Registry) *huma.Schema {
	longest := 40
	return &huma.Schema{
		Type: huma.TypeString, Pattern: "^[a-z][a-z0-9_-]+$", MaxLength: &longest,
		Description: "admin, supervisor, agent, or the key of a role that an admin made", Examples: []any{string(team.RoleAgent)},
	}
}
