package app

import (
	"context"

	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/search"
)

// indexForSearch keeps what people and messages are found by up to date with the feed. One process does it, the others
// stand by.
func (a *App) indexForSearch(ctx context.Context) error {
	return feed.Consumer{
		Name: search.Consumer, DB: a.DB, Apply: search.Apply, Changes: true, Bell: &a.bell, Logger: a.Logger,
	}.Run(ctx)
}
