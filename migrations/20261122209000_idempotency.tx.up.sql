-- Requests that may be repeated, with the answers to them, for 24 hours.
CREATE TABLE idempotency_keys (
    caller     text NOT NULL, -- an agent or a token
    route      text NOT NULL,
    key        text NOT NULL,
    request    bytea NOT NULL, -- SHA-256 of what was asked
    answer     bytea, -- AEAD; null while nobody knows what came of it
    created_at timestamptz NOT NULL,
    PRIMARY KEY (caller, route, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
