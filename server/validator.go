package server

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/idempotency"
)

// single reports whether an operation reads one thing: such answers have an ETag.
func (op operation) single() bool {
	return op.method == http.MethodGet && strings.HasSuffix(op.path, "}")
}

func describeIfNoneMatch() *huma.Param {
	return &huma.Param{
		Name: "If-None-Match", In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "The ETag of an earlier answer: if nothing changed the answer is 304 without a body",
	}
}

// validate gives the answer an ETag (RFC 9110, 8.8.3) and leaves its body out if the caller has it already.
func validate(ctx huma.Context, next func(huma.Context)) {
	h := hold(ctx)
	next(h)
	a := h.answer()
	if a.Status == http.StatusOK {
		tag := entityTag(a.Body)
		h.header.Set("ETag", tag)
		h.header.Set("Cache-Control", "private, no-cache") // keep it, but ask each time
		if matches(ctx.Header("If-None-Match"), tag) {
			a = idempotency.Answer{Status: http.StatusNotModified, Header: http.Header{"Etag": {tag}, "Cache-Control": h.header["Cache-Control"]}}
		}
	}
	write(ctx, a)
}

func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches compares weakly, as RFC 9110 (13.1.2) says.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
