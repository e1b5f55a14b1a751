// Package rulebook keeps what admins write: the draft that they work on, and the versions that they published. A version never
// changes, so every decision can be explained by the rules as they were.
package rulebook
