package app

import (
	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/transcripts"
)

// inside are the stores of what agents do around conversations.
type inside struct {
	notes       *notes.Store
	labels      *labels.Store
	drafts      *drafts.Store
	followers   *followers.Store
	blocks      *blocks.Store
	contacts    *contacts.Store
	transcripts *transcripts.Store
	search      *search.Store
}

func (a *App) openInside() {
	desk := ledger.Desk{DB: a.DB, Now: a.Clock.Now, Notify: a.notify, Freed: a.assignment.Freed}
	a.inside = inside{
		notes: notes.NewStore(desk), labels: labels.NewStore(desk), drafts: drafts.NewStore(desk), followers: followers.NewStore(desk),
		blocks:   blocks.NewStore(blocks.Options{Desk: desk, Accounts: a.Accounts, Adapters: a.adapters, Meaning: meaning}),
		contacts: contacts.NewStore(desk), transcripts: transcripts.NewStore(desk),
		search: search.NewStore(a.DB),
	}
}
