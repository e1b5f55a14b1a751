// Package team holds who may do what: agents and their teams, API tokens, roles as sets of permissions, and the audit of
// everything that admins change.
//
// All its times are the machine's: whether a token has expired must not depend on the shifted clock of a demo.
package team
