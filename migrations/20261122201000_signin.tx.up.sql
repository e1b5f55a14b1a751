-- How people prove who they are. Nothing in these tables opens anything by itself: passwords are hashed with argon2id,
-- sessions and links by SHA-256 of a value with 256 random bits.
ALTER TABLE agents ADD COLUMN language text NOT NULL DEFAULT 'en';

CREATE TABLE passwords (
    agent_id   uuid PRIMARY KEY REFERENCES agents ON DELETE CASCADE,
    hash       text NOT NULL, -- with its parameters
    changed_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    hash         bytea NOT NULL UNIQUE,
    agent_id     uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL, -- to the minute
    expires_at   timestamptz NOT NULL,
    user_agent   text NOT NULL DEFAULT '',
    ip           text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_agent ON sessions (agent_id, created_at DESC);

-- Failed attempts to log in, by what they have in common (hashed: it may be an e-mail address that belongs to nobody).
CREATE TABLE login_attempts (
    key          bytea PRIMARY KEY,
    failures     integer NOT NULL,
    last_at      timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX login_attempts_last ON login_attempts (last_at);

-- Links by which a person sets a password: an invitation or a reset.
CREATE TABLE password_links (
    hash       bytea PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('invitation', 'password_reset')),
    agent_id   uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_links_agent ON password_links (agent_id, created_at);
