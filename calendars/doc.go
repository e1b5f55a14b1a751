// Package calendars keeps business hours under names, for the accounts and teams that use them. A team's hours come before the
// account's.
package calendars
