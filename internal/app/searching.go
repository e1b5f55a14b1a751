package app

import (
	"context"
	"time"

	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/search"
)

// Nobody looks for what was written a moment ago, so many entries are indexed together: people who write much are looked up
// once for all that they wrote.
const (
	searchPause = time.Second
	searchBatch = 1000
)

// indexForSearch keeps what people and messages are found by up to date with the feed. One process does it, the others
// stand by.
func (a *App) indexForSearch(ctx context.Context) error {
	return feed.Consumer{
		Name: search.Consumer, DB: a.DB, Apply: search.Apply, Changes: true, Bell: &a.bell, Logger: a.Logger, Pause: searchPause, Batch: searchBatch,
	}.Run(ctx)
}
