package main

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// lastNames is how many last names there are: each has 500 of a million people.
const lastNames = 2000

var syllables = []string{"bo", "dre", "fi", "gal", "hu", "jin", "kle", "lom", "mu", "ner", "po", "qua", "rus", "sto", "ti", "vul", "wen", "xa", "yor", "zem"}

// lastName is made of syllables, so that names have parts in common, as real ones have.
func lastName(n int) string {
	n %= lastNames
	return syllables[n%20] + syllables[n/20%20] + syllables[n/400%20] + "escu"[:n%4+1]
}

// firstNames as written and as folded; the first is that of one in twenty people.
var firstNames = [][2]string{
	{"María", "maria"}, {"Zoé", "zoe"}, {"Ștefan", "stefan"}, {"Jürgen", "jurgen"}, {"Łukasz", "lukasz"}, {"Ánh", "anh"}, {"Søren", "soren"}, {"Олена", "олена"},
	{"Pierre", "pierre"}, {"Ioana", "ioana"}, {"Hélène", "helene"}, {"François", "francois"}, {"Inés", "ines"}, {"Björn", "bjorn"}, {"Țica", "tica"}, {"Émile", "emile"},
	{"John", "john"}, {"Fatima", "fatima"}, {"Wei", "wei"}, {"Chloé", "chloe"},
}

// searchAccount is the id of one of ten accounts.
func searchAccount(n int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) }

// loadSearch fills the database on the server's side. Everything lies evenly over two years but for the word former, which
// is in one of twenty messages of the first of them. It writes the search's tables as the product does.
func loadSearch(ctx context.Context, db *bun.DB, people, messages int) error {
	names := make([]string, lastNames)
	for i := range names {
		names[i] = lastName(i)
	}
	var written, folded []string
	for _, n := range firstNames {
		written, folded = append(written, n[0]), append(folded, n[1])
	}
	steps := []struct {
		what, statement string
		args            []any
	}{
		{"prepare", `DROP INDEX search_texts_newest, search_texts_words, search_texts_conversation, search_people_name, search_people_newest, search_people_parts, messages_timeline;
			DO $$ DECLARE name text; BEGIN FOR name IN SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'conversations'::regclass AND NOT indisunique
				AND indexrelid <> 'conversations_contact'::regclass LOOP EXECUTE 'DROP INDEX ' || name; END LOOP; END $$;
			CREATE FUNCTION hexid(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN ('0' || kind || lpad(to_hex(n), 6, '0') || '00007000800000000000' || lpad(to_hex(n % 65536), 4, '0'))::uuid`, nil},
		{"accounts", `INSERT INTO accounts (id, channel, name, provider_id, display_address, api_base_url, secrets, created_at, updated_at)
			SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'whatsapp', n, n, '+33755501234', '', '', now(), now() FROM generate_series(0, 9) n`, nil},
		{"contacts", `INSERT INTO contacts (id, name, profile_name, phone, created_at, updated_at)
			SELECT hexid(1, n), f.name, f.name, '+336' || lpad((n * 7919 % 100000000)::text, 8, '0'), now(), now()
			FROM generate_series(0, $1::bigint - 1) n, LATERAL (SELECT ($2::text[])[n % 20 + 1] || ' ' || initcap(($3::text[])[n / 20 % 2000 + 1]) AS name) f`, []any{people, written, names}},
		{"identities", `INSERT INTO identities (channel, kind, key, address, contact_id, owned_since, created_at, updated_at)
			SELECT 'whatsapp', 'wa_id', substr(phone, 2), substr(phone, 2), id, now(), now(), now() FROM contacts ON CONFLICT DO NOTHING`, nil},
		{"conversations", `INSERT INTO conversations (id, account_id, channel, contact_id, thread_key, last_activity_at, opened_at, created_at)
			SELECT hexid(2, n), ('00000000-0000-7000-8000-' || lpad((n / 1000 % 10)::text, 12, '0'))::uuid, 'whatsapp', hexid(1, n), n,
				now() - (n * 104729 % $1) * (interval '2 years' / $1), now(), now() FROM generate_series(0, $1::bigint - 1) n`, []any{people}},
		{"people", `INSERT INTO search_people (contact_id, name, haystack, accounts, active_on)
			SELECT hexid(1, n), f.name, '| ' || f.name || ' | 336' || lpad((n * 7919 % 100000000)::text, 8, '0') || ' |',
				ARRAY[('00000000-0000-7000-8000-' || lpad((n / 1000 % 10)::text, 12, '0'))::uuid], (now() - (n * 104729 % $1) * (interval '2 years' / $1))::date
			FROM generate_series(0, $1::bigint - 1) n, LATERAL (SELECT ($2::text[])[n % 20 + 1] || ' ' || ($3::text[])[n / 20 % 2000 + 1] AS name) f`, []any{people, folded, names}},
		// Sentences of twelve words, of which the messages take turns: word k is in about one of k sentences.
		{"sentences", `CREATE TABLE sentences AS SELECT s, text, to_tsvector('simple', text) AS words FROM (
				SELECT s, string_agg('mot' || floor(exp(random() * 9))::int, ' ') || CASE WHEN s % 20 = 3 THEN ' often' ELSE '' END
					|| CASE WHEN s % 20 = 7 OR s % 400 = 3 THEN ' livraison' ELSE '' END || CASE WHEN s % 100 = 9 THEN ' medium' || s / 100 % 10 ELSE '' END AS text
				FROM generate_series(0, 9999) s, generate_series(1, 12) w GROUP BY s) t;
			CREATE UNIQUE INDEX ON sentences (s); ANALYZE sentences`, nil},
	}
	for _, s := range steps {
		if err := searchStep(ctx, db, s.what, s.statement, s.args...); err != nil {
			return err
		}
	}
	if err := loadMessages(ctx, db, people, messages); err != nil {
		return err
	}
	return searchStep(ctx, db, "indexes", `SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2;
		CREATE INDEX search_texts_newest ON search_texts (at DESC, id DESC);
		CREATE INDEX search_texts_words ON search_texts USING gin (words) WITH (gin_pending_list_limit = 1024);
		CREATE INDEX search_texts_conversation ON search_texts (conversation_id);
		CREATE INDEX search_people_name ON search_people (md5(name), active_on DESC, contact_id DESC);
		CREATE INDEX search_people_newest ON search_people (active_on DESC, contact_id DESC);
		CREATE INDEX search_people_parts ON search_people USING gin (haystack gin_trgm_ops, accounts) WITH (gin_pending_list_limit = 1024);
		RESET maintenance_work_mem; ANALYZE`)
}

// loadMessages writes the messages oldest first, as they come in.
func loadMessages(ctx context.Context, db *bun.DB, people, messages int) error {
	const batch = 1_000_000
	for from := 0; from < messages; from += batch {
		err := searchStep(ctx, db, "messages", `WITH m AS MATERIALIZED (
				SELECT n, n * 104729 % $3 AS c, now() - ($4 - n) * (interval '2 years' / $4) AS at, s.text || ' order' || n * 31 % ($4 / 10) || former AS text,
					s.words || to_tsvector('simple', 'order' || n * 31 % ($4 / 10) || former) AS words
				FROM generate_series($1::bigint, least($2::bigint, $4::bigint) - 1) AS g(n) CROSS JOIN LATERAL (SELECT CASE WHEN n < $4 / 2 AND n % 20 = 11 THEN ' former' ELSE '' END AS former) f
				JOIN sentences s ON s.s = n * 7919 % 10000
			), messages AS (
				INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, author_kind, at, received_at)
				SELECT hexid(3, n), hexid(2, c), ('00000000-0000-7000-8000-' || lpad((c / 1000 % 10)::text, 12, '0'))::uuid, n, 'in', 'text', 'received',
					jsonb_build_object('kind', 'text', 'text', text), 'contact', at, at FROM m
			)
			INSERT INTO search_texts (id, conversation_id, at, note, words)
			SELECT hexid(3, n), hexid(2, c), at, false, words || array_to_tsvector(ARRAY['|a00000000-0000-7000-8000-' || lpad((c / 1000 % 10)::text, 12, '0'),
				'|c' || hexid(2, c), '|w' || floor(extract(epoch FROM at) / 604800)::int, '|kcontact', '|in']) FROM m`, from, from+batch, people, messages)
		if err != nil {
			return err
		}
	}
	return nil
}

// searchStep runs one step of loading and says how long it took.
func searchStep(ctx context.Context, db *bun.DB, what, statement string, args ...any) error {
	began := time.Now()
	if _, err := db.DB.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("load %s: %w", what, err)
	}
	return print(map[string]any{"measurement": "search", "loaded": what, "s": figure(time.Since(began).Seconds())})
}
