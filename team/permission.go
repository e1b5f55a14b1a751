package team

import "slices"

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
	WritePresence       Permission = "presence.write"         // one's own: whether one is there, for which teams, at which conversation
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
	OwnTokens           Permission = "self.tokens"
	ReadRoles           Permission = "roles.read"
	WriteRoles          Permission = "roles.write"
	ReadAssignment      Permission = "assignment.read"
	WriteCapacity       Permission = "agents.capacity" // whoever has it is also offered what nobody else takes up
	ReadAutomation      Permission = "automation.read"
	WriteAutomation     Permission = "automation.write"
	WriteSettings       Permission = "settings.write" // of the whole installation; reading them too
	// AllAccounts is needed by no operation: it is the sight of the conversations of every account.
	AllAccounts Permission = "accounts.all"
)

// Role names a set of permissions: a built-in one, or the key of a role that an admin made.
type Role string

// The built-in roles. Each has all that the one below it has.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// Roles lists the built-in roles, the most powerful first.
func Roles() []Role { return []Role{RoleAdmin, RoleSupervisor, RoleAgent} }

var (
	ofAgents = []Permission{
		ReadSelf, ReadConversations, AttendConversations, AssignConversations, CloseConversations, SnoozeConversations,
		MarkConversations, SendMessages, WriteConsent, WritePresence, ReadAccounts, ReadAgents, ReadTeams, OwnTokens,
		WriteNotes, LabelConversations, RankConversations, FollowConversations, BlockContacts, ReadLabels, ReadContacts, WriteContacts, ReadAttributes,
		RunBulk, WriteViews, ReadAssignment,
	}
	ofSupervisors = slices.Concat(ofAgents, []Permission{CheckAccounts, ReadParked, WriteTeams, ReadAudit, ReadRoles, ModerateNotes, ExportConversations, WriteLabels, ShareViews, ReadAutomation, WriteCapacity})
	ofAdmins      = slices.Concat(ofSupervisors, []Permission{WriteAccounts, ApplyParked, WriteAgents, ReadTokens, WriteTokens, WriteRoles, WriteSettings, AllAccounts, WriteAttributes, WriteAutomation})

	byRole = map[Role]PermissionSet{
		RoleAgent: SetOf(ofAgents), RoleSupervisor: SetOf(ofSupervisors), RoleAdmin: SetOf(ofAdmins),
	}
)

// Permissions returns every permission that exists, in a stable order.
func Permissions() []Permission { return slices.Clone(ofAdmins) }

// BuiltIn reports whether the role is one of the program's own.
func (r Role) BuiltIn() bool { return byRole[r] != nil }

// Permissions returns what a built-in role may do, in a stable order; nothing for any other.
func (r Role) Permissions() []Permission { return byRole[r].List() }

// Can reports whether a built-in role has the permission. Any other has none: see Principal.Can.
func (r Role) Can(p Permission) bool { return byRole[r][p] }
