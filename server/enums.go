package server

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/transcripts"
	"guichet.dev/guichet/views"
)

// describeEnums tells the OpenAPI document which values the domain's closed types have, so that requests are checked
// against them and generated clients know them. The domain itself knows nothing of documents. Kinds that grow with time,
// such as those of messages and events, stay plain strings: a client must cope with new ones.
func describeEnums(schemas huma.Registry) {
	alias[conversation.Channel, channelEnum](schemas)
	alias[conversation.Status, statusEnum](schemas)
	alias[conversation.Direction, directionEnum](schemas)
	alias[conversation.MessageState, messageStateEnum](schemas)
	alias[conversation.ConsentScope, scopeEnum](schemas)
	alias[conversation.ConsentState, consentEnum](schemas)
	alias[conversation.AccountState, accountStateEnum](schemas)
	alias[inbox.View, viewEnum](schemas)
	alias[views.Sharing, sharingEnum](schemas)
	alias[bulk.Kind, bulkKindEnum](schemas)
	alias[bulk.State, bulkStateEnum](schemas)
	alias[presence.State, presenceEnum](schemas)
	alias[presence.Doing, doingEnum](schemas)
	alias[team.Role, roleText](schemas)
	alias[inbox.Sort, sortEnum](schemas)
	alias[inbox.WindowState, windowStateEnum](schemas)
	alias[conversation.Priority, priorityEnum](schemas)
	alias[contacts.AttributeType, attributeTypeEnum](schemas)
	alias[blocks.ProviderState, blockStateEnum](schemas)
	alias[transcripts.Format, transcriptFormatEnum](schemas)
	alias[search.Kind, searchKindEnum](schemas)
	alias[search.From, searchFromEnum](schemas)
	alias[team.Permission, permissionEnum](schemas)
	alias[team.AgentState, agentStateEnum](schemas)
	alias[team.Language, languageEnum](schemas)
	alias[notifications.Kind, notificationKindEnum](schemas)
	alias[notifications.Frequency, mailFrequencyEnum](schemas)
}

func alias[Type any, Described huma.SchemaProvider](schemas huma.Registry) {
	schemas.RegisterTypeAlias(reflect.TypeFor[Type](), reflect.TypeFor[Described]())
}

func enum[T ~string](values ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

type (
	channelEnum      string
	statusEnum       string
	directionEnum    string
	messageStateEnum string
	scopeEnum        string
	consentEnum      string
	accountStateEnum string
	viewEnum         string
	sortEnum         string
	windowStateEnum  string

	sharingEnum          string
	bulkKindEnum         string
	bulkStateEnum        string
	priorityEnum         string
	attributeTypeEnum    string
	blockStateEnum       string
	transcriptFormatEnum string
	searchKindEnum       string
	searchFromEnum       string

	roleText       string
	presenceEnum   string
	doingEnum      string
	permissionEnum string
	languageEnum   string
	agentStateEnum string

	notificationKindEnum string
	mailFrequencyEnum    string
)

func (channelEnum) Schema(huma.Registry) *huma.Schema { return enum(conversation.WhatsApp) }

func (statusEnum) Schema(huma.Registry) *huma.Schema {
	return enum(conversation.StatusOpen, conversation.StatusSnoozed, conversation.StatusDone)
}

func (directionEnum) Schema(huma.Registry) *huma.Schema {
	return enum(conversation.Inbound, conversation.Outbound)
}

func (messageStateEnum) Schema(huma.Registry) *huma.Schema {
	return enum(
		conversation.StateReceived, conversation.StateScheduled, conversation.StateQueued, conversation.StateSending,
		conversation.StateUnknown, conversation.StateSent, conversation.StateDelivered, conversation.StateRead,
		conversation.StatePlayed, conversation.StateFailed, conversation.StateCancelled,
	)
}

func (scopeEnum) Schema(huma.Registry) *huma.Schema {
	return enum(conversation.ScopeAll, conversation.ScopeMarketing)
}

func (consentEnum) Schema(huma.Registry) *huma.Schema {
	return enum(conversation.ConsentUnknown, conversation.ConsentOptedIn, conversation.ConsentOptedOut)
}

func (accountStateEnum) Schema(huma.Registry) *huma.Schema {
	return enum(conversation.AccountActive, conversation.AccountError, conversation.AccountPaused)
}

func (viewEnum) Schema(huma.Registry) *huma.Schema { return enum(inbox.Views()...) }

func (sortEnum) Schema(huma.Registry) *huma.Schema { return enum(inbox.Sorts()...) }

func (windowStateEnum) Schema(huma.Registry) *huma.Schema { return enum(inbox.WindowStates()...) }
func (sharingEnum) Schema(huma.Registry) *huma.Schema     { return enum(views.Sharings()...) }

func (bulkKindEnum) Schema(huma.Registry) *huma.Schema { return enum(bulk.Kinds()...) }

func (bulkStateEnum) Schema(huma.Registry) *huma.Schema { return enum(bulk.States()...) }

func (priorityEnum) Schema(huma.Registry) *huma.Schema {
	return enum(conversation.Priorities()...)
}

func (attributeTypeEnum) Schema(huma.Registry) *huma.Schema {
	return enum(contacts.AttributeTypes()...)
}

func (blockStateEnum) Schema(huma.Registry) *huma.Schema { return enum(blocks.ProviderStates()...) }

func (transcriptFormatEnum) Schema(huma.Registry) *huma.Schema {
	return enum(transcripts.Formats()...)
}

func (searchKindEnum) Schema(huma.Registry) *huma.Schema { return enum(search.Kinds()...) }

func (searchFromEnum) Schema(huma.Registry) *huma.Schema { return enum(search.Authors()...) }

func (presenceEnum) Schema(huma.Registry) *huma.Schema {
	return enum(presence.Online, presence.Away, presence.Offline)
}

func (doingEnum) Schema(huma.Registry) *huma.Schema { return enum(presence.Doings()...) }

// Schema says how a role is named; admins can make more of them, so the set is not closed.
func (roleText) Schema(huma.Registry) *huma.Schema {
	longest := 40
	return &huma.Schema{
		Type: huma.TypeString, Pattern: "^[a-z][a-z0-9_-]+$", MaxLength: &longest,
		Description: "admin, supervisor, agent, or the key of a role that an admin made", Examples: []any{string(team.RoleAgent)},
	}
}

func (permissionEnum) Schema(huma.Registry) *huma.Schema { return enum(team.Permissions()...) }

func (agentStateEnum) Schema(huma.Registry) *huma.Schema {
	return enum(team.AgentActive, team.AgentDeactivated)
}

func (languageEnum) Schema(huma.Registry) *huma.Schema         { return enum(team.Languages()...) }
func (notificationKindEnum) Schema(huma.Registry) *huma.Schema { return enum(notifications.Kinds()...) }

func (mailFrequencyEnum) Schema(huma.Registry) *huma.Schema {
	return enum(notifications.Frequencies()...)
}
