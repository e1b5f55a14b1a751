// Package inbox holds what people see and do: conversations and messages as they are read through the API, the agents'
// commands, the reception of what providers post, and Advance, which carries the automation's decisions into the record.
//
// Every command is one transaction against the locked conversation, so that the agent gets yes or no at once; what must
// be durable (a send, a timer) follows through the conversation's workflow, which hears of the events it must see.
package inbox
