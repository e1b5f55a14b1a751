package whatsapp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"guichet.dev/guichet/channel"
)

const (
	signatureHeader = "X-Hub-Signature-256"
	signaturePrefix = "sha256="
)

// Handshake answers Meta's GET that verifies the callback address: the challenge if the mode is subscribe and the token is
// ours (Webhooks, "Verification requests"). An account without a verify token refuses every handshake.
func (a *Adapter) Handshake(secrets channel.Secrets, query url.Values) (string, bool) {
	challenge := query.Get("hub.challenge")
	if query.Get("hub.mode") != "subscribe" || challenge == "" || secrets.VerifyToken == "" {
		return "", false
	}
	if !hmac.Equal([]byte(query.Get("hub.verify_token")), []byte(secrets.VerifyToken)) {
		return "", false
	}
	return challenge, true
}

// Verify checks X-Hub-Signature-256: the lower-case hexadecimal HMAC-SHA256 of the raw body under the app secret
// (Webhooks, "Validating payloads"). There must be exactly one such header. The older SHA-1 header is never looked at.
func (a *Adapter) Verify(secrets channel.Secrets, header http.Header, body []byte) bool {
	values := header.Values(signatureHeader)
	if secrets.AppSecret == "" || len(values) != 1 {
		return false
	}
	got, found := strings.CutPrefix(values[0], signaturePrefix)
	if !found || len(got) != hex.EncodedLen(sha256.Size) {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secrets.AppSecret))
	mac.Write(body) // a hash never fails to write
	var sum [sha256.Size]byte
	var want [2 * sha256.Size]byte
	hex.Encode(want[:], mac.Sum(sum[:0]))
	return hmac.Equal([]byte(got), want[:])
}
