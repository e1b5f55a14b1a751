package team

import (
	"slices"

	"guichet.dev/guichet/conversation"
)

// Permission names one kind of action. Permissions are part of the API document and never change their meaning.
type Permission string

// The permissions.
const (
	ReadSelf            Permission = "self.read"
	ReadConversations   Permission = "conversations.read"
	AttendConversations Permission = "conversations.attend" // take one for oneself
	AssignConversations Permission = "conversations.assign" // give one to somebody
	CloseConversations  Permission = "conversations.close"  // done and reopen
	SnoozeConversations Permission = "conversations.snooze"
	MarkConversations   Permission = "conversations.mark" // as read
	SendMessages        Permission = "conversations.send"
	WriteConsent        Permission = "consent.write"
	WriteNotes          Permission = "conversations.note"     // and edit one's own
	ModerateNotes       Permission = "conversations.moderate" // edit and delete colleagues' notes
	LabelConversations  Permission = "conversations.label"    // also with a label defined on the spot
	RankConversations   Permission = "conversations.prioritise"
	FollowConversations Permission = "conversations.follow"
	BlockContacts       Permission = "conversations.block"
	ExportConversations Permission = "conversations.export"
	RunBulk             Permission = "conversations.bulk" // what is done needs its own permission too
	WriteViews          Permission = "views.write"        // one's own
	ShareViews          Permission = "views.share"        // and change what is shared
	ReadLabels          Permission = "labels.read"
	WriteLabels         Permission = "labels.write"
	ReadContacts        Permission = "contacts.read"
	WriteContacts       Permission = "contacts.write"
	ReadAttributes      Permission = "attributes.read"
	WriteAttributes     Permission = "attributes.write"
	ReadAccounts        Permission = "accounts.read"
	WriteAccounts       Permission = "accounts.write"
	CheckAccounts       Permission = "accounts.check"
	ReadParked          Permission = "parked.read"
	ApplyParked         Permission = "parked.apply"
	ReadAgents          Permission = "agents.read"
	WriteAgents         Permission = "agents.write"
	ReadTeams           Permission = "teams.read"
	WriteTeams          Permission = "teams.write"
	ReadTokens          Permission = "tokens.read"
	WriteTokens         Permission = "tokens.write"
	ReadAudit           Permission = "audit.read"
)

// Role is a named set of permissions.
type Role string

// The roles. Each has all that the one below it has.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// Roles lists the roles, the most powerful first.
func Roles() []Role { return []Role{RoleAdmin, RoleSupervisor, RoleAgent} }

var (
	ofAgents = []Permission{
		ReadSelf, ReadConversations, AttendConversations, AssignConversations, CloseConversations, SnoozeConversations,
		MarkConversations, SendMessages, WriteConsent, ReadAccounts, ReadAgents, ReadTeams,
		WriteNotes, LabelConversations, RankConversations, FollowConversations, BlockContacts, ReadLabels, ReadContacts, WriteContacts, ReadAttributes,
		RunBulk, WriteViews,
	}
	ofSupervisors = slices.Concat(ofAgents, []Permission{CheckAccounts, ReadParked, WriteTeams, ReadAudit, ModerateNotes, ExportConversations, WriteLabels, ShareViews})
	ofAdmins      = slices.Concat(ofSupervisors, []Permission{WriteAccounts, ApplyParked, WriteAgents, ReadTokens, WriteTokens, WriteAttributes})

	byRole = map[Role]map[Permission]bool{
		RoleAgent: setOf(ofAgents), RoleSupervisor: setOf(ofSupervisors), RoleAdmin: setOf(ofAdmins),
	}
)

func setOf(list []Permission) map[Permission]bool {
	set := make(map[Permission]bool, len(list))
	for _, p := range list {
		set[p] = true
	}
	return set
}

// Permissions returns every permission that exists, in a stable order.
func Permissions() []Permission { return slices.Clone(ofAdmins) }

// Permissions returns what the role may do, in a stable order; nothing for an unknown role.
func (r Role) Permissions() []Permission {
	var list []Permission
	for _, p := range ofAdmins {
		if r.Can(p) {
			list = append(list, p)
		}
	}
	return list
}

// Can reports whether the role has the permission. An unknown role has none.
func (r Role) Can(p Permission) bool { return byRole[r][p] }

// checkRole returns the error for a role that does not exist.
func checkRole(r Role) error {
	if _, known := byRole[r]; !known {
		return conversation.Invalid("role", "unknown role; allowed are admin, supervisor, agent")
	}
	return nil
}

// Principal is who makes a request.
type Principal struct {
	TokenID string
	AgentID string // empty for a program
	Name    string // the agent's, or the token's
	Role    Role
	Sight   conversation.Sight // which accounts' conversations
}

// Can reports whether the principal may do this.
func (p Principal) Can(permission Permission) bool { return p.Role.Can(permission) }

// Actor returns the principal as the one who acts in events and in the audit.
func (p Principal) Actor() conversation.Actor {
	if p.AgentID != "" {
		return conversation.Actor{Kind: conversation.ActorAgent, ID: p.AgentID}
	}
	return conversation.Actor{Kind: conversation.ActorToken, ID: p.TokenID}
}
