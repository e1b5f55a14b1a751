package team

import (
	"guichet.dev/guichet/conversation"
)

// Principal is who makes a request. The zero value may do and see nothing.
type Principal struct {
	TokenID     string // empty for whoever is logged in
	AgentID     string // empty for a program
	Name        string // the agent's, or the token's
	Role        Role
	Permissions PermissionSet      // the role's, without what the token leaves out
	Sight       conversation.Sight // which accounts' conversations

	// Limited says that a token limits the sight to some accounts. Such a token gives nobody more than it has itself, and
	// that includes accounts which are yet to come.
	Limited bool

	system bool
}

// System is the program itself: it may grant everything.
func System() Principal {
	return Principal{Role: RoleAdmin, Permissions: SetOf(Permissions()), Sight: conversation.SeesAll(), system: true}
}

// Can reports whether the principal may do this.
func (p Principal) Can(permission Permission) bool { return p.Permissions[permission] }

// Actor returns the principal as the one who acts in events and in the audit.
func (p Principal) Actor() conversation.Actor {
	switch {
	case p.system:
		return conversation.Actor{Kind: conversation.ActorSystem}
	case p.AgentID != "":
		return conversation.Actor{Kind: conversation.ActorAgent, ID: p.AgentID}
	default:
		return conversation.Actor{Kind: conversation.ActorToken, ID: p.TokenID}
	}
}

// Administers reports whether the principal may change the settings of an account, whose conversations it need not see.
func (p Principal) Administers(accountID string) bool {
	return p.Can(WriteAccounts) && (!p.Limited || p.Sight.Sees(accountID))
}

// mayGive refuses to give, or to take from somebody, permissions that the principal lacks itself.
func (p Principal) mayGive(field string, set PermissionSet) error {
	missing := p.Permissions.Missing(set)
	if len(missing) == 0 {
		return nil
	}
	return &conversation.Error{
		Code: conversation.CodeForbidden, Field: field, Message: "this goes beyond your own permissions",
		Details: map[string]any{"permissions": missing},
	}
}

// mayShow refuses to let somebody see accounts that the principal does not see itself.
func (p Principal) mayShow(field string, sight conversation.Sight) error {
	if _, all := p.Sight.Accounts(); all {
		return nil
	}
	ids, all := sight.Accounts()
	for _, id := range ids {
		all = all || !p.Sight.Sees(id)
	}
	if !all {
		return nil
	}
	return &conversation.Error{Code: conversation.CodeForbidden, Field: field, Message: "this would show accounts that you may not see"}
}

// unlimited refuses what a token that is limited to some accounts must not do: what it changed would reach beyond them.
func (p Principal) unlimited() error {
	if !p.Limited {
		return nil
	}
	return conversation.Errorf(conversation.CodeForbidden, "a token that is limited to some accounts cannot do this")
}

// lookedAt gives the principal its sight: the accounts that are visible to it, of which a token may allow some only.
func (p Principal) lookedAt(visible, allowed []string) Principal {
	all := p.Can(AllAccounts)
	switch {
	case len(allowed) == 0 && all:
		p.Sight = conversation.SeesAll()
	case len(allowed) == 0:
		p.Sight = conversation.SeesOnly(visible...)
	default:
		p.Limited, p.Permissions = true, p.Permissions.without(AllAccounts)
		seen := conversation.SeesOnly(visible...)
		if all {
			seen = conversation.SeesAll()
		}
		both := make([]string, 0, len(allowed))
		for _, id := range allowed {
			if seen.Sees(id) {
				both = append(both, id)
			}
		}
		p.Sight = conversation.SeesOnly(both...)
	}
	return p
}
