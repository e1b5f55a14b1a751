// Package whatsapp is the adapter of the WhatsApp Business Platform, the Cloud API that Meta hosts.
//
// Receiving: Verify checks the signature over the raw bytes, Parse turns a body into updates. Meta may put up to 1,000
// updates and 3 MB into one body, so a body is walked once and each update is decoded alone: one that cannot be understood
// holds back no other. Strings are made safe for PostgreSQL before anything is decoded, because a text column takes no
// NUL and a jsonb column neither lone surrogates nor endless numbers (see clean).
//
// Sending: Meta knows no idempotency key, so an adapter must be able to say whether a request may have arrived. The
// transport of this package counts what was written (see conn), never sends a POST twice, and reports as known only a
// failure before the first byte of the request or an answer with a code of the Graph API.
//
// Sources are Meta's pages on the Cloud API (webhooks reference, error codes, messages) for Graph versions 23 to 26.
package whatsapp
