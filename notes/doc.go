// Package notes holds what colleagues write to each other beside a conversation. Customers never see a note, it answers
// nobody, and the conversation's workflow does not hear of it. Those whom a note mentions follow the conversation from then
// on, as its author does.
package notes
