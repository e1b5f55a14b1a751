// Package app puts the parts of Guichet together: it starts them in an order in which each finds what it needs, and stops
// them in the opposite one. The commands and the end-to-end tests use the same object.
package app
