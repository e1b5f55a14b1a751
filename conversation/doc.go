// Package conversation is the domain leaf of Guichet: what a conversation is, which messages it holds, when free text
// may be sent, and what follows from an event or from the passing of time. It is pure: it knows no database, no network
// and no clock (every function that needs the time takes it), and it imports the standard library only.
//
// The heart is [Step]: state and events in, state and effects out. The conversation's workflow drives it through the
// activity Advance, rehearsal drives it with a skipped clock, and repair drives it after a loss. Because it never runs
// inside workflow code, changing it does not break the replay of running workflows.
package conversation
