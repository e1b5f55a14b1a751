// Package workflows holds the workflow of one conversation: the durable process that looks after it. Postgres is the
// record; the workflow decides nothing about the conversation. It only sees to it that somebody looks at the right time:
//
//   - A wake signal or a deadline that came makes it call the local activity Advance, which reads everything from
//     Postgres, applies what is new and says what comes next. Wakes that come together are answered by one Advance.
//   - One timer is armed for the earliest deadline. Its length is counted on the product's clock, as Advance reports it,
//     and never on the workflow's: in demo mode the product's clock runs ahead.
//   - While there are outgoing messages to work on, a coroutine calls the activity Send, one at a time, which keeps their
//     order. Wakes are answered meanwhile.
//   - An Advance that fails is tried again, less and less often, and never dropped.
//   - It ends when no deadline lies ahead and nothing is in progress; the next wake starts a new run under the same id. A
//     long one continues as new.
//
// Histories hold ids, kinds, times and codes, never the customer's words. What happens in which order is fixed by recorded
// histories in testdata/replay: see versions.go before changing it.
package workflows
