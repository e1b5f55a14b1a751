// Package accounts holds the connected channel ends: what an admin set, whether they can be used, and their secrets, which
// are encrypted in the database and never leave the process in an answer, a log or an error.
//
// The address of a provider's API is set by admins only and is the only place to which an account's credentials go. It must
// be https, and neither it nor what its name resolves to may be a private address (see [CheckBaseURL] and [DialControl]):
// otherwise somebody who may edit accounts could make Guichet call services inside the deployment's network (SSRF).
// GUICHET_ALLOW_PRIVATE_PROVIDERS lifts both limits, for the simulator.
package accounts
