// Package condition reads the conditions that admins write into rules, such as
//
//	mentions(message.text, "refund") and contact.country == "FR" and not hours.open
//
// and tells whether they hold. A condition is one expression of expr-lang/expr that gives true or false. The package takes
// its parser and its virtual machine, and decides itself what may be written: every name, type and operator is checked here
// first, so that an admin gets one sentence with a place and a hint, and so that what this package does not know does not
// run.
//
// No condition can hold up a worker. There are no loops but one level of any, all, none, one and count over short lists, no
// way to build texts or lists, patterns are constants, and every text is cut before it is looked at. [Compile] adds up the
// most that a condition can cost, and refuses what is above the budget.
//
// The package is pure: no database, no network, no clock. What a condition sees is an [Environment], which the caller fills
// in, with the time in it.
package condition
