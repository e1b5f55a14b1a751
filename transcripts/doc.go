// Package transcripts writes a conversation down for people and programs outside: oldest first, with the conversations
// merged into it, as text, JSON or a page of HTML that needs nothing else. It is read in pages and written as it is read, so
// that a conversation of any length needs little memory. Who exported what is in the audit.
package transcripts
