package contacts

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

func openBook(ctx context.Context, tx bun.Tx, sightings []Sighting) (*book, error) {
	b := &book{identities: map[identityKey]*identity{}, contacts: map[string]*contact{}, aliases: map[string]string{}}
	var channels, kinds, keys []string
	seen := map[identityKey]bool{}
	for _, s := range sightings {
		for _, id := range slices.Concat(s.Person.Identities, s.Replaced) {
			if k := (identityKey{s.Channel, id.Kind, id.Key}); !seen[k] {
				seen[k] = true
				channels, kinds, keys = append(channels, string(s.Channel)), append(kinds, string(id.Kind)), append(keys, id.Key)
			}
		}
	}
	if len(keys) == 0 {
		return b, nil
	}
	err := postgres.Rows(ctx, tx, b.read, `SELECT i.channel, i.kind, i.key, i.address, i.owned_since, i.retired_at, c.id, c.profile_name, c.named_at, c.phone, c.created_at
		FROM unnest($1::text[], $2::text[], $3::text[]) AS k(channel, kind, key),
		LATERAL (SELECT * FROM identities WHERE channel = k.channel AND kind = k.kind AND key = k.key OFFSET 0) AS i,
		LATERAL (SELECT * FROM contacts WHERE id = i.contact_id OFFSET 0) AS c`, channels, kinds, keys)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	return b, nil
}

func (b *book) read(row *sql.Rows) error {
	var (
		k  identityKey
		id identity
		c  contact
	)
	if err := row.Scan(&k.channel, &k.kind, &k.key, &id.address, &id.ownedSince, postgres.OptTime(&id.retiredAt), &c.id, &c.name,
		postgres.OptTime(&c.namedAt), &c.phone, &c.createdAt); err != nil {
		return err
	}
	id.contact, c.phoneRead = c.id, c.phone
	b.identities[k] = &id
	if b.contacts[c.id] == nil {
		b.contacts[c.id] = &c
	}
	return nil
}

func (b *book) save(ctx context.Context, tx bun.Tx) error {
	if err := b.lock(ctx, tx); err != nil {
		return err
	}
	if err := b.insertContacts(ctx, tx); err != nil {
		return err
	}
	if err := b.updateContacts(ctx, tx); err != nil {
		return err
	}
	if err := b.insertIdentities(ctx, tx); err != nil {
		return err
	}
	if err := b.updateIdentities(ctx, tx); err != nil {
		return err
	}
	for _, m := range b.merges {
		if err := b.mergeRows(ctx, tx, m); err != nil {
			return err
		}
	}
	return nil
}

// sorted returns the contacts that satisfy the condition in the order of their ids.
func (b *book) sorted(which func(*contact) bool) []*contact {
	var list []*contact
	for _, id := range slices.Sorted(maps.Keys(b.contacts)) {
		if c := b.contacts[id]; which(c) {
			list = append(list, c)
		}
	}
	return list
}

func contactColumns(list []*contact) (ids, names, phones []string, namedAts []*time.Time) {
	for _, c := range list {
		ids, names, phones = append(ids, c.id), append(names, c.name), append(phones, c.phone)
		namedAts = append(namedAts, postgres.NullTime(c.namedAt))
	}
	return ids, names, phones, namedAts
}

func (b *book) insertContacts(ctx context.Context, tx bun.Tx) error {
	fresh := b.sorted(func(c *contact) bool { return c.isNew })
	if len(fresh) == 0 {
		return nil
	}
	ids, names, phones, namedAts := contactColumns(fresh)
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO contacts (id, name, profile_name, phone, named_at, created_at, updated_at)
		SELECT v.id, v.name, v.name, v.phone, v.named_at, $5::timestamptz, $5::timestamptz FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS v(id, name, phone, named_at)`, ids, names, phones, namedAts, b.now)
	if err != nil {
		return fmt.Errorf("insert contacts: %w", err)
	}
	return nil
}

// lock keeps the contacts that were found from being merged away until the transaction ends: what is written for a merged
// one would be lost to the person. One statement locks them all in the order of their ids, as strongly as any of them needs:
// those who change something take turns, and a merge waits for everybody.
func (b *book) lock(ctx context.Context, tx bun.Tx) error {
	mode, ids := "KEY SHARE", slices.Clone(b.changing)
	for _, c := range b.sorted(func(c *contact) bool { return !c.isNew }) {
		ids = append(ids, c.id)
		b.exclusive = b.exclusive || c.changed
	}
	if len(ids) == 0 {
		return nil
	}
	switch {
	case len(b.merges) > 0:
		mode = "UPDATE"
	case b.exclusive:
		mode = "NO KEY UPDATE"
	}
	return postgres.LaterRows(ctx, tx, "lock contacts", func(row postgres.Row) error {
		var merged bool
		if err := row.Scan(&merged); err != nil {
			return err
		}
		if merged {
			return ErrRace // its identities are the survivor's by now
		}
		return nil
	}, "SELECT merged_into IS NOT NULL FROM contacts WHERE id = ANY($1::uuid[]) ORDER BY id FOR "+mode, ids)
}

// updateContacts writes what changed. Others may have changed names since they were read, so the newest is chosen again, and
// a name that an agent gave stays the one to show; a phone is replaced only if it is still the one that was read.
func (b *book) updateContacts(ctx context.Context, tx bun.Tx) error {
	merged := map[string]bool{}
	for _, m := range b.merges {
		merged[m.Survivor], merged[m.Loser] = true, true
	}
	touched := b.sorted(func(c *contact) bool { return !c.isNew && (c.changed || merged[c.id]) })
	if len(touched) == 0 {
		return nil
	}
	ids, names, phones, namedAts := contactColumns(touched)
	read := make([]string, 0, len(touched))
	for _, c := range touched {
		read = append(read, c.phoneRead)
	}
	_, err := tx.Tx.ExecContext(ctx, `UPDATE contacts AS c SET profile_name = CASE WHEN v.named_at > coalesce(c.named_at, '-infinity') THEN v.name ELSE c.profile_name END,
			name = CASE WHEN NOT c.name_given AND v.named_at > coalesce(c.named_at, '-infinity') THEN v.name ELSE c.name END,
			phone = CASE WHEN c.phone = v.read THEN v.phone ELSE c.phone END, named_at = greatest(c.named_at, v.named_at), updated_at = $5::timestamptz
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $6::text[]) AS v(id, name, phone, named_at, read) WHERE c.id = v.id`,
		ids, names, phones, namedAts, b.now, read)
	if err != nil {
		return fmt.Errorf("update contacts: %w", err)
	}
	return nil
}

// Lock locks contacts in the order of their ids against every change of consent, name and identity.
func Lock(ctx context.Context, tx bun.Tx, ids []string) error {
	_, err := tx.Tx.ExecContext(ctx, "SELECT 1 FROM contacts WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", ids)
	if err != nil {
		return fmt.Errorf("lock contacts: %w", err)
	}
	return nil
}

// LockOne is Lock for one contact.
func LockOne(ctx context.Context, tx bun.Tx, id string) error { return Lock(ctx, tx, []string{id}) }

// LockShared locks a contact as the send gate does: no consent can change until the transaction ends, and gates do not
// wait for each other.
func LockShared(ctx context.Context, tx bun.Tx, id string) error {
	if _, err := tx.Tx.ExecContext(ctx, "SELECT 1 FROM contacts WHERE id = $1::uuid FOR SHARE", id); err != nil {
		return fmt.Errorf("lock contact: %w", err)
	}
	return nil
}

type identityColumns struct {
	channels, kinds, keys, addresses, contacts []string
	owned                                      []time.Time
	retired                                    []*time.Time
}

func (b *book) identityColumns(which func(*identity) bool) identityColumns {
	var cols identityColumns
	order := slices.SortedFunc(maps.Keys(b.identities), func(x, y identityKey) int {
		return slices.Compare([]string{string(x.channel), string(x.kind), x.key}, []string{string(y.channel), string(y.kind), y.key})
	})
	for _, k := range order {
		if id := b.identities[k]; which(id) {
			cols.channels, cols.kinds, cols.keys = append(cols.channels, string(k.channel)), append(cols.kinds, string(k.kind)), append(cols.keys, k.key)
			cols.addresses, cols.contacts = append(cols.addresses, id.address), append(cols.contacts, b.current(id.contact))
			cols.owned = append(cols.owned, id.ownedSince)
			cols.retired = append(cols.retired, postgres.NullTime(id.retiredAt))
		}
	}
	return cols
}

func (b *book) insertIdentities(ctx context.Context, tx bun.Tx) error {
	cols := b.identityColumns(func(id *identity) bool { return id.isNew })
	if len(cols.keys) == 0 {
		return nil
	}
	res, err := tx.Tx.ExecContext(ctx, `INSERT INTO identities (channel, kind, key, address, contact_id, owned_since, retired_at, created_at, updated_at)
		SELECT *, $8::timestamptz, $8::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[], $7::timestamptz[])
		ON CONFLICT DO NOTHING`, cols.channels, cols.kinds, cols.keys, cols.addresses, cols.contacts, cols.owned, cols.retired, b.now)
	if err != nil {
		return fmt.Errorf("insert identities: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("insert identities: %w", err)
	}
	if int(n) != len(cols.keys) {
		return ErrRace
	}
	return nil
}

func (b *book) updateIdentities(ctx context.Context, tx bun.Tx) error {
	cols := b.identityColumns(func(id *identity) bool { return id.changed && !id.isNew })
	if len(cols.keys) == 0 {
		return nil
	}
	_, err := tx.Tx.ExecContext(ctx, `UPDATE identities AS i SET address = v.address, contact_id = v.contact_id, owned_since = v.owned_since, retired_at = v.retired_at, updated_at = $8::timestamptz
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[], $7::timestamptz[]) AS v(channel, kind, key, address, contact_id, owned_since, retired_at)
		WHERE i.channel = v.channel AND i.kind = v.kind AND i.key = v.key`,
		cols.channels, cols.kinds, cols.keys, cols.addresses, cols.contacts, cols.owned, cols.retired, b.now)
	if err != nil {
		return fmt.Errorf("update identities: %w", err)
	}
	return nil
}

func (b *book) mergeRows(ctx context.Context, tx bun.Tx, m Merge) error {
	for _, statement := range []string{
		"UPDATE identities SET contact_id = $1::uuid WHERE contact_id = $2::uuid",
		"UPDATE consent_changes SET contact_id = $1::uuid WHERE contact_id = $2::uuid",
		"UPDATE contact_changes SET contact_id = $1::uuid WHERE contact_id = $2::uuid",
		mergePanels,
		"UPDATE contacts SET merged_into = $1::uuid WHERE merged_into = $2::uuid OR id = $2::uuid",
	} {
		if _, err := tx.Tx.ExecContext(ctx, statement, m.Survivor, m.Loser); err != nil {
			return fmt.Errorf("merge contacts: %w", err)
		}
	}
	for _, id := range []string{m.Survivor, m.Loser} {
		if err := restand(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// Identities returns a contact's identities that are in use, those to which we can send first.
func Identities(ctx context.Context, db bun.IDB, contactID string, on conversation.Channel) ([]conversation.Identity, error) {
	var list []conversation.Identity
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var id conversation.Identity
		if err := row.Scan(&id.Kind, &id.Address, &id.Key); err != nil {
			return err
		}
		list = append(list, id)
		return nil
	}, `SELECT kind, address, key FROM identities WHERE contact_id = $1::uuid AND channel = $2 AND retired_at IS NULL
		ORDER BY array_position(ARRAY['wa_id', 'user_id', 'parent_user_id', 'username'], kind), updated_at DESC, key`, contactID, string(on))
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	return list, nil
}
