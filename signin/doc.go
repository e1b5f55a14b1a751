// Package signin is how people prove who they are: passwords, sessions, the limit of attempts, and the links by which
// somebody who is invited or has forgotten a password sets one.
//
// What is secret is never kept: passwords are hashed with argon2id, the values of sessions and links with SHA-256, which is
// enough for 256 random bits. All times are the machine's.
package signin
