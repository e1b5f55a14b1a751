// Package blocks holds which contacts are blocked on which account. A block counts on our side from its commit on: the
// send gate refuses, and what the contact writes is stored without telling anybody. The provider is asked after that commit,
// outside of any transaction; that it refuses or does not answer changes nothing of our side, and can be tried again.
package blocks
