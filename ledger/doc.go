// Package ledger keeps the record of conversations: the locked row and its numbered, immutable events. Whoever changes a
// conversation locks its row, appends events to it and saves it; saving writes the row, the events and, where the
// conversation's workflow must hear of something, the dispatch row, all in the caller's transaction.
//
// The order in which rows are locked is the same everywhere: contact → conversation → message → account limits → the
// queue of assignment (its one lock, see package assignment) → dispatch rows, which saving writes last.
package ledger
