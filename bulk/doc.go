// Package bulk does one thing with many conversations: those that somebody selected, or all that a filter selects. What is
// selected is fixed when it is asked for; then workers carry it out, one conversation after the other, through the same
// commands as for a single one, as whoever asked, with what they may do and see at that moment.
//
// A target is marked as done in the transaction of its command, so each is done once, whatever dies. An action is leased to
// one worker at a time; another one takes it up where it was when the lease has run out.
package bulk
