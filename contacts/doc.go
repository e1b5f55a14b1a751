// Package contacts knows people: by which identities they are recognised, when two contacts prove to be one person, and
// what each of them wants (consent).
package contacts
