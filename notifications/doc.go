// Package notifications tells agents what concerns them: a colleague's note that mentions them, a conversation that was
// given to them or to their team, news in one that they follow.
//
// They are derived from the feed of events. News of one conversation gather in one entry until the agent reads it. What an
// agent did is no news to that agent, and what lies in an account that the agent may not see is none either, neither when it
// happens nor when it is shown or mailed.
//
// A digest by e-mail tells how much of what kind is still unread, and nothing else: no customer's name and no words.
package notifications
