// Package views keeps what people list conversations by under a name: a view, what narrows it, and an order. A saved view is
// its owner's alone, or shared with a team or with everybody; whoever uses it sees what they may see, so that it never shows
// more than they would find themselves. What a view names may be gone since: it still works, and says what is missing.
package views
