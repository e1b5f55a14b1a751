// Package feed reads what happened in the order in which it may be shown: the events of all conversations, and the changes
// of other things that clients must hear of.
//
// Serial numbers are no cursor, because number 2 can be committed while number 1 is still being written. Each row carries
// its transaction's number, and only rows of transactions below the oldest that still runs are served: nothing can come
// before them any more. A transaction that is left open therefore holds the feed back, but nothing is ever missed.
//
// The order is that of transactions, not of a conversation's events: of two transactions that wait for each other, the one
// with the higher number can be the first to number its event. Within one conversation the event's seq counts.
package feed
