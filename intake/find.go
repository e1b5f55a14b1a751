package intake

import (
	"database/sql"
	"fmt"
	"slices"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// known is a message that is in the database.
type known struct {
	id, conversation, contact   string
	account, provider           string
	state                       conversation.MessageState
	errorCode                   string
	sentAt, deliveredAt, readAt time.Time
	playedAt, failedAt          time.Time
	at                          time.Time
	pricing                     *string
}

// resolveContacts finds or makes everybody who occurs, and locks them together with those whose consent a receipt changes.
func (b *batch) resolveContacts() ([]contacts.Merge, error) {
	var (
		sightings []contacts.Sighting
		of        []int
		changing  []string
	)
	for i := range b.work {
		w := &b.work[i]
		if r, ok := w.Body.(channel.Receipt); ok && r.Failure.ChangesContact() {
			if m := b.message(w, r); m != nil {
				changing = append(changing, m.contact)
			}
		}
		if s, ok := sighting(w.Body); ok {
			s.Channel, s.At = w.account.Channel, b.providerTime(s.At)
			sightings, of = append(sightings, s), append(of, i)
		}
	}
	if len(sightings)+len(changing) == 0 {
		return nil, nil
	}
	res, err := contacts.Resolve(b.ctx, b.tx, sightings, b.now, changing...)
	if err != nil {
		return nil, err
	}
	for j, i := range of {
		b.work[i].contact = res.Contacts[j]
	}
	return res.Merges, nil
}

// sighting returns who occurs in an update. Receipts make no contact, but those that name two identities prove that they
// are one person's.
func sighting(body channel.Body) (contacts.Sighting, bool) {
	switch u := body.(type) {
	case channel.Message:
		return contacts.Sighting{Person: u.Person, At: u.At}, true
	case channel.Reaction:
		return contacts.Sighting{Person: u.Person, At: u.At}, true
	case channel.Edit:
		return contacts.Sighting{Person: u.Person, At: u.At}, true
	case channel.Revoke:
		return contacts.Sighting{Person: u.Person, At: u.At}, true
	case channel.Preference:
		return contacts.Sighting{Person: u.Person, At: u.At, ChangesConsent: true}, true
	case channel.Call:
		return contacts.Sighting{Person: u.Person, At: u.At}, true
	case channel.ChatOpened:
		return contacts.Sighting{Person: u.Person, At: u.At}, true
	case channel.IdentityChange:
		return contacts.Sighting{Person: u.After, Replaced: replaced(u), At: u.At}, true
	case channel.Receipt:
		return contacts.Sighting{Person: u.Person, At: u.At, OnlyKnown: true}, len(u.Person.Identities) > 1
	default:
		return contacts.Sighting{}, false
	}
}

// replaced returns the identities that are in the old person and not in the new one.
func replaced(u channel.IdentityChange) []conversation.Identity {
	var gone []conversation.Identity
	for _, id := range u.Before.Identities {
		same := func(n conversation.Identity) bool { return n.Kind == id.Kind && n.Key == id.Key }
		if !slices.ContainsFunc(u.After.Identities, same) {
			gone = append(gone, id)
		}
	}
	return gone
}

// references returns the messages that an update is about, by provider id and, for receipts, by ours.
func references(body channel.Body) (providerID, messageID string) {
	switch u := body.(type) {
	case channel.Receipt:
		return u.ProviderID, u.MessageID
	case channel.Edit:
		return u.Target, ""
	case channel.Revoke:
		return u.Target, ""
	default:
		return "", ""
	}
}

// findReferenced learns, without locks, which conversations and contacts the receipts, edits and withdrawals concern.
func (b *batch) findReferenced() error {
	var accountIDs, providerIDs, ids []string
	for i := range b.work {
		provider, id := references(b.work[i].Body)
		if provider != "" {
			accountIDs, providerIDs = append(accountIDs, b.work[i].account.ID), append(providerIDs, provider)
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	if len(providerIDs)+len(ids) == 0 {
		return nil
	}
	return b.readMessages(`SELECT `+knownColumns+` FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id IN (
		SELECT x.id FROM unnest($1::uuid[], $2::text[]) AS k(a, p) JOIN messages x ON x.account_id = k.a AND x.provider_id = k.p
		UNION SELECT unnest($3::uuid[]))`, accountIDs, providerIDs, ids)
}

const knownColumns = `m.id, m.conversation_id, c.contact_id, m.account_id, coalesce(m.provider_id, ''), m.state, m.error_code, m.sent_at,
	m.delivered_at, m.read_at, m.played_at, m.failed_at, m.at, m.pricing::text`

func (b *batch) readMessages(query string, args ...any) error {
	err := postgres.Rows(b.ctx, b.tx, func(row *sql.Rows) error {
		var k known
		if err := row.Scan(&k.id, &k.conversation, &k.contact, &k.account, &k.provider, &k.state, &k.errorCode, postgres.OptTime(&k.sentAt),
			postgres.OptTime(&k.deliveredAt), postgres.OptTime(&k.readAt), postgres.OptTime(&k.playedAt), postgres.OptTime(&k.failedAt), &k.at, &k.pricing); err != nil {
			return err
		}
		b.byID[k.id] = &k
		if k.provider != "" {
			b.known[providerKey{k.account, k.provider}] = &k
		}
		return nil
	}, query, args...)
	if err != nil {
		return fmt.Errorf("find messages: %w", err)
	}
	return nil
}

// message returns the message that a receipt is about, nil if it is not known yet.
func (b *batch) message(w *work, r channel.Receipt) *known {
	if m := b.known[providerKey{w.account.ID, r.ProviderID}]; m != nil {
		return m
	}
	if m := b.byID[r.MessageID]; m != nil && m.account == w.account.ID && (m.provider == "" || m.provider == r.ProviderID) {
		return m
	}
	return nil
}

// lockConversations locks all conversations that the updates touch in one statement, in the order of their ids.
func (b *batch) lockConversations(merges []contacts.Merge) error {
	var accountIDs, contactIDs, ids, merged []string
	for i := range b.work {
		if w := &b.work[i]; w.contact != "" {
			accountIDs, contactIDs = append(accountIDs, w.account.ID), append(contactIDs, w.contact)
		}
	}
	for _, m := range b.byID {
		ids = append(ids, m.conversation)
	}
	for _, m := range merges {
		merged = append(merged, m.Survivor, m.Loser)
	}
	rows, err := ledger.LockTouched(b.ctx, b.tx, ledger.Touched{AccountIDs: accountIDs, ContactIDs: contactIDs, IDs: ids, Merged: merged})
	if err != nil {
		return err
	}
	b.rows = rows
	return nil
}

// findThreads tells the conversations apart that go on, now that they are loaded.
func (b *batch) findThreads() {
	for _, r := range b.rows {
		if r.MergedInto == "" {
			b.threads[threadKey{r.AccountID, r.ContactID}] = r
		}
	}
}

// findKnown finds, after the conversations are locked, which new messages are there already, and reads those that receipts
// concern again and locks them. When it returns, the conversations are loaded.
func (b *batch) findKnown() error {
	if len(b.byID) > 0 {
		ids := make([]string, 0, len(b.byID))
		for id := range b.byID {
			ids = append(ids, id)
		}
		if err := b.readMessages(`SELECT `+knownColumns+` FROM messages m JOIN conversations c ON c.id = m.conversation_id
			WHERE m.id = ANY($1::uuid[]) ORDER BY m.id FOR NO KEY UPDATE OF m`, ids); err != nil {
			return err
		}
		for _, m := range b.byID {
			if b.rows[m.conversation] == nil {
				return errOvertaken // merged into another, which is not locked
			}
		}
	}
	if err := b.findLate(); err != nil {
		return err
	}
	var accountIDs, providerIDs []string
	for i := range b.work {
		if id := newMessageID(b.work[i].Body); id != "" {
			accountIDs, providerIDs = append(accountIDs, b.work[i].account.ID), append(providerIDs, id)
		}
	}
	if len(providerIDs) == 0 {
		return postgres.Flush(b.ctx, b.tx)
	}
	err := postgres.Rows(b.ctx, b.tx, func(row *sql.Rows) error {
		var (
			key   providerKey
			early bool
		)
		if err := row.Scan(&key.account, &key.provider, &early); err != nil {
			return err
		}
		if early {
			b.early[key] = true
		} else if b.known[key] == nil {
			b.known[key] = &known{}
		}
		return nil
	}, `WITH k AS (SELECT * FROM unnest($1::uuid[], $2::text[]) AS k(a, p))
		SELECT k.a, k.p, false FROM k, LATERAL (SELECT FROM messages WHERE account_id = k.a AND provider_id = k.p LIMIT 1) AS m
		UNION ALL SELECT k.a, k.p, true FROM k, LATERAL (SELECT FROM amendments WHERE account_id = k.a AND target_id = k.p LIMIT 1) AS e`,
		accountIDs, providerIDs)
	if err != nil {
		return fmt.Errorf("find duplicates: %w", err)
	}
	return nil
}

// findLate looks once more for what edits and withdrawals are about, now that the conversations are locked: it may have been
// stored between the first look and the locks.
func (b *batch) findLate() error {
	var keys []providerKey
	for i := range b.work {
		w := &b.work[i]
		if _, ok := w.Body.(channel.Receipt); ok {
			continue // see settleInserted
		}
		if provider, _ := references(w.Body); provider != "" && b.known[providerKey{w.account.ID, provider}] == nil {
			keys = append(keys, providerKey{w.account.ID, provider})
		}
	}
	return b.unstored(keys)
}

// unstored returns errOvertaken if one of the messages, which this batch has not found, is stored by now and not by itself.
func (b *batch) unstored(keys []providerKey) error {
	if len(keys) == 0 {
		return nil
	}
	accountIDs, providerIDs := columns(keys)
	own := make([]string, 0, len(b.inserted))
	for i := range b.inserted {
		own = append(own, b.inserted[i].id)
	}
	var stored bool
	err := b.tx.Tx.QueryRowContext(b.ctx, `SELECT EXISTS (SELECT 1 FROM unnest($1::uuid[], $2::text[]) AS k(a, p)
		JOIN messages m ON m.account_id = k.a AND m.provider_id = k.p WHERE m.id <> ALL($3::uuid[]))`, accountIDs, providerIDs, own).Scan(&stored)
	if err != nil {
		return fmt.Errorf("find messages: %w", err)
	}
	if stored {
		return errOvertaken
	}
	return nil
}

func columns(keys []providerKey) (accountIDs, providerIDs []string) {
	for _, k := range keys {
		accountIDs, providerIDs = append(accountIDs, k.account), append(providerIDs, k.provider)
	}
	return accountIDs, providerIDs
}

// newMessageID returns the provider id of the message that an update adds, empty if it adds none.
func newMessageID(body channel.Body) string {
	switch u := body.(type) {
	case channel.Message:
		return u.ProviderID
	case channel.IdentityChange:
		return u.ProviderID
	default:
		return ""
	}
}
