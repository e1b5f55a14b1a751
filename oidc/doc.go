// Package oidc lets people sign in through an OpenID Connect provider: the authorisation code flow with PKCE (S256), a
// state and a nonce (OpenID Connect Core 1.0, section 3.1; RFC 9700).
//
// What belongs to one log-in travels in a sealed cookie of the browser that began it, for ten minutes, and comes back once.
// Whoever the provider vouches for is known by issuer and subject; the first time by an e-mail address that the provider
// has verified. Who may do what stays our own matter, as does who is active.
//
// The provider's address is an admin's input: it is called over TLS, at no private address unless that is allowed, without
// following redirects, with timeouts, and no more than a little of its answers is read. Its words are neither shown nor
// logged: whatever goes wrong is a [Refusal] with a code.
package oidc
