// Package automation brings conversations up to date: Advance examines new messages for wishes to be left alone, asks the
// published rules about events and deadlines, carries out what follows, and keeps why. Everything is one transaction: a
// decision, its effects and how far the conversation has come are written together or not at all.
package automation
