-- What proves a person besides the password: codes that an app computes from a secret (RFC 6238).
CREATE TABLE second_factors (
    agent_id     uuid PRIMARY KEY REFERENCES agents ON DELETE CASCADE,
    secret       bytea NOT NULL, -- encrypted for this agent
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,               -- by a first code; until then nobody is asked for codes
    last_step    bigint NOT NULL DEFAULT 0, -- the time step of the last code that counted: none counts twice
    failures     integer NOT NULL DEFAULT 0,
    failed_at    timestamptz,
    locked_until timestamptz
);

-- Codes that replace the app once each. They are random enough (80 bits) for a plain SHA-256 to hide them.
CREATE TABLE recovery_codes (
    agent_id uuid NOT NULL REFERENCES second_factors ON DELETE CASCADE,
    hash     bytea NOT NULL,
    PRIMARY KEY (agent_id, hash)
);
