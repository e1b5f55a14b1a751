package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/conversation"
)

// ifSeq is the query parameter by which a caller says up to which event they know the conversation.
const ifSeq = "if_seq"

// decides reports whether an operation is a command on one conversation.
func (op operation) decides() bool {
	return op.method != http.MethodGet && strings.HasPrefix(op.path, "/conversations/{conversation_id}")
}

func describeIfSeq() *huma.Param {
	least := 1.0
	return &huma.Param{
		Name: ifSeq, In: "query", Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &least},
		Description: "The last_seq of the conversation as you saw it. If somebody else did something after it, receipts apart, the answer is stale and says what",
	}
}

// sighted reads up to where the caller knows the conversation.
func (s *Server) sighted(ctx huma.Context, next func(huma.Context)) {
	text := ctx.Query(ifSeq)
	if text == "" {
		next(ctx)
		return
	}
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seq < 1 {
		p := problemOf(conversation.Invalid(ifSeq, "must be a whole number from 1"))
		s.refuse(ctx, p.located(map[string]string{ifSeq: "query"}))
		return
	}
	next(huma.WithValue(ctx, keySeen, seq))
}

func seen(ctx context.Context) int64 {
	seq, _ := ctx.Value(keySeen).(int64)
	return seq
}
