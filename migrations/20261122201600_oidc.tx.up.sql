-- Signing in through somebody else who knows the people: an OpenID Connect provider. There is one at most.
CREATE TABLE oidc_settings (
    id              smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    issuer          text NOT NULL,
    client_id       text NOT NULL,
    client_secret   bytea,         -- encrypted; null for a client without one
    scopes          text[] NOT NULL,
    label           text NOT NULL, -- on the button
    allowed_domains text[] NOT NULL,
    create_agents   boolean NOT NULL,
    role            text NOT NULL, -- of agents that are created
    updated_at      timestamptz NOT NULL
);

-- Which agent somebody at the provider is. The subject is the provider's own name for them and never changes.
CREATE TABLE oidc_identities (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    agent_id   uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (agent_id, issuer)
);

-- Log-ins that came back from the provider, so that none comes back twice.
CREATE TABLE oidc_used_states (
    hash       bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
