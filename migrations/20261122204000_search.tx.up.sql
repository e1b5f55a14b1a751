-- What people and messages are found by, see the package search. Both tables are made from other tables, by a reader of the
-- feed, and can be made anew at any time: guichet reindex.

DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION
    WHEN undefined_file OR feature_not_supported THEN
        RAISE EXCEPTION 'the PostgreSQL server has no pg_trgm: install its contrib package (postgresql-contrib; on Debian it is part of postgresql-15)';
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'pg_trgm may not be created: let the owner of the database run CREATE EXTENSION pg_trgm';
END
$$;

--bun:split

-- words holds, without accents and in lower case, the words of a message or note with their places, and the facts by which
-- searches are narrowed as words of their own that begin with |: |a account, |c conversation, |w week, |k kind of author,
-- |i agent, |in, |out, |note, |file. So one index answers all of it.
CREATE TABLE search_texts (
    id              uuid PRIMARY KEY, -- of the message or note
    conversation_id uuid NOT NULL,
    at              timestamptz NOT NULL,
    note            boolean NOT NULL,
    words           tsvector NOT NULL
);
CREATE INDEX search_texts_newest ON search_texts (at DESC, id DESC);
CREATE INDEX search_texts_conversation ON search_texts (conversation_id); -- for those who delete conversations
-- A small list of pending entries, because every search goes through it.
CREATE INDEX search_texts_words ON search_texts USING gin (words) WITH (gin_pending_list_limit = 1024);

-- haystack holds all that a person is found by, in lower case without accents, each word after a space. active_on is exact
-- to the day only, so that a message seldom changes this row.
CREATE TABLE search_people (
    contact_id uuid PRIMARY KEY,
    name       text NOT NULL,
    haystack   text NOT NULL,
    accounts   uuid[] NOT NULL,
    active_on  date NOT NULL
);
CREATE INDEX search_people_name ON search_people (md5(name), active_on DESC, contact_id DESC);
CREATE INDEX search_people_newest ON search_people (active_on DESC, contact_id DESC);
CREATE INDEX search_people_parts ON search_people USING gin (haystack gin_trgm_ops, accounts) WITH (gin_pending_list_limit = 1024);
