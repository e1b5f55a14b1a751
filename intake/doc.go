// Package intake takes in what providers post: it parses a signed body, routes each update to its account, and writes the
// raw body, contacts, conversations, messages, receipts and events in one transaction, shared by all webhooks that arrive
// at the same time (group commit). What cannot be understood or applied is parked, and holds nothing else back.
package intake
