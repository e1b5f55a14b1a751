// Package worker runs the processes behind the conversations: the Temporal workers that carry the workflows out, the
// dispatcher that tells workflows what is new, and the repair of what a loss left behind.
//
// How a workflow hears of something: whoever changes a conversation inserts a row into dispatches in the same
// transaction. The dispatcher of any process leases the row in a short transaction, signals the workflow (which starts it
// if it does not run), and deletes the row if it did not change meanwhile. A process that dies leaves a lease behind that
// ends by itself, and a signal that is sent twice does no harm, so nothing is lost and nothing needs to be exact.
package worker
