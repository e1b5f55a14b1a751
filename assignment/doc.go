// Package assignment decides who gets a conversation. Each account has a plan: policies in order, of which the first that
// finds somebody who can take the conversation wins. Can means: active, sees the account, works for the team, is present as
// the plan asks, and has room. Where nobody can, the conversation goes to the next policy, waits in a queue, or is left.
//
// An assignment may be an offer, which the agent must take up in time; else it passes along a chain: further policies, the
// team, the supervisors, and a word to the customer.
//
// All of it happens in the transaction of whoever decides, with the conversation locked. What agents have is counted, not
// kept, so it cannot be wrong; and all automatic assignment takes one lock, see [Store.lock]: agents serve several accounts and
// teams, so that a lock for each queue and each agent would be taken in every order. Whoever assigns, queues, or makes room
// while somebody waits holds it until the commit; whoever makes room while nobody waits shares it. It comes after conversations
// and their messages, and before dispatch rows, in the order of locks. A conversation at the head of a queue is locked out of that
// order, but never waited for: if somebody holds it, an agent is called instead (a row in assignment_calls), and [Store.Run]
// looks again after the commit, locking conversations first.
//
// A queue belongs to a team on an account, or to the whole account. Within it, nobody is overtaken but by priority, or because
// the agent declined the one in front.
package assignment
