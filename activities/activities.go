// Package activities is what workflows ask to be done: the inputs (ids only, because all of it is kept in Temporal's
// histories; the results are in package conversation) and the implementation, on interfaces that are declared here.
package activities

// AdvanceInput names the conversation to bring up to date.
type AdvanceInput struct {
	ConversationID string `json:"conversation_id"`
}

// SendInput names the conversation whose first unsettled outgoing message is to be sent.
type SendInput struct {
	ConversationID string `json:"conversation_id"`
}
