// Package mailer sends Guichet's own mails to its people: invitations, links to choose a new password, digests.
//
// A mail is queued in the transaction of what it tells of, so that neither exists without the other, and sent by a loop in
// any process. It is sent at least once: a process that dies between the mail server's yes and its own note sends the mail
// again, with the same Message-ID. What a mail says is a text by kind in the reader's language; only its data are kept,
// encrypted and no longer than until it is sent.
package mailer
