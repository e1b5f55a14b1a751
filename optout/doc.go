// Package optout finds out what a message says about being contacted. Detectors are asked in order, and the first that finds
// something is believed: buttons that an admin marked, the keywords of each language as a whole message, then the intent of a
// message in the customer's own words, as the embedded classifier understands it. It is pure: no database, no network.
package optout
