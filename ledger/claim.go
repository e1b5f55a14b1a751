package ledger

import (
	"context"

	"github.com/uptrace/bun"
)

type claimKey struct{}

// Claim writes down, in a command's transaction and with the conversation locked, that it is carried out. An error refuses
// the command.
type Claim func(ctx context.Context, tx bun.Tx) error

// WithClaim makes the commands of a context carry out a claim first: work that must be done once is done with it or not at
// all, whatever dies in between.
func WithClaim(ctx context.Context, claim Claim) context.Context {
	return context.WithValue(ctx, claimKey{}, claim)
}

func claim(ctx context.Context, tx bun.Tx) error {
	if c, ok := ctx.Value(claimKey{}).(Claim); ok {
		return c(ctx, tx)
	}
	return nil
}
