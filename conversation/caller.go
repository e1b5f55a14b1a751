package conversation

import "slices"

// Sight is which accounts' conversations somebody may see. What lies outside of it answers as if it did not exist. The zero
// value sees nothing.
type Sight struct {
	all      bool
	accounts []string
}

// SeesAll is the sight of whoever may see every account.
func SeesAll() Sight { return Sight{all: true} }

// SeesOnly is the sight of whoever may see these accounts.
func SeesOnly(accountIDs ...string) Sight { return Sight{accounts: accountIDs} }

// Sees reports whether an account's conversations may be seen.
func (s Sight) Sees(accountID string) bool { return s.all || slices.Contains(s.accounts, accountID) }

// Accounts returns the ids of the accounts that may be seen; all is true if that is every account, also those to come.
func (s Sight) Accounts() (ids []string, all bool) { return s.accounts, s.all }

// Caller is who looks or acts, and what they may see.
type Caller struct {
	Actor
	Sight
	// Seen is up to which event the caller knows the conversation that a command is about: the command is refused as stale if
	// there is news after it. 0 says nothing, and the command is carried out whatever happened.
	Seen int64
}

// Everywhere returns the actor as a caller who sees all accounts.
func (a Actor) Everywhere() Caller { return Caller{Actor: a, Sight: SeesAll()} }
