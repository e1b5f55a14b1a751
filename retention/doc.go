// Package retention deletes what is older than an organisation wants to keep: the raw bodies of webhooks, events, the
// feed's changes, and conversations that were closed, with everything that belongs to them.
//
// It deletes in small transactions, the oldest first, with pauses: writers do not wait for it and no transaction stays open
// for long, because the feed stands still behind one that does. One process at a time does it.
package retention
