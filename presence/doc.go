// Package presence knows which agents are there, for which teams they work now, and who looks at or writes in which
// conversation. The first two stand in the database; the last lives for seconds in the memory of each process, and goes from
// one to the others as a notification with nothing but ids.
package presence
