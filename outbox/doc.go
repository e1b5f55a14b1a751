// Package outbox sends. A message is queued by whoever writes it; the conversation's workflow asks for the first unsettled
// one to be sent, until none is left. One send has four parts: (a) wait for the provider's limits, (b) claim the message
// in a transaction with the send gate, (c) call the provider with a deadline, (d) record what came of it.
//
// A send whose outcome is not known is never repeated automatically: an attempt that finds a message in "sending" waits for
// its deadline and writes "unknown". The provider's receipt settles it, whenever it comes.
package outbox
