package search

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// person is what a contact is found by.
type person struct {
	id, name  string
	phones    []string // with or without +
	email     string
	usernames []string
	accounts  []string
	activeOn  time.Time
}

// Signs within a haystack: between two fields stands a bar, and around it, and before each word, a space. So "| ana |" is a
// whole field and " an" the beginning of a word.
const bar = " | "

// haystack returns all that the person is found by, folded: the name's words; e-mail and usernames whole and in words; phone
// numbers as digits.
func (p person) haystack() string {
	fields := []string{foldedName(p.name)}
	add := func(text string) {
		if text != "" && !slices.Contains(fields, text) {
			fields = append(fields, text)
		}
	}
	for _, address := range append([]string{p.email}, p.usernames...) {
		add(foldedAddress(address))
		add(foldedName(address))
	}
	for _, phone := range p.phones {
		add(digits(phone))
	}
	return strings.TrimPrefix(bar, " ") + strings.Join(fields, bar) + strings.TrimSuffix(bar, " ")
}

// foldedName is a name in its words.
func foldedName(name string) string { return strings.Join(words(name), " ") }

// foldedAddress is an e-mail address or username as a whole, without the spaces and bars that have a meaning here.
func foldedAddress(address string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '|' {
			return -1
		}
		return r
	}, fold(address))
}

func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// indexPeople brings contacts up to date, and those of the conversations. A merged contact is found as the other.
func indexPeople(ctx context.Context, tx bun.Tx, contacts, conversations []string) error {
	if len(contacts)+len(conversations) == 0 {
		return nil
	}
	var people []person
	types := pgtype.NewMap()
	err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
		var (
			p                 person
			phone             string
			phones, addresses []string
			kinds             []string
		)
		err := row.Scan(&p.id, &p.name, &phone, types.SQLScanner(&phones), &p.email, types.SQLScanner(&kinds), types.SQLScanner(&addresses),
			types.SQLScanner(&p.accounts), &p.activeOn)
		p.phones = append([]string{phone}, phones...)
		for i, kind := range kinds {
			switch kind {
			case "username":
				p.usernames = append(p.usernames, addresses[i])
			case "wa_id":
				p.phones = append(p.phones, addresses[i])
			}
		}
		people = append(people, p)
		return err
	}, `WITH wanted AS (
			SELECT DISTINCT coalesce(p.merged_into, p.id) AS id FROM contacts p
			WHERE p.id = ANY($1::uuid[]) OR p.id IN (SELECT contact_id FROM conversations WHERE id = ANY($2::uuid[]))
		) SELECT p.id, p.name, p.phone, p.phones, p.email, i.kinds, i.addresses, c.accounts, c.active_on
		FROM wanted w JOIN contacts p ON p.id = w.id
		JOIN LATERAL (SELECT array_agg(DISTINCT account_id ORDER BY account_id) AS accounts, max(last_activity_at)::date AS active_on FROM conversations
			WHERE contact_id = p.id HAVING count(*) > 0) c ON true
		JOIN LATERAL (SELECT coalesce(array_agg(kind ORDER BY kind, key), '{}') AS kinds, coalesce(array_agg(address ORDER BY kind, key), '{}') AS addresses FROM identities
			WHERE contact_id = p.id AND retired_at IS NULL) i ON true
		ORDER BY p.id`, append([]string{}, contacts...), append([]string{}, conversations...))
	if err != nil {
		return fmt.Errorf("read people to index: %w", err)
	}
	return writePeople(ctx, tx, people)
}

func writePeople(ctx context.Context, tx bun.Tx, people []person) error {
	if len(people) == 0 {
		return nil
	}
	var ids, names, haystacks, accounts []string
	var active []time.Time
	for _, p := range people {
		ids, names, haystacks = append(ids, p.id), append(names, foldedName(p.name)), append(haystacks, p.haystack())
		accounts, active = append(accounts, "{"+strings.Join(p.accounts, ",")+"}"), append(active, p.activeOn)
	}
	_, err := tx.Tx.ExecContext(ctx, `DELETE FROM search_people s USING contacts p WHERE p.merged_into = ANY($1::uuid[]) AND s.contact_id = p.id`, ids)
	if err != nil {
		return fmt.Errorf("take merged people out of the index: %w", err)
	}
	_, err = tx.Tx.ExecContext(ctx, `INSERT INTO search_people (contact_id, name, haystack, accounts, active_on)
		SELECT id, name, haystack, accounts::uuid[], active_on FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::date[])
			AS v(id, name, haystack, accounts, active_on) ORDER BY id
		ON CONFLICT (contact_id) DO UPDATE SET name = excluded.name, haystack = excluded.haystack, accounts = excluded.accounts, active_on = excluded.active_on
		WHERE (search_people.haystack, search_people.accounts, search_people.active_on) IS DISTINCT FROM (excluded.haystack, excluded.accounts, excluded.active_on)`,
		ids, names, haystacks, accounts, active)
	if err != nil {
		return fmt.Errorf("index people: %w", err)
	}
	return nil
}
