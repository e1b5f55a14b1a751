package team

// sentences say what each permission lets somebody do.
var sentences = map[Permission]string{
	ReadSelf:            "See who one is and what one may do.",
	OwnTokens:           "Make and revoke API tokens for oneself, within one's own permissions.",
	ReadConversations:   "See conversations, their messages and their timeline.",
	AttendConversations: "Take a conversation.",
	AssignConversations: "Give a conversation to an agent, a team or nobody.",
	CloseConversations:  "Close and reopen conversations.",
	SnoozeConversations: "Put conversations aside until a time.",
	MarkConversations:   "Mark conversations as read.",
	SendMessages:        "Write to customers.",
	WriteConsent:        "Write down what a customer wants to receive.",
	WritePresence:       "Say whether one is there, for which teams one works, and at which conversation one is.",
	ReadAccounts:        "See the connected accounts.",
	WriteAccounts:       "Connect accounts, change their settings, pause them, and choose who sees them.",
	CheckAccounts:       "Ask the provider whether an account can be used.",
	AllAccounts:         "See the conversations of every account, also of the restricted ones.",
	ReadParked:          "See updates of the provider that could not be applied.",
	ApplyParked:         "Try to apply such updates again.",
	ReadAgents:          "See the agents.",
	WriteAgents:         "Add, change and deactivate agents who may do no more than oneself.",
	ReadTeams:           "See the teams and their members.",
	WriteTeams:          "Make, change and archive teams and their membership.",
	ReadTokens:          "See all API tokens, without their values.",
	WriteTokens:         "Make and revoke API tokens for agents and programs, within one's own permissions.",
	ReadRoles:           "See the roles and what each permission means.",
	WriteRoles:          "Make and change roles within one's own permissions.",
	ReadAudit:           "See what was changed, by whom.",
}

// Sentence says in a sentence what the permission lets somebody do.
func (p Permission) Sentence() string { return sentences[p] }
