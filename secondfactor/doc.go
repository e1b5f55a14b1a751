// Package secondfactor is what proves a person besides the password: codes of six digits that an app on the person's own
// device computes from a secret and the time (TOTP, RFC 6238), and recovery codes for when the device is lost.
//
// A factor is first enrolled and asked for only once a code of it has shown that the app has the secret. A code counts
// once, for about a minute and a half; a recovery code counts once for ever. After five wrong codes all are refused for a
// while, whoever tries. The secret is encrypted at rest, of recovery codes only hashes are kept. All times are the machine's.
package secondfactor
